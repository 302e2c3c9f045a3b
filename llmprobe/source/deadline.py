"""
Doing something that may never return: a file on a dead mount, a driver that hangs.

Python cannot end a thread that hangs in the kernel, so it is left behind, as a daemon, and a new one takes
the next task. Handing a task to a waiting thread costs a tenth of starting one.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class _Reply(Generic[T]):
    def __init__(self, task: Callable[[], T]) -> None:
        self.task = task
        self.done: SimpleQueue[None] = SimpleQueue()
        self.value: T | None = None
        self.error: BaseException | None = None


class Workers:
    """
    Threads that wait for tasks. As many exist as tasks ran at one time, and one more per task that hangs.
    """

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[_Reply[object]]] = []

    def call(self, task: Callable[[], T], timeout_s: float) -> T:
        """
        Return what the task returns, or raise what it raises.

        Raises:
            TimeoutError: it has not returned in time; its thread is left behind.
        """
        reply: _Reply[T] = _Reply(task)
        try:
            inbox = self._idle.pop()
        except IndexError:
            inbox = SimpleQueue()
            threading.Thread(target=_work, args=(inbox,), daemon=True).start()
        inbox.put(reply)  # type: ignore[arg-type]
        try:
            reply.done.get(timeout=timeout_s)
        except Empty:
            raise TimeoutError(f"no answer within {timeout_s:g} s") from None
        self._idle.append(inbox)
        if reply.error is not None:
            raise reply.error
        return reply.value  # type: ignore[return-value]


def _work(inbox: "SimpleQueue[_Reply[object]]") -> None:
    while True:
        reply = inbox.get()
        try:
            reply.value = reply.task()
        except BaseException as error:  # noqa: BLE001 - handed over and raised where the task was given
            reply.error = error
        reply.done.put(None)
        del reply
