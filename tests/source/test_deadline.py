"""
Doing something that may never return.
"""

import threading

import pytest

from llmprobe.source.deadline import Workers


def test_what_a_task_returns_is_returned() -> None:
    """A task in time is like a call."""
    assert Workers().call(lambda: 7, 5) == 7


def test_what_a_task_raises_is_raised() -> None:
    """An error comes out where the task was given."""

    def fail() -> None:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        Workers().call(fail, 5)


def test_a_task_that_hangs_is_left() -> None:
    """The caller gets on in time, and the next task has a thread of its own."""
    forever = threading.Event()
    workers = Workers()
    with pytest.raises(TimeoutError):
        workers.call(lambda: forever.wait(10), 0.02)

    assert workers.call(lambda: 7, 5) == 7
    forever.set()


def test_tasks_share_a_thread() -> None:
    """One task after the other needs one thread."""
    workers = Workers()

    assert len({workers.call(threading.get_ident, 5) for _ in range(20)}) == 1
