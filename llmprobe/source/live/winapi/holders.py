"""
Which programs hold memory of an adapter, as the kernel counts it for the Task Manager.

A program of another user is not told to one without the right to look at it, and is left out.
"""

from collections.abc import Iterator
from typing import Any

from llmprobe.source.live.winapi import layouts as at
from llmprobe.source.live.winapi.calls import Library, function, statistics

_QUERY = 0x0400
_MOST_PROCESSES, _MOST_NAMED = 4096, 8
_LEAST_BYTES = 16 * 1024**2
_PID, _LONGEST_PATH = 4, 1024


def holders(library: Library, gdi: Any, luid: bytes, segments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """
    The programs with the most memory of an adapter's own segments: ``pid``, ``name`` and ``bytes``.
    """
    kernel = library("kernel32.dll")
    own = [number for number, segment in enumerate(segments) if not segment["aperture"]]
    found: list[dict[str, Any]] = []
    for pid, handle in _processes(kernel):
        try:
            held = sum(_held(gdi, luid, number, handle) for number in own)
            if held >= _LEAST_BYTES:
                found.append({"pid": pid, "name": _name(kernel, handle), "bytes": held})
        finally:
            function(kernel, "CloseHandle", "pointer")(handle)
    return sorted(found, key=lambda each: -each["bytes"])[:_MOST_NAMED]


def _processes(kernel: Any) -> Iterator[tuple[int, int]]:
    """
    Every process that may be looked at, with a handle that is to be closed.
    """
    import ctypes
    import struct

    numbers = ctypes.create_string_buffer(_PID * _MOST_PROCESSES)
    length = ctypes.create_string_buffer(_PID)
    if not function(kernel, "K32EnumProcesses", "pointer", "number", "pointer")(
        numbers, len(numbers), length
    ):
        return
    (size,) = struct.unpack("<I", length.raw)
    for (pid,) in struct.iter_unpack("<I", numbers.raw[: min(size, len(numbers)) // _PID * _PID]):
        handle = function(kernel, "OpenProcess", "number", "number", "number")(_QUERY, 0, pid) if pid else 0
        if handle:
            yield pid, handle


def _held(gdi: Any, luid: bytes, segment: int, process: int) -> int:
    content = statistics(gdi, luid, "D3DKMT_QUERYSTATISTICS_PROCESS_SEGMENT", segment, process)
    if content is None:
        return 0
    size: int = at.get(
        content, "D3DKMT_QUERYSTATISTICS", "QueryResult.ProcessSegmentInformation.BytesCommitted"
    )
    return size


def _name(kernel: Any, handle: int) -> str | None:
    """
    The file name of a program, without its folder.
    """
    import ctypes
    import struct

    text = ctypes.create_string_buffer(2 * _LONGEST_PATH)
    length = ctypes.create_string_buffer(struct.pack("<I", _LONGEST_PATH), 4)
    ask = function(kernel, "QueryFullProcessImageNameW", "pointer", "number", "pointer", "pointer")
    if not ask(handle, 0, text, length):
        return None
    return at.wide_text(text.raw).rpartition("\\")[2] or None
