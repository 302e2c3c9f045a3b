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
    # Not with pkgutil or pathlib: each takes longer to import than all tables to read.
    with open(f"{os.path.dirname(__file__)}/{name}.json", "rb") as file:  # noqa: PTH120, PTH123
        return msgspec.json.decode(file.read())
