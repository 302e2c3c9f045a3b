"""
The first choice without placing what cannot be it.

Placing takes graphs, and most quantizations are far from the first. So each is first laid out as if graphs took no
memory, which is no worse than it can be. Those that may come first are placed, and so are those that are named beside
the first; the others stand as they were hoped to be.
"""

from collections.abc import Iterable, Iterator

from llmprobe.advise.choose.balance import NEARLY
from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import dominates, ranked
from llmprobe.advise.choose.shown import WORTH_SHOWING, is_on_disk
from llmprobe.advise.choose.variants import varied
from llmprobe.advise.choose.weighing import Candidate

SLACK = 0.1
"""
Points by which a placement may be worth more than it was hoped to be: layouts are found by the time of a token, and
are worth something for the time of an answer, too.
"""

MOST_VARIED = 1.5
"""Points that another micro-batch, or the cache in RAM, was never seen to bring."""


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

    def place(self, quants: Iterable[str]) -> None:
        """
        Place what was only hoped for.
        """
        for quant in quants:
            self._placed[quant] = self._find(self._problem, quant)

    def named(self, first: Candidate, order: list[Candidate]) -> list[str]:
        """
        The quantizations that must be placed before what is said of the ``first`` of these holds: its neighbours, and
        what would put one of them out.
        """
        beside = list(neighbours(first, order))
        over = (one for one in order if one.hoped and any(dominates(one, other) for other in beside))
        return list(dict.fromkeys(one.quant for one in (*beside, *over) if one.hoped))

    def _find(self, problem: Problem, quant: str) -> list[Candidate]:
        return find(problem, (quant,))[0]

    def _settle(self) -> None:
        """
        Place what may come first, and what stands beside that.
        """
        model = self._problem.estimator.model
        self.place(quant for quant in self._hopes if is_on_disk(model, quant))
        while True:
            wanted = ranked(self._problem, self.candidates)[0]
            if not wanted:
                return
            waiting = list(self._contenders(wanted)) or self.named(wanted[0], wanted)
            if not waiting:
                return
            self.place(waiting[:1])

    def _contenders(self, wanted: list[Candidate]) -> Iterator[str]:
        """
        The quantizations that may still come first, the likeliest first.
        """
        placed = [one for one in wanted if not one.hoped]
        best = max((one.utility for one in placed if one.quality.usable is not False), default=float("-inf"))
        usable = best > float("-inf")
        if not usable:
            best = max((one.utility for one in placed), default=float("-inf"))
        hoped = sorted(
            (one for one in wanted if one.hoped),
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
        if one.utility < best - MOST_VARIED:
            return one.utility
        return max([one.utility, *(other.utility for other in varied(self._hopeful, one))])


def neighbours(first: Candidate, order: list[Candidate]) -> Iterator[Candidate]:
    """
    Of candidates the nearest that loses less than the first, and the nearest that loses more and is faster.
    """
    finer = [one for one in order if one.divergence < first.divergence]
    if finer:
        yield max(finer, key=lambda one: one.divergence)
    enough = first.ranking_speed * WORTH_SHOWING
    coarser = [one for one in order if one.divergence > first.divergence and one.ranking_speed > enough]
    if coarser:
        yield min(coarser, key=lambda one: one.divergence)


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
