"""
What things cost: a range of prices with the months in which they were seen, or the user's own figure.

A price rots. Of one product the prices of the last six months count, and where there are none those of the last twelve.
Each is taken as it is for three months, then 15 % lower and higher, after six months 35 %, and after twelve not at all.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime
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


PREFERRED_MONTHS, LAST_MONTHS = 6, 12
WIDTHS = ((3, 0.0), (6, 0.15), (12, 0.35))
"""Up to which age in months a price is lowered and raised by which part of it."""


def today() -> date:
    """
    The day for which prices are told.
    """
    return datetime.now(UTC).date()


def day_of(on: date | None) -> date:
    """
    A day that is named, else today.
    """
    return today() if on is None else on


def age_in_months(month: str, on: date) -> int:
    """
    The months since one that is written ``2026-05``; 0 where the clock is behind it.
    """
    year, number = month.split("-")
    return max(0, (on.year - int(year)) * 12 + on.month - int(number))


def widening(age: int) -> float:
    """
    The part of a price by which it is lowered and raised at this age in months.
    """
    return next(width for last, width in WIDTHS if age <= last)


def widening_in(month: str, on: date) -> float:
    """
    The part of a price of a month by which it is lowered and raised on a day.
    """
    return widening(age_in_months(month, on))


def that_count(months: Iterable[str], on: date) -> frozenset[str]:
    """
    The months whose prices count on a day.
    """
    aged = {month: age_in_months(month, on) for month in months}
    newer = {month for month, age in aged.items() if age <= PREFERRED_MONTHS}
    return frozenset(newer or {month for month, age in aged.items() if age <= LAST_MONTHS})
