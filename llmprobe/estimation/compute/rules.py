"""
The rules of each backend: what its devices compute, how much memory they want for it, in which order they compute.
"""

from functools import cache

from llmprobe.estimation.compute.cuda import CudaRules, SlicedRules
from llmprobe.estimation.compute.scheduler import Rules
from llmprobe.facts.backends import DRIVERS, backend_of


@cache
def rules_of(kind: str, n_devices: int, *, sliced: bool = False) -> Rules:
    """
    The rules of so many devices of a kind, which compute together as one where they are ``sliced``.
    """
    if sliced:
        return SlicedRules(n_devices)
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
        case _:
            return CudaRules(n_devices)
