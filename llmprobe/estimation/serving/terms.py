"""
What a rank holds, term by term, in the form of every estimate.
"""

from __future__ import annotations

from collections.abc import Iterable

from llmprobe.estimation.serving.case import Case, RankWeights
from llmprobe.facts.backends import BACKENDS
from llmprobe.facts.estimate import DeviceEstimate, Term
from llmprobe.facts.serving import Card, ServingSettings
from llmprobe.words.message import Message, message


def device_of(card: Card, terms: Iterable[Term], *, budget: int) -> DeviceEstimate:
    """
    A device with these terms, and their sums by kind.
    """
    listed = tuple(terms)
    sums = {
        kind: sum(term.bytes for term in listed if term.kind == kind)
        for kind in ("weights", "cache", "compute", "overhead")
    }
    return DeviceEstimate(
        id=card.id,
        name=card.name or None,
        weights_bytes=sums["weights"],
        cache_bytes=sums["cache"],
        compute_bytes=sums["compute"],
        output_bytes=0,
        overhead_bytes=sums["overhead"],
        total_bytes=sum(sums.values()),
        budget_bytes=budget,
        terms=listed,
    )


def weight_terms(case: Case, settings: ServingSettings, held: RankWeights) -> list[Term]:
    """
    The weights of a rank by part.
    """
    kind = case.scheme.format if case.scheme is not None else "BF16"
    ranks = settings.tensor_parallel_size if settings.tensor_parallel_size > 1 else None
    vocabulary = message("how.serving-vocabulary", rows=case.vocabulary, ranks=ranks)
    # SGLang counts tensors there too.
    by_device = settings.engine == "vllm" and BACKENDS[case.cards[0].backend].torch_counts_by_device
    rounded = message("how.serving-held" if by_device else "how.serving-rounding")
    hows = {
        "token-embedding": (held.embedding, vocabulary),
        "layers": (held.layers, message("how.serving-layers", format=kind, ranks=ranks)),
        "experts": (held.experts, _experts_how(case, settings, held, kind)),
        "output-layer": (held.output, vocabulary),
        "latent-copies": (held.copies, message("how.serving-copies")),
        "rotary-tables": (held.tables, message("how.serving-tables", tokens=settings.max_model_len)),
        "encoder": (held.encoder, message("how.serving-encoder", ranks=ranks)),
        "allocator-rounding": (held.rounding, rounded),
    }
    return [
        Term(name=name, kind="weights", bytes=size, how=how, basis="derived")
        for name, (size, how) in hows.items()
        if size
    ]


def _experts_how(case: Case, settings: ServingSettings, held: RankWeights, kind: str) -> Message:
    ranks, padded = settings.tensor_parallel_size, held.padded_bytes or None
    count = case.sizes.n_expert
    if settings.enable_expert_parallel:
        return message(
            "how.serving-experts-dealt", experts=count, format=kind, ranks=ranks, padded_bytes=padded
        )
    return message(
        "how.serving-experts",
        experts=count,
        format=kind,
        ranks=ranks if ranks > 1 else None,
        padded_bytes=padded,
    )
