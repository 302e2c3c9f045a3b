"""
Whether Intel's graphics in a processor gain over the processor itself, on Linux and on Windows.
"""

from llmprobe.machine import gpu_table
from llmprobe.machine.in_processors import INTEL_RATED

_LEAST_FLOPS = 4_000_000_000_000
"""Twice the FP16 rate of a processor of 16 cores with AVX2 at 4 GHz."""


def gains(device: str | None) -> bool:
    """
    Whether graphics with this number on the bus compute clearly more than a processor: Arc does, Iris Xe does not.
    """
    row = gpu_table.lookup(INTEL_RATED.get(device or "", ""))
    return row is not None and (row.fp16_flops or 0) >= _LEAST_FLOPS
