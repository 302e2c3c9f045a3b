"""
The public function that tells what a model costs.
"""

from os import PathLike
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from llmprobe.facts.cost import Cost
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.recommendation import UseName


def cost(
    model: "ModelSpec",
    snapshot: "Snapshot | None" = None,
    *,
    ctx_size: int = 8192,
    quant: str | None = None,
    parallel: int = 1,
    use: "UseName | None" = None,
    requests: int | None = None,
    tokens_per_day: int | None = None,
    hours_per_day: float | None = None,
    on_hours: float | None = None,
    months: int = 36,
    budget: float | None = None,
    price: float | None = None,
    power_price: float | None = None,
    watts: float | None = None,
    idle_watts: float | None = None,
    currency: str | None = None,
    exchange_rate: float | None = None,
    prices: "str | PathLike[str] | None" = None,
    is_bought: bool = False,
    on: "date | None" = None,
) -> "Cost":
    """
    What a model costs on a machine (this one by default), on others that could be bought, rented, and by API.

    The work of a day is a number of answers (``requests``; 50 for each of ``parallel`` users unless anything else is
    named), of tokens written, or of hours in which the machine is at work. Money is in ``currency`` (US dollars); the
    user's own figures and those of ``prices``, a file in TOML, come before the dated tables, which are told in another
    currency where ``exchange_rate``, the price of a dollar, is known. ``months`` is the time in which a purchase shall
    repay itself, ``on_hours`` the hours a day in which machines are on, ``watts`` and ``idle_watts`` those of this one
    at the wall. ``is_bought`` says that the machine would have to be bought, ``on`` is the day for which prices are
    told (today).

    Raises:
        UsageError: a wish is out of range, or the file of prices cannot be used.
    """
    from llmprobe.tasks.arguments import path
    from llmprobe.tasks.cost import costs
    from llmprobe.tasks.cost.price_book import read_own
    from llmprobe.tasks.cost.wishes import wishes_of

    own = None if prices is None else read_own(path("prices", prices))
    wishes = wishes_of(
        model,
        own,
        ctx_size=ctx_size,
        quant=quant,
        parallel=parallel,
        use=use,
        requests=requests,
        tokens_per_day=tokens_per_day,
        hours_per_day=hours_per_day,
        on_hours=on_hours,
        months=months,
        budget=budget,
        price=price,
        power_price=power_price,
        watts=watts,
        idle_watts=idle_watts,
        currency=currency,
        exchange_rate=exchange_rate,
    )
    return costs.cost(model, snapshot, wishes, own, is_bought=is_bought, on=on)
