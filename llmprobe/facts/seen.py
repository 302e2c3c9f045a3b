"""
A fact that is no record of its own, with the answers it rests on.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Seen(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """
    A value that a probe found, and the names of the answers it rests on (see ``Source``), never none.
    """

    value: T
    evidence: tuple[str, ...]
