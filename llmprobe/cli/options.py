"""
How values are written on the command line: sizes with units, contexts, layer counts, splits.
"""

from collections.abc import Callable
from typing import Any

import click

from llmprobe.errors import UsageError
from llmprobe.units import parse_size

MAX_CONTEXT = 2**31
CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


class Size(click.ParamType):
    """
    Bytes, written with a unit: ``24GiB``.
    """

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return parse_size(value)
        except UsageError as error:
            raise UsageError(f"{_option(param)}: {error.message}", hint=error.hint) from None


class Context(click.ParamType):
    """
    A number of tokens from 0 (what the model was trained for) to 2^31; ``max`` where ``allow_max``, then -1.
    """

    name = "context"

    def __init__(self, *, allow_max: bool) -> None:
        self.allow_max = allow_max

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if self.allow_max and value.lower() == "max":
            return -1
        try:
            tokens = int(value)
        except ValueError:
            wanted = "a number of tokens or max" if self.allow_max else "a number of tokens"
            raise UsageError(f"{_option(param)}: {value!r} is not {wanted}", hint="such as -c 8192") from None
        if not 0 <= tokens < MAX_CONTEXT:
            raise UsageError(
                f"{_option(param)}: a context of {tokens} tokens cannot be",
                hint="give a number from 0 (as the model was trained) to 2147483647, such as -c 8192",
            )
        return tokens


class Layers(click.ParamType):
    """
    A number of layers, or ``all`` (then -1).
    """

    name = "layers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        if value.lower() == "all":
            return -1
        try:
            layers = int(value)
        except ValueError:
            layers = -1
        if layers < 0:
            raise UsageError(
                f"{_option(param)}: {value!r} is not a number of layers", hint="give 0 or more, or all"
            )
        return layers


class Split(click.ParamType):
    """
    Proportions for each device, separated by commas or slashes: ``3,1``.
    """

    name = "split"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            parts = tuple(float(part) for part in value.replace("/", ",").split(","))
        except ValueError:
            parts = ()
        if not parts or any(not 0 <= part < float("inf") for part in parts) or not any(parts):
            raise UsageError(
                f"{_option(param)}: {value!r} is not a split", hint="give one proportion for each GPU, such as -ts 3,1"
            )
        return parts


class Positive(click.ParamType):
    """
    A whole number of at least ``least``, small enough for llama.cpp's own 32 bits.
    """

    name = "number"

    def __init__(self, least: int) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            number = int(value)
        except ValueError:
            number = self.least - 1
        if not self.least <= number < MAX_CONTEXT:
            raise UsageError(f"{_option(param)}: {value!r} is not a number from {self.least} up")
        return number


SIZE = Size()


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """
    Add ``--json``: the answer as one document with a schema.
    """
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(command)


def _option(param: click.Parameter | None) -> str:
    return "the value" if param is None else max(param.opts, key=len)
