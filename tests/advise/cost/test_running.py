"""
The arithmetic of cost: worked examples, to the cent.
"""

import pytest

from llmprobe.advise.cost.ranges import exactly, of_price, quotient
from llmprobe.advise.cost.running import (
    asked_a_month,
    break_even,
    busy_hours,
    energy_a_month,
    energy_of_a_million,
    most_written,
    rent_a_month,
    rent_above,
    rent_of_a_million,
    shared,
    written_above,
)
from llmprobe.facts.cost import Work
from llmprobe.facts.estimate import Range
from llmprobe.facts.prices import PriceRange

US, JAPAN, GERMANY = 0.17, 0.20, 0.45
"""Dollars for a kWh: of the United States, 31 yen, 0.384 euros."""


def work(written: float, read: float = 0.0) -> Work:
    """
    Return so many tokens a day.
    """
    return Work(written_per_day=written, read_per_day=read, given="tokens", use="chat", answers_per_day=1)


@pytest.mark.parametrize(
    ("watts", "tokens_per_s", "us", "japan", "germany"),
    [
        (230, 37, 0.29, 0.35, 0.78),
        (240, 30, 0.38, 0.44, 1.00),
        (464, 115, 0.19, 0.22, 0.50),
        (760, 18, 1.99, 2.35, 5.28),
        (420, 18, 1.10, 1.30, 2.92),
        (350, 2.8, 5.90, 6.94, 15.62),
        (227, 13.7, 0.78, 0.92, 2.07),
        (140, 35, 0.19, 0.22, 0.50),
        (138, 38.6, 0.17, 0.20, 0.45),
        (700, 196, 0.17, 0.20, 0.45),
    ],
)
def test_electricity_of_a_million_tokens(
    watts: float, tokens_per_s: float, us: float, japan: float, germany: float
) -> None:
    """
    Ten machines at three prices. 2x RTX 3090 with a 70B: 760 W for 1,000,000 / 18 = 55,556 s are 11.73 kWh, at 0.17 a
    kWh 1.99 dollars, against 0.20 to 1.20 for the hosted model.
    """
    for kwh, cost in ((US, us), (JAPAN, japan), (GERMANY, germany)):
        found = energy_of_a_million(exactly(watts), exactly(tokens_per_s), exactly(kwh))
        # The table rounds half a cent up where Python rounds it to the even one.
        assert found.likely == pytest.approx(cost, abs=0.00501)


@pytest.mark.parametrize(
    ("price", "watts", "tokens_per_s", "dearest", "months"),
    [
        (330, 230, 37, 0.30, 1704),
        (449, 240, 30, 0.30, None),
        (1900, 464, 115, 0.30, 579),
        (3740, 760, 18, 1.20, None),
        (7500, 420, 18, 1.20, 2547),
        (2300, 350, 2.8, 1.20, None),
        (5299, 227, 13.7, 1.20, 423),
        (1999, 140, 35, 0.95, 88),
        (4699, 138, 38.6, 0.95, 201),
        (13000, 700, 196, 0.95, 555),
    ],
)
def test_months_to_repay_against_the_dearest_api(
    price: float, watts: float, tokens_per_s: float, dearest: float, months: int | None
) -> None:
    """
    At a million tokens a day. A Mac Studio: electricity of a million 227 x 0.17 / (3.6 x 13.7) = 0.7824, saved a month
    30 x (1.20 - 0.7824) = 12.53, and 5299 / 12.53 = 423 months. Where electricity alone is dearer it is never.
    """
    day = work(1_000_000)
    hours = busy_hours(day, exactly(tokens_per_s), None)
    assert hours is not None
    own = energy_a_month(exactly(watts), hours, exactly(US))
    other = asked_a_month(day, exactly(dearest), exactly(0.0))

    found = break_even(exactly(price), own, other, horizon=36, against="api", enough=True)

    if months is None:
        assert found.verdict == "never"
        assert found.months_likely is None
    else:
        assert found.verdict == "repaid"
        assert found.months_likely == pytest.approx(months, abs=0.6)


def test_a_day_has_24_hours() -> None:
    """
    A million tokens at 18 tokens/s are 15.4 hours of a day; at 2.8 they are 99.2, which no day has: 241,920 at most.
    """
    day = work(1_000_000)
    fast, slow = busy_hours(day, exactly(18), None), busy_hours(day, exactly(2.8), None)

    assert fast is not None
    assert slow is not None
    assert fast.likely == pytest.approx(15.43, abs=0.01)
    assert slow.likely == pytest.approx(99.2, abs=0.01)
    assert most_written(day, slow).likely == pytest.approx(241_920)
    assert most_written(day, fast).likely == pytest.approx(1_555_200)


def test_reading_takes_its_time() -> None:
    """
    15,000 tokens written at 10 tokens/s are 1,500 s, 20,000 read at 500 are 40 s: 0.4278 hours. In a day of 24 hours
    15,000 x 24 / 0.4278 = 841,558 are written. What is read at an unknown speed takes an unknown time.
    """
    day = work(15_000, 20_000)
    hours = busy_hours(day, exactly(10), exactly(500))

    assert hours is not None
    assert hours.likely == pytest.approx(1540 / 3600)
    assert most_written(day, hours).likely == pytest.approx(841_558, abs=1)
    assert busy_hours(day, exactly(10), None) is None


def test_idle_electricity_of_a_month() -> None:
    """
    A box that draws 90 W all day: 64.8 kWh a month, 11.02 dollars at 0.17 and 24.88 euros at 0.384.
    """
    assert energy_a_month(exactly(90), exactly(24), exactly(0.17)).likely == pytest.approx(11.016)
    assert energy_a_month(exactly(90), exactly(24), exactly(0.384)).likely == pytest.approx(24.883, abs=0.001)


def test_a_machine_against_rent() -> None:
    """
    2x RTX 3090 for 3,740 dollars at 760 W, 8 hours a day: 31.01 of electricity a month against 2 x 0.22 to 0.39 x 8 x
    30 = 105.60 to 187.20 of rent: 3740 / 156.19 = 24 to 3740 / 74.59 = 50 months. Around the clock 8 to 17.
    """
    for hours, electricity, fewest, most in ((8, 31.01, 23.9, 50.1), (24, 93.02, 8.0, 16.7)):
        own = energy_a_month(exactly(760), exactly(hours), exactly(US))
        per_hour = of_price(PriceRange(low=0.44, high=0.78, currency="USD"))
        rent = rent_a_month(per_hour, exactly(hours))
        found = break_even(exactly(3740), own, rent, horizon=36, against="rent", enough=True)

        assert own.likely == pytest.approx(electricity, abs=0.01)
        assert found.verdict == "repaid"
        assert found.months_low == pytest.approx(fewest, abs=0.1)
        assert found.months_high == pytest.approx(most, abs=0.1)


def test_rent_of_a_million() -> None:
    """
    An hour of 0.40 dollars at 20 tokens/s writes 72,000: a million costs 5.56.
    """
    assert rent_of_a_million(exactly(0.40), exactly(20)).likely == pytest.approx(5.5556, abs=1e-4)


def test_the_question_inverted() -> None:
    """
    Saved 11.39 a month: worth it below 410 dollars in 36 months. A card of 360 dollars whose million costs 0.25 less:
    360 / (36 x 30) / 0.25 = 1.333 million tokens a day. With 30 dollars of electricity a month, 36 months and 8 hours a
    day it pays above (360 / 36 + 30) / 240 = 0.1667 an hour.
    """
    found = break_even(exactly(360), exactly(10), exactly(21.39), horizon=36, against="api", enough=True)

    assert found.worth_below is not None
    assert found.worth_below.likely == pytest.approx(410.04)
    assert written_above(360, 36, 0.25) == pytest.approx(1_333_333, abs=1)
    assert written_above(360, 36, 0.0) is None
    assert written_above(360, 36, -0.1) is None
    assert rent_above(360, 30, 8, 36) == pytest.approx(0.16667, abs=1e-5)
    assert rent_above(360, 30, 0, 36) is None


def test_verdicts() -> None:
    """
    Cheaper and repaid where even the worst of both ranges saves, never where even the best does not, perhaps between;
    a machine that cannot do the work says so first. What is owned is repaid at once.
    """
    own, other = Range(low=2, likely=4, high=6), Range(low=5, likely=8, high=10)
    cheap, dear = exactly(1), exactly(20)

    def verdict(first: float, one: Range, against: Range, *, enough: bool = True) -> str:
        return break_even(exactly(first), one, against, horizon=36, against="api", enough=enough).verdict

    assert verdict(0, cheap, other) == "cheaper"
    assert verdict(100, cheap, other) == "repaid"
    assert verdict(0, own, other) == "perhaps"
    assert verdict(100, own, other) == "perhaps"
    assert verdict(100, dear, other) == "never"
    assert verdict(0, dear, other) == "never"
    assert verdict(100, cheap, other, enough=False) == "cannot"
    found = break_even(exactly(100), own, other, horizon=36, against="api", enough=True)
    assert (found.months_low, found.months_likely, found.months_high) == (12.5, 25, None)
    assert found.worth_below == Range(low=0, likely=144, high=288)
    # Where even the best and the worst cost the same nothing is saved, and nothing repaid.
    same = break_even(exactly(0), exactly(5), exactly(5), horizon=36, against="api", enough=True)
    assert (same.verdict, same.months_low) == ("never", None)
    assert verdict(0, cheap, exactly(1.5)) == "cheaper"
    assert verdict(9, cheap, exactly(1.5)) == "repaid"
    assert verdict(0, cheap, Range(low=1, likely=2, high=3)) == "perhaps"
    assert verdict(9, cheap, Range(low=1, likely=2, high=3)) == "perhaps"
    assert break_even(exactly(0.5), cheap, other, horizon=36, against="api", enough=True).verdict == "repaid"
    owned = break_even(exactly(0), cheap, other, horizon=36, against="api", enough=True)
    assert (owned.months_low, owned.months_high) == (0, 0)


def test_many_users_share_a_pass() -> None:
    """
    32 users of a dense 70B at 18 tokens/s and prompts of 532: 32 / (1/18 + 32/532) = 276.6 tokens/s at best, and half
    of it surely; never below the speed for one. A mixture of experts gains nothing for sure. One user gets the speed.
    """
    one, prompts = exactly(18), exactly(532)
    dense = shared(one, prompts, 32, experts=False)
    mixture = shared(one, prompts, 32, experts=True)

    assert dense.high == pytest.approx(276.6, abs=0.1)
    assert dense.likely == pytest.approx(276.6, abs=0.1)
    assert dense.low == pytest.approx(138.3, abs=0.1)
    assert (mixture.low, mixture.high) == (18, dense.high)
    assert mixture.likely == pytest.approx(138.3, abs=0.1)
    assert shared(one, prompts, 1, experts=False) == one
    assert shared(one, None, 4, experts=False) == Range(low=18, likely=18, high=72)


def test_bounds_of_a_quotient() -> None:
    """
    The least by the most, and the most by the least.
    """
    assert quotient(Range(low=2, likely=6, high=8), Range(low=1, likely=2, high=4)) == Range(
        low=0.5, likely=3, high=8
    )
