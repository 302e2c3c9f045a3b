"""
Values that programs give to the public functions: each of its kind and in range, or refused in words.
"""

from collections.abc import Sequence
from math import inf

from llmprobe.errors import UsageError
from llmprobe.words.message import message


def one_of(name: str, value: object, allowed: Sequence[str]) -> None:
    """
    Check a word.

    Raises:
        UsageError: it is none of those allowed.
    """
    if value not in allowed:
        raise UsageError(
            message("error.setting-not-a-choice", setting=name, given=shown(value)),
            hint=message("hint.one-of", names=tuple(allowed)),
        )


def count(name: str, value: object, *, least: int = 0, most: int | None = None) -> int:
    """
    Check a whole number.

    Raises:
        UsageError: it is no whole number, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(
            message("error.setting-not-a-count", setting=name, given=shown(value)),
            hint=message("hint.whole-number"),
        )
    if value < least or (most is not None and value > most):
        raise UsageError(
            message("error.setting-out-of-range", setting=name, given=value, least=least, most=most)
        )
    return value


def least_speed(value: object) -> float | None:
    """
    Check the least tokens per second that are wished; None is no wish.

    Raises:
        UsageError: it is no number of 0 or more.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < inf:
        raise UsageError(message("error.min-speed-not-a-number", given=str(value)))
    return value


def switch(name: str, value: object) -> bool:
    """
    Check a choice between two.

    Raises:
        UsageError: it is neither True nor False.
    """
    if not isinstance(value, bool):
        raise UsageError(message("error.setting-not-a-switch", setting=name, given=shown(value)))
    return value


def text(name: str, value: object) -> str:
    """
    Check a text.

    Raises:
        UsageError: it is something else.
    """
    if not isinstance(value, str):
        raise UsageError(message("error.setting-not-a-text", setting=name, given=shown(value)))
    return value


def texts(name: str, value: object) -> tuple[str, ...]:
    """
    Check a list of texts, or one alone.

    Raises:
        UsageError: it is something else.
    """
    listed = (value,) if isinstance(value, str) else value
    if not isinstance(listed, Sequence) or not all(isinstance(one, str) for one in listed):
        raise UsageError(message("error.setting-not-a-list", setting=name, given=shown(value)))
    return tuple(listed)


def shown(value: object) -> str:
    """
    A value as a sentence shows it: text as it is, anything else as Python writes it.
    """
    return value if isinstance(value, str) else repr(value)
