"""
Hides published results, fits the others, and compares what the fit expects with what was hidden: ``make
capability-check``.

Once a fifth of all results is hidden, five times, so that each is predicted once; once a fifth of all models is, which
leaves what is known of a model without results. Size alone is beside them: the log of the parameters, as a ranking.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from math import log10

import msgspec
import numpy as np

from benchmarks.capability.fit import Observation, Vector, observations, published
from benchmarks.capability.index import REFERENCES, fits
from benchmarks.capability.models import models
from benchmarks.capability.rows import benchmarks, results

FOLDS = 5
SEED = 12
LEAST = 5
"""Within a test fewer hidden results are not ranked."""

APART = 5.0
APART_ELO = 30.0
"""Pairs of models count as ordered where their published values are so far apart: points, or Elo."""


class Hidden(msgspec.Struct, frozen=True):
    """
    A result that was hidden, what was expected of it with one standard deviation (log odds), and the model's size.
    """

    use: str
    one: Observation
    expected: float
    spread: float
    size: float


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """
    How well hidden results of one use were predicted. ``rank`` and ``by_size`` are Spearman's coefficient within a
    test, averaged by its results; ``ordered`` is the part of pairs in the right order, ``points`` and ``elo`` the mean
    error, ``within_1`` and ``within_2`` the part within one and two standard deviations.
    """

    results: int
    rank: float
    by_size: float
    ordered: float
    points: float
    elo: float | None
    within_1: float
    within_2: float


def _places(values: Sequence[float]) -> Vector:
    """The ranks of values, equal ones with their mean."""
    sorted_values = np.sort(values)
    first, last = np.searchsorted(sorted_values, values), np.searchsorted(sorted_values, values, "right")
    return np.asarray((first + last - 1) / 2, dtype=np.float64)


def spearman(expected: Sequence[float], found: Sequence[float]) -> float:
    """
    Return the correlation of the ranks, 0 where one side is all equal.
    """
    left, right = _places(expected), _places(found)
    if left.std() == 0 or right.std() == 0:
        return 0.0
    return float(np.corrcoef(left, right)[0, 1])


def hide(seen: Sequence[Observation], folds: Iterable[int]) -> list[Hidden]:
    """
    Every result beside what a fit of the other folds expects of it; ``folds`` has the fold of each observation.
    """
    of_fold = list(folds)
    found = []
    for fold in range(FOLDS):
        kept = [one for one, its in zip(seen, of_fold, strict=True) if its != fold]
        hidden = [one for one, its in zip(seen, of_fold, strict=True) if its == fold]
        for use in fits(kept):
            for one in hidden:
                expected = use.predicted(one) if use.use in benchmarks()[one.test[0]].uses else None
                if expected is not None:
                    size = log10(models()[one.entity[0]].parameters)
                    found.append(Hidden(use.use, one, *expected, size))
    return found


def by_result(seen: Sequence[Observation]) -> list[int]:
    """
    A fold for each result.
    """
    return [int(fold) for fold in np.random.default_rng(SEED).integers(0, FOLDS, len(seen))]


def by_model(seen: Sequence[Observation]) -> list[int]:
    """
    A fold for each result, the same for all of one model.
    """
    names = sorted({one.entity[0] for one in seen})
    folds = dict(zip(names, np.random.default_rng(SEED).integers(0, FOLDS, len(names)), strict=True))
    return [int(folds[one.entity[0]]) for one in seen]


def quality(of: Sequence[Hidden]) -> Quality:
    """
    Return how well these hidden results of one use were predicted.
    """
    ranks, sizes, weights = [], [], []
    right = pairs = 0
    points: list[float] = []
    elo: list[float] = []
    by_test: dict[tuple[str, str], list[Hidden]] = {}
    for hidden in of:
        by_test.setdefault(hidden.one.test, []).append(hidden)
    for test, found in by_test.items():
        unit = benchmarks()[test[0]].unit
        true = [published(hidden.one.value, unit) for hidden in found]
        expected = [published(hidden.expected, unit) for hidden in found]
        scale = 10 if unit == "0-10" else 1
        errors = [scale * abs(left - right) for left, right in zip(true, expected, strict=True)]
        (elo if unit == "Elo" else points).extend(errors)
        apart = APART_ELO if unit == "Elo" else APART / scale
        for one, other in combinations(range(len(found)), 2):
            if abs(true[one] - true[other]) >= apart:
                pairs += 1
                right += (true[one] > true[other]) == (expected[one] > expected[other])
        if len(found) >= LEAST:
            ranks.append(spearman(expected, true))
            sizes.append(spearman([hidden.size for hidden in found], true))
            weights.append(len(found))
    off = np.array([abs(hidden.one.value - hidden.expected) / hidden.spread for hidden in of])
    return Quality(
        results=len(of),
        rank=float(np.average(ranks, weights=weights)),
        by_size=float(np.average(sizes, weights=weights)),
        ordered=right / pairs,
        points=float(np.mean(points)),
        elo=float(np.mean(elo)) if elo else None,
        within_1=float(np.mean(off <= 1)),
        within_2=float(np.mean(off <= 2)),
    )


def table(title: str, found: Sequence[Hidden]) -> list[str]:
    """
    Return the lines of one table.
    """
    lines = [title, "use        results   rank  by size  ordered   error        within 1 and 2 sd"]
    for use in REFERENCES:
        one = quality([hidden for hidden in found if hidden.use == use])
        error = f"{one.points:.1f}" + (f", {one.elo:.0f} Elo" if one.elo is not None else "")
        lines.append(
            f"{use:10} {one.results:7} {one.rank:6.3f} {one.by_size:8.3f} {one.ordered:7.0%}   {error:12} "
            f"{one.within_1:.2f} {one.within_2:.2f}"
        )
    return lines


def main() -> None:
    """
    Print both tables.
    """
    seen = observations(results())
    for title, folds in (
        (f"{1 / FOLDS:.0%} of the results hidden", by_result(seen)),
        (f"{1 / FOLDS:.0%} of the models hidden: what is known of them unmeasured", by_model(seen)),
    ):
        print("\n".join(table(title, hide(seen, folds))))
        print()


if __name__ == "__main__":
    main()
