"""
Slow work beside the display: one thread of each kind of work, which does what was asked last.

The threads are daemons: who quits waits for none of them.
"""

import threading
from collections.abc import Callable
from typing import Any

from textual.message import Message

Work = Callable[[], Any]
Then = Callable[[Any], None]


class Done(Message):
    """
    Work that has ended, with what it found or raised. It is late where other work was asked for meanwhile.
    """

    def __init__(self, lane: "Lane", number: int, then: Then, found: Any, error: Exception | None) -> None:
        super().__init__()
        self.lane = lane
        self.number = number
        self.then = then
        self.found = found
        self.error = error

    @property
    def late(self) -> bool:
        return self.number != self.lane.number


class Lane:
    """
    Work of one kind, one at a time; what waits is dropped where something newer is asked for.
    """

    def __init__(self, post: Callable[[Done], object]) -> None:
        self.number = 0
        self._post = post
        self._changed = threading.Condition()
        self._waiting: tuple[int, Work, Then] | None = None
        self._started = False

    def ask(self, work: Work, then: Then) -> None:
        """
        Do this next; ``then`` gets what it finds, in the thread of the display.
        """
        with self._changed:
            self.number += 1
            self._waiting = (self.number, work, then)
            self._changed.notify()
        if not self._started:
            self._started = True
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._changed:
                while self._waiting is None:
                    self._changed.wait()
                (number, work, then), self._waiting = self._waiting, None
            found, failed = None, None
            try:
                found = work()
            except Exception as error:  # noqa: BLE001 - the thread of the display raises it
                failed = error
            self._post(Done(self, number, then, found, failed))
