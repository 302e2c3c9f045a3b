"""
How values are written on the command line: sizes with units, contexts, layer counts, splits.

Each is a callback of ``click.option``; a value that cannot be raises ``UsageError``, which names the option.
"""

import re
from collections.abc import Callable
from typing import Any

import click

from llmprobe.errors import UsageError
from llmprobe.units import parse_memory

LIMIT = 2**31
"""llama.cpp keeps these numbers in 32 bits with a sign."""

LONGEST = -1
"""What ``-c max`` is parsed to."""

ALL = -1
"""What ``-ngl all`` is parsed to."""

LONGEST_WAIT_S = 600.0

_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,20}\s*")
_DECIMAL = re.compile(r"\s*\+?(?:[0-9]{1,20}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?\s*")

CACHE_TYPES = click.Choice(
    ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"), case_sensitive=False
)


def size(_context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """
    Read bytes with a unit: ``24GiB``.
    """
    if value is None:
        return None
    try:
        return parse_memory(value)
    except UsageError as error:
        raise UsageError(f"{_name(option)}: {error.message}", hint=error.hint) from None


def context(_context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of tokens; 0 is what the model was trained for.
    """
    if value is None:
        return None
    tokens = _whole(value)
    if tokens is None:
        hint = "such as -c 8192; max is for recommend" if value.lower() == "max" else "such as -c 8192"
        raise UsageError(f"{_name(option)}: {value!r} is not a number of tokens", hint=hint)
    if not 0 <= tokens < LIMIT:
        raise UsageError(
            f"{_name(option)}: a context of {tokens} tokens cannot be",
            hint="give 0 (as the model was trained) to 2147483647, such as -c 8192",
        )
    return tokens


def context_or_max(ctx: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of tokens, or ``max``.
    """
    return LONGEST if value is not None and value.lower() == "max" else context(ctx, option, value)


def layers(_context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """
    Read a number of layers, or ``all``.
    """
    if value is None or value.lower() == "all":
        return None if value is None else ALL
    count = _whole(value)
    if count is None or not 0 <= count < LIMIT:
        raise UsageError(
            f"{_name(option)}: {value!r} is not a number of layers", hint="give 0 or more, or all"
        )
    return count


def split(_context: click.Context, option: click.Parameter, value: str | None) -> tuple[float, ...]:
    """
    Read proportions separated by commas or slashes: ``3,1``.
    """
    if value is None:
        return ()
    read = tuple(decimal(part) for part in value.replace("/", ",").split(","))
    parts = tuple(part for part in read if part is not None)
    if not any(parts) or len(parts) < len(read):
        raise UsageError(
            f"{_name(option)}: {value!r} is not a split",
            hint="give one proportion for each GPU, such as -ts 3,1",
        )
    return parts


def at_least(least: int) -> Callable[[click.Context, click.Parameter, str | None], int | None]:
    """
    Return a callback that reads a whole number from ``least`` up.
    """

    def number(_context: click.Context, option: click.Parameter, value: str | None) -> int | None:
        if value is None:
            return None
        count = _whole(value)
        if count is None or not least <= count < LIMIT:
            raise UsageError(f"{_name(option)}: {value!r} is not a whole number from {least} up")
        return count

    return number


def rate(_context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """
    Read tokens per second.
    """
    if value is None:
        return None
    speed = decimal(value)
    if speed is None:
        raise UsageError(
            f"{_name(option)}: {value!r} is not a number of tokens per second", hint="such as --min-speed 5"
        )
    return speed


def time_limit(_context: click.Context, option: click.Parameter, value: str | None) -> float | None:
    """
    Read seconds: ``30`` or ``30s``.
    """
    if value is None:
        return None
    seconds = decimal(value.removesuffix("s"))
    if seconds is None:
        raise UsageError(
            f"{_name(option)}: {value!r} is not a number of seconds", hint="such as --timeout 30"
        )
    if not 0 < seconds <= LONGEST_WAIT_S:
        raise UsageError(
            f"{_name(option)}: {value} seconds cannot be", hint=f"more than 0 and up to {LONGEST_WAIT_S:g}"
        )
    return seconds


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Add ``--json``: the answer as one document with a schema.
    """
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def decimal(value: str) -> float | None:
    """
    Return a number that is not negative, None of anything else: other digits than ours, ``nan``, ``1_000``.
    """
    return float(value) if _DECIMAL.fullmatch(value) else None


def _whole(value: str) -> int | None:
    return int(value) if _WHOLE.fullmatch(value) else None


def _name(option: click.Parameter) -> str:
    return max(option.opts, key=len)
