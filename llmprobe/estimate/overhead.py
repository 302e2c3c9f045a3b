"""
What the driver and the engine take beside the buffers: a context on each device, the process on the host.

It is measured, not computed, so it comes as a range; what is counted is on the safe side of the likely.
Source: "unaccounted" figures of llama.cpp's exit tables in issues and reports of users (ggml-org/llama.cpp
#15860, #20595, #23604), and bare CUDA contexts by card.
"""

from typing import Literal

from llmprobe.facts.plan import Device, Term
from llmprobe.units import MIB

_RANGES_MIB: dict[str, tuple[int, int, int]] = {
    "cuda": (100, 450, 760),
    "rocm": (150, 350, 800),
    "vulkan": (40, 400, 1250),
    "sycl": (150, 400, 900),
    "metal": (0, 0, 0),
}
"""Low, counted and high by backend."""

_CUDA_MIB: dict[int, tuple[int, int, int]] = {
    6: (100, 200, 330),
    7: (120, 280, 450),
    8: (107, 460, 560),
    9: (400, 560, 700),
    10: (400, 640, 760),
    12: (300, 640, 760),
}
"""Low, counted and high by the first number of the compute capability."""


def device_overhead(device: Device) -> Term:
    """
    Return what the driver takes on a device before any buffer is there.
    """
    low, counted, high = _RANGES_MIB[device.backend]
    name: Literal["CUDA context", "driver context"] = "driver context"
    how = f"range of what {device.backend} builds were seen to take beside their buffers"
    if device.backend == "cuda":
        name = "CUDA context"
        how = "range of CUDA contexts and kernels seen on cards of all generations"
        if device.compute_capability is not None:
            generation = int(device.compute_capability.split(".")[0])
            low, counted, high = _CUDA_MIB.get(generation, (low, counted, high))
            how = f"range of CUDA contexts and kernels seen on cards of compute capability {generation}.x"
    return _term(name, how, low, counted, high)


def host_overhead(devices: int) -> Term:
    """
    Return what the engine's process takes on the host beside its buffers: code, vocabulary, driver libraries.
    """
    if devices:
        return _term(
            "the engine itself", "range of resident sizes seen with a GPU driver loaded", 150, 400, 800
        )
    return _term("the engine itself", "range of resident sizes seen beside the buffers", 40, 100, 250)


def _term(name: str, how: str, low: int, counted: int, high: int) -> Term:
    return Term(
        name=name,
        kind="overhead",
        bytes=counted * MIB,
        how=how,
        basis="assumed",
        low_bytes=low * MIB,
        high_bytes=high * MIB,
    )
