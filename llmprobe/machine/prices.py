"""
What hardware, a rented GPU and electricity cost: the table ``data/prices.json`` on a day.

A price rots. Each row has the month in which a page named it, and its page. Of one product the rows of the last six
months count, and where there are none those of the last twelve; a row is taken as it is for three months, then 15 %
lower and higher, after six months 35 %, and after twelve not at all. What is left is a range over all rows, since
pages of one month differ too (a used RTX 3090: 500 and 900 dollars).
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from math import ceil

import msgspec

from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.prices import Condition, PriceRange, times, together
from llmprobe.machine.gpu_names import Wanted, wanted_gpus
from llmprobe.machine.gpu_table import Gpu
from llmprobe.machine.ram_spelling import Ram, parse_ram
from llmprobe.units import GIB

PREFERRED_MONTHS = 6
LAST_MONTHS = 12
WIDTHS = ((3, 0.0), (6, 0.15), (12, 0.35))
"""Up to which age in months a price is lowered and raised by which part of it."""

CONDITIONS: tuple[Condition, ...] = ("new", "used")
DESKTOP_CHANNELS, MOST_DESKTOP_GIB = 2, 256
"""More are modules of servers, of which the table has no price."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """
    A price as a page named it: of a product by its name in ``gpus.json`` and its GiB, of a kit of RAM by its kind, of a
    rented GPU for an hour (``provider``), of a kWh by the country.
    """

    product: str
    low: float
    high: float
    currency: str
    month: str
    source: str
    gib: int | None = None
    condition: Condition | None = None
    provider: str | None = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """
    The whole table, with the address of each source.
    """

    about: str
    sources: dict[str, str]
    hardware: tuple[Row, ...]
    rent: tuple[Row, ...]
    electricity: tuple[Row, ...]


@cache
def whole_table() -> Table:
    """
    The table that is shipped.
    """
    return msgspec.convert(table("prices"), Table)


def today() -> date:
    """
    The day for which prices are told.
    """
    return datetime.now(UTC).date()


def price_of(product: str, *, on: date | None = None) -> PriceRange | None:
    """
    What a product costs on a day (today): new where new ones are sold, else used; None where no price is known that is
    less than a year old.

    A product is written as ``--gpu`` or ``--ram`` takes it: ``RTX 3090``, ``2x RTX 3090``, ``M3 Ultra 96GB`` (the whole
    machine), ``64GiB DDR5-5600``. RAM is priced as kits of 64 and 32 GiB, server modules and other sizes are not.
    """
    found = prices_of(product, on=on)
    return found[0] if found else None


def prices_of(product: str, *, on: date | None = None) -> tuple[PriceRange, ...]:
    """
    What a product costs on a day: new, then used.
    """
    day = today() if on is None else on
    try:
        ram = parse_ram(product)
    except UsageError:
        ram = None
    if ram is not None and ram.kind is not None:
        kits = _kits(ram, day)
        return () if kits is None else (kits,)
    try:
        wanted = wanted_gpus(product)
    except UsageError:
        return ()
    if not wanted:
        return ()
    of_each = [prices_of_gpu(one.row, _gib(one), on=day) for one in wanted]
    if len(set(of_each)) == 1:
        return tuple(times(price, len(wanted)) for price in of_each[0])
    return (together(tuple(found[0] for found in of_each)),) if all(of_each) else ()


def prices_of_gpu(row: Gpu, gib: int | None, *, on: date) -> tuple[PriceRange, ...]:
    """
    What a product of ``gpus.json`` costs on a day with so many GiB: new, then used.
    """
    rows = [one for one in whole_table().hardware if one.product == row.name and one.gib == gib]
    found = (on_day((one for one in rows if one.condition == kind), on) for kind in CONDITIONS)
    return tuple(price for price in found if price is not None)


def rents(on: date) -> dict[tuple[str, int], PriceRange]:
    """
    What an hour of each rented GPU costs on a day, by the name in ``gpus.json`` and the GiB.
    """
    return dict(_rents(on))


def _rents(on: date) -> Iterator[tuple[tuple[str, int], PriceRange]]:
    rows = whole_table().rent
    for product, gib in dict.fromkeys((row.product, row.gib) for row in rows):
        price = on_day((row for row in rows if (row.product, row.gib) == (product, gib)), on)
        if price is not None and gib is not None:
            yield (product, gib), price


def electricity(currency: str, *, on: date) -> tuple[str, PriceRange] | None:
    """
    What a kWh costs on a day in the country of the table that pays in this currency, and the country.
    """
    rows = [row for row in whole_table().electricity if row.currency == currency]
    price = on_day(rows, on)
    return None if price is None else (rows[0].product, price)


def on_day(rows: Iterable[Row], on: date) -> PriceRange | None:
    """
    The range of prices of one thing on a day; None where every row is over a year old.
    """
    aged = [(age, row) for row in rows if (age := age_in_months(row.month, on)) <= LAST_MONTHS]
    counted = [(age, row) for age, row in aged if age <= PREFERRED_MONTHS] or aged
    if not counted:
        return None
    sources = whole_table().sources
    return PriceRange(
        low=round(min(row.low * (1 - widening(age)) for age, row in counted), 4),
        high=round(max(row.high * (1 + widening(age)) for age, row in counted), 4),
        currency=counted[0][1].currency,
        condition=counted[0][1].condition,
        first_month=min(row.month for _, row in counted),
        last_month=max(row.month for _, row in counted),
        widened=max(widening(age) for age, _ in counted),
        pages=tuple(dict.fromkeys(sources[row.source] for _, row in counted)),
    )


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


def _kits(ram: Ram, on: date) -> PriceRange | None:
    """
    RAM as kits of one kind, as many of the largest as go into it; None where they do not add up to it.
    """
    if ram.channels is not None and ram.channels > DESKTOP_CHANNELS:
        return None
    rows = [row for row in whole_table().hardware if row.product == ram.kind]
    left = ceil(ram.bytes / GIB)
    if left > MOST_DESKTOP_GIB:
        return None
    parts: list[PriceRange] = []
    for gib in sorted({row.gib for row in rows if row.gib is not None}, reverse=True):
        price = on_day((row for row in rows if row.gib == gib), on)
        if price is not None and left >= gib:
            parts.append(times(price, left // gib))
            left %= gib
    return together(tuple(parts)) if parts and not left else None


def _gib(wanted: Wanted) -> int | None:
    """
    The GiB by which the table knows a device: drivers report a little less than a whole number.
    """
    if wanted.size_gb is not None:
        return round(wanted.size_gb)
    if wanted.row.memory_bytes is not None:
        return ceil(wanted.row.memory_bytes / GIB)
    return wanted.row.usual_gb
