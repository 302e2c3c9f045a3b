"""
How values are written on the command line: sizes with units, contexts, layer counts, splits.

Each is a callback of an option; a value that is out of the question raises ``UsageError``, which names the option.
"""

import re
from collections.abc import Callable
from typing import Any

import click

from llmprobe.cli.command import Choice, option
from llmprobe.errors import UsageError
from llmprobe.units import parse_link, parse_memory, parse_rate, parse_tokens
from llmprobe.words.message import Message, message

LIMIT = 2**31
"""llama.cpp keeps these numbers in 32 bits with a sign."""

LONGEST = -1
"""What ``-c max`` is parsed to."""

ALL = -1
"""What ``-ngl all`` is parsed to."""

LONGEST_WAIT_S = 600.0
SHORTEST_WAIT_S = 1.0
SHORTEST_BENCH_S = 2.0
SHORTEST_VERIFY_S, LONGEST_VERIFY_S = 10.0, 7200.0

_WHOLE = r"\s*[+-]?[0-9]{1,20}\s*"
_DECIMAL = r"\s*\+?(?:[0-9]{1,20}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?\s*"

CACHE_TYPES = Choice(("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"))


def memory(_context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """
    Read an amount of memory with its unit: ``24GiB``, ``64GB``.
    """
    if value is None:
        return None
    try:
        return parse_memory(value)
    except UsageError as error:
        raise refused(param, error.message, error.hint) from None


def ram(_context: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """
    Read RAM: a size alone is its bytes; with kind, speed or channels the text is checked, and stays.
    """
    if value is None:
        return None
    from llmprobe.machine.ram_spelling import Ram, parse_ram

    try:
        read = parse_ram(value)
    except UsageError as error:
        raise refused(param, error.message, error.hint) from None
    return read.bytes if read == Ram(bytes=read.bytes) else value


def bandwidth(_context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """
    Read a bandwidth of memory: ``80GB/s``.
    """
    if value is None:
        return None
    rate = parse_rate(value)
    if not rate:
        raise refused(param, message("error.ram-bandwidth", given=value), message("hint.ram-bandwidth"))
    return rate


def context(_context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of tokens (``8192``, ``8k``); 0 is what the model was trained for.
    """
    if value is None:
        return None
    tokens = parse_tokens(value)
    if tokens is None:
        tokens = _whole(value)
    if tokens is None:
        hint = message("hint.context-max") if value.lower() == "max" else message("hint.context")
        raise refused(param, message("error.option-context", given=value), hint)
    if not 0 <= tokens < LIMIT:
        raise refused(
            param,
            message("error.option-context-range", given=tokens, most=LIMIT - 1),
            message("hint.context"),
        )
    return tokens


def context_or_max(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of tokens, or ``max``.
    """
    return LONGEST if value is not None and value.lower() == "max" else context(ctx, param, value)


def layers(_context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of layers, or ``all``.
    """
    if value is None or value.lower() == "all":
        return None if value is None else ALL
    count = _whole(value)
    if count is None or not 0 <= count < LIMIT:
        raise refused(param, message("error.option-layers", given=value), message("hint.layers"))
    return count


def split(_context: click.Context, param: click.Parameter, value: str | None) -> tuple[float, ...]:
    """
    Read proportions separated by commas or slashes: ``3,1``.
    """
    if value is None:
        return ()
    read = tuple(decimal(part) for part in value.replace("/", ",").split(","))
    parts = tuple(part for part in read if part is not None)
    if not any(parts) or len(parts) < len(read):
        raise refused(param, message("error.option-split", given=value), message("hint.split"))
    return parts


def at_least(least: int) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """
    A callback that reads a whole number from ``least`` up.
    """

    def number(_context: click.Context, param: click.Parameter, value: str | None) -> int | None:
        if value is None:
            return None
        count = _whole(value)
        if count is None or not least <= count < LIMIT:
            raise refused(param, message("error.option-number", given=value, least=least), None)
        return count

    return number


def rate(_context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """
    Read tokens per second.
    """
    if value is None:
        return None
    speed = decimal(value)
    if speed is None:
        raise refused(
            param,
            message("error.option-rate", given=value),
            message("hint.such-as", example="--min-speed 5"),
        )
    return speed


def one_model(model: str | None, named: str | None, *, command: str, example: str) -> str:
    """
    The model that is named with ``--model`` or by itself.

    Raises:
        UsageError: none is named, or two are.
    """
    if model is not None and named is not None:
        raise UsageError(
            message("error.two-models", first=named, second=model), hint=message("hint.one-of-them")
        )
    found = named if model is None else model
    if found is None:
        raise UsageError(
            message("error.model-missing"), hint=message("hint.model", command=command, example=example)
        )
    return found


def time_limit(_context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """
    Read seconds: ``30`` or ``30s``.
    """
    return (
        None
        if value is None
        else seconds(param, value, least=0.0, most=LONGEST_WAIT_S, example="--timeout 30")
    )


def wait(_context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """
    Read how long other machines may take: ``30`` or ``30s``.
    """
    return (
        None
        if value is None
        else seconds(param, value, least=SHORTEST_WAIT_S, most=LONGEST_WAIT_S, example="--wait 60")
    )


def listed(_context: click.Context, _param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    """
    What an option that may be given again names each time, one or several with commas between them.
    """
    return tuple(one for several in value for one in several.split(","))


def network(_context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """
    A network by its speed, and its round trip behind a comma: ``2.5GbE``, ``10Gbit/s``, ``10GbE,0.2ms``.
    """
    if value is not None and not parse_link(value):
        raise refused(param, message("error.option-link", given=value), message("hint.option-link"))
    return value


def bench_seconds(_context: click.Context, param: click.Parameter, value: str) -> float:
    """
    Read the time that a measurement may take: ``10`` or ``10s``.
    """
    return seconds(param, value, least=SHORTEST_BENCH_S, most=LONGEST_WAIT_S, example="--seconds 10")


def verify_seconds(_context: click.Context, param: click.Parameter, value: str) -> float:
    """
    Read the time that a comparison may take: ``600`` or ``600s``.
    """
    return seconds(param, value, least=SHORTEST_VERIFY_S, most=LONGEST_VERIFY_S, example="--seconds 600")


def seconds(param: click.Parameter, value: str, *, least: float, most: float, example: str) -> float:
    """
    Read a time above 0, at least ``least`` and at most ``most`` seconds.
    """
    number = decimal(value.removesuffix("s"))
    if number is None:
        raise refused(
            param, message("error.option-seconds", given=value), message("hint.such-as", example=example)
        )
    if not (number > 0 and least <= number <= most):
        raise refused(
            param,
            message("error.option-seconds-range", given=number, least=least or None, most=most),
            message("hint.such-as", example=example),
        )
    return number


def refused(param: click.Parameter, problem: Message, hint: Message | None) -> UsageError:
    """
    The error of an option's value.
    """
    name = max(param.opts, key=len)
    return UsageError(message("error.option", option=name, problem=problem), hint=hint)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Add ``--json``: the answer as one document with a schema.
    """
    return option("--json", "as_json", is_flag=True, help="help.json")(command)


def decimal(value: str) -> float | None:
    """
    A number that is not negative, None of anything else: other digits than ours, ``nan``, ``1_000``.
    """
    return float(value) if re.fullmatch(_DECIMAL, value) else None


def _whole(value: str) -> int | None:
    return int(value) if re.fullmatch(_WHOLE, value) else None
