"""
How fast threads together read the RAM.

Each thread has memory of its own, which it writes first, so that it is near it, and then reads piece by piece until
the time is over. The rate is the best of windows in which all of the memory is read once, or much of it: another
program that takes a processor for a moment spoils some windows and lifts none.
"""

import os
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from llmprobe.source.measure.library import TRIED_BYTES, Library, Memory, Reader

PIECE = 8 << 20
"""Bytes that are read before the time is looked at: some milliseconds."""

LEAST = TRIED_BYTES
"""Bytes that a thread needs at least."""

TOUCHING = 0.65
"""The part of the time that may pass until the memory is there."""

LONGEST_WINDOW = 512 << 20
"""Bytes of a window where there is more memory than that: far more than caches keep."""

_STEPS = 4
"""How often a window begins within the length of one."""

_POLL_S = 0.05
"""How long the main thread waits at a time: on Windows an interrupt is seen only in between."""


class Share(NamedTuple):
    """
    What one thread is to do: read ``size`` bytes, on these processors (None: wherever the system lets it run).
    """

    size: int
    processors: frozenset[int] | None = None


class Reading(NamedTuple):
    """
    The best rate in bytes per second, the bytes that the memory had in all, how often it was read, and by what.
    """

    bytes_per_s: int
    span_bytes: int
    passes: int
    by: str
    threads: int


class _Piece(NamedTuple):
    began: float
    ended: float
    moved: int


class _Thread(threading.Thread):
    """
    One reader. Its pieces are read by others only after it has ended.
    """

    def __init__(self, share: Share, library: Library, run: "_Run") -> None:
        super().__init__(daemon=True)
        self.pieces: list[_Piece] = []
        self.touched = 0
        self.by = ""
        self._share = share
        self._library = library
        self._run = run

    def run(self) -> None:
        try:
            if self._share.processors and hasattr(os, "sched_setaffinity"):
                # Of this thread alone: 0 is whoever asks.
                os.sched_setaffinity(0, self._share.processors)
            memory = Memory(self._share.size)
        except (OSError, MemoryError, ValueError, OverflowError):
            self._run.ready()
            return
        try:
            self._work(memory)
        finally:
            memory.close()

    def _work(self, memory: Memory) -> None:
        run = self._run
        while self.touched < memory.size and not run.over(run.touch_until):
            size = min(PIECE, memory.size - self.touched)
            self._library.fill(memory.address + self.touched, size)
            self.touched += size
        reader = self._library.fastest(memory.address) if self.touched >= LEAST else None
        run.ready()
        if reader is not None:
            self.by = reader.name
            self._read(memory, reader)

    def _read(self, memory: Memory, reader: Reader) -> None:
        at = 0
        while not self._run.over(self._run.read_until):
            size = min(PIECE, self.touched - at)
            began = time.perf_counter()
            moved = reader.over(memory.address + at, size)
            self.pieces.append(_Piece(began, time.perf_counter(), moved))
            at = (at + size) % self.touched


class _Run:
    """
    The time of one measurement, and how it ends early.
    """

    def __init__(self, seconds: float, count: int) -> None:
        started = time.perf_counter()
        self.touch_until = started + seconds * TOUCHING
        self.read_until = started + seconds
        self.stopped = threading.Event()
        self._ready = threading.Barrier(count)

    def over(self, until: float) -> bool:
        return self.stopped.is_set() or time.perf_counter() >= until

    def ready(self) -> None:
        """
        Wait until all have their memory, so that none reads while another still writes.
        """
        try:
            self._ready.wait(max(0.0, self.read_until - time.perf_counter()))
        except threading.BrokenBarrierError:
            return

    def stop(self) -> None:
        self.stopped.set()
        self._ready.abort()


def read_rate(shares: Sequence[Share], *, seconds: float, least_bytes: int) -> Reading | None:
    """
    The rate at which these threads read together, within ``seconds``.

    None where less than ``least_bytes`` of memory was there in time, or not all of it could be read once. An interrupt
    ends the threads and is raised again.

    Raises:
        OSError: the C library lacks a function.
        ImportError: this Python has no ctypes.
    """
    library = Library()
    run = _Run(seconds, len(shares))
    threads = [_Thread(share, library, run) for share in shares]
    started: list[_Thread] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        while any(thread.is_alive() for thread in threads) and not run.over(run.read_until):
            time.sleep(min(_POLL_S, max(0.0, run.read_until - time.perf_counter())))
    except RuntimeError:
        # The system gives this process no more threads.
        return None
    finally:
        run.stop()
        for thread in started:
            thread.join()
    return _best(threads, least_bytes)


def _best(threads: Sequence[_Thread], least_bytes: int) -> Reading | None:
    """
    The best window of what the threads have read.
    """
    span = sum(thread.touched for thread in threads)
    if span < least_bytes or any(not thread.pieces for thread in threads):
        return None
    pieces = [thread.pieces for thread in threads]
    first = max(each[0].began for each in pieces)
    last = min(each[-1].ended for each in pieces)
    if last <= first:
        return None
    moved = _moved(pieces, first, last)
    window = (last - first) * min(span, LONGEST_WINDOW) / moved if moved else 0.0
    count = int(((last - first) / window - 1) * _STEPS) + 1 if window else 0
    if count < 1:
        return None
    # From the end, where every thread has long been at work.
    ends = (last - number * window / _STEPS for number in range(count))
    return Reading(
        bytes_per_s=round(max(_moved(pieces, end - window, end) for end in ends) / window),
        span_bytes=span,
        passes=int(moved / span),
        by=threads[0].by,
        threads=len(threads),
    )


def _moved(pieces: Sequence[Sequence[_Piece]], began: float, ended: float) -> float:
    """
    The bytes of all threads in a window; of a piece that reaches beyond it the part of its time that is within.
    """
    total = 0.0
    for each in pieces:
        for piece in each:
            within = min(piece.ended, ended) - max(piece.began, began)
            if within > 0:
                total += piece.moved * within / (piece.ended - piece.began)
    return total
