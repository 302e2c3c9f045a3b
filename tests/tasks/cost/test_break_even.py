"""
One way against the others, computed by hand: 100,000 tokens a day are written, and two are read for each.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.advise.cost.ranges import exactly
from llmprobe.facts.cost import CostWay, CostWishes, WattsOf, Work
from llmprobe.facts.plan import Needs
from llmprobe.facts.prices import PriceRange
from llmprobe.tasks.cost.break_even import cheapest_rent, compared
from llmprobe.tasks.cost.larger import Larger, Rent, memory_for
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine

WORK = Work(written_per_day=100_000, read_per_day=200_000, given="tokens", use="chat", answers_per_day=300)
WISHES = CostWishes(ctx_size=8192, quant="Q4_K_M", months=36)
WATTS = WattsOf(
    load=exactly(300), load_from="yours", idle=exactly(30), idle_from="yours", how=message("test")
)


def way(kind: str, **facts: Any) -> CostWay:
    return CostWay(kind=kind, id=kind, name=message("test"), **facts)  # type: ignore[arg-type]  # one of the kinds


BOUGHT = way(
    "hardware",
    first_cost=exactly(1200),
    per_month=exactly(10),
    idle_per_month=exactly(4),
    per_million_written=exactly(2),
    per_million_read=exactly(0.5),
    watts=WATTS,
    written_per_s=exactly(25),
    read_per_s=exactly(500),
    enough=True,
)
HERE = msgspec.structs.replace(BOUGHT, kind="here", id="here", first_cost=exactly(0))
API = way(
    "api",
    first_cost=exactly(0),
    per_month=exactly(60),
    per_million_written=exactly(5),
    per_million_read=exactly(1),
    enough=True,
)
RENTED = way(
    "rent",
    first_cost=exactly(0),
    per_month=exactly(90),
    per_million_written=exactly(4),
    hours_per_day=exactly(3),
    count=2,
    enough=True,
)


def test_a_purchase_against_an_api() -> None:
    """
    1200 / (60 - 10) = 24 months. A million written tokens cost 5 + 2 x 1 there and 2 + 2 x 0.5 here, 4 less; 1200 and
    36 months of 4 for idling are 1344, repaid above 1344 / 1080 days / 4 x 1,000,000 = 311,111 tokens a day.
    """
    (found,) = compared(BOUGHT, [BOUGHT, API], WORK, WISHES).break_even

    assert (found.against, found.verdict, found.months_likely) == ("api", "repaid", 24)
    assert found.written_per_day_above == pytest.approx(311_111.1, rel=1e-6)
    assert (found.rent_above, found.power_below) == (None, None)


def test_a_purchase_against_rent() -> None:
    """
    1200 / (90 - 10) = 15 months. Two GPUs of three hours a day are 180 hours a month: repaid in 36 months above
    (1200 / 36 + 10) / 180 = 0.2407 an hour of one. What is read costs nothing there: 4 - 3 = 1 is saved on a million.
    """
    (found,) = compared(BOUGHT, [RENTED, BOUGHT], WORK, WISHES).break_even

    assert (found.against, found.months_likely) == ("rent", 15)
    assert found.rent_above == pytest.approx(0.240741, rel=1e-5)
    assert found.written_per_day_above == pytest.approx(1_244_444.4, rel=1e-6)


@pytest.mark.parametrize(("read_per_s", "price"), [(500, 1.909091), (None, 2.1)])
def test_what_is_here_is_cheaper_below_a_price_of_electricity(read_per_s: float | None, price: float) -> None:
    """
    300 W at 25 tokens/s are 3.333 kWh for a million written, and 0.333 for two million read at 500; the API asks 7.
    """
    own = msgspec.structs.replace(HERE, read_per_s=None if read_per_s is None else exactly(read_per_s))
    (found,) = compared(own, [own, API], WORK, WISHES).break_even

    assert found.verdict == "cheaper"
    assert found.power_below == pytest.approx(price, rel=1e-6)


@pytest.mark.parametrize("changes", [{"watts": None}, {"written_per_s": None}], ids=str)
def test_without_watts_or_a_speed_no_price_of_electricity_follows(changes: dict[str, None]) -> None:
    """
    The months are known all the same.
    """
    own = msgspec.structs.replace(HERE, **changes)
    (found,) = compared(own, [own, API], WORK, WISHES).break_even

    assert (found.power_below, found.months_likely) == (None, 0)


@pytest.mark.parametrize("enough", [True, None, False])
def test_only_a_machine_that_surely_is_too_slow_cannot(*, enough: bool | None) -> None:
    """
    One of which that depends on the speed is compared.
    """
    own = msgspec.structs.replace(BOUGHT, enough=enough)
    (found,) = compared(own, [API], WORK, WISHES).break_even

    assert (found.verdict == "cannot") is (enough is False)


@pytest.mark.parametrize(
    "own",
    [
        RENTED,
        API,
        msgspec.structs.replace(BOUGHT, per_month=None),
        msgspec.structs.replace(BOUGHT, first_cost=None),
    ],
    ids=["rent", "api", "no cost of a month", "no price"],
)
def test_nothing_is_repaid_by_rent_or_without_a_figure(own: CostWay) -> None:
    """
    Neither a rented machine nor one of an unknown cost has a break-even.
    """
    assert compared(own, [RENTED, API], WORK, WISHES) == own


def test_the_cheapest_rent_is_of_what_does_the_work() -> None:
    """
    What is surely too slow or has no cost is passed over; one whose speed leaves it open is not.
    """
    slow = msgspec.structs.replace(RENTED, id="slow", per_month=exactly(10), enough=False)
    unknown = msgspec.structs.replace(RENTED, id="unknown", per_month=None)
    perhaps = msgspec.structs.replace(RENTED, id="perhaps", per_month=exactly(80), enough=None)

    assert cheapest_rent([API, HERE, RENTED, slow, unknown, perhaps]) == perhaps
    assert cheapest_rent([API, HERE, slow, unknown]) is None


NEEDS = Needs(file_bytes=0, gpu_bytes=20 * GIB, ram_beside_bytes=0, ram_alone_bytes=30 * GIB)


def test_memory_for_a_larger_model_is_that_of_gpus_or_else_ram() -> None:
    """
    A card that cannot be used gives none, nor does one whose budget is unknown.
    """
    one = machine((24,), ram_gib=60)
    card = msgspec.structs.replace(one.accelerators[0], usable=False)
    unknown = tuple(
        msgspec.structs.replace(pool, budget_bytes=None) if pool.id == "vram0" else pool for pool in one.pools
    )

    assert memory_for(machine((24, 8), ram_gib=60), NEEDS) == (32 * GIB, 20 * GIB)
    assert memory_for(machine(ram_gib=60), NEEDS) == (60 * GIB, 30 * GIB)
    assert memory_for(msgspec.structs.replace(one, accelerators=(card,)), NEEDS) == (60 * GIB, 30 * GIB)
    assert memory_for(msgspec.structs.replace(one, pools=unknown), NEEDS) == (60 * GIB, 30 * GIB)


@pytest.mark.parametrize(("gib", "missing"), [(20, None), (19, GIB), (24, None)])
def test_what_a_larger_model_lacks_is_the_difference(gib: int, missing: int | None) -> None:
    """
    Of 20 GiB on a card of 19 one is missing, on one of 20 none.
    """
    larger = Larger(name="larger", needs=NEEDS, rent=None, hosted=None, currency="USD")
    found = larger.on_machine(machine((gib,)))

    assert (found.need_bytes, found.missing_bytes) == (20 * GIB, missing)


@pytest.mark.parametrize(("high", "told"), [(2.0, 2.0), (1.5, None)])
def test_a_rent_of_one_price_is_no_range(high: float, told: float | None) -> None:
    """
    The upper end is told where it is another one; without any rent that is said.
    """
    rent = Rent(gpus="RTX A6000", price=PriceRange(low=1.5, high=high, currency="USD"))
    larger = Larger(name="larger", needs=NEEDS, rent=rent, hosted=None, currency="USD")

    assert (larger.rented().how.values["low"], larger.rented().how.values["high"]) == (1.5, told)
    assert msgspec.structs.replace(larger, rent=None).rented().how.id == "cost.larger-rent-unknown"
    assert larger.by_api().how.id == "cost.larger-api-unknown"
