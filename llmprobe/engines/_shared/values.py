"""
Values out of an answer that may hold anything.
"""

from typing import Any

import msgspec

UNNAMED = "?"
"""The name of a model that its server does not name."""


def field(record: Any, *names: str) -> Any:
    """
    What is under these names of nested objects, None where one of them is no object or lacks it.
    """
    for name in names:
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def records(value: Any) -> list[dict[str, Any]]:
    """
    The objects of a list; of anything else none.
    """
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def count(value: Any) -> int | None:
    """
    A whole number that is not negative, None for anything else (true is no number).
    """
    return value if type(value) is int and value >= 0 else None


def decoded(content: object) -> object:
    """
    What JSON text holds, None where it is no JSON.
    """
    try:
        return msgspec.json.decode(content) if isinstance(content, str) else None
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
