"""
Calls that may never return.
"""

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from llmprobe.source import deadline
from llmprobe.source.deadline import HANGING, Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    """
    Workers that are closed at the end.
    """
    made = Workers()
    yield made
    made.close()


@pytest.fixture
def forever() -> Iterator[threading.Event]:
    """
    What a call waits for that hangs; at the end all of them return.
    """
    event = threading.Event()
    yield event
    event.set()
    assert eventually(lambda: len(HANGING) == 0)


def eventually(condition: Callable[[], bool]) -> bool:
    """
    Whether a condition holds within thirty seconds, which a busy machine may need.
    """
    until = time.monotonic() + 30
    while not condition() and time.monotonic() < until:
        time.sleep(0.005)
    return condition()


def hang(workers: Workers, forever: threading.Event, key: object = None) -> None:
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        workers.call(lambda: forever.wait(10), 0.01, key)


def test_what_a_task_returns_is_returned(workers: Workers) -> None:
    """A task in time is like a call."""
    assert workers.call(lambda: 7, 5) == 7


def test_what_a_task_raises_is_raised(workers: Workers) -> None:
    """An error comes out where the task was given."""

    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        workers.call(fail, 5)


def test_a_task_that_hangs_is_left(workers: Workers, forever: threading.Event) -> None:
    """The caller gets on in time, and the next task has a thread of its own."""
    hang(workers, forever)

    assert workers.call(lambda: 7, 5) == 7


def test_tasks_share_a_thread(workers: Workers) -> None:
    """One task after the other needs one thread."""
    assert len({workers.call(threading.get_ident, 5) for _ in range(20)}) == 1


def test_threads_end_with_their_workers() -> None:
    """Neither an idle thread nor one that is busy at the moment stays after ``close``."""
    before = threading.active_count()
    workers, gate = Workers(), threading.Event()
    busy = threading.Thread(target=workers.call, args=(lambda: gate.wait(10), 10))
    busy.start()
    workers.call(lambda: 7, 5)
    workers.close()
    gate.set()
    busy.join()

    assert eventually(lambda: threading.active_count() <= before)


def test_closed_workers_start_nothing() -> None:
    """A thread that is late and asks once more is told that there is no more time."""
    workers = Workers()
    workers.close()
    asked: list[int] = []

    with pytest.raises(TimeoutError, match="the time for all questions is over"):
        workers.call(lambda: asked.append(1), 5)
    assert asked == []


def test_an_abandoned_thread_ends_when_its_call_returns(workers: Workers) -> None:
    """It is counted as hanging until then, and it waits for no further task."""
    assert eventually(lambda: len(HANGING) == 0)
    before = threading.active_count()
    event = threading.Event()
    hang(workers, event)

    assert len(HANGING) == 1
    event.set()
    assert eventually(lambda: len(HANGING) == 0 and threading.active_count() <= before)


def test_what_hangs_is_not_asked_again(workers: Workers, forever: threading.Event) -> None:
    """The same question is refused at once, by other workers too, and another one is answered."""
    hang(workers, forever, ("read", "/dead"))
    others = Workers()
    with pytest.raises(TimeoutError, match="an earlier call of the same kind still hangs"):
        others.call(lambda: 7, 5, ("read", "/dead"))

    assert others.call(lambda: 7, 5, ("read", "/alive")) == 7
    others.close()


def test_a_question_that_hung_is_asked_again_once_it_returned(workers: Workers) -> None:
    """A mount that is back is read."""
    event = threading.Event()
    hang(workers, event, "mount")
    event.set()

    assert eventually(lambda: len(HANGING) == 0)
    assert workers.call(lambda: 7, 5, "mount") == 7


def test_a_process_has_a_bounded_number_of_hanging_threads(
    workers: Workers, forever: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where so many calls hang, one more is refused and starts no thread."""
    monkeypatch.setattr(deadline, "MOST_HANGING", 3)
    for number in range(3):
        hang(workers, forever, number)
    before = threading.active_count()
    with pytest.raises(TimeoutError, match="3 earlier calls still hang"):
        workers.call(lambda: 7, 5, "another")

    assert threading.active_count() <= before


def test_a_call_without_a_thread_is_refused(workers: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where the system gives this process no more threads (a limit of memory or of processes), as Python says it.
    """

    def start(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)

    with pytest.raises(TimeoutError, match="no more threads"):
        workers.call(lambda: 1, 1.0)
