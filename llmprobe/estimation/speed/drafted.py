"""
How fast a model writes whose tokens are drafted: more tokens for each check, and the time that drafting takes.

    tokens per check = 1 + a + a² + … + aⁿ        a: accepted part of the drafted tokens, n: drafted tokens
    speed-up = tokens per check x seconds of a token / (seconds of the check + seconds of the drafts)

What a text accepts cannot be computed: it is assumed, as a range, and said (``data/drafting.json``, which says on what
the assumption stands). A backend that multiplies a few tokens one by one reads the weights again for each (Metal, whose
kernels for matrices begin at nine: llama.cpp b11549, ggml/src/ggml-metal/ggml-metal-ops.cpp); it gains little.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from llmprobe.data import table
from llmprobe.estimation.second import Draft, draft_hardware, draft_settings, needs_draft, target_output
from llmprobe.estimation.settings import BLOCK_TYPES, DRAFTING_TYPES
from llmprobe.estimation.speed.generation import speed_at, that_count
from llmprobe.estimation.speed.parts import Share
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.settings import Settings, without_drafts
from llmprobe.model.quants import tensor_bytes
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.estimation.estimator import Estimator
    from llmprobe.facts.devices import Hardware
    from llmprobe.facts.model import Tensor
    from llmprobe.facts.processor import Processor

Seconds = Callable[[Share], float | None]

_DEAREST = {"low": "high", "likely": "likely", "high": "low"}
"""Of what a further token of a check costs, that which belongs to a bound of the speed."""


def drafted_speed(
    plain: Speed,
    estimator: "Estimator",
    quant: str,
    settings: Settings,
    hardware: "Hardware",
    draft: Draft | None,
    *,
    ram_bandwidth: int | None,
    processor: "Processor | None",
) -> Speed:
    """
    The speed with drafts, from that without; the same where nothing is drafted or the plain one is unknown.
    """
    generation = plain.generation_tokens_per_s
    if not settings.spec_type or generation is None:
        return plain
    if not needs_draft(settings):
        most = table("drafting")["repeated"]["most"]
        return msgspec.structs.replace(
            plain,
            generation_tokens_per_s=msgspec.structs.replace(
                generation, high=round(most * generation.high, 2)
            ),
            reason=message("speed.drafted-of-text", plain=plain.reason),
        )
    gains = speed_ups(estimator, quant, settings, hardware, draft, ram_bandwidth, processor)
    if gains is None:
        return plain
    count, accepted = settings.spec_draft_n_max, _accepted(settings)
    full = plain.generation_at_full_context_tokens_per_s
    return msgspec.structs.replace(
        plain,
        generation_tokens_per_s=_times(generation, gains),
        generation_at_full_context_tokens_per_s=None if full is None else _times(full, gains),
        reason=message(
            "speed.drafted",
            plain_tokens_per_s=generation.likely,
            tokens=count,
            accepted=accepted["likely"],
            low=accepted["low"],
            high=accepted["high"],
            per_check=tokens_per_check(accepted["likely"], count),
            gain=gains["likely"],
            plain=plain.reason,
        ),
    )


def speed_ups(
    estimator: "Estimator",
    quant: str,
    settings: Settings,
    hardware: "Hardware",
    draft: Draft | None,
    ram_bandwidth: int | None,
    processor: "Processor | None",
) -> dict[str, float] | None:
    """
    How many times faster the model writes with drafts, ``low``, ``likely`` and ``high``; None where it is unknown.
    """
    bare, count = without_drafts(settings), settings.spec_draft_n_max

    def seconds(share: Share) -> float | None:
        rate = speed_at([share], filled=0.0, moe=estimator.is_moe, quant=quant, processor=processor)
        return None if rate is None else 1 / rate

    shares = that_count(estimator.shares(quant, bare, hardware, ram_bandwidth=ram_bandwidth))
    checked = that_count(
        estimator.shares(quant, bare, hardware, ram_bandwidth=ram_bandwidth, tokens=count + 1)
    )
    once = _sum(shares, seconds)
    checks = {bound: _check(checked, seconds, count, cost) for bound, cost in _DEAREST.items()}
    drafting = _drafting(
        estimator, quant, settings, hardware, draft, shares, seconds, ram_bandwidth, processor
    )
    accepted = _accepted(settings)
    if once is None or drafting is None:
        return None
    return {
        bound: tokens_per_check(accepted[bound], count) * once / (check + drafting)
        for bound, check in checks.items()
        if check is not None
    }


def _accepted(settings: Settings) -> dict[str, float]:
    kind = next(one for one in settings.spec_type if one in DRAFTING_TYPES)
    found: dict[str, float] = table("drafting")["acceptance"][kind]
    return found


def tokens_per_check(accepted: float, count: int) -> float:
    """
    The tokens that one check of ``count`` drafted ones yields: those accepted before the first that is not, and one.
    """
    return float(count + 1) if accepted >= 1 else (1 - accepted ** (count + 1)) / (1 - accepted)


def _times(plain: Range, gains: dict[str, float]) -> Range:
    return Range(
        **{bound: round(getattr(plain, bound) * gain, 2) for bound, gain in gains.items()},
    )


def _sum(shares: Sequence[Share], seconds: Seconds) -> float | None:
    times = [seconds(share) for share in shares]
    return None if None in times else sum(time for time in times if time is not None)


def _check(shares: Sequence[Share], seconds: Seconds, further: int, bound: str) -> float | None:
    """
    The time of a check: weights are read once for all of its tokens, and each further one costs a part of the first.
    """
    costs, total = table("drafting")["check"], 0.0
    for share in shares:
        time = seconds(share)
        if time is None:
            return None
        cost = costs.get(share.backend, costs["gpu"])
        total += time * (1 + cost[bound] * further)
    return total


def _drafting(
    estimator: "Estimator",
    quant: str,
    settings: Settings,
    hardware: "Hardware",
    draft: Draft | None,
    shares: Sequence[Share],
    seconds: Seconds,
    ram_bandwidth: int | None,
    processor: "Processor | None",
) -> float | None:
    """
    The time of all drafts of one check: a token after the other, or a whole block at once.
    """
    passes = 1 if BLOCK_TYPES & set(settings.spec_type) else settings.spec_draft_n_max
    setup = estimator.setup(settings, hardware)
    if draft is not None and not draft.is_head and "draft-mtp" not in settings.spec_type:
        own, model = without_drafts(draft_settings(settings, setup.settings)), draft.estimator
        times = [
            speed_at([share], filled=0.0, moe=model.is_moe, quant=draft.quant, processor=processor)
            for share in that_count(
                model.shares(
                    draft.quant, own, draft_hardware(hardware, setup.settings), ram_bandwidth=ram_bandwidth
                )
            )
        ]
        return None if None in times else passes * sum(1 / rate for rate in times if rate)
    # A layer or a head reads its weights and the output matrix, as fast as the model is read there.
    place = target_output(setup, estimator.n_layer)
    share = next((one for one in shares if one.device == place), None)
    time = None if share is None else seconds(share)
    if share is None or time is None:
        return None
    read = sum(_read(one, estimator.used_experts) for one in _of_draft(estimator, quant, draft))
    return passes * read * time / share.active_bytes


def _of_draft(estimator: "Estimator", quant: str, draft: Draft | None) -> list["Tensor"]:
    tensors = estimator.typed_tensors(quant)
    outside = {tensor.name: tensor for tensor in tensors if tensor.layer is None}
    output = outside.get("output.weight", outside.get("token_embd.weight"))
    if draft is None:
        own = [tensor for tensor in tensors if tensor.layer == estimator.trunk]
    else:
        own = [
            tensor
            for tensor in draft.estimator.typed_tensors(draft.quant)
            if tensor.name not in ("token_embd.weight", "d2t")
        ]
        if any(tensor.name == "output.weight" for tensor in own):
            output = None
    return own if output is None else [*own, output]


def _read(tensor: "Tensor", used_experts: float) -> float:
    size = tensor_bytes(tensor.shape, str(tensor.type))
    if "embed_tokens" in tensor.name:
        return 0.0
    return size * used_experts if "_exps" in tensor.name else float(size)
