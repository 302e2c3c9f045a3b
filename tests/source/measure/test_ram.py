"""
Reading the RAM: what counts as a rate, and that it ends.
"""

import threading
from typing import Any

import pytest

from llmprobe.source.measure import library, ram
from llmprobe.source.measure.ram import PIECE, Reading, Share

MIB = 1 << 20


class Stub:
    """
    A thread that has ended: its memory, and the pieces that it read (beginning, end, bytes).
    """

    by = "memcmp"

    def __init__(self, touched: int, *pieces: tuple[float, float, int]) -> None:
        self.touched = touched
        self.pieces = [ram._Piece(*piece) for piece in pieces]


def best(*threads: Stub, least: int = 0) -> Reading | None:
    return ram._best(threads, least)  # type: ignore[arg-type]  # stands for a thread


def readers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if isinstance(thread, ram._Thread)}


def test_memory_is_read_by_all_threads() -> None:
    """
    Each has its share, all of it is counted, and nothing is left running.
    """
    found = ram.read_rate([Share(2 * PIECE), Share(2 * PIECE)], seconds=1.0, least_bytes=4 * PIECE)

    assert found is not None
    assert (found.threads, found.span_bytes) == (2, 4 * PIECE)
    assert found.passes >= 1
    assert found.by in ("memcmp", "memchr", "memcpy")
    assert found.bytes_per_s > 0
    assert readers() == set()


def test_too_little_memory_is_no_rate() -> None:
    """
    What the caches keep says nothing about the RAM.
    """
    assert ram.read_rate([Share(PIECE)], seconds=0.2, least_bytes=2 * PIECE) is None


@pytest.mark.parametrize("error", [MemoryError, OSError, ValueError, OverflowError])
def test_memory_that_is_refused_is_no_rate(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    """
    Whatever way the system refuses it in.
    """

    def refuse(_size: int) -> Any:
        raise error

    monkeypatch.setattr(ram, "Memory", refuse)

    assert ram.read_rate([Share(PIECE)] * 3, seconds=0.5, least_bytes=0) is None
    assert readers() == set()


def test_threads_that_are_refused_are_no_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Those that had been started end.
    """
    start = threading.Thread.start
    seen: list[threading.Thread] = []

    def limited(self: threading.Thread) -> None:
        if seen:
            raise RuntimeError("can't start new thread")
        seen.append(self)
        start(self)

    monkeypatch.setattr(ram._Thread, "start", limited)

    assert ram.read_rate([Share(PIECE)] * 2, seconds=5.0, least_bytes=0) is None
    assert readers() == set()


def test_an_interrupt_ends_the_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    It is raised, and no thread goes on reading until the time is over.
    """

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("llmprobe.source.measure.ram.time.sleep", interrupt)

    with pytest.raises(KeyboardInterrupt):
        ram.read_rate([Share(4 * PIECE)] * 2, seconds=600.0, least_bytes=0)
    assert readers() == set()


def test_the_rates_of_threads_add() -> None:
    """
    Two threads that read 100 bytes in 2 s each, four times, are 100 bytes/s together: 200 bytes in 2 s.
    """
    one = Stub(100, *((2.0 * n, 2.0 * n + 2, 100) for n in range(4)))
    other = Stub(100, *((2.0 * n, 2.0 * n + 2, 100) for n in range(4)))

    assert best(one, other) == Reading(bytes_per_s=100, span_bytes=200, passes=4, by="memcmp", threads=2)


def test_the_best_window_counts() -> None:
    """
    At first 100 bytes take 4 s, then 1 s: a window that reads all once (of 1.6 s, 500 bytes in 8 s) is all within the
    fast part, and shows 100 bytes/s.
    """
    found = best(Stub(100, (0, 4, 100), (4, 5, 100), (5, 6, 100), (6, 7, 100), (7, 8, 100)))

    assert found is not None
    assert (found.bytes_per_s, found.passes) == (100, 5)


def test_only_the_time_in_which_all_read_counts() -> None:
    """
    What one thread read before the other began is left out.
    """
    early = Stub(
        100, *((float(n), n + 1.0, 1000) for n in range(4)), *((n + 4.0, n + 5.0, 100) for n in range(4))
    )
    late = Stub(100, *((n + 4.0, n + 5.0, 100) for n in range(4)))

    found = best(early, late)

    assert found is not None
    assert found.bytes_per_s == 200


@pytest.mark.parametrize(
    "threads",
    [
        (Stub(100, (0, 1, 100)), Stub(100)),
        (Stub(100, (0, 1, 100)), Stub(100, (2, 3, 100))),
        (Stub(1000, (0, 1, 100)),),
        (Stub(100, (0, 1, 0)),),
    ],
    ids=["one read nothing", "never together", "not read once", "not what was written"],
)
def test_no_window_is_no_rate(threads: tuple[Stub, ...]) -> None:
    """
    Where all of the memory was not read at least once, by all threads at one time.
    """
    assert best(*threads) is None


def test_a_reader_that_stops_early_has_read_nothing() -> None:
    """
    A comparison that finds a difference and a search that finds its byte return before the end.
    """
    tools = library.Library()
    memory = library.Memory(MIB)
    try:
        tools.fill(memory.address, MIB)
        assert tools._by_comparing(memory.address, MIB) == MIB
        assert tools._by_finding(memory.address, MIB) == MIB
        assert tools._by_copying(memory.address, MIB) == MIB
        memory._map[MIB - 1] = 7
        assert tools._by_comparing(memory.address, MIB) == 0
        assert tools._by_finding(memory.address, MIB) == 0
    finally:
        memory.close()


@pytest.mark.parametrize(
    ("rates", "taken"),
    [
        ({"memcmp": 10, "memchr": 12, "memcpy": 12}, "memcmp"),
        ({"memcmp": 2, "memchr": 12, "memcpy": 15}, "memchr"),
        ({"memcmp": 2, "memchr": 3, "memcpy": 15}, "memcpy"),
    ],
    ids=["a modern library", "one that compares by bytes", "one that does both by bytes"],
)
def test_the_reader_is_one_that_the_memory_is_slower_than(
    monkeypatch: pytest.MonkeyPatch, rates: dict[str, float], taken: str
) -> None:
    """
    Comparing first; another only where it is much faster.
    """
    monkeypatch.setattr(library.Library, "_rate", staticmethod(lambda reader, _address: rates[reader.name]))

    assert library.Library().fastest(0).name == taken


@pytest.mark.parametrize("older", [False, True], ids=["pages at once", "page by page"])
def test_all_memory_is_given(older: bool) -> None:
    """
    With the same value everywhere, whether the kernel gives many pages at once or not.
    """
    tools = library.Library()
    if older:
        tools._advise = lambda *_: -1
    memory = library.Memory(2 * MIB)
    try:
        memory._map[MIB] = 0
        tools.fill(memory.address, 2 * MIB)
        assert len(set(memory._map[: 2 * MIB])) == 1
        assert tools._by_comparing(memory.address, 2 * MIB) == 2 * MIB
    finally:
        memory.close()
