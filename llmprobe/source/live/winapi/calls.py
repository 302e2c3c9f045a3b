"""
Functions of Windows' libraries by name, and the kernel's statistics of adapters.
"""

from collections.abc import Callable
from typing import Any

from llmprobe.source.live.winapi import Failed
from llmprobe.source.live.winapi import layouts as at

Library = Callable[[str], Any]


def function(library: Any, name: str, *kinds: str) -> Any:
    """
    A function of numbers and pointers that returns a number of 32 bits, as handles are.
    """
    import ctypes

    try:
        found = library[name]
    except AttributeError:
        raise Failed(f"this Windows has no {name}", missing=True) from None
    found.restype = ctypes.c_uint32
    found.argtypes = [ctypes.c_uint32 if kind == "number" else ctypes.c_void_p for kind in kinds]
    return found


def kernel_call(gdi: Any, name: str, content: Any) -> int:
    """
    A call's NTSTATUS, 0 for success; one that this Windows does not have is no success either.
    """
    try:
        status: int = function(gdi, name, "pointer")(content)
    except Failed:
        return -1
    return status


def statistics(gdi: Any, luid: bytes, kind: str, segment: int = 0, process: int = 0) -> Any:
    """
    The kernel's statistics of an adapter, of a part of its memory, or of that for one process; None where it refuses.
    """
    name = "D3DKMT_QUERYSTATISTICS"
    content = at.new(name)
    at.put(content, name, "Type", at.NUMBERS[kind])
    at.put(content, name, "AdapterLuid", luid)
    at.put(content, name, "hProcess", process)
    at.put(content, name, "QuerySegment.SegmentId", segment)
    return None if kernel_call(gdi, "D3DKMTQueryStatistics", content) else content
