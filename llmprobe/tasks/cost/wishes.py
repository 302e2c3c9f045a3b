"""
What a program asks of ``cost``, each wish checked.
"""

from math import isfinite

from llmprobe.errors import UsageError
from llmprobe.estimation.options import MOST_SLOTS
from llmprobe.facts.cost import CostWishes
from llmprobe.facts.given import count, one_of, shown, text
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.own_prices import OwnPrices
from llmprobe.facts.recommendation import UseName
from llmprobe.tasks.arguments import check_model, context_of
from llmprobe.tasks.cost.price_book import known_currency
from llmprobe.tasks.models import quant_name
from llmprobe.tasks.plan import USUAL_QUANT
from llmprobe.tasks.recommend import USE_NAMES
from llmprobe.words.message import message

MOST_TOKENS = 10**12
MOST_MONTHS = 240
MOST_MONEY = 1e12
MOST_WATTS = 1e6
HOURS = 24.0


def wishes_of(
    model: ModelSpec,
    own: OwnPrices | None,
    *,
    ctx_size: int = 8192,
    quant: str | None = None,
    parallel: int = 1,
    use: UseName | None = None,
    hours_per_day: float | None = None,
    tokens_per_day: int | None = None,
    requests: int | None = None,
    on_hours: float | None = None,
    months: int = 36,
    budget: float | None = None,
    currency: str | None = None,
    exchange_rate: float | None = None,
    price: float | None = None,
    power_price: float | None = None,
    watts: float | None = None,
    idle_watts: float | None = None,
) -> CostWishes:
    """
    What a program asks for, each wish checked; the currency is that of the user's own prices where none is named.

    Raises:
        UsageError: one is of another kind or out of range, or two say how much work there is.
    """
    check_model(model)
    if use is not None:
        one_of("use", use, USE_NAMES)
    given = {"hours_per_day": hours_per_day, "tokens_per_day": tokens_per_day, "requests": requests}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(message("error.work-twice", first=named[0], second=named[1]))
    code = own.currency if own is not None else "USD"
    if currency is not None:
        code = known_currency(text("currency", currency))
        if own is not None and code != own.currency:
            raise UsageError(message("error.two-currencies", given=code, file=own.currency))
    rate = exchange_rate if exchange_rate is not None or own is None else own.dollar
    usual = model.quant or model.published_quant or USUAL_QUANT
    slots = count("parallel", parallel, least=1, most=MOST_SLOTS)
    return CostWishes(
        ctx_size=context_of(model, ctx_size, slots),
        quant=usual if quant is None else quant_name(text("quant", quant), model),
        parallel=slots,
        use=use,
        hours_per_day=_hours("hours_per_day", hours_per_day, above=0.0),
        tokens_per_day=None
        if tokens_per_day is None
        else count("tokens_per_day", tokens_per_day, least=1, most=MOST_TOKENS),
        requests=None if requests is None else count("requests", requests, least=1, most=MOST_TOKENS),
        on_hours=_hours("on_hours", on_hours),
        months=count("months", months, least=1, most=MOST_MONTHS),
        budget=_budget(budget),
        currency=code,
        exchange_rate=_above_zero("exchange_rate", rate, MOST_MONEY),
        price=_above_zero("price", price, MOST_MONEY),
        power_price=_above_zero("power_price", power_price, MOST_MONEY),
        watts=_above_zero("watts", watts, MOST_WATTS),
        idle_watts=_above_zero("idle_watts", idle_watts, MOST_WATTS),
    )


def _hours(name: str, value: float | None, *, above: float | None = None) -> float | None:
    """
    Hours of a day.
    """
    if value is None:
        return None
    if _is_number(value) and 0 <= value <= HOURS and (above is None or value > above):
        return float(value)
    raise UsageError(message("error.hours-of-a-day", setting=name, given=shown(value)))


def _budget(value: float | None) -> float | None:
    if value == 0:
        raise UsageError(message("error.budget-of-nothing"), hint=message("hint.budget-of-nothing"))
    return _above_zero("budget", value, MOST_MONEY)


def _above_zero(name: str, value: float | None, most: float) -> float | None:
    if value is None:
        return None
    if _is_number(value) and 0 < value <= most:
        return float(value)
    raise UsageError(message("error.not-above-zero", setting=name, given=shown(value), most=most))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
