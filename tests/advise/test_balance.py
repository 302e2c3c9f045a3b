"""
The balance between quality and speed, by its published constants.
"""

import pytest

from llmprobe.advise.choose.balance import utility


def points(
    speed: float = 10.0,
    prompts: float = 500.0,
    loss: float | None = 0.0,
    quant: str = "Q8_0",
    priority: str = "balanced",
    *,
    kv_offload: bool = True,
) -> float:
    return utility(speed, prompts, loss, quant, priority, kv_offload=kv_offload)


@pytest.mark.parametrize(
    ("better", "worse", "expected"),
    [
        (points(10.0), points(5.0), 1.0),
        (points(60.0), points(15.0), 0.03),
        (points(60.0, priority="speed"), points(15.0, priority="speed"), 1.2),
        (points(prompts=500.0), points(prompts=125.0), 0.3),
        (points(prompts=4000.0), points(prompts=500.0), 0.0),
        (points(loss=0.0), points(loss=0.05), 0.6),
        (points(loss=0.0), points(loss=0.1), 2.4),
        (points(loss=0.0, priority="quality"), points(loss=0.05, priority="quality"), 8.0),
        (points(loss=0.0, priority="speed"), points(loss=0.05, priority="speed"), 0.02),
        (points(loss=0.6), points(loss=None), 0.0),
        (points(quant="Q4_K_M"), points(quant="IQ4_XS"), 0.1),
        (points(), points(kv_offload=False), 0.2),
    ],
)
def test_points_are_doublings_of_speed(better: float, worse: float, expected: float) -> None:
    """
    A doubling below the comfortable speed is one point; prompts, loss, code books and a cache in RAM have their price.
    """
    assert better - worse == pytest.approx(expected)


def test_no_speed_is_bounded() -> None:
    """
    A speed of 0 is the worst and still a number.
    """
    assert points(0.0) == points(0.0005) < points(0.002)
    assert points(prompts=0.5) == points(prompts=1.0)


def test_a_code_book_costs_under_any_name() -> None:
    """
    UD-IQ4_XS is made of IQ4_XS, whose lookups are slow on a CPU.
    """
    assert points(quant="UD-IQ4_XS") == points(quant="IQ4_XS") < points(quant="UD-Q4_K_XL")
