"""
A part of the screen that shows what ``output.text`` writes for people, as wide as there is room.
"""

import io
from collections.abc import Callable

from rich.console import Console
from rich.text import Text
from textual.geometry import Size
from textual.widget import Widget

from llmprobe.output.text.page import Page
from llmprobe.words.render import Words

Draw = Callable[[Page], None]
"""Writes onto a page, from its top."""

NARROWEST = 20


def drawn(draw: Draw, words: Words, width: int) -> list[Text]:
    """
    The lines of a page of this width.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(width, NARROWEST),
        force_terminal=True,
        color_system="standard",
        highlight=False,
        markup=False,
        emoji=False,
        _environ={},
    )
    draw(Page(console, words))
    rows = [row for line in stream.getvalue().split("\n") for row in _cut(Text.from_ansi(line), width)]
    while rows and not rows[-1].plain.strip():
        rows.pop()
    return rows


def _cut(line: Text, width: int) -> list[Text]:
    """
    A line on as many rows as it takes: a command that is not broken must be seen whole.
    """
    rows = []
    while line.cell_len > width >= NARROWEST:
        end = next(at for at in range(len(line), 0, -1) if line[:at].cell_len <= width)
        rows.append(line[:end])
        line = line[end:]
    return [*rows, line]


class Paper(Widget):
    """
    Lines below each other, drawn anew where the width changes.
    """

    DEFAULT_CSS = """
    Paper { height: auto; }
    """

    def __init__(self, words: Words, draw: Draw | None = None, *, id: str | None = None) -> None:  # noqa: A002 - as of a widget
        super().__init__(id=id, markup=False)
        self._words = words
        self._draw = draw
        self._rows: dict[int, list[Text]] = {}

    def show(self, draw: Draw) -> None:
        """
        Show something else.
        """
        self._draw = draw
        self._rows.clear()
        self.refresh(layout=True)

    def rows(self, width: int) -> list[Text]:
        """
        What is shown in this width.
        """
        if self._draw is None or width <= 0:
            return []
        if width not in self._rows:
            self._rows = {width: drawn(self._draw, self._words, width)}
        return self._rows[width]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002 - as a widget is asked
        return max(1, len(self.rows(width)))

    def render(self) -> Text:
        return Text("\n", no_wrap=True, overflow="crop").join(self.rows(self.content_size.width))
