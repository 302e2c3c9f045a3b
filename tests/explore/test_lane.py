"""
Slow work beside the display: what was asked last is answered, and nothing is waited for.
"""

import queue
import threading

from llmprobe.explore.lane import Done, Lane


def never(_found: object) -> None:
    raise AssertionError("a lane does not call it: the display does")


def test_what_waits_is_dropped_for_what_is_newer() -> None:
    """
    While the first is at work, of two more the first is never begun; the last is the only one that is not late.
    """
    came: queue.Queue[Done] = queue.Queue()
    lane, going, begun = Lane(came.put), threading.Event(), threading.Event()
    done: list[str] = []

    def first() -> str:
        begun.set()
        going.wait(30)
        return "first"

    lane.ask(first, never)
    assert begun.wait(30)
    lane.ask(lambda: done.append("second"), never)
    lane.ask(lambda: "third", never)
    going.set()
    answers = [came.get(timeout=30), came.get(timeout=30)]

    assert [(one.found, one.late) for one in answers] == [("first", True), ("third", False)]
    assert done == []


def test_an_error_is_an_answer() -> None:
    """
    It comes to the display, and the lane goes on.
    """
    came: queue.Queue[Done] = queue.Queue()
    lane = Lane(came.put)
    lane.ask(lambda: 1 / 0, never)
    failed = came.get(timeout=30)
    lane.ask(lambda: 7, never)

    assert isinstance(failed.error, ZeroDivisionError)
    assert came.get(timeout=30).found == 7
