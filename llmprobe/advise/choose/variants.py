"""
Variants of a candidate that leaves something in RAM: larger micro-batches, and the cache on the host.
"""

from math import inf

import msgspec

from llmprobe.advise.choose.balance import CACHE_IN_RAM_COST
from llmprobe.advise.choose.freeing import held_by_caches, saves, seconds_saved
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate, weigh
from llmprobe.advise.search.case import Placed

LARGER_UBATCH_SIZES = (1024, 2048)
"""
Tried where weights stay in RAM: they are sent to the device once for each micro-batch of a prompt, so that prompts
are read almost in proportion to it. It costs compute buffers, and with them layers on the device.
"""


def varied(problem: Problem, candidate: Candidate) -> list[Candidate]:
    """
    The other ways to place what stays in RAM in part: larger micro-batches, and the cache on the host.

    They are tried on what may be the first by them, and on what is shown: each takes a graph of its own.
    """
    if not _varies(problem, candidate):
        return []
    found = []
    for kv_offload in (True, False) if _may_leave_cache(problem, candidate) else (True,):
        for ubatch_size in _ubatch_sizes(problem, candidate):
            if kv_offload and ubatch_size == candidate.settings.ubatch_size:
                continue
            settings = msgspec.structs.replace(
                candidate.settings, ubatch_size=ubatch_size, kv_offload=kv_offload
            )
            placed = problem.place(candidate.quant, settings, candidate.devices)
            if isinstance(placed, Placed):
                found.append(weigh(problem, candidate.quant, placed))
    return found


def most_varied(problem: Problem, candidate: Candidate) -> float:
    """
    The most that a candidate can be worth in any variant, without placing one.

    Prompts are read at most in proportion to the micro-batch. A cache in RAM spares at most the reading of as many
    weights there, and what it does for prompts is not bounded.
    """
    if not _varies(problem, candidate):
        return candidate.utility
    use, priority = problem.use, problem.wishes.priority
    larger = max(_ubatch_sizes(problem, candidate)) / candidate.settings.ubatch_size
    now = candidate.scored()
    scored = [msgspec.structs.replace(now, prompt_tokens_per_s=now.prompt_tokens_per_s * larger)]
    if _may_leave_cache(problem, candidate) and now.tokens_per_s:
        freed = held_by_caches(problem, candidate, candidate.settings)
        left = 1 / now.tokens_per_s - seconds_saved(problem, freed)
        scored.append(
            msgspec.structs.replace(
                now,
                tokens_per_s=1 / left if left > 0 else inf,
                prompt_tokens_per_s=inf,
                kv_offload=False,
            )
        )
    return max(candidate.utility, *(one.worth(use, priority) for one in scored))


def _varies(problem: Problem, candidate: Candidate) -> bool:
    """
    Whether a candidate leaves layers or experts beside its devices in RAM; what is only hoped for stays as it is.
    """
    if candidate.hoped and not problem.hopeful:
        return False
    estimator = problem.estimator
    if not candidate.devices or problem.site.unified or not estimator.generates:
        return False
    return not candidate.is_whole(estimator)


def _ubatch_sizes(problem: Problem, candidate: Candidate) -> list[int]:
    """
    The candidate's own micro-batch and larger ones, as far as the engine can be given them.
    """
    allowed = problem.site.abilities.ubatch_sizes
    sizes = (candidate.settings.ubatch_size, *LARGER_UBATCH_SIZES)
    return [size for size in sizes if not allowed or size in allowed]


def _may_leave_cache(problem: Problem, candidate: Candidate) -> bool:
    """
    Whether a cache in RAM can gain what it costs: the reading in RAM of the weights that it makes room for.
    """
    # What drafts take back is a state that the device has to reach.
    if candidate.settings.spec_type or not problem.site.abilities.kv_on_host:
        return False
    freed = held_by_caches(problem, candidate, candidate.settings)
    return saves(problem, candidate, freed, CACHE_IN_RAM_COST)
