"""
The table of prices: what may be in it, and what it says on a day.
"""

import re
from datetime import date

import msgspec
import pytest

from llmprobe.facts.prices import PriceRange, age_in_months, widening
from llmprobe.machine import gpu_table
from llmprobe.machine.prices import (
    Row,
    Table,
    electricity,
    on_day,
    price_of,
    prices_of,
    rents,
    whole_table,
)

A_DAY = date(2026, 11, 30)
ROWS = (*whole_table().hardware, *whole_table().rent, *whole_table().electricity)


def row(month: str, low: float, high: float | None = None, **more: object) -> Row:
    """
    Return a price of the first source of the table.
    """
    given = {"product": "x", "currency": "USD", "source": next(iter(whole_table().sources)), **more}
    return msgspec.convert({"month": month, "low": low, "high": high or low, **given}, Row)


@pytest.mark.parametrize("missing", ["month", "source", "currency", "low", "high"])
def test_a_price_without_date_or_source_cannot_be_in_the_table(missing: str) -> None:
    """
    A table with a row that lacks its month, its source, its currency or an end of the range is no table.
    """
    whole = msgspec.to_builtins(whole_table())
    del whole["hardware"][0][missing]

    with pytest.raises(msgspec.ValidationError, match=missing):
        msgspec.convert(whole, Table)


def test_every_price_has_a_month_and_the_address_of_a_page() -> None:
    """
    Months are of the calendar and have come, sources are addresses, and each is used.
    """
    for one in ROWS:
        assert re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", one.month)
        assert one.month <= f"{A_DAY:%Y-%m}"
        assert whole_table().sources[one.source].startswith("https://")
    assert {one.source for one in ROWS} == set(whole_table().sources)


def test_every_price_is_of_something() -> None:
    """
    Ranges go upwards from more than nothing, GPUs are products of the table of GPUs with their GiB, hardware has a
    condition, a rented GPU a provider.
    """
    sizes: dict[str, set[int]] = {}
    for gpu in gpu_table.rows():
        own = sizes.setdefault(gpu.name, set())
        own.update(gpu.sizes_gb)
        if gpu.memory_bytes is not None:
            own.add(-(-gpu.memory_bytes // 2**30))
    for one in ROWS:
        assert 0 < one.low <= one.high
    for one in whole_table().hardware:
        assert one.condition in {"new", "used"}
        assert one.product in {"DDR4", "DDR5"} or one.gib in sizes[one.product]
    for one in whole_table().rent:
        assert one.provider
        assert one.gib in sizes[one.product]


def test_no_row_stands_twice() -> None:
    """
    A page names a price of a product once.
    """
    keys = [(one.product, one.gib, one.condition, one.provider, one.source) for one in ROWS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("day", "age"),
    [(date(2026, 5, 1), 0), (date(2026, 6, 30), 1), (date(2027, 5, 1), 12), (date(2026, 1, 9), 0)],
)
def test_age_is_counted_in_months(day: date, age: int) -> None:
    """
    May 2026 is 1 month before June and 12 before the May after; a clock that is behind makes it new.
    """
    assert age_in_months("2026-05", day) == age


@pytest.mark.parametrize(("age", "part"), [(0, 0.0), (3, 0.0), (4, 0.15), (6, 0.15), (7, 0.35), (12, 0.35)])
def test_a_price_widens_with_its_age(age: int, part: float) -> None:
    """
    As it is for three months, 15 % to six, 35 % to twelve.
    """
    assert widening(age) == part


def test_rows_of_half_a_year_count_each_by_its_own_age() -> None:
    """
    On 2026-11-30: 700 of August (3 months) stays 700, 1000 of May (6 months) becomes 850 to 1150; 100 of April (7) is
    left out, since newer ones are there.
    """
    found = on_day((row("2026-08", 700), row("2026-05", 1000), row("2026-04", 100)), A_DAY)

    assert found is not None
    assert (found.low, found.high) == (700, 1150)
    assert (found.first_month, found.last_month, found.widened) == ("2026-05", "2026-08", 0.15)


def test_older_rows_count_where_nothing_is_newer() -> None:
    """
    1000 of April 2026 is 650 to 1350 in November; so is one of November 2025, and one of October 2025 is no price.
    """
    for month in ("2026-04", "2025-11"):
        found = on_day((row(month, 1000),), A_DAY)
        assert found is not None
        assert (found.low, found.high, found.widened) == (650, 1350, 0.35)
    assert on_day((row("2025-10", 1000),), A_DAY) is None


def test_a_year_later_the_table_says_nothing() -> None:
    """
    Nothing of it is used when its newest row is over a year old: no card, no RAM, no rent, no electricity.
    """
    late = date(2027, 12, 1)

    assert all(on_day((one,), late) is None for one in ROWS)
    assert price_of("RTX 3090", on=late) is None
    assert price_of("64GiB DDR5", on=late) is None
    assert not rents(late)
    assert electricity("USD", on=late) is None


def test_a_used_card_is_priced_over_all_its_pages() -> None:
    """
    RTX 3090, used, in November: pages of May to July name 500 to 900, all between 4 and 6 months old:
    500 x 0.85 = 425 and 900 x 1.15 = 1035. March (999) is over six months old. Two cost twice that.
    """
    one = price_of("RTX 3090", on=A_DAY)
    two = price_of("2x RTX 3090", on=A_DAY)

    assert one is not None
    assert two is not None
    assert (one.low, one.high, one.condition) == (425, 1035, "used")
    assert (one.first_month, one.last_month, len(one.pages)) == ("2026-05", "2026-07", 5)
    assert (two.low, two.high, two.pages) == (850, 2070, one.pages)


def test_new_comes_before_used() -> None:
    """
    An RTX 4090 of May 2026: new 1800 to 2000, used 1400 to 1700, each 15 % wider.
    """
    new, used = prices_of("RTX 4090", on=A_DAY)

    assert (new.condition, new.low, new.high) == ("new", 1530, 2300)
    assert (used.condition, used.low, used.high) == ("used", 1190, 1955)
    assert price_of("RTX 4090", on=A_DAY) == new


def test_different_cards_are_added() -> None:
    """
    An RTX 3090 (425 to 1035) and an RTX 4090 (1530 to 2300) are 1955 to 3335 together, and used.
    """
    both = price_of("RTX 3090, RTX 4090", on=A_DAY)

    assert both is not None
    assert (both.low, both.high, both.condition) == (1955, 3335, "used")
    assert len(both.pages) == 5
    assert price_of("RTX 3090, RTX A2000", on=A_DAY) is None


@pytest.mark.parametrize(
    ("ram", "low", "high"),
    [
        ("64GiB DDR5-5600", 578, 782),
        ("96GiB DDR5", 896.75, 1242),
        ("2x32GB DDR5-6000", 578, 782),
        ("128GiB DDR5", 1156, 1564),
        ("256GiB DDR5", 2312, 3128),
        ("32GiB DDR4-3200", 156, 324),
    ],
)
def test_ram_is_priced_by_kits(ram: str, low: float, high: float) -> None:
    """
    DDR5 of June: 64 GiB 680 and 32 GiB 375 to 400, 15 % wider. DDR4 of January, 32 GiB: 240, 35 % wider.
    """
    found = price_of(ram, on=A_DAY)

    assert found is not None
    assert (found.low, found.high) == (low, high)


@pytest.mark.parametrize(
    "product",
    [
        "512GiB DDR5-4800x12",
        "48GiB DDR5",
        "16GiB DDR5",
        "64GiB",
        "64GiB DDR3",
        "512GiB DDR5",
        "288GiB DDR5",
        "M3 Ultra 512GB",
        "no",
        "none",
        "",
    ],
)
def test_what_no_page_prices_has_no_price(product: str) -> None:
    """
    Server modules, sizes that kits do not add up to, RAM of an unknown kind, a Mac of another size, text.
    """
    assert price_of(product, on=A_DAY) is None


def test_a_whole_machine_is_priced_by_its_memory() -> None:
    """
    A Mac with an M3 Ultra and 96 GB was 5299 in June: 4504.15 to 6093.85 in November.
    """
    mac = price_of("M3 Ultra 96GB", on=A_DAY)

    assert mac is not None
    assert (mac.low, mac.high) == (4504.15, 6093.85)


def test_rent_is_by_the_hour_and_the_gpu() -> None:
    """
    RTX 3090 in November: 0.165 of January and 0.22 to 0.39 of March, all 35 % wider: 0.1073 to 0.5265. An H100 SXM has
    pages of May: 1.99 x 0.85 to 5.00 x 1.15.
    """
    found = rents(A_DAY)

    used = found["NVIDIA GeForce RTX 3090", 24]
    assert used.low == pytest.approx(0.10725, abs=1e-4)
    assert used.high == pytest.approx(0.5265, abs=1e-4)
    h100 = found["NVIDIA H100 80GB HBM3", 80]
    assert (h100.low, h100.high) == (1.6915, 5.75)


def test_electricity_is_that_of_a_country() -> None:
    """
    Great Britain's cap of July, 0.2611: 15 % wider in November. No country of the table pays in francs.
    """
    found = electricity("GBP", on=A_DAY)

    assert found is not None
    country, price = found
    assert country == "Great Britain"
    assert (price.low, price.high) == (0.2219, 0.3003)
    assert electricity("CHF", on=A_DAY) is None


def test_a_price_is_a_range_with_its_pages() -> None:
    """
    A range names the addresses, not the short names of the table.
    """
    found = price_of("RTX 5070", on=A_DAY)

    assert isinstance(found, PriceRange)
    assert all(page.startswith("https://") for page in found.pages)
    assert not found.yours
