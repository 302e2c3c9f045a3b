"""
Amounts of money in sentences.
"""

import pytest

from llmprobe.facts.prices import PriceRange
from llmprobe.output.text.figures import price
from llmprobe.words.message import message


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0.0131, "0.013"),
        (0.094, "0.094"),
        (0.2, "0.20"),
        (1.994, "1.99"),
        (99.4, "99.40"),
        (99.6, "100"),
        (410, "410"),
    ],
)
def test_an_amount_has_as_many_digits_as_it_needs(amount: float, text: str) -> None:
    """
    Cents from ten cents to a hundred, two digits below, none above.
    """
    assert (
        str(
            message(
                "figure.price",
                currency="USD",
                low=amount,
                high=None,
                unit=None,
                condition=None,
                month=None,
                until=None,
                yours=False,
            )
        )
        == f"${text}"
    )


@pytest.mark.parametrize(("amount", "text"), [(0, "$0"), (3740, "$3,740"), (-12.5, "$-12.50")])
def test_other_amounts(amount: float, text: str) -> None:
    """
    Nothing is 0, thousands are set apart, a loss has its sign.
    """
    found = PriceRange(low=amount, high=amount, currency="USD")

    assert str(price(found)) == text


def test_a_price_tells_its_months_or_whose_it_is() -> None:
    """
    A range with the months of its pages; one month once; the user's own figure says so; other currencies by their code.
    """
    seen = PriceRange(
        low=425, high=1035, currency="USD", condition="used", first_month="2026-05", last_month="2026-07"
    )
    once = PriceRange(
        low=500, high=600, currency="CHF", condition="new", first_month="2026-05", last_month="2026-05"
    )
    own = PriceRange(low=650, high=650, currency="EUR", yours=True)

    assert str(price(seen)) == "$425 to 1,035 used (2026-05 to 2026-07)"
    assert str(price(once)) == "CHF 500 to 600 new (2026-05)"
    assert str(price(own)) == "€650, yours"
