"""
What things cost: a range of prices with the months in which they were seen, or the user's own figure.
"""

from typing import Literal

import msgspec

Condition = Literal["new", "used"]


class PriceRange(msgspec.Struct, frozen=True, kw_only=True):
    """
    From ``low`` to ``high`` in ``currency``: of a piece, of an hour, of a kWh, as the field that holds it says.

    ``first_month`` and ``last_month`` (``2026-05``) are the oldest and the newest month in which a page named a price,
    ``pages`` the addresses of the pages. ``widened`` is the most by which a price was lowered and raised for its age,
    as a part of it (0.15). ``yours`` is true of the user's own figure, which has neither months nor pages.
    """

    low: float
    high: float
    currency: str
    condition: Condition | None = None
    first_month: str | None = None
    last_month: str | None = None
    widened: float = 0.0
    pages: tuple[str, ...] = ()
    yours: bool = False


def times(price: PriceRange, number: float) -> PriceRange:
    """
    The price of so many.
    """
    return msgspec.structs.replace(price, low=price.low * number, high=price.high * number)


def together(prices: tuple[PriceRange, ...]) -> PriceRange:
    """
    The price of several things bought together, all in one currency; used where one of them is.
    """
    first = prices[0]
    if len(prices) == 1:
        return first
    return PriceRange(
        low=sum(one.low for one in prices),
        high=sum(one.high for one in prices),
        currency=first.currency,
        condition="used" if any(one.condition == "used" for one in prices) else first.condition,
        first_month=min((one.first_month for one in prices if one.first_month), default=None),
        last_month=max((one.last_month for one in prices if one.last_month), default=None),
        widened=max(one.widened for one in prices),
        pages=tuple(dict.fromkeys(page for one in prices for page in one.pages)),
        yours=all(one.yours for one in prices),
    )
