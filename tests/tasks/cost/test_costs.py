"""
``cost``: the ways to run a model beside each other, each figure from those that stand beside it.
"""

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import llmprobe
from llmprobe.errors import UsageError
from llmprobe.facts.cost import Cost, CostWay
from llmprobe.facts.estimate import Range
from llmprobe.tasks.cost.price_book import read_own
from tests.catalog_models import loaded

A_DAY = date(2026, 11, 30)


@cache
def _cost(name: str, gpu: str, ram: str, wishes: tuple[tuple[str, Any], ...]) -> Cost:
    found = llmprobe.probe(gpus=gpu, ram=ram)
    return llmprobe.cost(loaded(name), found, on=A_DAY, **dict(wishes))


def cost(name: str = "llama3-70b", gpu: str = "2x RTX 3090", ram: str = "64GiB DDR5", **wishes: Any) -> Cost:
    """
    The cost of a model on a machine of these parts on a day of November 2026.
    """
    return _cost(name, gpu, ram, tuple(wishes.items()))


def here(answer: Cost) -> CostWay:
    return answer.ways[0]


def of_kind(answer: Cost, kind: str) -> list[CostWay]:
    return [way for way in answer.ways if way.kind == kind]


def likely(figure: Range | None) -> float:
    assert figure is not None
    return figure.likely


def ids(answer: Cost) -> set[str]:
    return {one.id for one in (*answer.answer, *answer.notes)}


def test_a_70b_at_home_costs_more_than_hosted() -> None:
    """
    2x RTX 3090 at 760 W and 0.17 a kWh: 760 x 0.17 / (3.6 x tokens/s) dollars for a million tokens (1.99 at 18),
    against 0.20 to 1.20 for the hosted model; and what is said has those figures.
    """
    answer = cost(watts=760, power_price=0.17)
    speed = here(answer).written_per_s
    api = of_kind(answer, "api")[0]

    assert speed is not None
    assert likely(here(answer).per_million_written) == pytest.approx(760 * 0.17 / (3.6 * speed.likely))
    assert api.hosted is not None
    assert (api.hosted.written.low, api.hosted.written.high) == (0.20, 1.20)
    assert api.hosted.model == "llama-3.3-70b-instruct"
    said = next(one for one in answer.answer if one.id == "cost.token-here")
    assert said.values["home"] == pytest.approx(likely(here(answer).per_million_written))
    assert (said.values["low"], said.values["high"]) == (0.20, 1.20)


def test_every_figure_follows_from_those_beside_it() -> None:
    """
    50 answers of chat are 15,000 tokens written and 20,000 read. Hours are these by the speeds, the month is 30 days of
    watts and hours, a day of 24 hours holds as many more tokens.
    """
    answer = cost(watts=760, power_price=0.17)
    way = here(answer)
    hours = 15_000 / likely(way.written_per_s) / 3600 + 20_000 / likely(way.read_per_s) / 3600

    assert (answer.work.written_per_day, answer.work.read_per_day, answer.work.given) == (
        15_000,
        20_000,
        "usual",
    )
    assert likely(way.hours_per_day) == pytest.approx(hours)
    assert likely(way.per_month) == pytest.approx(0.760 * hours * 30 * 0.17)
    assert likely(way.most_written_per_day) == pytest.approx(15_000 * 24 / hours)
    assert likely(way.idle_per_month) == 0
    assert way.enough is True
    api = of_kind(answer, "api")[0]
    assert api.hosted is not None
    month = (0.015 * api.hosted.written.likely + 0.02 * api.hosted.read.likely) * 30
    assert likely(api.per_month) == pytest.approx(month)
    for way in answer.ways:
        for figure in (way.per_month, way.per_million_written, way.hours_per_day, way.first_cost):
            assert figure is None or figure.low <= figure.likely <= figure.high


def test_idle_hours_cost() -> None:
    """
    On all day at 90 W idle: (24 - hours at work) x 30 x 0.09 kW x 0.17, beside the work; it is named apart.
    """
    answer = cost(watts=760, idle_watts=90, power_price=0.17, on_hours=24)
    way = here(answer)
    idle = (24 - likely(way.hours_per_day)) * 30 * 0.09 * 0.17

    assert likely(way.idle_per_month) == pytest.approx(idle)
    assert likely(way.per_month) == pytest.approx(idle + 0.760 * likely(way.hours_per_day) * 30 * 0.17)
    assert likely(way.always_on_per_month) == pytest.approx(idle)


def test_a_machine_that_cannot_write_that_many_says_so() -> None:
    """
    A million tokens a day take an RTX 4090 with half of a 70B in RAM over 24 hours: the answer says at most how many,
    and no purchase of that card is compared by months.
    """
    answer = cost(gpu="RTX 4090", tokens_per_day=1_000_000, power_price=0.17)
    way = here(answer)

    assert way.enough is False
    assert way.hours_per_day is not None
    assert way.hours_per_day.low > 24
    assert "cost.here-too-slow" in ids(answer)
    assert {found.verdict for found in way.break_even} == {"cannot"}
    # Electricity of a day is never more than that of 24 hours.
    assert way.watts is not None
    assert way.per_month is not None
    assert way.per_month.high <= way.watts.load.high / 1000 * 24 * 30 * 0.17 + 1e-9


def test_hours_of_work_are_tokens_at_the_speed_here() -> None:
    """
    Eight hours a day at work, reading counted: the hours come back.
    """
    answer = cost(hours_per_day=8)

    assert likely(here(answer).hours_per_day) == pytest.approx(8, rel=1e-3)
    assert answer.work.given == "hours"


def test_a_purchase_is_repaid_by_what_it_saves() -> None:
    """
    A machine to be bought for 3,740: months are the price by what rent costs more each month, the price that is worth
    it 36 times that, and the rent of an hour and GPU from which on it pays is (3740 / 36 + electricity) by the hours
    that are rented.
    """
    answer = cost(tokens_per_day=1_000_000, price=3740, is_bought=True, power_price=0.17, watts=760)
    way = here(answer)
    found = next(one for one in way.break_even if one.against.startswith("rent"))
    other = next(one for one in answer.ways if one.id == found.against)
    saved = likely(other.per_month) - likely(way.per_month)

    assert way.first_cost == Range(low=3740, likely=3740, high=3740)
    assert way.price is not None
    assert way.price.yours
    assert found.months_likely == pytest.approx(3740 / saved)
    assert likely(found.worth_below) == pytest.approx(36 * saved)
    hours = likely(other.hours_per_day) * other.count * 30
    assert found.rent_above == pytest.approx((3740 / 36 + likely(way.per_month)) / hours)
    assert other is min(of_kind(answer, "rent"), key=lambda one: likely(one.per_month))


def test_a_machine_to_buy_has_the_dated_price() -> None:
    """
    Two used RTX 3090 are 850 to 2070; the same machine at home costs nothing.
    """
    bought, owned = cost(is_bought=True), cost()

    assert here(bought).price is not None
    assert here(bought).first_cost == Range(low=850, likely=1460, high=2070)
    assert here(owned).first_cost == Range(low=0, likely=0, high=0)


def test_who_has_a_machine_is_told_of_no_purchase() -> None:
    """
    A machine that does the work is compared with rent and APIs; one that would have to be bought, or does not run the
    model, with what is to be paid for it. Where nothing repays itself in a month that is the answer.
    """
    purchases = {"cost.no-purchase", "cost.best-purchase"}

    assert not purchases & ids(cost())
    assert "cost.no-purchase" in ids(cost(is_bought=True, months=1))
    best = cost(is_bought=True, tokens_per_day=500_000, power_price=0.17)
    said = next(one for one in best.answer if one.id == "cost.best-purchase")
    months = [
        found.months_likely
        for way in best.ways
        for found in way.break_even
        if found.months_likely is not None and found.verdict in ("repaid", "perhaps")
    ]
    assert said.values["months"] == min(months)


def test_hardware_is_that_of_plan_with_its_prices() -> None:
    """
    The rows of ``plan``, with the choice and the price that it has for each; beside a card the least RAM alone.
    """
    answer = cost()
    planned = llmprobe.plan(loaded("llama3-70b"))
    rows = {(one.gpus, one.ram): one for one in planned.machines}
    least = {(one.kind, one.gpus): (one.gpus, one.ram) for one in reversed(planned.machines)}

    assert {(way.gpus, way.ram) for way in of_kind(answer, "hardware")} == set(least.values())
    for way in of_kind(answer, "hardware"):
        assert way.choice == rows[way.gpus, way.ram].choice
    two = next(way for way in of_kind(answer, "hardware") if way.gpus == ("2x RTX 3090",))
    assert two.first_cost == Range(low=1168.75, likely=1849.375, high=2530)


def test_rented_gpus_hold_the_model_as_a_machine_would() -> None:
    """
    Each rented set is whole by the search of ``recommend``, costs its rent by the hours at work, and has a page.
    """
    answer = cost()
    rented = of_kind(answer, "rent")

    assert len(rented) == 3
    for way in rented:
        assert way.whole
        assert way.rent_per_hour is not None
        assert way.rent_per_hour.pages
        middle = (way.rent_per_hour.low + way.rent_per_hour.high) / 2 * way.count
        assert likely(way.per_month) == pytest.approx(middle * likely(way.hours_per_day) * 30)
        again = llmprobe.recommend(
            loaded("llama3-70b"),
            llmprobe.probe(gpus=way.gpus, ram="256GiB DDR4-3200 x8"),
            quants="Q4_K_M",
            ctx_size=8192,
        )
        assert again.choices[0].gpu_layers == again.choices[0].total_layers


def test_a_service_is_another_question_than_one_user() -> None:
    """
    16 users at a time are written more than one, none more than 16 times as much; their machines are on all day, and
    that is said. The dated answers of 50 each are the work.
    """
    one, many = cost(), cost(parallel=16)
    alone, together = here(one).written_per_s, here(many).written_per_s

    assert alone is not None
    assert together is not None
    assert alone.likely * 1.5 < together.likely <= alone.likely * 16
    assert many.work.written_per_day == 16 * one.work.written_per_day
    assert likely(here(many).idle_per_month) > 0
    assert "cost.service" in ids(many)
    assert "cost.one-user" in ids(one)


def test_a_budget_leaves_out_what_costs_more() -> None:
    """
    With 1,000 dollars no machine is left whose least price is above that, and none whose price is unknown.
    """
    answer = cost(budget=1000)

    assert of_kind(answer, "hardware")
    for way in of_kind(answer, "hardware"):
        assert way.price is not None
        assert way.price.low <= 1000


def test_other_currencies_need_a_rate() -> None:
    """
    In euros electricity is Germany's; prices in dollars are left out, and that is said, until a dollar has a price.
    """
    without, with_rate = cost(currency="EUR"), cost(currency="EUR", exchange_rate=0.86)

    assert without.power_place == "Germany"
    assert not of_kind(without, "api")
    assert not of_kind(without, "rent")
    assert all(way.price is None for way in of_kind(without, "hardware"))
    assert "cost.not-converted" in ids(without)
    dollars = cost()
    two = next(way for way in of_kind(with_rate, "hardware") if way.gpus == ("2x RTX 3090",))
    assert two.price is not None
    assert two.price.low == pytest.approx(1168.75 * 0.86)
    assert two.price.currency == "EUR"
    api, other = of_kind(with_rate, "api")[0], of_kind(dollars, "api")[0]
    assert likely(api.per_million_written) == pytest.approx(0.86 * likely(other.per_million_written))
    assert "cost.not-converted" not in ids(with_rate)


def test_a_currency_without_electricity_counts_none() -> None:
    """
    No country of the table pays in francs: machines at home have no cost a month, and why is said.
    """
    answer = cost(currency="CHF", exchange_rate=0.8)

    assert answer.power_price is None
    assert here(answer).per_month is None
    assert "cost.power-unknown" in ids(answer)
    assert likely(here(cost(currency="CHF", power_price=0.3)).per_month) > 0


def test_own_prices_come_first(tmp_path: Path) -> None:
    """
    A file with a kWh, a card, a rent and an API: each in place of the table's, and said to be yours.
    """
    file = tmp_path / "prices.toml"
    file.write_text(
        """
currency = "eur"
dollar = 0.9
kwh = 0.31
[hardware]
"RTX 3090" = 600
"32GiB DDR5-5600" = [300, 340]
[rent]
"RTX 6000 Ada" = 0.5
[api]
"llama3-70b" = {read = 0.1, written = 0.4}
"""
    )
    answer = cost(prices=file)
    two = next(way for way in of_kind(answer, "hardware") if way.gpus == ("2x RTX 3090",))

    assert answer.currency == "EUR"
    assert answer.power_price is not None
    assert (answer.power_price.low, answer.power_price.yours, answer.power_place) == (0.31, True, None)
    assert two.price is not None
    assert (two.price.low, two.price.high, two.price.yours) == (1500, 1540, True)
    ada = next(way for way in of_kind(answer, "rent") if "6000 Ada" in way.gpus[0])
    assert ada.rent_per_hour is not None
    assert (ada.rent_per_hour.low, ada.rent_per_hour.yours) == (0.5, True)
    api = of_kind(answer, "api")[0]
    assert api.hosted is not None
    assert (api.hosted.written.likely, api.hosted.read.likely, api.hosted.price.yours) == (0.4, 0.1, True)
    assert likely(here(cost(prices=file, power_price=0.5)).per_million_written) == pytest.approx(
        likely(here(answer).per_million_written) * 0.5 / 0.31
    )


def test_the_file_of_the_documentation_is_read(tmp_path: Path) -> None:
    """
    The example of ``docs/cost.md`` is one that works.
    """
    page = (Path(__file__).parents[3] / "docs" / "cost.md").read_text(encoding="utf-8")
    lines = page.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("    currency ="))
    last = next(number for number, line in enumerate(lines) if number > first and not line)
    file = tmp_path / "prices.toml"
    file.write_text("\n".join(lines[first:last]), encoding="utf-8")
    own = read_own(file)

    assert (own.currency, own.dollar, own.kwh) == ("EUR", 0.86, 0.31)
    assert own.hardware == {"RTX 3090": 650, "64GiB DDR5": (560, 640)}
    assert own.rent == {"RTX 4090": 0.35}
    assert own.api["llama3.3-70b"].written == 0.40


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("kwh = 0.31", "error.prices-without-currency"),
        ('currency = "EUR"\nkwh = 0', "error.prices-no-price"),
        ('currency = "EUR"\nkwh = -1', "error.prices-no-price"),
        ('currency = "EUR"\nkwh = nan', "error.prices-no-price"),
        ('currency = "EUR"\nkwh = [3, 2]', "error.prices-no-price"),
        ('currency = "EUR"\nkwh = "cheap"', "error.prices-malformed"),
        ('currency = "EUR"\nkwhs = 1', "error.prices-malformed"),
        ('currency = "XXY"', "error.currency-unknown"),
        ("currency = 7", "error.prices-malformed"),
        ('currency = "EUR"\n[hardware]\n"RTX 9999" = 5', "error.prices-product"),
        ('currency = "EUR"\n[api]\n"x" = {read = 1}', "error.prices-malformed"),
        ('currency = "EUR"\n[api]\n"x" = {read = 0, written = 1}', "error.prices-no-price"),
        ("currency: EUR", "error.prices-no-toml"),
        ("\x00", "error.prices-no-toml"),
    ],
)
def test_a_file_of_prices_is_refused_in_words(tmp_path: Path, content: str, problem: str) -> None:
    """
    A missing currency, no price, another kind of value, an unknown product or name, no TOML.
    """
    file = tmp_path / "prices.toml"
    file.write_text(content)

    with pytest.raises(UsageError) as refused:
        cost(prices=file)
    assert refused.value.message.id == problem


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """
    None there, a folder, bytes that are no text, one that is far too long, a name that no system takes.
    """
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "long").write_text('currency = "EUR"\n' + "# x\n" * 400_000)
    for name, problem in (
        ("missing", "error.prices-unreadable"),
        ("", "error.prices-unreadable"),
        ("binary", "error.prices-no-toml"),
        ("long", "error.prices-no-toml"),
        ("a\0b", "error.prices-unreadable"),
    ):
        with pytest.raises(UsageError) as refused:
            cost(prices=tmp_path / name)
        assert refused.value.message.id == problem


@pytest.mark.parametrize(
    ("wishes", "problem"),
    [
        ({"hours_per_day": 25}, "error.hours-of-a-day"),
        ({"hours_per_day": -1}, "error.hours-of-a-day"),
        ({"hours_per_day": 0}, "error.hours-of-a-day"),
        ({"hours_per_day": float("nan")}, "error.hours-of-a-day"),
        ({"on_hours": 24.5}, "error.hours-of-a-day"),
        ({"budget": 0}, "error.budget-of-nothing"),
        ({"budget": -5}, "error.not-above-zero"),
        ({"price": 0}, "error.not-above-zero"),
        ({"power_price": float("inf")}, "error.not-above-zero"),
        ({"watts": True}, "error.not-above-zero"),
        ({"currency": "gold"}, "error.currency-unknown"),
        ({"tokens_per_day": 5, "requests": 5}, "error.work-twice"),
        ({"tokens_per_day": 0}, "error.setting-out-of-range"),
        ({"use": "knitting"}, "error.setting-not-a-choice"),
        ({"months": 0}, "error.setting-out-of-range"),
        ({"ctx_size": 2**31}, "error.setting-out-of-range"),
    ],
)
def test_bad_wishes_are_refused(wishes: dict[str, Any], problem: str) -> None:
    """
    One clear sentence each.
    """
    with pytest.raises(UsageError) as refused:
        cost("llama3-8b", **wishes)
    assert refused.value.message.id == problem


def test_a_file_in_another_currency_is_refused(tmp_path: Path) -> None:
    """
    Figures of two currencies are not mixed.
    """
    file = tmp_path / "prices.toml"
    file.write_text('currency = "EUR"')

    with pytest.raises(UsageError) as refused:
        cost("llama3-8b", prices=file, currency="USD")
    assert refused.value.message.id == "error.two-currencies"
    assert cost("llama3-8b", prices=file, currency="eur").currency == "EUR"


def test_a_model_that_does_not_run_here_is_compared_all_the_same() -> None:
    """
    A 70B on a laptop with 16 GiB: not here, on other hardware, rented and by API; hours here are no work.
    """
    answer = cost(gpu="RTX 4060 Laptop", ram="16GiB DDR5")

    assert here(answer).choice is None
    assert here(answer).per_month is None
    assert "cost.not-here" in ids(answer)
    assert of_kind(answer, "hardware")
    assert of_kind(answer, "rent")
    assert of_kind(answer, "api")


def test_a_year_later_only_own_figures_are_left() -> None:
    """
    In 2028 nothing of the tables is told: no price, rent or API, and electricity only by the user.
    """
    late = llmprobe.cost(
        loaded("llama3-8b"),
        llmprobe.probe(gpus="2x RTX 3090", ram="64GiB DDR5"),
        on=date(2028, 1, 1),
    )

    assert late.power_price is None
    assert all(way.price is None for way in of_kind(late, "hardware"))
    assert not of_kind(late, "rent")
    assert not of_kind(late, "api")
    assert late.priced_on == "2028-01-01"


def test_a_context_beyond_the_training_is_said() -> None:
    """
    Llama 3 8B was trained for 8192 tokens.
    """
    assert "warning.beyond-trained-context" in ids(cost("llama3-8b", ctx_size=16384))
    assert "warning.beyond-trained-context" not in ids(cost("llama3-8b", ctx_size=8192))


def test_an_api_serves_what_is_published() -> None:
    """
    gpt-oss is published in four bits, so an API has no other; a 70B as Q4_K_M is another one than there.
    """
    assert "cost.api-is-another-quant" not in ids(cost("gpt-oss-20b"))
    assert "cost.api-is-another-quant" in ids(cost())


def test_a_model_that_writes_nothing_has_no_cost_of_writing() -> None:
    """
    An embedding model is refused in words.
    """
    with pytest.raises(UsageError) as refused:
        cost("nomic-embed-text")
    assert refused.value.message.id == "error.cost-writes-nothing"


def test_larger_models_are_told_in_each_case() -> None:
    """
    How far a way reaches: what the next larger model needs at home, how much more than there is, and its rent and price
    elsewhere.
    """
    answer = cost()
    larger = here(answer).larger

    assert larger is not None
    assert larger.need_bytes is not None
    assert larger.missing_bytes is not None
    assert 0 < larger.missing_bytes < larger.need_bytes
    assert {way.larger.model for way in answer.ways if way.larger is not None} == {larger.model}
    assert all(way.larger is not None for way in answer.ways)
    big = next(way for way in of_kind(answer, "hardware") if way.gpus == ("8x RTX 4060",))
    assert big.larger is not None
