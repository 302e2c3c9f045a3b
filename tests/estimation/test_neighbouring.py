"""
The layers that are built to see where nodes go: as few as have all neighbours that layers of the model have.
"""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.estimation.compute.layers import neighbouring

GROUPS = st.lists(
    st.tuples(st.lists(st.sampled_from("abc"), min_size=1, max_size=5), st.integers(1, 12)),
    min_size=1,
    max_size=4,
)
"""Groups of layers, and how often each comes in a row."""


def neighbours(kinds: Sequence[str]) -> set[tuple[str | None, ...]]:
    """
    Every layer with the three that follow it, as many as there are before the first and behind the last.
    """
    line = (None, None, *kinds, None, None)
    return set(zip(line, line[1:], line[2:], line[3:], strict=False))


@given(groups=GROUPS)
def test_what_is_built_has_the_neighbours_of_all(groups: list[tuple[list[str], int]]) -> None:
    """
    However groups follow each other, none is missing and none is new; what is built is in order.
    """
    kinds = [kind for group, times in groups for _ in range(times) for kind in group]
    built = neighbouring(kinds)

    assert neighbours([kinds[layer] for layer in built]) == neighbours(kinds)
    assert sorted(set(built)) == list(built)


@pytest.mark.parametrize(
    ("kinds", "count"),
    [("a" * 40, 4), ("ab" * 20, 6), ("aaab" * 10, 8), ("aaab" * 5 + "ccd" + "d" * 20, 14), ("abcd", 4)],
)
def test_no_more_than_that_is_built(kinds: str, count: int) -> None:
    """
    Four layers in a row have all neighbours of equal ones; of a group with three layers or more two stand for all.
    """
    assert len(neighbouring(kinds)) == count
