"""
The machine that a server answers for: looked at again when what is known of it is old.
"""

import threading
import time
from collections.abc import Callable

import msgspec

from llmprobe.facts.machine import Snapshot

FRESH_S = 1.0
"""How old an answer about this machine may be. A look takes a tenth of that and costs every program a little."""


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    A snapshot with its number, which changes when the machine did: what was computed for a number stays right.
    """

    snapshot: Snapshot
    number: int


class Watched:
    """
    Snapshots by ``look``, one at a time, each for as long as it is fresh. A recorded machine is looked at once.
    """

    def __init__(self, look: Callable[[], Snapshot], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: Seen | None = None
        self._until = 0.0

    def at_once(self) -> Seen | None:
        """
        The machine as it was a moment ago; None where it would have to be looked at, or somebody does that.
        """
        if not self._lock.acquire(blocking=False):
            return None
        try:
            return self._seen if self._clock() < self._until else None
        finally:
            self._lock.release()

    def now(self) -> Seen:
        """
        The machine as it is, or was a moment ago. Whoever asks while another looks waits for that look.
        """
        with self._lock:
            if self._seen is None or self._clock() >= self._until:
                self._seen = self._anew(self._look())
                self._until = self._clock() + FRESH_S if self._seen.snapshot.this_machine else float("inf")
            return self._seen

    def _anew(self, snapshot: Snapshot) -> Seen:
        before = self._seen
        if before is not None and _without_durations(before.snapshot) == _without_durations(snapshot):
            return before
        return Seen(snapshot=snapshot, number=0 if before is None else before.number + 1)


def _without_durations(snapshot: Snapshot) -> Snapshot:
    sources = tuple(msgspec.structs.replace(each, duration_ms=None) for each in snapshot.sources)
    return msgspec.structs.replace(snapshot, sources=sources)
