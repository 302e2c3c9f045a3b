"""
How fast the cores of processors multiply, by their names.
"""

import re

import pytest

from llmprobe.data import table
from llmprobe.site.ram import core_rate


@pytest.mark.parametrize(
    ("name", "rate"),
    [
        ("Intel(R) Core(TM) i5-9500 CPU @ 3.00GHz", 1.0),
        ("Intel(R) Core(TM) i7-7820HQ CPU @ 2.90GHz", 1.0),
        ("Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", 0.58),
        ("Intel(R) Core(TM) i5-10210U CPU @ 1.60GHz", 0.58),
        ("Intel(R) Core(TM) i5-4278U CPU @ 2.60GHz", 0.62),
        ("11th Gen Intel(R) Core(TM) i5-1135G7 @ 2.40GHz", 1.1),
        ("Intel(R) N100", 0.3),
        ("Intel(R) Processor N150", 0.3),
        ("13th Gen Intel(R) Core(TM) i3-1315U", 1.0),
        ("AMD Ryzen 9 7950X 16-Core Processor", 1.45),
        ("AMD Ryzen 7 9800X3D 8-Core Processor", 1.45),
        ("AMD Ryzen 7 5800X 8-Core Processor", 1.0),
        ("AMD Ryzen 7 8840U w/ Radeon 780M Graphics", 1.1),
        ("AMD Ryzen AI 9 HX 370 w/ Radeon 890M", 1.1),
        ("AMD RYZEN AI MAX+ 395 w/ Radeon 8060S", 1.3),
        ("AMD Ryzen Threadripper 3970X 32-Core Processor", 0.75),
        ("AMD EPYC 7302P 16-Core Processor", 0.7),
        ("AMD EPYC 9454P 48-Core Processor", 1.0),
        ("Cortex-A76", 0.5),
        ("Cortex-A72", 0.1),
        ("Apple M2 Max", 1.0),
        ("Some processor", 1.0),
        (None, 1.0),
    ],
)
def test_cores_are_told_apart_by_name(name: str | None, rate: float) -> None:
    """
    By clock within the rated power and by vectors: 23 names as systems write them.
    """
    assert core_rate(name) == rate


def test_every_row_can_be_reached_and_says_why() -> None:
    """
    Its word is part of its pattern or of what that matches, and its rate is that of a core.
    """
    for row in table("core_rates")["rows"]:
        re.compile(row["match"])
        assert 0.05 <= row["rate"] <= 2.0
        assert row["why"]
