"""
The estimators of the models that were asked about last: what one has worked out serves the next question.
"""

from threading import Lock

from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.engine import Profile
from llmprobe.facts.model import ModelSpec

_MOST = 4


class Estimators:
    """
    A few estimators, each as long as its model and profile are the same records. Threads share it.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = Lock()
        self._kept: list[Estimator] = []

    def of(self, model: ModelSpec, profile: Profile | None = None) -> Estimator:
        """
        The estimator of a model under a program's defaults.
        """
        with self._lock:
            found = next((one for one in self._kept if one.model is model and one.profile is profile), None)
            if found is None:
                found = Estimator(model, profile)
            self._kept = [*(one for one in self._kept if one is not found), found][-self._most :]
            return found


_shared = Estimators()

estimator_of = _shared.of
