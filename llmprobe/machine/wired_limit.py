"""
How much of a Mac's memory its GPU may use when the wired limit is raised.

Source: ``iogpu.wired_limit_mb`` of macOS 14 and later, in MiB; what is left must be enough for macOS itself.
"""

from llmprobe.facts.machine import MemoryPool
from llmprobe.units import GIB

LEFT_TO_MACOS_BYTES = 8 * GIB


def raised_limit_bytes(ram: MemoryPool) -> int | None:
    """
    The highest limit that leaves macOS enough, None where that is no gain: at most half of the memory.
    """
    if ram.total_bytes is None:
        return None
    limit = max(0, ram.total_bytes - LEFT_TO_MACOS_BYTES)
    return limit if limit > ram.total_bytes // 2 else None
