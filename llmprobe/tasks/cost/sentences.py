"""
What is said of the ways to run a model: where the text goes, what is to be done, how they compare.
"""

from collections.abc import Iterator

from llmprobe.facts.cost import CostWay, CostWishes
from llmprobe.facts.estimate import trained_context
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.prices import PriceRange
from llmprobe.tasks.cost.price_book import PriceBook
from llmprobe.words.message import Message, message

REPAID = ("repaid", "perhaps")


def data_of(way: CostWay) -> Message:
    """
    Where prompts and answers go.
    """
    if way.kind == "rent":
        return message("cost.data-rent")
    return message("cost.data-api") if way.kind == "api" else message("cost.data-home")


def effort_of(way: CostWay) -> Message:
    """
    What is to be done before the first answer.
    """
    origin = None if way.choice is None else way.choice.origin
    size = None if origin is None else origin.size_bytes
    if way.kind == "rent":
        return message("cost.effort-rent", file_bytes=size)
    if way.kind == "api":
        return message("cost.effort-api")
    if way.kind == "hardware":
        return message("cost.effort-hardware", cards=way.count if way.count > 1 else None, file_bytes=size)
    is_here = origin is not None and origin.here is True
    return message("cost.effort-here", file_bytes=None if is_here else size)


def answer_of(ways: list[CostWay], wishes: CostWishes) -> Iterator[Message]:
    """
    The comparison: what is cheapest for this work, what a token costs at home against an API, what a purchase does.
    """
    here = ways[0]
    if here.choice is None:
        yield message("cost.not-here", quant=wishes.quant, ctx_size=wishes.ctx_size)
    elif here.enough is False and here.most_written_per_day is not None:
        yield message("cost.here-too-slow", most=here.most_written_per_day.high)
    able = [one for one in ways if one.enough is not False and _a_month(one, wishes) is not None]
    if len(able) > 1:
        best = min(able, key=lambda one: _a_month(one, wishes) or 0.0)
        yield message(
            "cost.cheapest",
            way=best.name,
            amount=_a_month(best, wishes),
            currency=wishes.currency,
            months=wishes.months if best.first_cost is not None and best.first_cost.likely else None,
        )
    api = next((one for one in ways if one.kind == "api"), None)
    home = next((one for one in ways if one.whole and one.watts and one.per_million_written), None)
    if here.per_million_written is not None:
        home = here
    if (
        api is not None
        and api.hosted is not None
        and home is not None
        and home.per_million_written is not None
    ):
        home_costs, asked = home.per_million_written.likely, api.hosted.written
        if home is here:
            yield message(
                "cost.token-here", currency=wishes.currency, home=home_costs, low=asked.low, high=asked.high
            )
        else:
            yield message(
                "cost.token-at-home",
                way=home.name,
                currency=wishes.currency,
                home=home_costs,
                low=asked.low,
                high=asked.high,
            )
    yield from _of_purchases(ways, wishes)


def _of_purchases(ways: list[CostWay], wishes: CostWishes) -> Iterator[Message]:
    """
    Whether any machine that is bought repays itself in time, and which does so first.
    """
    here = ways[0]
    if (
        here.choice is not None
        and here.enough is not False
        and here.price is not None
        and here.price.high == 0
    ):
        # Who has a machine that does the work asks about no other.
        return
    bought = [one for one in ways if one.first_cost is not None and one.first_cost.likely and one.break_even]
    if not bought:
        return
    repaid = [
        (found.months_likely, one, found)
        for one in bought
        for found in one.break_even
        if found.verdict in REPAID
        and found.months_likely is not None
        and found.months_likely <= wishes.months
    ]
    if not repaid:
        yield message("cost.no-purchase", months=wishes.months)
        return
    months, way, against = min(repaid, key=lambda one: one[0] or 0.0)
    other = next(one for one in ways if one.id == against.against)
    yield message("cost.best-purchase", way=way.name, months=months, other=other.name)


def _a_month(way: CostWay, wishes: CostWishes) -> float | None:
    """
    What a way costs a month, a purchase spread over the wished months; None where a part of it is unknown.
    """
    if way.per_month is None or way.first_cost is None:
        return None
    return way.per_month.likely + way.first_cost.likely / wishes.months


def notes_of(
    ways: list[CostWay],
    wishes: CostWishes,
    book: PriceBook,
    power: PriceRange | None,
    country: str | None,
    model: ModelSpec,
) -> Iterator[Message]:
    """
    On what the figures stand, and what is not in them.
    """
    trained = trained_context(model)
    if trained is not None and wishes.ctx_size > trained:
        yield message("warning.beyond-trained-context", ctx_size=wishes.ctx_size, trained=trained)
    if power is None:
        yield message("cost.power-unknown", currency=wishes.currency)
    elif country is not None:
        yield message("cost.power-of", country=country)
    if not book.converts:
        yield message("cost.not-converted", currency=wishes.currency)
    if any(one.watts is None and one.choice is not None for one in ways if one.kind in ("here", "hardware")):
        yield message("cost.watts-unknown")
    if wishes.parallel > 1:
        yield message("cost.service", users=wishes.parallel)
    else:
        yield message("cost.one-user")
    if wishes.quant != model.published_quant and any(one.hosted is not None for one in ways):
        yield message("cost.api-is-another-quant", quant=wishes.quant)
    if not any(one.kind == "api" for one in ways):
        yield message("cost.no-api-price")
    if any(one.price is not None and not one.price.yours and one.kind == "hardware" for one in ways):
        yield message("cost.parts-only")
    yield message("cost.left-out")
