"""
The quantizations beside a choice: what it would cost to lose less, and what it would gain to lose more.

They depend on the choice alone, not on what else was searched or is shown.
"""

from collections.abc import Callable, Mapping
from math import inf

from llmprobe.advise.choose.candidates import find, quants_for
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.ranking import best_of
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.choose.shown import WORTH_SHOWING
from llmprobe.advise.choose.variants import varied
from llmprobe.advise.choose.weighing import Candidate


def neighbours(
    problem: Problem, first: Candidate, hopeful: Problem | None = None
) -> tuple[Candidate | None, Candidate | None]:
    """
    The nearest quantization that loses less than the first, and the nearest that loses more and is faster, each in the
    best way to run it; None where none fits. What a ``hopeful`` problem of the same says is too slow is not placed.
    """
    losses = {quant: _loss(problem, quant) for quant in quants_for(problem.estimator, problem.wishes)}
    own = losses.setdefault(first.quant, _loss(problem, first.quant))

    def run(quant: str) -> Candidate | None:
        if hopeful is not None and losses[quant] > own and _fastest(hopeful, quant) <= _enough(first):
            return None
        return best_of(problem, find(problem, (quant,))[0])

    return nearest(first, losses, run)


def nearest(
    first: Candidate, losses: Mapping[str, float], run: Callable[[str], Candidate | None]
) -> tuple[Candidate | None, Candidate | None]:
    """
    By the ``losses`` of weights the nearest that loses less than the first and fits, and the nearest that loses more
    and is faster; ``run`` is the best way to run one, None where it does not fit.
    """
    own = losses[first.quant]
    finer = sorted((quant for quant, loss in losses.items() if loss < own), key=lambda one: -losses[one])
    coarser = sorted((quant for quant, loss in losses.items() if loss > own), key=losses.__getitem__)
    less = next((one for quant in finer if (one := run(quant)) is not None), None)
    faster = (one for quant in coarser if (one := run(quant)) is not None)
    return less, next((one for one in faster if one.ranking_speed > _enough(first)), None)


def _enough(first: Candidate) -> float:
    """
    The tokens/s above which another loss is worth showing.
    """
    return first.ranking_speed * WORTH_SHOWING


def _loss(problem: Problem, quant: str) -> float:
    """
    What the weights alone lose; what nobody measured counts as the worst.
    """
    value = rated(problem.estimator, quant, problem.site.abilities).value
    return inf if value is None else value


def _fastest(hopeful: Problem, quant: str) -> float:
    """
    The most tokens/s of a quantization in any variant, in the hope that graphs take no memory.
    """
    found = find(hopeful, (quant,))[0]
    every = (other for one in found for other in (one, *varied(hopeful, one)))
    return max((one.ranking_speed for one in every), default=0.0)
