"""
Places models on one scale by results of tests that are of different difficulty, as tests place pupils.

A *test* is a benchmark by one measurer, an *entity* a model in one mode. What is measured, as log odds, is
``level + slope * ability`` of the entity, with an error of the test's own. Abilities have a prior: a regression on what
is known of a model without measuring it (maker, family, size, month, mode), so that one result moves a model a little
and ten move it far. All unknowns are found together by expectation and maximisation.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import log10

import msgspec
import numpy as np
from numpy.typing import NDArray

from benchmarks.capability.models import Model, models
from benchmarks.capability.rows import Mode, Result

Vector = NDArray[np.float64]
Entity = tuple[str, Mode]
Test = tuple[str, str]

ELO = 400 / np.log(10)
"""Elo points of one unit of log odds."""
SLOPE_SPREAD = 0.35
ERROR = 0.35
ERROR_COUNTS = 3.0
"""Before it is seen a test has a slope of 1 within this spread, and this error as if of so many results."""
LEAST_SCATTER = 0.3
LEAST_ENTITIES = 4
ROUNDS = 80
ALIKE = 0.8
"""How alike the two modes of a model lie beside what the prior says of each."""
_NAME_RIDGE = 2.0
_RIDGE = 0.3


class Observation(msgspec.Struct, frozen=True):
    """
    One result, or several of one test and entity as their mean: ``value`` in log odds. ``weight`` is 1 over the root of
    how many results this measurer has of the entity.
    """

    entity: Entity
    test: Test
    value: float
    weight: float


class Fit(msgspec.Struct, frozen=True):
    """
    Abilities and tests. ``ability`` and ``variance`` have one value per entity, those without results by the prior.

    ``tests`` has level, slope and error of each test, ``scatter`` how far abilities lie from what the prior says.
    """

    ability: Vector
    variance: Vector
    tests: dict[Test, tuple[float, float, float]]
    scatter: float


def log_odds(value: float, unit: str) -> float:
    """
    A published value on the scale of the fit; shares are held within 0.7 and 99.3 %.
    """
    if unit == "Elo":
        return float(value / ELO)
    share = min(max(value / (10 if unit == "0-10" else 100), 0.007), 0.993)
    return float(np.log(share / (1 - share)))


def published(ability: float, unit: str) -> float:
    """
    The inverse: log odds as they would be published.
    """
    if unit == "Elo":
        return float(ability * ELO)
    return float((10 if unit == "0-10" else 100) / (1 + np.exp(-ability)))


def entities() -> list[Entity]:
    """
    Return every model in each of its modes.
    """
    return [(model.id, mode) for model in models().values() for mode in model.modes]


def counts(row: Result) -> bool:
    """
    Whether a result is in the fit: its benchmark counts, its model can be run in that mode, and no harness is known to
    have cut off its thinking, as the second Open LLM Leaderboard does with models that think.
    """
    model = models()[row.model]
    thinks = "thinking" in model.modes or model.id.startswith("qwen3")
    cut_off = thinks and row.origin.measured_by == "Open LLM Leaderboard v2"
    return row.benchmark.counts and row.mode in model.modes and not cut_off


def observations(rows: Iterable[Result]) -> list[Observation]:
    """
    The observations that the fit is made of: results of one entity and test as their mean, in log odds.
    """
    values: dict[tuple[Entity, Test], list[float]] = {}
    for row in rows:
        if counts(row):
            key = (row.model, row.mode), row.test
            values.setdefault(key, []).append(log_odds(row.value, row.benchmark.unit))
    of_measurer = Counter((entity, measurer) for entity, (_, measurer) in values)
    return [
        Observation(entity, test, float(np.mean(found)), of_measurer[entity, test[1]] ** -0.5)
        for (entity, test), found in values.items()
    ]


def features(of: Sequence[Entity]) -> tuple[Vector, Vector]:
    """
    The design matrix (a row for each entity, from facts alone), and the ridge that holds each column's weight.
    """
    known = [models()[model] for model, _ in of]
    makers = sorted({model.maker for model in known})
    series = sorted({model.family for model in known})

    def row(model: Model, mode: Mode) -> list[float]:
        size, active = log10(model.parameters / 1e10), log10(model.active_parameters / 1e10)
        common = [1.0, size, active, size * size, model.month, model.month**2 / 3, size * model.month]
        flags = [mode == "thinking", model.codes, model.counts, model.sees, model.kind == "base"]
        flags += [model.kind == "special", mode == "thinking" and model.month > 1]
        named = [model.maker == name for name in makers] + [model.family == name for name in series]
        return [*common, *(float(flag) for flag in flags + named)]

    matrix = np.array([row(model, mode) for model, (_, mode) in zip(known, of, strict=True)])
    ridge = np.full(matrix.shape[1], _RIDGE)
    ridge[0] = 1e-6
    ridge[-len(makers) - len(series) :] = _NAME_RIDGE
    return matrix, ridge


def fit(
    of: Sequence[Entity],
    seen: Sequence[Observation],
    design: Vector,
    ridge: Vector,
    known: Vector | None = None,
) -> Fit:
    """
    Return the abilities of the entities by what was seen of them.

    ``design`` is what the prior is a regression on, ``ridge`` what holds each of its weights. ``known`` is the variance
    of the design's first column, an ability that was itself fitted, where it has one.
    """
    place = {entity: number for number, entity in enumerate(of)}
    entities_of: dict[Test, set[Entity]] = {}
    for one in seen:
        entities_of.setdefault(one.test, set()).add(one.entity)
    tests = sorted(test for test, found in entities_of.items() if len(found) >= LEAST_ENTITIES)
    number = {test: n for n, test in enumerate(tests)}
    kept = [one for one in seen if one.test in number]
    who = np.array([place[one.entity] for one in kept])
    what = np.array([number[one.test] for one in kept])
    value = np.array([one.value for one in kept])
    weight = np.array([one.weight for one in kept])

    def per_entity(numbers: Vector) -> Vector:
        return np.bincount(who, weights=numbers, minlength=len(of)).astype(np.float64)

    def per_test(numbers: Vector) -> Vector:
        return np.bincount(what, weights=numbers, minlength=len(tests)).astype(np.float64)

    measured = np.unique(who)
    slope, error = np.ones(len(tests)), np.full(len(tests), ERROR**2)
    level = per_test(weight * value) / per_test(weight)
    weights, scatter = np.zeros(design.shape[1]), 1.0
    inverse = np.linalg.inv(design[measured].T @ design[measured] + np.diag(ridge))
    doubt = np.zeros(len(of)) if known is None else known
    ability = variance = prior = np.zeros(len(of))
    for _ in range(ROUNDS):
        prior = scatter + weights[0] ** 2 * doubt
        middle = design @ weights
        precision = 1 / prior + per_entity(weight * (slope**2 / error)[what])
        pull = per_entity(weight * (slope / error)[what] * (value - level[what]))
        ability, variance = (middle / prior + pull) / precision, 1 / precision

        at, unsure = ability[who], variance[who]
        count, first, second = per_test(weight), per_test(weight * at), per_test(weight * (at**2 + unsure))
        held = error / SLOPE_SPREAD**2
        both = per_test(weight * value * at) + held
        sums = per_test(weight * value)
        determinant = count * (second + held) - first**2
        level = (sums * (second + held) - first * both) / determinant
        slope = (count * both - first * sums) / determinant
        left = (value - level[what] - slope[what] * at) ** 2 + slope[what] ** 2 * unsure
        error = (ERROR_COUNTS * ERROR**2 + per_test(weight * left)) / (ERROR_COUNTS + count)

        weights = inverse @ (design[measured].T @ ability[measured])
        off = (
            (ability - design @ weights)[measured] ** 2
            + variance[measured]
            - weights[0] ** 2 * doubt[measured]
        )
        scatter = max(float(np.mean(off)), LEAST_SCATTER**2)
    middle = design @ weights
    spread = np.sum((design @ inverse) * design, axis=1) * scatter
    for lone in set(range(len(of))).difference(measured.tolist()):
        model, mode = of[lone]
        other = place.get((model, "thinking" if mode == "no thinking" else "no thinking"))
        variance[lone] = prior[lone] + spread[lone]
        if other in measured:
            ability[lone] = middle[lone] + ALIKE * (ability[other] - middle[other])
            variance[lone] += ALIKE**2 * (variance[other] - prior[lone])
    found = zip(tests, level, slope, np.sqrt(error), strict=True)
    return Fit(
        ability, variance, {test: (float(a), float(b), float(s)) for test, a, b, s in found}, scatter**0.5
    )
