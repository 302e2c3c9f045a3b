"""
Variants of a candidate that leaves something in RAM: larger micro-batches, a smaller cache, the cache on the host, and
the projector there.
"""

import msgspec

from llmprobe.advise.choose.balance import CACHE_IN_RAM_COST, PROJECTOR_IN_RAM_COST, QUANTIZED_CACHE_COST
from llmprobe.advise.choose.candidates import cache_types, may_move_projector
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.search.case import Placed
from llmprobe.estimation.placement import HOST
from llmprobe.facts.settings import Settings

LARGER_UBATCH_SIZES = (1024, 2048)
"""
Tried where weights stay in RAM: they are sent to the device once for each micro-batch of a prompt, so that prompts
are read almost in proportion to it. It costs compute buffers, and with them layers on the device.
"""


def varied(problem: Problem, candidate: Candidate) -> list[Candidate]:
    """
    The other ways to place what stays in RAM in part: larger micro-batches, a smaller cache, the cache on the host, and
    the projector there.

    They are tried on what will be shown, as they change its speed by little beside what the quantization does.
    """
    estimator, site = problem.estimator, problem.site
    if candidate.hoped and not problem.hopeful:
        return []
    if not candidate.devices or candidate.is_whole(estimator) or site.unified or not estimator.generates:
        return []
    sizes = (candidate.settings.ubatch_size, *LARGER_UBATCH_SIZES)
    allowed = site.abilities.ubatch_sizes
    found = []
    # What drafts take back is a state that the device has to reach.
    leaves = not candidate.settings.spec_type and _may_leave_cache(problem, candidate)
    for kv_offload in (True, False) if leaves else (True,):
        for ubatch_size in sizes:
            if kv_offload and ubatch_size == candidate.settings.ubatch_size:
                continue
            if allowed and ubatch_size not in allowed:
                continue
            settings = msgspec.structs.replace(
                candidate.settings, ubatch_size=ubatch_size, kv_offload=kv_offload
            )
            placed = problem.place(candidate.quant, settings, candidate.devices)
            if isinstance(placed, Placed):
                found.append(weigh(problem, candidate.quant, placed))
    small = _smaller_cache(problem, candidate)
    if small is not None:
        settings = msgspec.structs.replace(candidate.settings, cache_type_k=small, cache_type_v=small)
        placed = problem.place(candidate.quant, settings, candidate.devices)
        if isinstance(placed, Placed):
            found.append(weigh(problem, candidate.quant, placed))
    if candidate.settings.mmproj_offload and _may_leave_projector(problem, candidate):
        settings = msgspec.structs.replace(candidate.settings, mmproj_offload=False)
        placed = problem.place(candidate.quant, settings, candidate.devices)
        if isinstance(placed, Placed):
            found.append(weigh(problem, candidate.quant, placed))
    return found


def _may_leave_projector(problem: Problem, candidate: Candidate) -> bool:
    """
    Whether a projector in RAM can gain what it costs: the reading in RAM of the weights that it makes room for.
    """
    if not may_move_projector(problem, candidate.devices):
        return False
    estimator = problem.estimator
    held = estimator.projectors.most(estimator.setup(candidate.settings, candidate.placed.hardware))
    freed = sum(size for device, size in held.items() if device != HOST)
    return _saves(problem, candidate, freed, PROJECTOR_IN_RAM_COST)


def _saves(problem: Problem, candidate: Candidate, freed: int, cost: float) -> bool:
    """
    Whether reading this much less in RAM makes generation faster by more than a cost in doublings.
    """
    estimator = problem.estimator
    read = freed * estimator.used_experts if estimator.is_moe else freed
    seconds = 1 / candidate.ranking_speed if candidate.ranking_speed else 0.0
    saved = read / problem.site.ram_bandwidth_bytes_per_s
    return saved > seconds * (1 - 2**-cost)


def _smaller_cache(problem: Problem, candidate: Candidate) -> str | None:
    """
    The type of cache that takes less, where it can gain what it costs.
    """
    wishes = problem.wishes
    if wishes.max_ctx:
        return None
    kinds = [key for key, _ in cache_types(problem.estimator, wishes, problem.site.abilities)]
    if wishes.cache_type_k or wishes.cache_type_v or len(kinds) < 2:
        return None
    small = msgspec.structs.replace(candidate.settings, cache_type_k=kinds[-1], cache_type_v=kinds[-1])
    freed = _held(problem, candidate, candidate.settings) - _held(problem, candidate, small)
    return kinds[-1] if _saves(problem, candidate, freed, QUANTIZED_CACHE_COST) else None


def _may_leave_cache(problem: Problem, candidate: Candidate) -> bool:
    """
    Whether a cache in RAM can gain what it costs: the reading in RAM of the weights that it makes room for.
    """
    freed = _held(problem, candidate, candidate.settings)
    return problem.site.abilities.kv_on_host and _saves(problem, candidate, freed, CACHE_IN_RAM_COST)


def _held(problem: Problem, candidate: Candidate, settings: Settings) -> int:
    """
    What the caches take of devices by these settings, in bytes.
    """
    caches = problem.estimator.caches(settings, candidate.placed.hardware)
    return sum(size for device, parts in caches.items() if device != HOST for _, size in parts)
