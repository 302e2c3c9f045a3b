"""
What is said of the loss of models of whose family no file was measured.
"""

import msgspec
import pytest

from benchmarks.accuracy_quality import KINDS, all_errors
from benchmarks.fit_quality import DATA, rows
from llmprobe.advise.choose.loss import Model, spread_of
from llmprobe.advise.choose.quality import quality
from llmprobe.data import table
from llmprobe.words.render import english

SIZE = 8_030_261_248


@pytest.mark.parametrize(
    ("model", "low", "high"),
    [
        ("llama-3.1-8b-instruct", 0.5, 2.0),
        ("qwen3.6-27b", 0.5, 2.0),
        ("gemma-4-31b-it", 0.5, 2.0),
        ("phi-4", 0.4, 8.0),
        ("granite-4.1-8b", 0.4, 8.0),
        ("gemma-5-12b", 0.4, 8.0),
    ],
)
def test_a_family_that_was_not_measured_has_a_wide_range(model: str, low: float, high: float) -> None:
    """
    Half to twice of what was measured in its family, else up to eight times, and the reason says so.
    """
    found = quality("Q4_K_M", Model(parameters=SIZE, id=model))
    assert found.value is not None
    assert found.low == pytest.approx(low * found.value, abs=1e-4)
    assert found.high == pytest.approx(high * found.value, abs=1e-4)
    assert ("no file of this one was measured" in english(found.basis)) is (high > 2)


def test_the_wide_range_holds_what_no_fit_to_the_family_saw() -> None:
    """
    With everything of its family left out: nine of ten figures of files, and five of six of all.
    """
    data = msgspec.json.decode(DATA.read_bytes())
    wide = spread_of(table("quality"), "a model of nobody")
    blind = all_errors(data, rows(), blind=True)
    held = {
        kind: [wide["low"] <= 1 / ratio <= wide["high"] for row, ratio in blind if row.kind == kind]
        for kind in KINDS
    }
    every = [one for found in held.values() for one in found]

    assert sum(held["file"]) >= 0.9 * len(held["file"])
    assert sum(every) >= 0.85 * len(every)
