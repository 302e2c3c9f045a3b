"""
A model that may be shown: what it is, how good it is at the use, and the most that it can be worth here.
"""

from collections.abc import Iterable

import msgspec

from llmprobe.advise.fit.bound import Most, Weights, bounds
from llmprobe.facts.fit import Capability, Mode, ModelInFit, Use
from llmprobe.facts.recommendation import UseName
from llmprobe.site.site import Site

POINTS_PER_DOUBLING = 2.0
"""
Points of the capability's index that a doubling of the speed is worth where speed counts in full: a fifth of the
standard deviation of its scale. Of two models that differ by less in ability the one that is twice as fast is first.
"""


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """
    One model with its abilities by mode (none where it is not ranked), and its bounds by quantization, none where it
    is too large. ``max_context`` is the longest that it was trained for, ``answers`` what the time of an answer is
    weighed for.
    """

    model: ModelInFit
    weights: Weights
    capabilities: tuple[Capability, ...]
    bounds: tuple[Most, ...] = ()
    max_context: int | None = None
    is_fine_tune: bool = False
    answers: UseName | None = None

    @property
    def best(self) -> Capability | None:
        """
        The mode in which it is best at the use.
        """
        return max(self.capabilities, key=lambda one: one.low, default=None)

    @property
    def most(self) -> float:
        """
        The most points that it can have; minus infinity where it is not ranked or too large.
        """
        if self.best is None or not self.bounds:
            return float("-inf")
        return points(self.best, max(one.worth for one in self.bounds))


def points(capability: Capability, worth: float) -> float:
    """
    What a choice is worth: the ability less two standard errors, and the utility that ``recommend`` chooses by.
    """
    return capability.low + POINTS_PER_DOUBLING * worth


def current(contenders: Iterable[Contender]) -> tuple[list[Contender], int]:
    """
    The contenders without those that a newer one beats in everything: no larger, nothing more to read for a token, a
    context no shorter, and better at the use. Also how many these are.
    """
    everyone = list(contenders)
    kept = [one for one in everyone if not any(_outdates(other, one) for other in everyone)]
    return kept, len(everyone) - len(kept)


def _outdates(newer: Contender, older: Contender) -> bool:
    ours, theirs = newer.best, older.best
    if ours is None or theirs is None or ours.low <= theirs.low:
        return False
    return (
        (newer.model.released or "") > (older.model.released or "~")
        and newer.weights.parameters <= older.weights.parameters
        and newer.weights.active <= older.weights.active
        and (newer.max_context or 0) >= (older.max_context or 0)
        and newer.is_fine_tune <= older.is_fine_tune
    )


_ANSWERS: dict[Mode, UseName] = {"thinking": "reasoning", "no thinking": "chat"}


def ways(contender: Contender, use: Use, site: Site) -> list[Contender]:
    """
    A model once for each mode that it can be run in: with its thinking an answer is better, and takes longer.

    An agent works by itself, and its steps are as long in both modes. A model of embeddings answers nothing.
    """
    found = []
    for capability in contender.capabilities:
        answers = None if use == "embedding" else "agent" if use == "agent" else _ANSWERS[capability.mode]
        found.append(
            msgspec.structs.replace(
                contender,
                capabilities=(capability,),
                answers=answers,
                bounds=bounds(contender.weights, site, answers),
            )
        )
    return found
