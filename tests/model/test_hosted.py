"""
Prices of models by API: what may be in the table, and what it says on a day.
"""

import re
from datetime import date

import msgspec
import pytest

import llmprobe
from llmprobe.model.hosted import Table, alike, offers, whole_table, widest
from llmprobe.model.known import known

A_DAY = date(2026, 11, 30)


@pytest.mark.parametrize("missing", ["month", "source", "input", "output", "provider"])
def test_an_offer_without_month_or_source_cannot_be_in_the_table(missing: str) -> None:
    """
    A table with a row that lacks one of them is no table.
    """
    whole = msgspec.to_builtins(whole_table())
    del whole["rows"][0][missing]

    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.convert(whole, Table)


def test_every_offer_is_of_a_known_model_and_dated() -> None:
    """
    Models are in the catalog, months have come, sources are addresses, prices are above nothing, and what is read again
    costs no more than what is read.
    """
    catalog = known().entries
    for row in whole_table().rows:
        assert row.model in catalog
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", row.month)
        assert row.month <= f"{A_DAY:%Y-%m}"
        assert whole_table().sources[row.source].startswith("https://")
        assert row.input > 0
        assert row.output > 0
        assert row.cached is None or row.cached <= row.input


@pytest.mark.parametrize(
    ("model", "cheapest", "dearest"),
    [
        ("llama-3.1-8b-instruct", 0.03, 0.30),
        ("llama-3.3-70b-instruct", 0.20, 1.20),
        ("gpt-oss-120b", 0.17, 0.95),
    ],
)
def test_what_providers_ask_for_a_million_tokens(model: str, cheapest: float, dearest: float) -> None:
    """
    The spread of November 2026: a 70B costs 0.20 to 1.20 dollars.
    """
    found = offers(model, A_DAY)

    assert found[0].output == cheapest
    assert found[-1].output == dearest
    assert widest(found, A_DAY) == 0


def test_a_model_that_nobody_offers_is_like_its_successor() -> None:
    """
    Llama 3 70B is no longer offered, and Llama 3.3 70B has its shape; Qwen3 8B has no such relative.
    """
    assert offers("llama-3-70b-instruct", A_DAY) == ()
    assert alike(llmprobe.load_model("llama3.3-70b"), A_DAY) != "llama-3.3-70b-instruct"
    assert alike(llmprobe.load_model("llama3-70b"), A_DAY) == "llama-3.3-70b-instruct"
    assert alike(llmprobe.load_model("qwen3-8b"), A_DAY) is None


def test_offers_of_over_a_year_ago_are_none() -> None:
    """
    In December 2027 the table says nothing; eight months after its newest month prices are 35 % wider. In February
    offers of November are as they were, and those of August 15 % wider.
    """
    assert widest(offers("gpt-oss-120b", date(2027, 2, 1)), date(2027, 2, 1)) == 0.15
    assert offers("gpt-oss-120b", date(2027, 12, 1)) == ()
    assert alike(llmprobe.load_model("llama3-70b"), date(2027, 12, 1)) is None
    assert widest(offers("gpt-oss-120b", date(2027, 7, 1)), date(2027, 7, 1)) == 0.35
