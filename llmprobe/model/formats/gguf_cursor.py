"""
A position in a GGUF header that moves forward, reading in pieces and never past what was promised.
"""

import re
import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.words.message import Message, message

_PIECE = 1 << 18
_MAX_TEXTS = 4_000_000
_MAX_HEADER = 1 << 30
_AT_ONCE = 128
_MANY_TEXTS = 4096
_USUAL, _SHORT = 8, 48
"""Bytes of most words of a vocabulary, and fewer than which are stepped over with others."""


@cache
def _short_texts(order: str) -> re.Pattern[bytes]:
    """
    What matches so many short strings behind each other, each after its length as 64 bits: the likeliest lengths first.
    """
    lengths = sorted(range(_SHORT), key=lambda length: abs(length - _USUAL))
    each = (
        re.escape(struct.pack(f"{order}Q", length)) + (b".{%d}" % length if length else b"")
        for length in lengths
    )
    return re.compile(b"(?:" + b"|".join(each) + b"){%d}+" % _AT_ONCE, re.DOTALL)


class Cursor:
    """
    Where we are in the header of the file ``name``.

    Raises:
        ModelError: what is asked for lies beyond the end of the file, or beyond any sound header.
    """

    def __init__(
        self, read_at: Callable[[int, int], bytes], size: int, name: str, *, big_endian: bool, position: int
    ) -> None:
        self.name = name
        self.position = position
        self._read_at = read_at
        self._size = size
        self._order = ">" if big_endian else "<"
        self._u32 = struct.Struct(f"{self._order}I")
        self._u64 = struct.Struct(f"{self._order}Q")
        self._piece = b""
        self._start = 0
        self._texts_left = _MAX_TEXTS

    def unsound(self, what: Message) -> ModelError:
        """The error for a header that no sound file has."""
        return ModelError(
            message("error.gguf-damaged", file=self.name, what=what),
            hint=message("hint.damaged-download-again"),
        )

    def plausible(self, what: str, count: int, most: int, smallest: int) -> None:
        """
        Refuse a count that the file is too short for, or that no model has; ``what`` is counted: ``tensors``,
        ``metadata-keys``, ``strings``.
        """
        if count > most:
            raise self.unsound(message(f"gguf.too-many-{what}", count=count, most=most))
        if count * smallest > self._size:
            raise self._cut()

    def u32(self) -> int:
        """A whole number of 32 bits."""
        start = self._need(4)
        return int(self._u32.unpack_from(self._piece, start)[0])

    def count(self, what: str) -> int:
        """A count of 64 bits."""
        start = self._need(8)
        count = int(self._u64.unpack_from(self._piece, start)[0])
        if count >= 1 << 63:
            raise self.unsound(message(f"gguf.too-many-{what}", count=count, most=(1 << 63) - 1))
        return count

    def scalars(self, code: str, count: int) -> tuple[Any, ...]:
        """Return ``count`` numbers of one of ``struct``'s types."""
        layout = f"{self._order}{count}{code}"
        start = self._need(struct.calcsize(layout))
        return struct.unpack_from(layout, self._piece, start)

    def text(self, what: str, longest: int) -> str:
        """A string; one that is longer than ``longest`` bytes is refused."""
        length = self.count("bytes")
        if length > longest:
            raise self.unsound(message(f"gguf.long-{what}", length=length, longest=longest))
        start = self._need(length)
        try:
            return self._piece[start : start + length].decode()
        except UnicodeDecodeError as error:
            raise self.unsound(message(f"gguf.not-utf8-{what}")) from error

    def text_or_skip(self, longest: int) -> str | None:
        """A string, or None for one that is longer than ``longest`` bytes."""
        length = self.count("bytes")
        if length > longest:
            self.skip(length)
            return None
        start = self._need(length)
        return self._piece[start : start + length].decode(errors="replace")

    def skip(self, length: int) -> None:
        """Step over bytes without reading them."""
        if self.position + length > self._size:
            raise self._cut()
        self.position += length

    def skip_texts(self, count: int) -> None:
        """Step over strings, reading only how long each is."""
        self.plausible("strings", count, self._texts_left, 8)
        self._texts_left -= count
        unpack = self._u64.unpack_from
        many = _short_texts(self._order).match if count >= _MANY_TEXTS else None
        while count:
            at = self._need(8)
            piece = self._piece
            last = len(piece) - 8
            # A large vocabulary has half a million: short ones are stepped over by the hundred.
            while count and at <= last:
                found = many(piece, at) if many is not None and count >= _AT_ONCE else None
                if found is not None:
                    at = found.end()
                    count -= _AT_ONCE
                    continue
                for _ in range(min(count, _AT_ONCE)):
                    at += 8 + unpack(piece, at)[0]
                    count -= 1
                    if at > last:
                        break
            self.position = self._start + at
            if self.position > self._size:
                raise self._cut()

    def _need(self, length: int) -> int:
        """Make sure that the next bytes are in the piece, step over them, and return where they begin in it."""
        at = self.position - self._start
        if at < 0 or at + length > len(self._piece):
            self._load(length)
            at = 0
        self.position += length
        return at

    def _load(self, length: int) -> None:
        if self.position + length > self._size:
            raise self._cut()
        if self.position + length > _MAX_HEADER:
            raise self.unsound(message("gguf.header-too-long", bytes=_MAX_HEADER))
        self._start = self.position
        self._piece = self._read_at(self.position, max(length, _PIECE))
        if len(self._piece) < length:
            raise self._cut()

    def _cut(self) -> ModelError:
        return ModelError(
            message("error.gguf-ends-in-header", file=self.name), hint=message("hint.download-again")
        )
