"""
Calls that may never return: a file on a dead mount, a driver that hangs.

Python cannot end a thread that hangs in the kernel. Such a thread is abandoned: it is a daemon, ends by itself when
its call returns, and is counted. While a call hangs nobody starts the same one again, and beside ``MOST_HANGING``
abandoned threads a process starts no further call, however often it looks at the machine. All other threads end with
their ``Workers``. Handing a task to a waiting thread costs a tenth of starting one.
"""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

MOST_HANGING = 32
"""Abandoned threads of one process. A further call that may hang is refused until one of them returns."""


class _Reply(Generic[T]):
    """
    A task and what came of it; ``pending`` is held until it came.
    """

    def __init__(self, task: Callable[[], T], key: Hashable) -> None:
        self.task = task
        self.key = key
        self.pending = threading.Lock()
        self.pending.acquire()
        self.value: T | None = None
        self.error: BaseException | None = None


class _Hanging:
    """
    The calls that were abandoned and have not returned, for all ``Workers`` of the process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[_Reply[object], None] = {}

    def refuse(self, key: Hashable) -> None:
        """
        Raise TimeoutError where the same call hangs already, or too many others do.
        """
        with self._lock:
            if key is not None and any(call.key == key for call in self._calls):
                raise TimeoutError("an earlier call of the same kind still hangs")
            if len(self._calls) >= MOST_HANGING:
                raise TimeoutError(f"{MOST_HANGING} earlier calls still hang")

    def add(self, call: _Reply[object]) -> None:
        with self._lock:
            self._calls[call] = None

    def discard(self, call: _Reply[object]) -> None:
        with self._lock:
            self._calls.pop(call, None)

    def __len__(self) -> int:
        with self._lock:
            return len(self._calls)


HANGING = _Hanging()


class _Inbox:
    """
    Where a waiting thread gets its next task from: one at a time, None as the last.

    A lock does what a queue would, and the module of queues takes longer to import than all hand-overs of a command.
    """

    def __init__(self) -> None:
        self._empty = threading.Lock()
        self._empty.acquire()
        self._reply: _Reply[object] | None = None

    def put(self, reply: _Reply[object] | None) -> None:
        self._reply = reply
        self._empty.release()

    def get(self) -> _Reply[object] | None:
        self._empty.acquire()
        reply, self._reply = self._reply, None
        return reply


class Workers:
    """
    Threads that wait for tasks until ``close``. As many exist as tasks ran at one time. Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Inbox] = []
        self._closed = False

    def call(self, task: Callable[[], T], timeout_s: float, key: Hashable = None) -> T:
        """
        The task's result, or the error that it raised.

        ``key`` names what is asked: while a call of the same key hangs, in whichever ``Workers``, it is refused.

        Raises:
            TimeoutError: no result in time (the thread is abandoned), the call was refused, the system gives no
                thread for it, or this is closed.
        """
        HANGING.refuse(key)
        reply: _Reply[T] = _Reply(task, key)
        with self._lock:
            if self._closed:
                raise TimeoutError("the time for all questions is over")
            inbox = self._idle.pop() if self._idle else None
        if inbox is None:
            inbox = _Inbox()
            try:
                threading.Thread(target=self._work, args=(inbox,), daemon=True).start()
            except RuntimeError:
                raise TimeoutError("the system gives this process no more threads") from None
        inbox.put(reply)  # type: ignore[arg-type]
        if not reply.pending.acquire(timeout=timeout_s):
            self._abandon(reply, inbox)  # type: ignore[arg-type]
            raise TimeoutError(f"no answer within {timeout_s:g} s")
        self._release(inbox)
        if reply.error is not None:
            raise reply.error
        return reply.value  # type: ignore[return-value]

    def close(self) -> None:
        """
        End the idle threads, and each busy one as soon as its task returns.
        """
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for inbox in idle:
            inbox.put(None)

    def _release(self, inbox: _Inbox) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(inbox)
                return
        inbox.put(None)

    def _abandon(self, reply: _Reply[object], inbox: _Inbox) -> None:
        """
        Let the thread end after its task, and count it until then.
        """
        HANGING.add(reply)
        inbox.put(None)
        if not reply.pending.locked():
            # It returned between the deadline and now.
            HANGING.discard(reply)

    @staticmethod
    def _work(inbox: _Inbox) -> None:
        while (reply := inbox.get()) is not None:
            try:
                reply.value = reply.task()
            except BaseException as error:  # noqa: BLE001 - handed over and raised where the task was given
                reply.error = error
            reply.pending.release()
            HANGING.discard(reply)
            del reply
