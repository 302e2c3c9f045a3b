"""
The rules of each backend: what its devices compute, how much memory they want for it, in which order they compute.
"""

from llmprobe.estimation.compute.cuda import CudaRules, SlicedRules
from llmprobe.estimation.compute.scheduler import Rules
from llmprobe.facts.backends import backend_of


def rules_of(kind: str, n_devices: int, *, sliced: bool = False) -> Rules:
    """
    The rules of so many devices of a kind, which compute together as one where they are ``sliced``.
    """
    if sliced:
        return SlicedRules(n_devices)
    name = backend_of(kind).name
    if name == "sycl":
        from llmprobe.estimation.compute.sycl import SyclRules

        return SyclRules()
    return CudaRules(n_devices)
