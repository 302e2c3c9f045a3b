"""
Tables that are shipped with the program, as JSON; every row says where its number is from.
"""

import os
from functools import cache
from typing import Any

import msgspec


@cache
def table(name: str) -> Any:
    """
    The content of ``data/<name>.json``. It is shared by all callers: not to be changed.
    """
    return msgspec.json.decode(content(name))


@cache
def content(name: str) -> bytes:
    """
    The text of ``data/<name>.json``.
    """
    # Not with pkgutil or pathlib: each takes longer to import than all tables to read.
    with open(f"{os.path.dirname(__file__)}/{name}.json", "rb") as file:  # noqa: PTH120, PTH123 - pathlib is slow to import
        return file.read()


def rows_with(name: str, text: str) -> tuple[bytes, ...]:
    """
    The rows of a table of one row a line in which a JSON string is exactly this text, each as JSON.

    Of a large table only these need to be decoded.
    """
    whole, wanted = content(name), msgspec.json.encode(text)
    found = []
    place = whole.find(wanted)
    while place >= 0:
        end = whole.find(b"\n", place)
        found.append(whole[whole.rfind(b"\n", 0, place) + 1 : end].strip().removesuffix(b","))
        place = whole.find(wanted, end)
    return tuple(found)
