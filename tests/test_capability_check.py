"""
How well the index of capability predicts results that it has not seen.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks.capability import check
from benchmarks.capability.check import Hidden
from benchmarks.capability.fit import Observation, log_odds, observations
from benchmarks.capability.index import REFERENCES
from benchmarks.capability.rows import results
from llmprobe.model import capability

PAGE = Path(__file__).parents[1] / "docs" / "capability.md"
GPQA = ("GPQA Diamond", "Artificial Analysis")


def hidden(*pairs: tuple[float, float]) -> list[Hidden]:
    """
    Results of GPQA Diamond of models of growing size: as published, and as expected.
    """
    return [
        Hidden(
            "reasoning",
            Observation((f"model {size}", "thinking"), GPQA, log_odds(true, "%"), 1.0),
            log_odds(expected, "%"),
            0.5,
            float(size),
        )
        for size, (true, expected) in enumerate(pairs)
    ]


def test_quality_by_hand() -> None:
    """
    Five models, two of them expected in the wrong order: ranks 1 3 2 4 5 have Spearman's 1 - 6 x 2 / (5 x 24) = 0.9.

    Neighbours are 10 points apart, so that 9 of 10 pairs are right. The errors are 0, 10, 10, 0 and 0.
    """
    found = check.quality(hidden((30, 30), (40, 50), (50, 40), (60, 60), (70, 70)))

    assert found.rank == pytest.approx(0.9)
    assert found.by_size == pytest.approx(1.0)
    assert found.ordered == pytest.approx(0.9)
    assert found.points == pytest.approx(4.0)
    assert found.elo is None


def test_pairs_that_are_close_do_not_count() -> None:
    """
    Two results within 5 points are in either order; of the ten pairs here only those with the last one count.
    """
    found = check.quality(hidden((50, 54), (51, 53), (52, 52), (53, 51), (70, 40)))

    assert found.ordered == 0


def test_how_far_results_lie_from_what_is_expected() -> None:
    """
    With a standard deviation of half a unit, log odds of 0 and 0.4 are within one, 0.9 within two, 2 within none.
    """
    found = check.quality(hidden((30, 30), (50, 59.87), (50, 71.1), (50, 88.1), (50, 88.1)))

    assert found.within_1 == pytest.approx(0.4)
    assert found.within_2 == pytest.approx(0.6)


def test_equal_values_share_their_rank() -> None:
    """
    1 2 2 3 and 1 2 3 4: the shared ranks 1 2.5 2.5 4 correlate by 0.9487 with 1 2 3 4.
    """
    assert check.spearman([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(0.9487, abs=1e-4)
    assert check.spearman([1, 1, 1], [1, 2, 3]) == 0


@pytest.mark.parametrize(("folds_of", "column"), [(check.by_result, 0), (check.by_model, 3)])
def test_the_page_says_how_well_it_predicts(
    folds_of: Callable[[Sequence[Observation]], list[int]], column: int
) -> None:
    """
    Ranks and errors of the page's table are what hiding results gives, and hiding models.
    """
    rows = re.findall(r"^\| (\w+) \| (0\.\d+.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    stated = {use: cells.split(" | ") for use, cells in rows}
    seen = observations(results())

    found = check.hide(seen, folds_of(seen))

    assert stated.keys() == set(REFERENCES) == set(capability.USES)
    for use, cells in stated.items():
        measured = check.quality([one for one in found if one.use == use])
        assert measured.rank == pytest.approx(float(cells[column]), abs=0.02), use
        assert measured.points == pytest.approx(float(cells[column + 1].split(",")[0]), abs=0.3), use
        if column == 0:
            assert measured.within_2 == pytest.approx(float(cells[2]), abs=0.02), use
            assert measured.by_size == pytest.approx(float(cells[5]), abs=0.01), use


def test_a_hidden_model_is_predicted_without_its_results() -> None:
    """
    Hidden by model, all results of one are hidden at once; each result is predicted once at most.
    """
    seen = observations(results())
    fold_of: dict[str, set[int]] = {}
    for one, fold in zip(seen, check.by_model(seen), strict=True):
        fold_of.setdefault(one.entity[0], set()).add(fold)

    assert {len(folds) for folds in fold_of.values()} == {1}
    assert set().union(*fold_of.values()) == set(range(check.FOLDS))
