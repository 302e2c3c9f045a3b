"""
How much of a Mac's memory its GPU may use when the wired limit is raised.

Source: ``iogpu.wired_limit_mb`` of macOS 14 and later, in MiB; what is left must be enough for macOS itself.
"""

from llmprobe.facts.machine import MemoryPool
from llmprobe.machine.budget import less_limited
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


def raised(ram: MemoryPool) -> MemoryPool | None:
    """
    A Mac's memory with the limit raised as far as macOS can spare, None where that gives nothing.
    """
    limit = raised_limit_bytes(ram)
    if limit is None or ram.free_bytes is None or ram.budget_bytes is None:
        return None
    more = min(ram.free_bytes, limit) - ram.budget_bytes
    return less_limited(ram, "working-set", more) if more > 0 else None
