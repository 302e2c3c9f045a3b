"""
The estimators of the models that were asked about last: what one has worked out serves the next question.
"""

from collections import OrderedDict

from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.engine import Profile
from llmprobe.facts.model import ModelSpec

_MOST = 4

# By identity, which is sure as long as the estimator holds both records.
_kept: OrderedDict[tuple[int, int], Estimator] = OrderedDict()


def estimator_of(model: ModelSpec, profile: Profile) -> Estimator:
    """
    Return the estimator of a model under a program's defaults, the same one as long as both are the same records.
    """
    key = (id(model), id(profile))
    known = _kept.get(key)
    if known is None:
        known = _kept[key] = Estimator(model, profile)
        if len(_kept) > _MOST:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return known
