"""
Why a choice is as it is, in sentences that stand on its numbers.
"""

from llmprobe.advise.candidates import UBATCH_SIZES, Candidate
from llmprobe.advise.site import Site
from llmprobe.estimate.estimator import Estimator
from llmprobe.units import format_bytes

WORTH_SAYING = 1.1
"""How many times faster a choice must be for its loss to be worth a sentence."""


def reasons(
    estimator: Estimator, site: Site, candidate: Candidate, best: Candidate, ranked: list[Candidate]
) -> tuple[str, ...]:
    """
    Return the reasons of a choice: for the best one its placement and what its neighbours would cost, for
    another what it would change.
    """
    if candidate is not best:
        return (_compared(estimator, best, candidate),)
    said = [_placement(estimator, site, candidate)]
    if estimator.is_moe:
        said.append(_experts(estimator, candidate))
    if candidate.workload.cache_type_k != "f16":
        said.append(f"the cache is {candidate.workload.cache_type_k}: {_cache(candidate, ranked)}")
    if candidate.workload.ubatch_size < UBATCH_SIZES[0]:
        smaller = candidate.workload.ubatch_size
        said.append(
            f"the micro-batch is {smaller}, as with {UBATCH_SIZES[0]} it would not fit: prompts take longer"
        )
    if candidate.workload.ubatch_size > UBATCH_SIZES[0]:
        larger = candidate.workload.ubatch_size
        said.append(
            f"the micro-batch is {larger} instead of {UBATCH_SIZES[0]}: weights in RAM are sent to the GPU"
            " once for each, so prompts are read faster, for a larger compute buffer"
        )
    if not candidate.placed.placement.kv_offload:
        said.append(
            "the cache stays in RAM, which leaves more layers to the GPU; the processor then computes all attention,"
            " slower the longer the text"
        )
    said.append(f"{candidate.quant} is {candidate.quality.words}: {candidate.quality.basis}")
    finer = [one for one in ranked if loss(one) < loss(candidate)]
    if finer:
        said.append(_compared(estimator, candidate, max(finer, key=loss)))
    faster = candidate.ranking_speed * WORTH_SAYING
    coarser = [one for one in ranked if loss(one) > loss(candidate) and one.ranking_speed > faster]
    if coarser:
        said.append(_compared(estimator, candidate, min(coarser, key=loss)))
    return tuple(said)


def loss(candidate: Candidate) -> float:
    """
    Return the divergence of a candidate; one that nobody measured counts as the worst.
    """
    return float("inf") if candidate.quality.value is None else candidate.quality.value


def _cache(candidate: Candidate, ranked: list[Candidate]) -> str:
    unchanged = any(one.quant == candidate.quant and one.workload.cache_type_k == "f16" for one in ranked)
    return "faster than with f16, which fits too" if unchanged else "with f16 it would not fit"


def _placement(estimator: Estimator, site: Site, candidate: Candidate) -> str:
    placement = candidate.placed.placement
    reserve = f"less {format_bytes(site.reserve_bytes)} kept free"
    if not placement.devices:
        return f"it runs on the processor, in the {format_bytes(site.budgets['host'] or 0)} of free RAM {reserve}"
    total = estimator.total_layers
    names = " and ".join(device.id for device in placement.devices)
    room = sum(site.budgets[device.id] or 0 for device in placement.devices)
    each = " on each" if len(placement.devices) > 1 else ""
    budget = f"the {format_bytes(room)} that {names} can give now, {reserve}{each}"
    kept = candidate.host_experts
    if candidate.on_gpu == total and not kept:
        return f"all {total} layers fit {budget}"
    if candidate.on_gpu == total:
        which = "the first " if placement.n_cpu_moe else ""
        return (
            f"attention and cache of all {total} layers fit {budget};"
            f" the experts of {which}{kept} of {estimator.n_layer} layers stay in RAM"
        )
    return f"{candidate.on_gpu} of {total} layers fit {budget}; the others run on the processor from RAM"


def _experts(estimator: Estimator, candidate: Candidate) -> str:
    where = "in RAM and VRAM together" if candidate.host_experts else "in memory"
    return (
        f"all {estimator.expert_count} experts of a layer must be resident {where},"
        f" though each token uses {estimator.expert_used_count}"
    )


def _compared(estimator: Estimator, candidate: Candidate, other: Candidate) -> str:
    """
    Say what another choice would change. Speeds are compared only where both are known.
    """
    direction = "is closer to the original" if loss(other) < loss(candidate) else "loses more"
    parts = []
    if other.on_gpu != candidate.on_gpu:
        parts.append(
            f"{other.on_gpu} instead of {candidate.on_gpu} of {estimator.total_layers} layers on the GPU"
        )
    if other.host_experts != candidate.host_experts:
        parts.append(f"the experts of {other.host_experts} instead of {candidate.host_experts} layers in RAM")
    mine, theirs = candidate.speed.generation_tokens_per_s, other.speed.generation_tokens_per_s
    if mine and theirs:
        parts.append(f"about {theirs.likely:.1f} instead of {mine.likely:.1f} tokens/s")
    if other.workload.ctx_size != candidate.workload.ctx_size:
        parts.append(f"{other.workload.ctx_size} instead of {candidate.workload.ctx_size} tokens of context")
    what = f"{other.quant} {direction} ({other.quality.words})"
    return f"{what}: {', '.join(parts)}" if parts else what
