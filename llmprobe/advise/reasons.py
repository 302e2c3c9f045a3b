"""
Why a choice is as it is, in sentences that stand on its numbers.
"""

from llmprobe.advise.candidates import Candidate
from llmprobe.advise.site import Site
from llmprobe.estimate.estimator import Estimator
from llmprobe.units import format_bytes


def reasons(
    estimator: Estimator, site: Site, candidate: Candidate, ranked: list[Candidate]
) -> tuple[str, ...]:
    """
    Return the reasons for a choice: placement, experts, cache, quality, and what the neighbours would cost.
    """
    said = [_placement(estimator, site, candidate)]
    if estimator.is_moe:
        said.append(_experts(estimator, candidate))
    if candidate.workload.cache_type_k != "f16" and any(one.workload.cache_type_k == "f16" for one in ranked):
        said.append(f"a {candidate.workload.cache_type_k} cache leaves more room for layers on the GPU")
    said.append(f"{candidate.quant}: {candidate.quality.words} ({candidate.quality.basis})")
    finer = [one for one in ranked if _loss(one) < _loss(candidate)]
    if finer:
        said.append(_compared(estimator, candidate, max(finer, key=_loss)))
    coarser = [one for one in ranked if _loss(one) > _loss(candidate)]
    if coarser:
        said.append(_compared(estimator, candidate, min(coarser, key=_loss)))
    return tuple(said)


def _loss(candidate: Candidate) -> float:
    return float("inf") if candidate.quality.value is None else candidate.quality.value


def _placement(estimator: Estimator, site: Site, candidate: Candidate) -> str:
    placement = candidate.placed.placement
    if not placement.devices:
        free = site.budgets["host"]
        return f"runs on the processor alone, in {format_bytes(free or 0)} of free RAM"
    total = estimator.total_layers
    names = " and ".join(device.id for device in placement.devices)
    room = sum(site.budgets[device.id] or 0 for device in placement.devices)
    budget = (
        f"the {format_bytes(room)} that {names} can give now, less {format_bytes(site.reserve_bytes)} each"
    )
    if candidate.on_gpu == total and not placement.n_cpu_moe:
        return f"all {total} layers fit {budget}"
    if candidate.on_gpu == total:
        return (
            f"attention and cache of all {total} layers fit {budget}, with the experts of the first"
            f" {placement.n_cpu_moe} of {estimator.n_layer} layers in RAM"
        )
    return f"{candidate.on_gpu} of {total} layers fit {budget}; the others run on the processor from RAM"


def _experts(estimator: Estimator, candidate: Candidate) -> str:
    where = "in RAM and VRAM together" if candidate.placed.placement.devices else "in RAM"
    return (
        f"all {estimator.expert_count} experts of every layer must be resident {where},"
        f" though each token uses {estimator.expert_used_count}"
    )


def _compared(estimator: Estimator, candidate: Candidate, other: Candidate) -> str:
    """
    Say what a neighbour on the scale of quality would change. Speeds are compared only where both are known.
    """
    better = _loss(other) < _loss(candidate)
    direction = "closer to the original" if better else "a larger loss"
    what = f"{other.quant} would be {direction}: {other.quality.words}"
    mine, theirs = candidate.speed.generation_tokens_per_s, other.speed.generation_tokens_per_s
    parts = []
    if other.on_gpu != candidate.on_gpu:
        parts.append(
            f"{other.on_gpu} instead of {candidate.on_gpu} of {estimator.total_layers} layers on the GPU"
        )
    if other.placed.placement.n_cpu_moe != candidate.placed.placement.n_cpu_moe:
        parts.append(
            f"experts of {other.placed.placement.n_cpu_moe} instead of"
            f" {candidate.placed.placement.n_cpu_moe} layers in RAM"
        )
    if mine and theirs:
        parts.append(f"about {theirs.likely:.1f} instead of {mine.likely:.1f} tokens/s")
    return f"{what}; {', '.join(parts)}" if parts else what
