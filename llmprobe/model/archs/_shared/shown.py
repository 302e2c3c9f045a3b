"""
Values of a file in a message: the file could say anything.
"""

from typing import Any

_LONGEST = 60


def shown(value: Any) -> str:
    """
    Return a value as a message shows it: on one line, without control characters, and not longer than a line.
    """
    text = repr(value) if isinstance(value, bool | float | str | None) else _of_any(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _of_any(value: Any) -> str:
    if isinstance(value, int):
        return str(value) if abs(value) < 10**_LONGEST else "a number of more than 60 digits"
    return f"a list of {len(value)}" if isinstance(value, list | tuple) else f"a {type(value).__name__}"
