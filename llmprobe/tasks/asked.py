"""
What is kept where one question is asked of several machines.
"""

from typing import TYPE_CHECKING

from llmprobe.estimation.kept import Estimators
from llmprobe.model.from_catalog import of_catalog

if TYPE_CHECKING:
    from llmprobe.estimation.estimator import Estimator
    from llmprobe.facts.model import ModelSpec
    from llmprobe.model.catalog import Entry

_MOST = 32


class Asked:
    """
    Models that one question is asked of on several machines, and what their estimators have worked out.
    """

    def __init__(self) -> None:
        self._models: dict[str, ModelSpec] = {}
        self._estimators = Estimators(_MOST)

    def model(self, entry: "Entry") -> "ModelSpec":
        """
        The model of an entry, loaded once.
        """
        found = self._models.get(entry.id)
        if found is None:
            found = self._models[entry.id] = of_catalog(entry)
        return found

    def estimator(self, model: "ModelSpec") -> "Estimator":
        """
        Its estimator, which every machine shares.
        """
        return self._estimators.of(model)
