"""
How fast a file is read from its disk: a part of one that is there, past the cache of the system.

Nothing is written. Linux reads it directly (O_DIRECT), or, where the file system cannot, after it has dropped that
part of the file from its cache; macOS does not cache it (F_NOCACHE). A system that has neither is not measured.
"""

import mmap
import os
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple

from llmprobe.source.deadline import Workers

PIECE = 4 << 20
LEAST = 32 << 20
"""Bytes without which there is no rate: what a drive answers from its own memory."""

_SYSTEM: str = sys.platform
_NO_CACHE = 48
"""F_NOCACHE of macOS."""

_GRACE_S = 0.5
"""What a read may take beyond the time before the file counts as hanging."""


class Reading(NamedTuple):
    """
    Bytes per second, and the bytes that were read.
    """

    bytes_per_s: int
    read_bytes: int


def file_rate(path: str, *, seconds: float, most_bytes: int) -> Reading | None:
    """
    The rate at which a file is read from its disk; None where it is too small, cannot be read, or hangs.
    """
    workers = Workers()
    try:
        return workers.call(lambda: _read(path, seconds, most_bytes), seconds + _GRACE_S, ("disk", path))
    except (OSError, ValueError, MemoryError):
        return None
    finally:
        workers.close()


def largest_on(directory: str, paths: Iterable[str]) -> str | None:
    """
    The largest of these files that are on the file system of a directory, None where none is there.
    """
    try:
        device = os.stat(directory).st_dev  # noqa: PTH116 - nothing else here needs pathlib
    except (OSError, ValueError):
        return None
    sizes = {}
    for path in paths:
        try:
            about = os.stat(path)  # noqa: PTH116 - nothing else here needs pathlib
        except (OSError, ValueError):
            continue
        if about.st_dev == device and os.access(path, os.R_OK):
            sizes[path] = about.st_size
    return max(sizes, key=lambda path: sizes[path], default=None)


def _read(path: str, seconds: float, most_bytes: int) -> Reading | None:
    descriptor, direct = _opened(path)
    if descriptor is None:
        return None
    try:
        size = os.fstat(descriptor).st_size // PIECE * PIECE
        # Not its beginning, which programs that look at the file have just read.
        start = min(size // 2, max(0, size - most_bytes)) // PIECE * PIECE
        most = min(most_bytes, size - start)
        if most < LEAST:
            return None
        if not direct and _SYSTEM == "linux":
            os.posix_fadvise(descriptor, start, most, os.POSIX_FADV_DONTNEED)
            os.posix_fadvise(descriptor, start, most, os.POSIX_FADV_SEQUENTIAL)
        return _timed(descriptor, start, most, seconds)
    finally:
        os.close(descriptor)


def _timed(descriptor: int, start: int, most: int, seconds: float) -> Reading | None:
    read = 0
    with mmap.mmap(-1, PIECE) as piece:
        os.lseek(descriptor, start, os.SEEK_SET)
        began = now = time.perf_counter()
        while read < most and now < began + seconds:
            count = os.readv(descriptor, [piece])
            if not count:
                break
            read += count
            now = time.perf_counter()
    if read < LEAST or now <= began:
        return None
    return Reading(round(read / (now - began)), read)


def _opened(path: str) -> tuple[int | None, bool]:
    """
    The file, and whether it is read directly.
    """
    if not os.path.isfile(path) or not hasattr(os, "readv"):  # noqa: PTH113 - nothing else here needs pathlib
        return None, False
    if _SYSTEM == "linux":
        try:
            return os.open(path, os.O_RDONLY | os.O_DIRECT), True
        except OSError:
            return os.open(path, os.O_RDONLY), False
    if _SYSTEM == "darwin":
        import fcntl

        descriptor = os.open(path, os.O_RDONLY)
        fcntl.fcntl(descriptor, _NO_CACHE, 1)
        return descriptor, True
    return None, False
