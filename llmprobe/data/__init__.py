"""
Tables that are shipped with the program, as JSON; every row says where its number is from.
"""

import pkgutil
from functools import cache
from typing import Any

import msgspec


@cache
def table(name: str) -> Any:
    """
    Return the content of ``data/<name>.json``. It is shared by all callers: not to be changed.
    """
    content = pkgutil.get_data(__name__, f"{name}.json")
    assert content is not None
    return msgspec.json.decode(content)
