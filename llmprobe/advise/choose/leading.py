"""
The first choice without placing what cannot be it.

Placing takes graphs, and most quantizations are far from the first. So each is first laid out as if graphs took no
memory, which is no worse than it can be. Those that may come first are placed; the others stand as they were hoped to
be.
"""

from collections.abc import Iterator

from llmprobe.advise.choose.balance import NEARLY
from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import ranked
from llmprobe.advise.choose.shown import is_on_disk
from llmprobe.advise.choose.variants import most_varied, varied
from llmprobe.advise.choose.weighing import Candidate

SLACK = 0.1
"""
Points by which a placement may be worth more than it was hoped to be: layouts are found by the time of a token, and
are worth something for the time of an answer, too.
"""


class Leading:
    """
    The candidates of a problem, of which only some are placed.
    """

    def __init__(self, problem: Problem, hopeful: Problem | None = None) -> None:
        self._problem = problem
        self._hopeful = hopeful or problem.changed(hopeful=True)
        self._hopes: dict[str, list[Candidate]] = {}
        self._placed: dict[str, list[Candidate]] = {}
        quants = quants_for(problem.estimator, problem.wishes)
        if len(quants) == 1 or not _may_be_hoped(problem):
            self._placed = {quant: [] for quant in quants}
            for one in find(problem)[0]:
                self._placed[one.quant] = [*self._placed[one.quant], one]
        else:
            self._hopes = {quant: self._find(self._hopeful, quant) for quant in quants}
            self._settle()

    @property
    def candidates(self) -> list[Candidate]:
        """
        The candidates that are placed, and the others as they were hoped to be.
        """
        hoped = (one for quant, found in self._hopes.items() if quant not in self._placed for one in found)
        return [*(one for found in self._placed.values() for one in found), *hoped]

    def _place(self, quant: str) -> None:
        """
        Place what was only hoped for.
        """
        self._placed[quant] = self._find(self._problem, quant)

    def _find(self, problem: Problem, quant: str) -> list[Candidate]:
        return find(problem, (quant,))[0]

    def _settle(self) -> None:
        """
        Place what may come first, the likeliest first.
        """
        model = self._problem.estimator.model
        for quant in self._hopes:
            if is_on_disk(model, quant):
                self._place(quant)
        while True:
            waiting = next(self._contenders(ranked(self._problem, self.candidates)[0]), None)
            if waiting is None:
                return
            self._place(waiting)

    def _contenders(self, wanted: list[Candidate]) -> Iterator[str]:
        """
        The quantizations that may still come first, the likeliest first.
        """
        placed = [one for one in wanted if not one.hoped]
        best = max((one.utility for one in placed if one.quality.usable is not False), default=float("-inf"))
        usable = best > float("-inf")
        if not usable:
            best = max((one.utility for one in placed), default=float("-inf"))
        # One that is beaten as it is may be the best in another variant.
        hoped = sorted(
            (one for one in self.candidates if one.hoped),
            key=lambda one: (one.quality.usable is False, -one.utility),
        )
        for one in hoped:
            better = not usable and one.quality.usable is not False
            if better or self._most(one, best) >= best - NEARLY - SLACK:
                yield one.quant

    def _most(self, one: Candidate, best: float) -> float:
        """
        The most that a candidate can be worth, in any variant; those are not tried of one that is too far behind.
        """
        most = most_varied(self._hopeful, one)
        if most < best - NEARLY - SLACK:
            return most
        return max([one.utility, *(other.utility for other in varied(self._hopeful, one))])


def _may_be_hoped(problem: Problem) -> bool:
    """
    Whether more worth is all that counts: no wish for a longer context, a speed or a loss, and the usual balance.
    """
    wishes = problem.wishes
    return (
        wishes.priority == "balanced"
        and not wishes.max_ctx
        and wishes.min_speed is None
        and wishes.min_quality is None
    )
