"""
Functions of the C library that read memory at its full rate, called so that other threads run beside them.

ctypes releases the interpreter's lock during a call. What a function is counted with is what it must move: a comparison
or a search reads each byte once, a copy reads and writes it. A copy that also has to fetch what it overwrites moves
more than is counted, so that no figure is above what the memory did.
"""

import mmap
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

_SYSTEM: str = sys.platform
_FILLED = 1
_POPULATE = 23
"""MADV_POPULATE_WRITE (Linux 5.14, https://man7.org/linux/man-pages/man2/madvise.2.html); refused by older ones."""

_ABSENT = 7
TRIED_BYTES = 1 << 20
"""Bytes on which the readers are compared, which the caches of a core hold."""

_TRIES = 3
_MUCH_FASTER = 1.3
"""How much faster than the one before a reader must be to be taken instead."""


class Reader(NamedTuple):
    """
    A function that goes over memory, which must have been filled by ``fill``: its address and its size in bytes.

    It returns the bytes that it moved, 0 where the memory was not what it had to be.
    """

    name: str
    over: Callable[[int, int], int]


class Library:
    """
    The C library of this system.

    Raises:
        OSError: there is none to be loaded, or it lacks a function.
        ImportError: this Python has no ctypes.
    """

    def __init__(self) -> None:
        import ctypes

        try:
            library = ctypes.CDLL("msvcrt" if _SYSTEM == "win32" else None)
            address, size, number = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
            self._set = _function(library, "memset", address, address, number, size)
            self._find = _function(library, "memchr", address, address, number, size)
            self._compare = _function(library, "memcmp", number, address, address, size)
            self._copy = _function(library, "memcpy", address, address, address, size)
            self._advise = (
                _function(library, "madvise", number, address, size, number) if _SYSTEM == "linux" else None
            )
        except AttributeError as error:
            raise OSError(str(error)) from None

    def fill(self, address: int, size: int) -> None:
        """
        Make the system give the memory, to be written to, with the same value in every byte.

        A kernel that gives many pages at once leaves them zero, and saves a third of the time.
        """
        if self._advise is None or self._advise(address, size, _POPULATE):
            self._set(address, _FILLED, size)

    def fastest(self, address: int) -> Reader:
        """
        The first reader than which none is much faster on memory that the caches hold: ``TRIED_BYTES`` from
        ``address``, already filled.

        Some libraries compare byte by byte, which is slower than the memory; a copy, which also writes, is the last.
        """
        best, fastest = None, 0.0
        for reader in (
            Reader("memcmp", self._by_comparing),
            Reader("memchr", self._by_finding),
            Reader("memcpy", self._by_copying),
        ):
            rate = max(self._rate(reader, address) for _ in range(_TRIES))
            if best is None or rate > fastest * _MUCH_FASTER:
                best, fastest = reader, rate
        assert best is not None
        return best

    @staticmethod
    def _rate(reader: Reader, address: int) -> float:
        started = time.perf_counter()
        moved = reader.over(address, TRIED_BYTES)
        return moved / max(time.perf_counter() - started, 1e-9)

    def _by_comparing(self, address: int, size: int) -> int:
        half = size // 2
        return 0 if self._compare(address, address + half, half) else 2 * half

    def _by_finding(self, address: int, size: int) -> int:
        return 0 if self._find(address, _ABSENT, size) else size

    def _by_copying(self, address: int, size: int) -> int:
        half = size // 2
        self._copy(address, address + half, half)
        return 2 * half


def _function(library: Any, name: str, result: Any, *arguments: Any) -> Any:
    function = library[name]
    function.restype = result
    function.argtypes = arguments
    return function


class Memory:
    """
    Memory of its own for one thread, of ordinary pages as the system gives them to any program.

    The system gives a page when it is first written. Raises OSError or MemoryError where there is no room.
    """

    def __init__(self, size: int) -> None:
        import ctypes

        self.size = size
        if _SYSTEM == "win32":
            self._map = mmap.mmap(-1, size)
        else:
            self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        self._first: Any = ctypes.c_char.from_buffer(self._map)
        self.address: int = ctypes.addressof(self._first)

    def close(self) -> None:
        """
        Give it back.
        """
        # A map is closed only when nothing points into it.
        self._first = None
        self._map.close()
