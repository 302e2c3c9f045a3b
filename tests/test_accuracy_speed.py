"""
The table of speeds in ``make accuracy``: what is scored, what a range holds, and that what was written is so.
"""

import msgspec
import pytest

from benchmarks import accuracy_speed
from benchmarks.accuracy_claims import of_speeds_held
from benchmarks.accuracy_table import Accuracy, OfSpeed, in_markdown
from benchmarks.truth.models import TRUTH
from llmprobe.estimation.speed.parts import FEWEST_ROWS

WRITTEN = msgspec.json.decode((TRUTH / "accuracy.json").read_bytes(), type=Accuracy)


@pytest.fixture
def speeds() -> tuple[OfSpeed, ...]:
    """
    What is written, which one test computes again: that takes longer than all others of this file.
    """
    return WRITTEN.speeds


def test_the_written_speeds_are_those_of_the_model() -> None:
    """
    The file of figures says what predicting every source without it gives, but for a platform's last digits.
    """
    speeds = accuracy_speed.measure()

    assert [row.name for row in WRITTEN.speeds] == [row.name for row in speeds]
    for written, found in zip(WRITTEN.speeds, speeds, strict=True):
        assert (written.rows, written.sources) == (found.rows, found.sources)
        assert written.median == pytest.approx(found.median, abs=0.01)
        assert written.in_range == (found.in_range and pytest.approx(found.in_range, abs=0.02))


def test_what_is_claimed_of_speeds_holds(speeds: tuple[OfSpeed, ...]) -> None:
    """
    Nearer than the plain rule, near at the median in each large class, and ranges that hold.
    """
    assert [quantity.name for quantity in of_speeds_held(speeds) if not quantity.held] == []


def test_a_range_that_holds_everything_is_no_claim(speeds: tuple[OfSpeed, ...]) -> None:
    """
    A range so wide that all rows are in it misses its bound as one does that holds too few.
    """
    every = next(row for row in speeds if row.name == accuracy_speed.EVERY)
    for held in (0.7, 1.0):
        changed = tuple(
            msgspec.structs.replace(row, in_range=held) if row is every else row for row in speeds
        )
        assert [quantity.name for quantity in of_speeds_held(changed) if not quantity.held] == [
            "ranges of speed"
        ]


def test_ranges_of_large_classes_hold(speeds: tuple[OfSpeed, ...]) -> None:
    """
    Of every class with rows enough the range holds 80% to 95%, or all of them but one.
    """
    large = [row for row in speeds if row.rows >= accuracy_speed.ENOUGH_ROWS]
    held = {row.name: (row.in_range, 1 - 1 / row.rows) for row in large if row.in_range is not None}

    assert [name for name, (part, _) in held.items() if part < 0.8] == []
    assert [name for name, (part, most) in held.items() if part > max(0.95, most) + 0.001] == []


def test_every_class_has_rows_enough(speeds: tuple[OfSpeed, ...]) -> None:
    """
    No class stands on so few rows that no claim could be made of it.
    """
    assert [row.name for row in speeds if row.rows < FEWEST_ROWS] == []


def test_the_readme_shows_the_speeds() -> None:
    """
    The tables of the README have a row for every class.
    """
    shown = in_markdown(WRITTEN)

    assert all(f"| {row.name} | {row.rows} |" in shown for row in WRITTEN.speeds)
