"""
The models that were asked about last: an estimator serves the next question about the same record.
"""

from threading import Lock

from llmprobe.facts.machine import EngineOnMachine, Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.tasks.models import load_named

_MOST = 8

Key = tuple[str, str | None, tuple[EngineOnMachine, ...]]


class Models:
    """
    A few models by name, each as long as engines keep the same files. Threads share it.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: list[tuple[Key, ModelSpec]] = []

    def named(self, name: str, quant: str | None = None, *, snapshot: Snapshot | None = None) -> ModelSpec:
        """
        The model that ``load_named`` loads.

        Raises:
            ModelError: nothing has that name.
            UsageError: the quantization does not exist.
        """
        files = snapshot.engines if snapshot is not None and snapshot.this_machine else ()
        key = (name, quant, files)
        with self._lock:
            found = next((model for kept, model in self._kept if kept == key), None)
        if found is None:
            found = load_named(name, quant, snapshot=snapshot)
        with self._lock:
            others = [one for one in self._kept if one[0] != key]
            self._kept = [*others, (key, found)][-self._most :]
        return found


_shared = Models()

named = _shared.named
