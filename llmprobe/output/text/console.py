"""
Where a person reads: how wide it is, whether it shows colours and bars, and which letters it knows.

Only the modules for people import this one, because it imports rich.
"""

import errno
import os
from collections.abc import Iterable
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

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

    def write(self, text: str) -> int:
        encoding = self._stream.encoding or "ascii"
        plain = text.translate(PLAIN).encode(encoding, "replace").decode(encoding)
        return self._stream.write(plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def knows_our_letters(stream: TextIO) -> bool:
    """
    Return whether every sign that we draw with can be written in the stream's encoding.
    """
    try:
        "".join(map(chr, PLAIN)).encode(stream.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def console_for(stream: TextIO) -> Console:
    """
    Return a console on the stream, at most ``WIDEST`` columns wide, without colour where nobody sees it.
    """
    console = _Console(
        file=stream if knows_our_letters(stream) else PlainStream(stream),  # type: ignore[arg-type]
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=False,
    )
    width = console.width if console.is_terminal or "COLUMNS" in os.environ else WIDTH_OF_A_PIPE
    console.width = max(NARROWEST, min(width, WIDEST))
    return console


class Page:
    """
    Lines for a person, put on a console one below the other.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self.width = console.width
        self.bars = console.is_terminal and not console.is_dumb_terminal

    def line(self, *parts: str | tuple[str, str], indent: int = 0, hang: int = 0) -> None:
        """
        Print one line of parts (text, or text with a style); what is too long goes on below, ``hang`` deeper.
        """
        first, rest = self._broken(Text.assemble(*parts), self.width - indent)
        self._put(first, indent)
        if rest is not None:
            self._wrapped(rest, indent + hang)

    def item(self, mark: str, *parts: str | tuple[str, str], indent: int = 2) -> None:
        """
        Print a mark (a bullet, a figure) and a text beside it, whose lines all begin at the same column.
        """
        text = Text.assemble(*parts)
        rows = text.wrap(self.console, max(self.width - indent - len(mark), 10))
        for number, row in enumerate(rows):
            row.rstrip()
            self.console.print(Text(" " * indent + (mark if number == 0 else " " * len(mark))) + row)

    def joined(self, facts: Iterable[str], *, indent: int, style: str = "", label: str = "") -> None:
        """
        Print short facts side by side with dots between them; a row ends after a fact, never within one.
        """
        rows: list[str] = []
        for fact in facts:
            longer = f"{rows[-1]} · {fact}" if rows else fact
            if rows and len(longer) <= self.width - indent:
                rows[-1] = longer
            else:
                rows.append(fact)
        for number, row in enumerate(rows):
            self.item((label if number == 0 else "").ljust(indent), (row, style), indent=0)

    def verbatim(self, text: str, *, indent: int = 0, style: str = "") -> None:
        """
        Print a line that is to be copied: it is never broken, however narrow the page is.
        """
        self.console.print(Text(" " * indent + text, style=style), soft_wrap=True)

    def _broken(self, text: Text, width: int) -> tuple[Text, Text | None]:
        rows = text.wrap(self.console, max(width, 10))
        first = rows[0] if rows else Text()
        first.rstrip()
        if len(rows) < 2:
            return first, None
        rest = text[len(first.plain) :]
        return first, rest[len(rest.plain) - len(rest.plain.lstrip()) :]

    def _wrapped(self, text: Text, indent: int) -> None:
        for row in text.wrap(self.console, max(self.width - indent, 10)):
            self._put(row, indent)

    def _put(self, row: Text, indent: int) -> None:
        row.rstrip()
        self.console.print(Text(" " * indent) + row)

    def blank(self) -> None:
        self.console.print()

    def heading(self, title: str) -> None:
        self.blank()
        self.line((title, "bold"))

    def bullets(self, sentences: Iterable[str], *, indent: int = 2, style: str = "") -> None:
        """
        Print each sentence behind a dash; further lines of one are commands, to be copied.
        """
        for sentence in sentences:
            words, *commands = sentence.split("\n")
            self.item("- ", (words, style), indent=indent)
            for command in commands:
                self.verbatim(command, indent=indent + 2, style="cyan")

    def pair(self, name: str, *parts: str | tuple[str, str], at: int, indent: int = 0) -> None:
        """
        Print a name and, from the column ``at`` on, what is said of it.
        """
        room = self.width - at
        rows = Text.assemble(*parts).wrap(self.console, max(room, 10))
        for number, row in enumerate(rows):
            row.rstrip()
            label = name if number == 0 else ""
            self.console.print(Text(" " * indent + label.ljust(at - indent), style="dim") + row)

    def row(self, label: str, cells: Iterable[str], *, cell: int, style: str = "") -> None:
        """
        Print a label and right-aligned cells; a label that is too long has a line of its own.
        """
        figures = "".join(text.rjust(cell) for text in cells)
        room = self.width - len(figures)
        if len(label) >= room:
            self.line((label, style))
            label = ""
        self.line((label.ljust(room) + figures.rstrip(), style))


def bar(width: int, parts: Iterable[tuple[float, str, str]]) -> list[tuple[str, str]]:
    """
    Return the parts of a bar: shares of the whole (0 to 1), each with its sign and style.

    Whole cells are given out so that they add up to the width, and a share that is not zero shows.
    """
    shown = [(share, sign, style) for share, sign, style in parts if share > 0]
    cells = [max(round(share * width), 1) for share, _, _ in shown]
    if cells:
        cells[cells.index(max(cells))] += width - sum(cells)
    return [(sign * count, style) for count, (_, sign, style) in zip(cells, shown, strict=True)]
