"""
Values on the command line: what each option reads, up to the first that it refuses.
"""

from collections.abc import Callable
from typing import Any

import click
import pytest

from llmprobe.cli.command import Choice
from llmprobe.cli.options import (
    ALL,
    LONGEST,
    at_least,
    context,
    context_or_max,
    layers,
    memory,
    rate,
    refused,
    split,
    time_limit,
)
from llmprobe.cli.watch import interval_option
from llmprobe.errors import UsageError
from llmprobe.units import GIB
from llmprobe.words.message import message

CONTEXT = click.Context(click.Command("check"), info_name="check")
OPTION = click.Option(["-x", "--long", "--a"])
MOST = 2**31 - 1

READ: list[tuple[Callable[..., Any], str | None, Any]] = [
    (memory, None, None),
    (memory, "24GiB", 24 * GIB),
    (context, None, None),
    (context, "0", 0),
    (context, "8192", 8192),
    (context, " 8192 ", 8192),
    (context, "8k", 8192),
    (context, str(MOST), MOST),
    (context_or_max, None, None),
    (context_or_max, "max", LONGEST),
    (context_or_max, "MAX", LONGEST),
    (context_or_max, "8k", 8192),
    (layers, None, None),
    (layers, "all", ALL),
    (layers, "ALL", ALL),
    (layers, "0", 0),
    (layers, "33", 33),
    (layers, str(MOST), MOST),
    (split, None, ()),
    (split, "3,1", (3.0, 1.0)),
    (split, "3/1", (3.0, 1.0)),
    (split, "0,1", (0.0, 1.0)),
    (split, "0.5, .5,1e2", (0.5, 0.5, 100.0)),
    (split, "1", (1.0,)),
    (at_least(1), None, None),
    (at_least(1), "1", 1),
    (at_least(0), "0", 0),
    (at_least(1), "+2", 2),
    (at_least(1), str(MOST), MOST),
    (rate, None, None),
    (rate, "0", 0.0),
    (rate, "2.5", 2.5),
    (time_limit, None, None),
    (time_limit, "30", 30.0),
    (time_limit, "30s", 30.0),
    (time_limit, "0.01", 0.01),
    (time_limit, "600", 600.0),
    (interval_option, "0.2", 0.2),
    (interval_option, "86400", 86400.0),
]
REFUSED: list[tuple[Callable[..., Any], str, Any, Any]] = [
    (context, "x", message("error.option-context", given="x"), message("hint.context")),
    (context, "max", message("error.option-context", given="max"), message("hint.context-max")),
    (context, "MAX", message("error.option-context", given="MAX"), message("hint.context-max")),
    (context, "9" * 21, message("error.option-context", given="9" * 21), message("hint.context")),
    (context, "-1", message("error.option-context-range", given=-1, most=MOST), message("hint.context")),
    (
        context,
        str(MOST + 1),
        message("error.option-context-range", given=MOST + 1, most=MOST),
        message("hint.context"),
    ),
    *(
        (layers, value, message("error.option-layers", given=value), message("hint.layers"))
        for value in ("-1", str(MOST + 1), "some", "1.5", "")
    ),
    *(
        (split, value, message("error.option-split", given=value), message("hint.split"))
        for value in ("", "0", "0,0", "1,", "1,x", "-1,2", "1;2")
    ),
    *(
        (at_least(1), value, message("error.option-number", given=value, least=1), None)
        for value in ("0", "-1", "x", "1.0", str(MOST + 1))
    ),
    *(
        (
            rate,
            value,
            message("error.option-rate", given=value),
            message("hint.such-as", example="--min-speed 5"),
        )
        for value in ("-1", "x", "inf", "1_0")
    ),
    (
        time_limit,
        "1m",
        message("error.option-seconds", given="1m"),
        message("hint.such-as", example="--timeout 30"),
    ),
    *(
        (
            time_limit,
            value,
            message("error.option-seconds-range", given=float(value), least=None, most=600.0),
            message("hint.such-as", example="--timeout 30"),
        )
        for value in ("0", "0.0", "600.1")
    ),
    *(
        (
            interval_option,
            value,
            message("error.option-seconds-range", given=float(value), least=0.2, most=86400.0),
            message("hint.such-as", example="--interval 2"),
        )
        for value in ("0", "0.19", "86400.5")
    ),
]


@pytest.mark.parametrize(("read", "value", "expected"), READ)
def test_a_value_is_read(read: Callable[..., Any], value: str | None, expected: Any) -> None:
    """
    In each way that it may be written; an option that is not given has none.
    """
    assert read(CONTEXT, OPTION, value) == expected


@pytest.mark.parametrize(("read", "value", "problem", "hint"), REFUSED)
def test_a_value_that_cannot_be_is_refused(
    read: Callable[..., Any], value: str, problem: Any, hint: Any
) -> None:
    """
    By the longest name of its option, with the bounds where it is out of them.
    """
    with pytest.raises(UsageError) as raised:
        read(CONTEXT, OPTION, value)

    assert raised.value.message == message("error.option", option="--long", problem=problem)
    assert raised.value.hint == hint


@pytest.mark.parametrize("value", ["", "64", "64GiB x", "-1GiB"])
def test_an_amount_of_memory_is_refused_with_the_reason(value: str) -> None:
    """
    That of the units, by the name of the option.
    """
    with pytest.raises(UsageError) as raised:
        memory(CONTEXT, OPTION, value)

    assert raised.value.message.id == "error.option"
    assert raised.value.message.values["option"] == "--long"
    assert raised.value.hint is not None


def test_an_error_of_an_option_may_have_no_hint() -> None:
    """
    Where the problem says it all.
    """
    found = refused(OPTION, message("error.option-layers", given="x"), None)

    assert (found.hint, found.exit_code) == (None, 2)


def test_a_word_is_one_of_a_few() -> None:
    """
    In capitals or not; another is refused with all of them, and where one looks them up.
    """
    words = Choice(("on", "off"))

    assert [words.convert(value, OPTION, CONTEXT) for value in ("on", "OFF")] == ["on", "off"]
    with pytest.raises(UsageError) as raised:
        words.convert("offf", OPTION, CONTEXT)
    assert raised.value.message == message(
        "error.option-choice", option="--long", given="offf", known=("on", "off")
    )
    assert raised.value.hint == message("hint.help", command="check")
    with pytest.raises(UsageError) as raised:
        words.convert("", None, None)
    assert raised.value.message.values["option"] == ""
    assert raised.value.hint is None
