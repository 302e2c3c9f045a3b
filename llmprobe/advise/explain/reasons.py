"""
Why a choice is as it is, in sentences that stand on its numbers: what was decided comes first.
"""

import msgspec

from llmprobe.advise.choose.balance import Scored, rule, worth
from llmprobe.advise.choose.candidates import UBATCH_SIZES
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.explain.placement import of_placement
from llmprobe.advise.search.case import Case, Placed
from llmprobe.advise.search.place import place
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.placement import HOST
from llmprobe.facts.recommendation import Wishes
from llmprobe.site.site import Site
from llmprobe.units import format_bytes

WORTH_SAYING = 1.1
"""How many times faster a choice must be for its loss to be worth a sentence."""


def reasons(
    estimator: Estimator,
    site: Site,
    wishes: Wishes,
    candidate: Candidate,
    best: Candidate,
    ranked: list[Candidate],
) -> tuple[str, ...]:
    """
    Return the reasons of a choice: for the best one its placement and what its neighbours would cost, for
    another what it would change.
    """
    if candidate is not best:
        finer = loss(candidate) < loss(best)
        than = f"{'closer to the original' if finer else 'further from the original'} than {best.quant}"
        return (_with(f"{candidate.quant} ({candidate.quality.words}) is {than}", best, candidate),)
    said = list(of_placement(estimator, site, candidate))
    if estimator.is_moe:
        said.append(_experts(estimator, candidate))
    said += _of_cache(estimator, site, wishes, candidate)
    said += _of_batch(estimator, site, wishes, candidate)
    said.append(_of_quality(candidate))
    finer_ones = [one for one in ranked if loss(one) < loss(candidate)]
    if finer_ones:
        other = max(finer_ones, key=loss)
        said.append(
            _with(
                f"not {other.quant} ({other.quality.words}), which is closer to the original",
                candidate,
                other,
            )
        )
    faster = candidate.ranking_speed * WORTH_SAYING
    coarser = [one for one in ranked if loss(one) > loss(candidate) and one.ranking_speed > faster]
    if coarser:
        other = min(coarser, key=loss)
        said.append(_with(f"not {other.quant} ({other.quality.words}), which is faster", candidate, other))
    return tuple(said)


def weighed(shown: list[Candidate], wishes: Wishes) -> tuple[str, ...]:
    """
    Return the rule of the balance, and what each choice that is shown is worth by it.
    """
    scored = [
        Scored(
            name=one.quant,
            quant=one.quant,
            tokens_per_s=one.ranking_speed,
            prompt_tokens_per_s=one.ranking_prompt_speed,
            divergence=one.quality.value,
            kv_offload=one.settings.kv_offload,
            speed_known=one.speed.generation_tokens_per_s is not None,
            prompts_known=one.speed.prompt_tokens_per_s is not None,
        )
        for one in shown
    ]
    said = [worth(one, wishes.priority, None if one is scored[0] else scored[0]) for one in scored]
    return (*rule(wishes.priority), *said)


def loss(candidate: Candidate) -> float:
    """
    Return the divergence of a candidate; one that nobody measured counts as the worst.
    """
    return float("inf") if candidate.quality.value is None else candidate.quality.value


def pace(tokens_per_s: float) -> str:
    """
    Return tokens per second as they are said in a sentence.
    """
    return f"{tokens_per_s:.2f}" if tokens_per_s < 1 else f"{tokens_per_s:.1f}"


def _of_quality(candidate: Candidate) -> str:
    quality = candidate.quality
    if quality.value is None:
        return f"what {candidate.quant} loses is unknown: {quality.basis}"
    if not quality.value:
        return f"{candidate.quant}: {quality.words}; {quality.basis}"
    return (
        f"{candidate.quant}: {quality.words}; it diverges from f16 by {quality.value:.4f} nats per token:"
        f" {quality.basis}"
    )


def _experts(estimator: Estimator, candidate: Candidate) -> str:
    where = "in RAM and VRAM together" if candidate.host_experts else "in memory"
    return (
        f"all {estimator.expert_count} experts of a layer must be resident {where},"
        f" though each token uses {estimator.expert_used_count}"
    )


def _of_cache(estimator: Estimator, site: Site, wishes: Wishes, candidate: Candidate) -> list[str]:
    """
    Say why the cache has its type, and why it lies in RAM.
    """
    said = []
    settings = candidate.settings
    kinds = (settings.cache_type_k, settings.cache_type_v)
    name = kinds[0] if kinds[0] == kinds[1] else f"{kinds[0]} for K and {kinds[1]} for V"
    if wishes.cache_type_k or wishes.cache_type_v:
        said.append(f"the cache is {name}, as asked (-ctk, -ctv)")
    elif kinds != ("f16", "f16"):
        kept = _otherwise(estimator, site, wishes, candidate, cache_type_k="f16", cache_type_v="f16")
        why = f"with f16 it would not fit at {settings.ctx_size} tokens"
        if kept is not None:
            parts = _differences(candidate, kept, cache=False)
            why = f"f16 fits too{', with ' if parts else ''}{', '.join(parts)}"
        said.append(f"the cache is {name}: {why}")
    if not settings.kv_offload:
        size = sum(size for _, size in estimator.caches(settings, candidate.placed.hardware)[HOST])
        words = (
            f"the cache, {format_bytes(size)}, stays in RAM (-nkvo), which leaves that much more of the GPU to"
            " weights; the processor then computes all attention, slower the longer the text"
        )
        full = candidate.speed.generation_at_full_context_tokens_per_s
        if full is not None:
            words += f": about {pace(full.likely)} tokens/s when the context is full"
        said.append(words)
    return said


def _of_batch(estimator: Estimator, site: Site, wishes: Wishes, candidate: Candidate) -> list[str]:
    """
    Say why the micro-batch is not the engine's own.
    """
    size, usual = candidate.settings.ubatch_size, UBATCH_SIZES[0]
    if not estimator.generates:
        return [f"the micro-batch is {size} (-ub), as a text is turned into a vector all at once"]
    if size < usual:
        kept = _otherwise(estimator, site, wishes, candidate, ubatch_size=usual)
        why = f"with {usual} it would not fit"
        if kept is not None:
            why = _with(f"its smaller compute buffer leaves more room than with {usual}", kept, candidate)
        return [f"the micro-batch is {size}: {why}; prompts take longer"]
    if size == usual:
        return []
    placed = candidate.placed
    settings = msgspec.structs.replace(candidate.settings, ubatch_size=usual)
    smaller = estimator.totals(candidate.quant, settings, placed.hardware)
    larger = estimator.totals(candidate.quant, candidate.settings, placed.hardware)
    cost = " and ".join(
        f"{format_bytes(larger[one.id] - smaller[one.id])} on {one.id}"
        for one in candidate.devices
        if larger.get(one.id, 0) > smaller.get(one.id, 0)
    )
    before = weigh(
        estimator, site, wishes, candidate.quant, msgspec.structs.replace(placed, settings=settings)
    )
    gain = "faster"
    mine, theirs = candidate.speed.prompt_tokens_per_s, before.speed.prompt_tokens_per_s
    if mine and theirs:
        gain = f"at about {mine.likely:.0f} instead of {theirs.likely:.0f} tokens/s"
    return [
        f"the micro-batch is {size} instead of {usual} (-ub): the weights in RAM are sent to the GPU once for"
        f" each, so prompts are read {gain}; its compute buffer is larger by about {cost or 'nothing'}"
    ]


def _otherwise(
    estimator: Estimator, site: Site, wishes: Wishes, candidate: Candidate, **changes: object
) -> Candidate | None:
    """
    Return the same quantization placed anew for settings with changes, None where it does not fit.
    """
    case = Case(
        estimator=estimator,
        quant=candidate.quant,
        settings=msgspec.structs.replace(candidate.settings, **changes),
        devices=candidate.devices,
        site=site,
    )
    placed = place(case)
    if not isinstance(placed, Placed):
        return None
    return weigh(estimator, site, wishes, candidate.quant, placed)


def _with(words: str, candidate: Candidate, other: Candidate) -> str:
    """
    Add to words what another choice would change.
    """
    parts = _differences(candidate, other)
    return f"{words}: {', '.join(parts)}" if parts else words


def _differences(candidate: Candidate, other: Candidate, *, cache: bool = True) -> list[str]:
    """
    Return what another choice would change. Speeds are compared only where both are known.
    """
    parts = []
    mine, theirs = candidate.speed.generation_tokens_per_s, other.speed.generation_tokens_per_s
    if other.on_gpu != candidate.on_gpu:
        parts.append(f"{other.on_gpu} instead of {candidate.on_gpu} layers on the GPU")
    if other.host_experts != candidate.host_experts:
        parts.append(f"the experts of {other.host_experts} instead of {candidate.host_experts} layers in RAM")
    if mine and theirs:
        parts.append(f"about {pace(theirs.likely)} instead of {pace(mine.likely)} tokens/s")
    elif mine:
        parts.append("how fast is unknown")
    elif candidate.ranking_speed and other.ranking_speed:
        ratio = other.ranking_speed / candidate.ranking_speed
        parts.append(f"about {ratio:.2g} times as fast by assumed bandwidths")
    mine_k, theirs_k = candidate.settings.cache_type_k, other.settings.cache_type_k
    if cache and mine_k != theirs_k:
        parts.append(f"a cache of {theirs_k} instead of {mine_k}")
    if other.settings.kv_offload != candidate.settings.kv_offload:
        parts.append(
            "with the cache in RAM" if candidate.settings.kv_offload else "with the cache on the GPU"
        )
    if other.settings.ctx_size != candidate.settings.ctx_size:
        parts.append(f"{other.settings.ctx_size} instead of {candidate.settings.ctx_size} tokens of context")
    return parts
