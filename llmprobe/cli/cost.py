"""
``llmprobe cost``: what a model costs here, on other hardware, rented, or by API.
"""

import re
from collections.abc import Callable
from typing import Any

import click

from llmprobe.cli import say
from llmprobe.cli.command import Choice, Command, argument, option
from llmprobe.cli.language import spoken
from llmprobe.cli.options import at_least, context, decimal, json_option, one_model, refused
from llmprobe.cli.target import Target
from llmprobe.errors import UsageError
from llmprobe.words.message import message

USES = Choice(("chat", "reasoning", "agent", "long", "batch"))
HOURS = 24
_TOKENS = r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*([kKmMgG]?)\s*"
_TIMES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def hours(least: float | None) -> Callable[[click.Context, click.Parameter, str | None], float | None]:
    """
    A callback that reads hours of a day: from ``least`` on, or above nothing, up to 24.
    """

    def read(_context: click.Context, param: click.Parameter, value: str | None) -> float | None:
        if value is None:
            return None
        number = decimal(value.removesuffix("h"))
        if number is None or number > HOURS or (not number if least is None else number < least):
            raise refused(
                param,
                message("error.option-hours", given=value),
                message("hint.such-as", example=f"{max(param.opts, key=len)} 8"),
            )
        return number

    return read


def amount(example: str) -> Callable[[click.Context, click.Parameter, str | None], float | None]:
    """
    A callback that reads an amount of money, or of watts, above nothing.
    """

    def read(_context: click.Context, param: click.Parameter, value: str | None) -> float | None:
        if value is None:
            return None
        number = decimal(value)
        if not number:
            raise refused(
                param,
                message("error.option-amount", given=value),
                message("hint.such-as", example=f"{max(param.opts, key=len)} {example}"),
            )
        return number

    return read


def budget(context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """
    Read the most that may be spent: none at all is refused in its own words.
    """
    if value is not None and decimal(value) == 0:
        raise UsageError(message("error.budget-of-nothing"), hint=message("hint.budget-of-nothing"))
    return amount("1500")(context, param, value)


def tokens(_context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of tokens, of which 1M are a million, as prices count them.
    """
    if value is None:
        return None
    match = re.fullmatch(_TOKENS, value)
    number = round(float(match[1]) * _TIMES[match[2].lower()]) if match is not None else 0
    if number < 1:
        raise refused(
            param,
            message("error.option-tokens", given=value),
            message("hint.such-as", example="--tokens-per-day 200k"),
        )
    return number


@click.command(
    "cost",
    cls=Command,
    help="help.cost",
    short_help="help.short.cost",
    examples=(
        "llmprobe cost llama3-70b",
        "llmprobe cost llama3-70b --tokens-per-day 1M --power-price 0.31 --currency EUR",
        'llmprobe --gpu "2x RTX 3090" --ram 64GB cost llama3-70b --price 1500 --hours-per-day 8',
        "llmprobe cost gpt-oss-120b -np 16 --requests 5000 --prices prices.toml --json",
    ),
)
@argument("named", required=False, metavar="MODEL")
@option("-m", "--model", metavar="MODEL", help="help.recommend.model")
@option("-c", "--ctx-size", callback=context, default="8192", metavar="N", help="help.plan.ctx-size")
@option("-np", "--parallel", callback=at_least(1), default="1", metavar="N", help="help.cost.parallel")
@option("--quant", metavar="Q", help="help.plan.quant")
@option("--for", "use", type=USES, help="help.cost.for")
@option("--requests", callback=at_least(1), metavar="N", help="help.cost.requests")
@option("--tokens-per-day", callback=tokens, metavar="N", help="help.cost.tokens-per-day")
@option("--hours-per-day", callback=hours(None), metavar="N", help="help.cost.hours-per-day")
@option("--on-hours", callback=hours(0), metavar="N", help="help.cost.on-hours")
@option("--months", callback=at_least(1), default="36", metavar="N", help="help.cost.months")
@option("--budget", callback=budget, metavar="P", help="help.cost.budget")
@option("--price", callback=amount("1500"), metavar="P", help="help.cost.price")
@option("--power-price", callback=amount("0.31"), metavar="P", help="help.cost.power-price")
@option("--watts", callback=amount("350"), metavar="N", help="help.cost.watts")
@option("--idle-watts", callback=amount("60"), metavar="N", help="help.cost.idle-watts")
@option("--currency", metavar="C", help="help.cost.currency")
@option("--exchange-rate", callback=amount("0.86"), metavar="N", help="help.cost.exchange-rate")
@option("--prices", metavar="FILE", help="help.cost.prices")
@json_option
@click.pass_obj
def command(target: Target, /, named: str | None, model: str | None, as_json: bool, **wishes: Any) -> int:
    """
    Compare what a model costs.
    """
    from llmprobe import api

    wanted = one_model(model, named, command="llmprobe cost", example="llama3-70b")
    snapshot = target.snapshot()
    spec = api.load_model(wanted, snapshot=snapshot)
    answer = api.cost(spec, snapshot, is_bought=target.is_hypothetical, **wishes)
    if as_json:
        say.document(answer)
    else:
        from llmprobe.output.text import pages

        pages.show_cost(answer, spoken())
    return 0 if len(answer.ways) > 1 or answer.ways[0].choice is not None else 3
