"""
The index of capability: one fit for all results, then one for each use, on one scale per use.
"""

from collections.abc import Sequence
from functools import cached_property
from math import hypot

import msgspec
import numpy as np

from benchmarks.capability.fit import (
    Entity,
    Fit,
    Observation,
    Test,
    Vector,
    entities,
    features,
    fit,
)
from benchmarks.capability.models import VECTORS, models
from benchmarks.capability.rows import benchmarks

REFERENCES: dict[str, Test] = {
    "chat": ("Arena text", "LMArena"),
    "coding": ("LiveCodeBench", "Artificial Analysis"),
    "reasoning": ("GPQA Diamond", "Artificial Analysis"),
    "agent": ("tau2-bench Telecom", "Artificial Analysis"),
    "vision": ("Arena vision", "LMArena"),
    "japanese": ("Swallow ja MT-Bench", "Swallow LLM leaderboard v2"),
    "long": ("AA-LCR long context", "Artificial Analysis"),
    "embedding": ("MTEB(eng, v2) mean of tasks", "MTEB"),
}
"""The test of each use that an index is read as: many models have it, by one measurer."""

SCALES: dict[str, tuple[float, float]] = {
    "chat": (7.230414, 0.636567),
    "coding": (-1.264977, 1.572540),
    "reasoning": (-0.316748, 0.996378),
    "agent": (-1.656571, 1.704516),
    "vision": (6.742656, 0.638210),
    "japanese": (0.146967, 0.842824),
    "long": (-3.159935, 1.967551),
    "embedding": (0.446692, 0.261690),
}
"""
The log odds that are expected in the reference test at an index of 50, and what 10 points more add to them.

They never change, so that an index means the same score whatever else the catalog has. They are mean and standard
deviation of the 444 models that it had in November 2026, each in its better mode.
"""

_WIDER = {"agent": 1.3, "long": 1.3}
"""Standard errors of these are too small by so much, by results that were hidden (``check``)."""
_GENERAL_RIDGE = 0.3


class Place(msgspec.Struct, frozen=True):
    """
    Where an entity of the catalog stands, and its standard error, in the unit of the index.
    """

    entity: Entity
    index: float
    error: float


class UseFit(msgspec.Struct, frozen=True, dict=True):
    """
    The fit of one use to what was seen of it: ``errors`` are the standard errors of the abilities of the entities.
    """

    use: str
    of: list[Entity]
    fit: Fit
    errors: Vector
    measured: frozenset[Entity]

    @property
    def reference(self) -> tuple[float, float, float]:
        """Level, slope and error of the reference test."""
        return self.fit.tests[REFERENCES[self.use]]

    @cached_property
    def number(self) -> dict[Entity, int]:
        """Where each entity is in the fit."""
        return {entity: number for number, entity in enumerate(self.of)}

    @cached_property
    def ranked(self) -> list[Entity]:
        """
        The entities that have a place: of the catalog, able to see where that is the use. Models that make vectors
        only if they were measured: what is known of them besides ranks them no better than their size does.
        """
        return [
            entity
            for entity in self.of
            if models()[entity[0]].catalogued
            and (self.use != "vision" or models()[entity[0]].sees)
            and (self.use != "embedding" or entity in self.measured)
        ]

    def places(self) -> list[Place]:
        """
        Return where the entities stand, on the scale of the use.
        """
        level, slope, _ = self.reference
        at_50, per_10 = SCALES[self.use]
        return [
            Place(
                entity,
                50 + 10 * (level + slope * float(self.fit.ability[self.number[entity]]) - at_50) / per_10,
                10 * slope * float(self.errors[self.number[entity]]) / per_10,
            )
            for entity in self.ranked
        ]

    def predicted(self, one: Observation) -> tuple[float, float] | None:
        """
        The expected result of an entity in a test, in log odds, and the standard deviation of results around it;
        None where the fit does not know the entity or the test.
        """
        if one.test not in self.fit.tests or one.entity not in self.number:
            return None
        number = self.number[one.entity]
        level, slope, error = self.fit.tests[one.test]
        expected = level + slope * float(self.fit.ability[number])
        return expected, hypot(error, slope * float(self.errors[number]))


def _about(use: str, test: Test) -> bool:
    return use in benchmarks()[test[0]].uses


def _of_use(use: str, of: list[Entity], found: Fit, seen: Sequence[Observation]) -> UseFit:
    errors = np.sqrt(found.variance) * _WIDER.get(use, 1.0)
    return UseFit(use, of, found, errors, frozenset(one.entity for one in seen))


def fits(seen: Sequence[Observation], uses: Sequence[str] = tuple(REFERENCES)) -> list[UseFit]:
    """
    Return the fit of each use by these results.
    """
    vectors = [entity for entity in entities() if models()[entity[0]].modality == VECTORS]
    text = [entity for entity in entities() if models()[entity[0]].modality != VECTORS]
    of_text, of_vectors = set(text), set(vectors)
    design, ridge = features(text)
    told = [
        one
        for one in seen
        if one.entity in of_text and not any(_about(use, one.test) for use in ("vision", "embedding"))
    ]
    general = fit(text, told, design, ridge)
    wide = np.hstack([general.ability[:, None], design])
    held = np.concatenate([[_GENERAL_RIDGE], ridge])
    found = []
    for use in uses:
        if use == "embedding":
            about = [one for one in seen if _about(use, one.test) and one.entity in of_vectors]
            found.append(_of_use(use, vectors, fit(vectors, about, *features(vectors)), about))
        else:
            about = [one for one in seen if _about(use, one.test) and one.entity in of_text]
            found.append(_of_use(use, text, fit(text, about, wide, held, general.variance), about))
    return found
