"""
What hardware, a rented GPU and electricity cost: the table ``data/prices.json`` on a day.

Each row has the month in which a page named the price, and its page; how a price ages is in ``facts/prices``. What is
left is a range over all rows of a product, since pages of one month differ too (a used RTX 3090: 500 and 900 dollars).
"""

from collections.abc import Iterable, Iterator
from datetime import date
from functools import cache
from math import ceil

import msgspec

from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.prices import Condition, PriceRange, day_of, that_count, times, together, widening_in
from llmprobe.machine.gpu_names import Wanted, wanted_gpus
from llmprobe.machine.ram_spelling import Ram, parse_ram
from llmprobe.units import GIB

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
    day = day_of(on)
    products = product_of(product)
    ram = _ram(product)
    if ram is not None:
        kits = _kits(ram, day)
        return () if kits is None else (kits,)
    of_each = [prices_of_gpu(name, gib, on=day) for name, gib in products]
    if len(set(of_each)) == 1:
        return tuple(times(price, len(products)) for price in of_each[0])
    return (together(tuple(found[0] for found in of_each)),) if of_each and all(of_each) else ()


def product_of(text: str) -> tuple[tuple[str, int | None], ...]:
    """
    What a text of ``--gpu`` or ``--ram`` names: each GPU by its name and its GiB in the table of GPUs, RAM by its kind
    and its GiB; nothing where it names nothing that is sold.
    """
    ram = _ram(text)
    if ram is not None:
        return ((str(ram.kind), ceil(ram.bytes / GIB)),)
    try:
        return tuple((one.row.name, _gib(one)) for one in wanted_gpus(text))
    except UsageError:
        return ()


def _ram(text: str) -> Ram | None:
    """
    The RAM of a text that tells its kind; a size alone is of no kind that has a price.
    """
    try:
        ram = parse_ram(text)
    except UsageError:
        return None
    return ram if ram.kind is not None else None


def prices_of_gpu(name: str, gib: int | None, *, on: date) -> tuple[PriceRange, ...]:
    """
    What a product of ``gpus.json`` costs on a day with so many GiB: new, then used.
    """
    rows = [one for one in whole_table().hardware if one.product == name and one.gib == gib]
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
    listed = tuple(rows)
    months = that_count((row.month for row in listed), on)
    counted = [row for row in listed if row.month in months]
    if not counted:
        return None
    sources = whole_table().sources
    return PriceRange(
        low=round(min(row.low * (1 - widening_in(row.month, on)) for row in counted), 4),
        high=round(max(row.high * (1 + widening_in(row.month, on)) for row in counted), 4),
        currency=counted[0].currency,
        condition=counted[0].condition,
        first_month=min(months),
        last_month=max(months),
        widened=max(widening_in(month, on) for month in months),
        pages=tuple(dict.fromkeys(sources[row.source] for row in counted)),
    )


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
