"""
Whether something that is put into RAM can gain what that costs, by the weights for which it makes room on a device.
"""

from llmprobe.advise.choose.balance import PROJECTOR_IN_RAM_COST, QUANTIZED_CACHE_COST
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import Candidate
from llmprobe.estimation.placement import HOST
from llmprobe.facts.devices import Device
from llmprobe.facts.settings import Settings


def saves(problem: Problem, candidate: Candidate, freed: int, cost: float) -> bool:
    """
    Whether reading ``freed`` bytes less in RAM makes generation faster by more than a cost in doublings.
    """
    seconds = 1 / candidate.ranking_speed if candidate.ranking_speed else 0.0
    return seconds_saved(problem, freed) > seconds * (1 - 2**-cost)


def seconds_saved(problem: Problem, freed: int) -> float:
    """
    The seconds of a token that reading ``freed`` bytes of weights less in RAM saves.
    """
    estimator = problem.estimator
    read = freed * estimator.used_experts if estimator.is_moe else freed
    return read / problem.site.ram_bandwidth_bytes_per_s


def may_move_projector(problem: Problem, devices: tuple[Device, ...]) -> bool:
    """
    Whether the projector can lie in RAM while layers lie on devices, and nobody said where it shall.
    """
    site = problem.site
    can = bool(devices) and not site.unified and site.abilities.projector_on_host and site.abilities.partial
    return can and problem.loads_projector and problem.wishes.mmproj_offload is None


def gains_by_projector(problem: Problem, candidate: Candidate) -> bool:
    """
    Whether a candidate that leaves layers or experts in RAM may be worth more with its projector there.
    """
    estimator = problem.estimator
    if candidate.is_whole(estimator) or not candidate.settings.mmproj_offload:
        return False
    if not may_move_projector(problem, candidate.devices):
        return False
    held = estimator.projectors.most(estimator.setup(candidate.settings, candidate.placed.hardware))
    freed = sum(size for device, size in held.items() if device != HOST)
    return saves(problem, candidate, freed, PROJECTOR_IN_RAM_COST)


def gains_by_small_cache(problem: Problem, candidate: Candidate, small: Settings) -> bool:
    """
    Whether a candidate that leaves layers or experts in RAM may be worth more with the cache of other settings.
    """
    if candidate.is_whole(problem.estimator) or not candidate.devices or problem.site.unified:
        return False
    freed = held_by_caches(problem, candidate, candidate.settings) - held_by_caches(problem, candidate, small)
    return saves(problem, candidate, freed, QUANTIZED_CACHE_COST)


def held_by_caches(problem: Problem, candidate: Candidate, settings: Settings) -> int:
    """
    What the caches take of a candidate's devices by some settings, in bytes.
    """
    caches = problem.estimator.caches(settings, candidate.placed.hardware)
    return sum(size for device, parts in caches.items() if device != HOST for _, size in parts)
