"""
A page: lines, lists and tables on a console, in one language. The only door through which text gets onto it.

What goes in is a message, or text of the machine, in which nothing may command the terminal: here it becomes harmless.
"""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from llmprobe.breaking import ends
from llmprobe.harmless import harmless_command, harmless_name
from llmprobe.words.message import Message
from llmprobe.words.render import Words

Content = str | Message
Part = Content | tuple[Content, str] | Text
"""Text of the machine or a message, and with a style; or what the page has made of both."""

ANSWER = "bold"
QUIET = "dim"
GOOD = "bold green"
BAD = "bold red"
WARNING = "yellow"
COMMAND = "cyan"
GAP = 2
"""Columns between those of a table."""
WIDEST_ROW = 90
"""Beyond it a figure stands too far from its name to be read with it."""
UNLIMITED = 1000
"""Wider than any table, so that its own width is seen."""


class Page:
    """
    Lines for a person, put on a console one below the other.

    ``target`` are the words of a command line that name the machine again; none for this one.
    """

    def __init__(self, console: Console, words: Words, target: tuple[str, ...] = ()) -> None:
        self.console = console
        self.words = words
        self.target = target
        self.width = console.width
        self.bars = console.is_terminal and not console.is_dumb_terminal

    def text(self, *parts: Part) -> Text:
        """
        Parts side by side: messages as their sentences, everything else harmless.
        """
        made = Text()
        for part in parts:
            if isinstance(part, Text):
                made.append_text(part)
                continue
            content, style = part if isinstance(part, tuple) else (part, "")
            made.append(self.plain(content), style)
        return made

    def plain(self, content: Content) -> str:
        return harmless_name(content) if isinstance(content, str) else self.words.text(content)

    def blank(self) -> None:
        self.console.print()

    def line(self, *parts: Part, indent: int = 0, hang: int = 0) -> None:
        """
        One line of parts; what is too long goes on below, ``hang`` deeper.
        """
        for number, row in enumerate(self._rows(self.text(*parts), indent + hang)):
            self._put(row, indent + (hang if number else 0))

    def heading(self, title: Message) -> None:
        self.blank()
        self.line((title, ANSWER))

    def item(self, mark: Part, *parts: Part, indent: int = 2) -> None:
        """
        A mark (a bullet, a figure) and a text beside it, whose lines all begin at the same column.
        """
        self._beside(self.text(mark), self.text(*parts), indent)

    def bullets(self, sentences: Iterable[Message], *, indent: int = 2, style: str = "") -> None:
        """
        Each sentence behind a dash; further lines of one are commands, to be copied.
        """
        for sentence in sentences:
            prose, *commands = self.words.text(sentence).split("\n")
            self.item("- ", Text(prose, style), indent=indent)
            for command in commands:
                self.verbatim(command, indent=indent + 2)

    def pair(self, name: Content, *parts: Part, at: int, indent: int = 0) -> None:
        """
        A name and, from the column ``at`` on, its value.
        """
        label = self.text((name, QUIET))
        label.pad_right(at - indent - label.cell_len)
        self._beside(label, self.text(*parts), indent)

    def joined(self, facts: Iterable[Content], *, indent: int, style: str = "", label: Content = "") -> None:
        """
        Short facts side by side with dots between them; a row ends after a fact, never within one.
        """
        rows: list[str] = []
        for fact in map(self.plain, facts):
            longer = f"{rows[-1]} · {fact}" if rows else fact
            if rows and Text(longer).cell_len <= self.width - indent:
                rows[-1] = longer
            else:
                rows.append(fact)
        for number, row in enumerate(rows):
            if indent:
                self.pair(label if number == 0 else "", Text(row, style), at=indent)
            else:
                self.line(Text(row, style))

    def verbatim(self, text: str, *, indent: int = 0, style: str = COMMAND) -> None:
        """
        A command or an address to be copied: never broken, however narrow the page is.
        """
        for row in harmless_command(text).split("\n"):
            self._put(Text(row, style), indent)

    def own_command(self, arguments: str) -> str:
        """
        A call of this program for the same machine.
        """
        if not self.target:
            return f"llmprobe {arguments}"
        import shlex

        return f"llmprobe {shlex.join(self.target)} {arguments}"

    def call(self, lead: Message, arguments: str, behind: Content = "") -> None:
        """
        A call of this program for the same machine behind what it is for: below it where the line is too short.
        """
        command = self.own_command(arguments)
        line = self.text((lead, QUIET), (f" {harmless_command(command)}", QUIET), (behind, QUIET))
        if line.cell_len <= self.width:
            self._put(line, 0)
            return
        self.line((lead, QUIET))
        self.verbatim(command, indent=2, style=QUIET)

    def row(self, label: Content, cells: Iterable[Content], *, cell: int, style: str = "") -> None:
        """
        A label and right-aligned cells; a label that is too long has a line of its own.
        """
        figures = [self.text(content) for content in cells]
        room = min(self.width, WIDEST_ROW) - cell * len(figures)
        name = self.text(label)
        if name.cell_len >= room:
            self.line((label, style))
            name = Text()
        name.pad_right(room - name.cell_len)
        for figure in figures:
            name.pad_right(cell - figure.cell_len)
            name.append_text(figure)
        name.stylize(style)
        self._put(name, 0)

    def cell_for(self, names: Iterable[Content], least: int) -> int:
        """
        How wide the cells of rows are below headings with these names.
        """
        return max(least, *(self.text(name).cell_len + GAP for name in names))

    def table(
        self,
        names: Sequence[Content],
        rows: Sequence[Sequence[Part]],
        *,
        below: Sequence[Content] = (),
        indent: int = 2,
    ) -> bool:
        """
        A table whose first column is text and whose others are figures; False, and nothing, where it is too wide.

        ``below`` has a sentence for each row, which stands under it.
        """
        grid = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
        for number in range(len(names)):
            grid.add_column(justify="right" if number else "left", no_wrap=True)
        for row in ([(name, QUIET) for name in names], *rows):
            grid.add_row(*(self.text(cell) for cell in row))
        options = self.console.options.update(width=UNLIMITED)
        lines = [self._joined(line) for line in self.console.render_lines(grid, options, pad=False)]
        if indent + max(line.cell_len for line in lines) > self.width:
            return False
        self._put(lines[0], indent)
        for number, line in enumerate(lines[1:]):
            self._put(line, indent)
            if below:
                self.line((below[number], QUIET), indent=indent + 2)
        return True

    def _beside(self, label: Text, text: Text, indent: int) -> None:
        """
        A label, and lines of text that all begin at the column behind it.
        """
        at = indent + label.cell_len
        for number, row in enumerate(self._rows(text, at)):
            if number:
                self._put(row, at)
            else:
                self._put(label + row, indent)

    def _rows(self, text: Text, at: int) -> list[Text]:
        """
        The lines of a text that begins at a column, at least one.
        """
        width = max(self.width - at, 10)
        paragraphs = text.split("\n", allow_blank=True) or [Text()]
        return [row for one in paragraphs for row in one.divide(ends(one.plain, width))]

    @staticmethod
    def _joined(line: Iterable[Segment]) -> Text:
        text = Text()
        for segment in line:
            text.append(segment.text, segment.style)
        text.rstrip()
        return text

    def _put(self, row: Text, indent: int) -> None:
        row.rstrip()
        self.console.print(Text(" " * indent) + row, soft_wrap=True)


def bar(width: int, parts: Iterable[tuple[float, str, str]]) -> list[tuple[str, str]]:
    """
    The parts of a bar: shares of the whole (0 to 1), each with its sign and style.

    Whole cells are given out so that they add up to the width, and a share that is not zero shows.
    """
    shown = [(share, sign, style) for share, sign, style in parts if share > 0]
    cells = [max(round(share * width), 1) for share, _, _ in shown]
    if cells:
        cells[cells.index(max(cells))] += width - sum(cells)
    return [(sign * count, style) for count, (_, sign, style) in zip(cells, shown, strict=True)]
