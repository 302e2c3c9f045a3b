"""
Where a person reads: how wide it is, whether it shows colours and bars, and which letters it knows.

Only the modules for people import this one, because it imports rich.
"""

import errno
import os
from typing import Any, TextIO

from rich.console import Console

WIDEST = 120
NARROWEST = 40
WIDTH_OF_A_PIPE = 80
PLAIN = str.maketrans(
    {
        "█": "#",
        "▒": "+",
        "░": ".",
        "·": "|",
        "×": "x",
        "–": "-",
        "—": "-",
        "−": "-",
        "…": "...",
        "～": "~",
        "≥": ">=",
        "≤": "<=",
        "≈": "~",
        "→": "->",
        "µ": "u",
        "‘": "'",
        "’": "'",
        "“": '"',
        "”": '"',
        "\u00a0": " ",
    }
)


class _Console(Console):
    """
    A console that leaves to the command line what a closed pipe means.
    """

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


class PlainStream:
    """
    A stream whose encoding lacks our letters: what it lacks is written in letters that it has.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._encoding = stream.encoding or "ascii"
        self._plain = {sign: other for sign, other in PLAIN.items() if not _knows(self._encoding, chr(sign))}

    def write(self, text: str) -> int:
        plain = text.translate(self._plain).encode(self._encoding, "replace").decode(self._encoding)
        return self._stream.write(plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def knows_our_letters(stream: TextIO) -> bool:
    """
    Whether every sign that we draw with can be written in the stream's encoding.
    """
    return _knows(stream.encoding or "ascii", "".join(map(chr, PLAIN)))


def _knows(encoding: str, letters: str) -> bool:
    try:
        letters.encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def console_for(stream: TextIO) -> Console:
    """
    A console on the stream, at most ``WIDEST`` columns wide; NO_COLOR leaves no style at all, bold included.
    """
    plain = bool(os.environ.get("NO_COLOR"))
    console = _Console(
        file=stream if knows_our_letters(stream) else PlainStream(stream),  # type: ignore[arg-type]
        color_system=None if plain else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
    width = console.width if console.is_terminal or "COLUMNS" in os.environ else WIDTH_OF_A_PIPE
    console.width = max(NARROWEST, min(width, WIDEST))
    return console
