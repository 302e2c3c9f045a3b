"""
Which models a newer one makes outdated, and which stand together.
"""

from dataclasses import dataclass
from typing import Any, cast

import msgspec
import pytest

from llmprobe.advise.fit.bound import Most, Weights
from llmprobe.advise.fit.contender import POINTS_PER_DOUBLING, Contender, current, points
from llmprobe.advise.fit.search import Placing, grouped
from llmprobe.facts.fit import Capability, ModelInFit


def ability(low: float, mode: Any = "no thinking") -> Capability:
    return Capability(
        mode=mode,
        index=low + 2,
        se=1.0,
        low=low,
        reads_as=50.0,
        reads_low=48.0,
        reads_high=52.0,
        test="a test",
        measured_by="somebody",
        unit="%",
        basis="measured",
    )


def contender(
    name: str,
    *,
    low: float = 50,
    released: str | None = "2025-06",
    parameters: int = 8,
    active: int | None = None,
    context: int | None = 32768,
    fine_tune: bool = False,
    architecture: str = "llama",
) -> Contender:
    return Contender(
        model=ModelInFit(
            id=name,
            name=name,
            family="family",
            parameters=parameters,
            active_parameters=active,
            released=released,
            license=None,
        ),
        weights=Weights(
            id=name,
            architecture=architecture,
            parameters=parameters * 10**9,
            active=(active or parameters) * 10**9,
            uses=1.0,
        ),
        capabilities=(ability(low),),
        bounds=(Most("Q8_0", 4.0, 1),),
        max_context=context,
        is_fine_tune=fine_tune,
    )


OLD = contender("old", low=50, released="2025-01", active=4)


@pytest.mark.parametrize(
    ("changes", "outdated"),
    [
        ({}, True),
        ({"released": "2025-01"}, False),
        ({"released": "2024-12"}, False),
        ({"released": None}, False),
        ({"parameters": 9}, False),
        ({"active": 5}, False),
        ({"low": 50}, False),
        ({"context": 16384}, False),
        ({"context": None}, False),
        ({"fine_tune": True}, False),
    ],
)
def test_outdated_is_what_a_newer_one_beats_in_everything(changes: dict[str, Any], outdated: bool) -> None:
    """
    A newer model that is larger, reads more for a token, has a shorter context, is no better, or is a fine-tune where
    the old one is none, makes nothing outdated.
    """
    given: dict[str, Any] = {"low": 51.0, "released": "2025-02", "active": 4}
    newer = contender("new", **(given | changes))
    kept, count = current([OLD, newer])

    assert count == outdated
    assert [one.model.id for one in kept] == (["new"] if outdated else ["old", "new"])


def test_what_nobody_dated_is_not_outdated() -> None:
    """
    An unknown month is not an old one.
    """
    undated = msgspec.structs.replace(OLD, model=msgspec.structs.replace(OLD.model, released=None))

    assert current([undated, contender("new", low=60, active=4)])[1] == 0


def test_points_are_the_ability_and_the_utility() -> None:
    """
    A doubling of speed below the comfortable one is one point of utility, of which each has so many points.
    """
    assert points(ability(50), 1.5) - points(ability(50), 0.5) == POINTS_PER_DOUBLING
    assert points(ability(53), 1.5) - points(ability(50), 1.5) == 3


def test_the_bound_is_that_of_the_better_mode() -> None:
    """
    A model that can think is bounded by the mode in which it is better; one without results or room by nothing.
    """
    thinks = msgspec.structs.replace(OLD, capabilities=(ability(40), ability(60, "thinking")))

    assert thinks.most == points(ability(60), 4.0)
    assert msgspec.structs.replace(OLD, bounds=()).most == float("-inf")
    assert msgspec.structs.replace(OLD, capabilities=()).most == float("-inf")


@dataclass
class _Candidate:
    utility: float = 0.0


def placed(one: Contender, at: float) -> Placing:
    return Placing(
        contender=one,
        problem=cast("Any", None),
        capability=one.capabilities[0],
        candidate=cast("Any", _Candidate()),
        points=at,
    )


def test_variants_stand_together_below_the_best_of_them() -> None:
    """
    Of one architecture and size, within a hundredth, is one group; another architecture or size is another.
    """
    found = [
        placed(contender("other", architecture="qwen3"), 55),
        placed(contender("worse"), 50),
        placed(contender("best"), 60),
        placed(contender("larger", parameters=9), 58),
    ]
    groups = [[one.contender.model.id for one in group.placings] for group in grouped(found)]

    assert groups == [["best", "worse"], ["larger"], ["other"]]


def test_a_fine_tune_stands_below_its_base() -> None:
    """
    Also where it has more points; the place is that of the group.
    """
    found = [placed(contender("tuned", fine_tune=True), 60), placed(contender("base"), 50)]
    (group,) = grouped(found)

    assert [one.contender.model.id for one in group.placings] == ["base", "tuned"]
