"""
The page of ``cost``: every way with its figures at any width, and the sentences that turn the answer.
"""

from datetime import date
from functools import cache
from typing import Any

import pytest

import llmprobe
from llmprobe.facts.cost import Cost
from llmprobe.output.text import cost
from llmprobe.output.text.figures import duration
from tests.catalog_models import loaded
from tests.output.pages import page_of

A_DAY = date(2026, 11, 30)


@cache
def answer(gpu: str = "2x RTX 3090", **wishes: Any) -> Cost:
    snapshot = llmprobe.probe(gpus=gpu, ram="64GiB DDR5")
    return llmprobe.cost(loaded("llama3-70b"), snapshot, on=A_DAY, **wishes)


def text_of(monkeypatch: pytest.MonkeyPatch, found: Cost, width: int = 100) -> str:
    lines = page_of(monkeypatch, lambda page: cost.show(page, found), width)
    return " ".join(" ".join(lines).split())


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_wider_than_the_page(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    At any width.
    """
    lines = page_of(monkeypatch, lambda page: cost.show(page, answer(power_price=0.17)), width)

    assert all(len(line) <= width for line in lines)


def test_each_way_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Here, other hardware, rented, by API, with where the text goes and what is to be done in each.
    """
    lines = page_of(monkeypatch, lambda page: cost.show(page, answer(power_price=0.17)), 100)

    for heading in (
        "Here",
        "On other hardware",
        "Rented",
        "By API",
        "When does it pay? (in 36 months)",
        "Good to know",
    ):
        assert heading in lines
    assert sum(line.startswith("  Your text") for line in lines) == 4
    assert sum(line.startswith("  To do") for line in lines) == 4
    text = " ".join(" ".join(lines).split())
    assert "nothing, it is here" in text
    assert "25 providers of llama-3.3-70b-instruct, nScale the cheapest (2026-08 to 2026-11)" in text
    assert "$0.67 (0.20 to 1.20) written" in text
    assert "2x RTX 3090 (24 GiB each), 32GiB DDR5-5600 $1,169 to 2,530 used (2026-05 to 2026-07)" in text


def test_machines_that_people_wait_for_come_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A card with half of a 70B in RAM is cheap, and slower than people read: the first rows are not of it.
    """
    text = text_of(monkeypatch, answer(power_price=0.17))
    hardware = text[text.index("On other hardware") : text.index("more with --json")]

    assert "2x RTX 3090" in hardware
    assert "RTX 4060 Ti 16GB (16 GiB), 32GiB" not in hardware


def test_a_processor_alone_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Only its RAM has a price, so that it would look like the cheapest machine for a small model.
    """
    snapshot = llmprobe.probe(gpus="2x RTX 3090", ram="64GiB DDR5")
    found = llmprobe.cost(loaded("qwen3-30b-a3b"), snapshot, on=A_DAY, power_price=0.2)
    text = text_of(monkeypatch, found)
    hardware = text[text.index("On other hardware") : text.index("Rented")]

    assert any(not way.gpus and way.kind == "hardware" for way in found.ways)
    assert "no GPU" not in hardware.partition("RTX")[0]


def test_what_turns_the_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Of a purchase: when, below which price, above which use and rent. Of what is there: against which rent, and with
    which price of a kWh. The figures are those of the document.
    """
    buying = answer(tokens_per_day=500_000, power_price=0.17, price=1460.0, is_bought=True)
    having = answer(tokens_per_day=500_000, power_price=0.17)
    bought, owned = text_of(monkeypatch, buying), text_of(monkeypatch, having)
    rent, _ = buying.ways[0].break_even
    kept, api = having.ways[0].break_even
    other = next(way for way in buying.ways if way.id == rent.against)

    assert rent.months_likely is not None
    assert rent.worth_below is not None
    assert (
        f"this machine: in about {rent.months_likely:.0f} months, against {other.gpus[0]}, rented" in bought
    )
    assert f"It pays in time if it costs less than ${rent.worth_below.likely:,.0f}, above " in bought
    assert f"tokens a day or if rent stays above ${rent.rent_above:.2f} an hour and GPU" in bought
    assert kept.verdict == "cheaper"
    assert (
        f"cheaper than {other.gpus[0]}, rented. That holds if rent stays above ${kept.rent_above:.2f}"
        in owned
    )
    assert api.verdict == "perhaps"
    assert f"It is cheaper if a kWh costs less than ${api.power_below:.2f}" in owned


def test_a_short_time_is_told_in_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A few minutes of work a day are not 0.0 hours, and no day has more than 24.
    """
    snapshot = llmprobe.probe(gpus="RTX 4090", ram="64GiB DDR5")
    small = llmprobe.cost(loaded("llama3-8b"), snapshot, on=A_DAY, power_price=0.17, requests=10)
    cannot = answer("RTX 4090", tokens_per_day=1_000_000, power_price=0.17)

    assert " s of work a day" in text_of(monkeypatch, small)
    assert "for 24.0 h of work a day" in text_of(monkeypatch, cannot)


def test_never_and_cannot_are_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Dear electricity makes a token dearer than hosted, whatever the price of the machine; a million tokens a day are
    too many for a card with half of the model in RAM.
    """
    never = text_of(monkeypatch, answer(power_price=1.5, price=1460.0, is_bought=True))
    cannot = text_of(monkeypatch, answer("RTX 4090", tokens_per_day=1_000_000, power_price=0.17))

    assert "this machine: never, against an API. It costs $" in never
    assert "This machine cannot write that many tokens:" in cannot
    assert "this machine: cannot write that many tokens;" in cannot


def test_whose_figures_they_are_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The user's watts and price are theirs, a country's electricity is named, an assumed amount of work is said.
    """
    own = text_of(monkeypatch, answer(watts=700.0, idle_watts=80.0, price=1460.0, power_price=0.2))
    table = text_of(monkeypatch, answer())

    assert "700 at work (700 W are yours); 80 idle (yours)" in own
    assert "$1,460, yours" in own
    assert "Electricity is priced as in United States" in table
    assert "(assumed: --requests, --tokens-per-day or --hours-per-day tells yours)" in table
    assert "Electricity is priced as in" not in own


@pytest.mark.parametrize(
    ("months", "text"),
    [
        (0.6, "1 months"),
        (14.2, "14 months"),
        (35.9, "36 months"),
        (36, "3 years"),
        (1188, "99 years"),
        (1200, "100 years and more"),
    ],
)
def test_long_times_are_years(months: float, text: str) -> None:
    """
    From three years on; a century is what nobody waits for.
    """
    assert str(duration(months)) in (text, text.replace("1 months", "1 month"))
