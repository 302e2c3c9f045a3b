"""
Of how many layers a device leaves the experts to the host, once exact buffers said that it lacks room.
"""

from types import SimpleNamespace
from typing import Any

import pytest

from llmprobe.advise.search.case import Misfit
from llmprobe.advise.search.layouts import Layout
from llmprobe.advise.search.place import _more_left
from llmprobe.site.site import Shortfall


def layout(left: tuple[int, int]) -> Layout:
    """
    Nine of eleven layers on two devices, the output among them: layers 2 to 5 on the first, 6 to 9 on the second.
    """
    return Layout((4, 5), left, (), seconds=1.0, excess=0, fullest=0.5, on_devices=9, plain=True)


def case(*, is_moe: bool = True) -> Any:
    """
    A model of ten layers and the output, on two devices.
    """
    return SimpleNamespace(
        estimator=SimpleNamespace(n_layer=10, total_layers=11, is_moe=is_moe),
        devices=(SimpleNamespace(id="gpu0"), SimpleNamespace(id="gpu1")),
    )


@pytest.mark.parametrize(
    ("left", "short", "known", "needed"),
    [
        ((1, 0), ("gpu1",), None, (0, 1)),
        ((1, 0), ("gpu1",), (2, 0), (2, 1)),
        ((1, 0), ("gpu0",), None, (2, 0)),
        ((1, 2), ("gpu0", "gpu1", "host"), None, (2, 3)),
        ((3, 0), ("gpu0",), None, (4, 0)),
        ((4, 0), ("gpu0",), None, None),
        ((0, 3), ("gpu1",), None, (0, 4)),
        ((0, 4), ("gpu1",), None, None),
        ((0, 4), ("gpu0",), None, (1, 0)),
    ],
)
def test_a_device_that_lacks_room_leaves_one_layer_more(
    left: tuple[int, int],
    short: tuple[str, ...],
    known: tuple[int, ...] | None,
    needed: tuple[int, ...] | None,
) -> None:
    """
    One more than it left, beside what is known of the other; none where each of its layers leaves its experts already,
    the output having none.
    """
    misfit = Misfit(shortfalls=tuple(Shortfall(where, 1) for where in short))

    assert _more_left(case(), layout(left), misfit, known) == needed


def test_what_has_no_experts_leaves_none() -> None:
    """
    Nothing makes that layout of a dense model fit.
    """
    misfit = Misfit(shortfalls=(Shortfall("gpu0", 1),))

    assert _more_left(case(is_moe=False), layout((0, 0)), misfit, None) is None
