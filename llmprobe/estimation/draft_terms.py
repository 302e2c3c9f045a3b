"""
The terms of a second context, and what an estimate says of it.
"""

from typing import TYPE_CHECKING

from llmprobe.estimation import terms
from llmprobe.estimation.memory.weights import DeviceWeights
from llmprobe.estimation.placement import HOST
from llmprobe.estimation.settings import drafted_tokens
from llmprobe.facts.estimate import DraftInEstimate, Term, model_in_estimate
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.estimation.parts import Parts
    from llmprobe.estimation.second import Draft
    from llmprobe.facts.settings import ResolvedSettings


def draft_terms(second: "Parts | None", device: str, draft: "Draft | None") -> tuple[Term, ...]:
    """
    What a second context takes on a device: weights, where they are not the model's own, caches, compute and logits.
    """
    if second is None or device not in second.caches:
        return ()
    run = second.setup.settings
    caches = terms.cache_terms(second.caches[device], run)
    found = [*_weights(second, device, draft)]
    if caches:
        found.append(
            Term(
                name="draft-cache",
                kind="draft",
                bytes=sum(term.bytes for term in caches),
                how=message("term.draft-cache", caches=tuple(term.how for term in caches)),
                basis="derived",
            )
        )
    for term in terms.compute_terms(second.compute, device, second.setup):
        found.append(
            Term(
                name="draft-compute",
                kind="draft",
                bytes=term.bytes,
                how=message("term.draft-compute", compute=term.how),
                basis=term.basis,
                low_bytes=term.low_bytes,
                high_bytes=term.high_bytes,
            )
        )
    if device == HOST:
        how = message(
            "term.output-buffer",
            logits=second.output // (4 * run.parallel),
            sequences=run.parallel,
            vectors=False,
        )
        found.append(Term(name="draft-output", kind="draft", bytes=second.output, how=how, basis="derived"))
    return tuple(found)


def _weights(second: "Parts", device: str, draft: "Draft | None") -> tuple[Term, ...]:
    size = second.weights.get(device, DeviceWeights()).total
    if draft is None or not size:
        return ()
    how = message("term.draft-weights", model=draft.estimator.model.name, quant=draft.quant)
    low = high = None
    rule = draft.estimator.recipe(draft.quant)
    if rule is not None:
        low, high = round(size * (1 + rule.low / 100)), round(size * (1 + rule.high / 100))
    return (
        Term(
            name="draft-weights",
            kind="draft",
            bytes=size,
            how=how,
            basis="derived" if rule is None else "assumed",
            low_bytes=low,
            high_bytes=high,
        ),
    )


def draft_in_estimate(run: "ResolvedSettings", draft: "Draft | None") -> DraftInEstimate | None:
    """
    How tokens are drafted and with which model, None where none are.
    """
    if not run.spec_type:
        return None
    model = None
    if draft is not None:
        size = draft.estimator.tensor_bytes(draft.quant)
        model = model_in_estimate(draft.estimator.model, draft.quant, size)
    return DraftInEstimate(
        types=run.spec_type, tokens=drafted_tokens(run), model=model, rs_snapshots=run.rs_snapshots
    )
