"""
The rules of each backend: what its devices compute, how much memory they want for it, in which order they compute.
"""

from functools import cache

from llmprobe.estimation.compute.assignment import Rules
from llmprobe.estimation.compute.cuda import CudaRules, SlicedRules
from llmprobe.facts.backends import DRIVERS, backend_of, kinds_apart


@cache
def rules_of(kind: str, n_devices: int, *, sliced: bool = False, anew: bool = False) -> tuple[Rules, ...]:
    """
    The rules of each of so many devices of a kind (``kinds_together``), which compute as one where they are ``sliced``.

    ``anew`` says of remote devices that the process asks them for the first time.
    """
    if sliced:
        # What remote devices that compute as one take their server tells, as it does of one alone.
        remote = "+" not in kind and backend_of(kind).remote
        return (_rules(kind, (kind,), anew=anew) if remote else SlicedRules((0,)),) * n_devices
    kinds = kinds_apart(kind, n_devices)
    made = {each: _rules(each, kinds, anew=anew) for each in set(kinds)}
    return tuple(made[each] for each in kinds)


def _rules(kind: str, kinds: tuple[str, ...], *, anew: bool) -> Rules:
    """
    The rules of the devices of a kind among ``kinds``, which are those of all devices in order.
    """
    match backend_of(kind).name:
        case "sycl":
            from llmprobe.estimation.compute.sycl import SyclRules

            return SyclRules()
        case "vulkan":
            from llmprobe.estimation.compute.vulkan import VulkanRules

            return VulkanRules(DRIVERS[kind])
        case "metal":
            from llmprobe.estimation.compute.metal import MetalRules

            return MetalRules(DRIVERS[kind])
        case "rpc":
            from llmprobe.estimation.compute.rpc import RpcRules

            served = kind.partition("-")[2] or "cuda"
            there = None if served == "cpu" else _rules(served, (served,), anew=anew)
            return RpcRules(DRIVERS[kind], there, anew=anew)
        case _:
            return CudaRules(tuple(at for at, each in enumerate(kinds) if each == kind))
