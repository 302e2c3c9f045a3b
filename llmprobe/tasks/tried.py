"""
The machines on which models were tried last: a plan, and its costs under other prices, search each of them once.
"""

from threading import Lock

from llmprobe.facts.model import ModelSpec
from llmprobe.facts.plan import MachineKind, Planned, PlanWishes

_MOST = 4

Machine = tuple[MachineKind, tuple[str, ...], str | None, int]
"""What kind of machine it is, its cards, its RAM, and how many cards that is."""

Tried = dict[Machine, Planned | None]
"""How a model runs on each, without a price; None where it does not as wished."""


class TriedMachines:
    """
    What was tried of a few models, each as long as its record is the same. Threads share it: what two of them try at
    once comes to the same.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: list[tuple[ModelSpec, PlanWishes, Tried]] = []

    def of(self, model: ModelSpec, wishes: PlanWishes) -> Tried:
        """
        What was tried of a model for these wishes, to be added to.
        """
        with self._lock:
            found = next(
                (one for one in self._kept if one[0] is model and one[1] == wishes), (model, wishes, {})
            )
            self._kept = [*(one for one in self._kept if one is not found), found][-self._most :]
            return found[2]


_shared = TriedMachines()

tried_of = _shared.of
