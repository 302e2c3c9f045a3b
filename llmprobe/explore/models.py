"""
What this machine runs best, to sort, to filter by typing, and to open.
"""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message as Event
from textual.widgets import DataTable, Input

from llmprobe.breaking import columns
from llmprobe.explore.paper import Paper
from llmprobe.facts.fit import Fit, Fitting, Order, Use
from llmprobe.output.text.figures import short_rate
from llmprobe.output.text.fit import below, file_bytes, reads_as
from llmprobe.output.text.page import GOOD, QUIET, Page
from llmprobe.words.message import Message, message
from llmprobe.words.render import Words

USES: tuple[Use, ...] = ("chat", "coding", "reasoning", "agent", "vision", "japanese", "embedding")
ORDERS: tuple[Order, ...] = ("points", "capability", "speed", "size", "released")
TOP = 20
"""Rows that are asked for."""

LEAST_NAME = 18
HARMLESS = "[^\\x00-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]*"
"""What may be typed or pasted: nothing that commands a terminal or turns the direction of a line."""


class ModelsView(Vertical):
    """
    A line with the question, the filter, the table, and what is known of the model under the cursor.
    """

    DEFAULT_CSS = """
    ModelsView #question { height: auto; max-height: 4; }
    ModelsView Input { height: 1; border: none; padding: 0; background: transparent; display: none; }
    ModelsView Input.shown { display: block; }
    ModelsView DataTable {
        height: 1fr; margin-top: 1; background: transparent;
        scrollbar-size-vertical: 1; overflow-x: hidden;
    }
    ModelsView #about { height: auto; min-height: 3; max-height: 6; margin-top: 1; }
    """
    BINDINGS: ClassVar = [
        Binding("slash", "filter", show=False),
        Binding("escape", "clear", show=False),
        Binding("u", "use(1)", show=False),
        Binding("U", "use(-1)", show=False),
        Binding("s", "sort(1)", show=False),
        Binding("S", "sort(-1)", show=False),
    ]

    class Asked(Event):
        """
        Another use or order is wished.
        """

    class Chosen(Event):
        """
        A model is to be opened: a row, or a name as it was typed.
        """

        def __init__(self, row: Fitting | None, name: str) -> None:
            super().__init__()
            self.row = row
            self.name = name

    def __init__(self, words: Words, *, id: str | None = None) -> None:  # noqa: A002 - as of a widget
        super().__init__(id=id)
        self._words = words
        self.use: Use = "chat"
        self.sort: Order = "points"
        self._answer: Fit | None = None
        self._rows: list[Fitting] = []
        self.question = Paper(words, id="question")
        self.typed = Input(placeholder=words.sentence("explore.filter"), restrict=HARMLESS, compact=True)
        self.table: DataTable[Text] = DataTable(cursor_type="row", zebra_stripes=False)
        self.about = Paper(words, id="about")

    def compose(self) -> ComposeResult:
        yield self.question
        yield self.typed
        yield self.table
        yield self.about

    def wait(self) -> None:
        """
        Show that the catalog is searched.
        """
        self._answer = None
        self._rows = []
        self.table.clear(columns=True)
        self.question.show(self._question)
        self.about.show(lambda page: page.line((message("explore.searching"), QUIET)))

    def show(self, answer: Fit) -> None:
        """
        Show what fits.
        """
        self._answer = answer
        self.question.show(self._question)
        self._fill()

    def focus_first(self) -> None:
        """
        Let the keys go to the table.
        """
        self.table.focus()

    def on_resize(self) -> None:
        self._fill()

    def _question(self, page: Page) -> None:
        page.line(
            (message("explore.use", use=self.use), "bold"),
            "   ",
            message("explore.sorted", order=self.sort),
            hang=2,
        )
        if self._answer is not None and self._answer.verdict is not None:
            page.line((self._answer.verdict, GOOD if self._answer.rows else "bold red"), hang=2)

    def _fill(self) -> None:
        """
        Fill the table with the rows that the filter leaves.
        """
        if self._answer is None:
            return
        text = self.typed.value.strip().lower()
        self._rows = [row for row in self._answer.rows if text in _searched(row)]
        table, words = self.table, self._words
        heads = [
            words.text(each)
            for each in (
                message("explore.view", view="model"),
                message("page.quantization"),
                message("page.fit-size"),
                message("page.tokens-per-s"),
                message("page.answer"),
                message("explore.ability"),
            )
        ]
        cells = [[words.text(each) for each in _cells(row)] for row in self._rows]
        widths = [max(columns(cell) for cell in column) for column in zip(heads, *cells, strict=True)]
        others = sum(width + 2 for width in widths[1:])
        widths[0] = max(LEAST_NAME, min(widths[0], table.size.width - others - 3))
        table.clear(columns=True)
        for head, width in zip(heads, widths, strict=True):
            table.add_column(Text(head, "bold", justify="left" if head is heads[0] else "right"), width=width)
        for row in cells:
            first = Text(row[0], no_wrap=True)
            first.truncate(widths[0], overflow="ellipsis")
            table.add_row(first, *(Text(cell, justify="right") for cell in row[1:]))
        self._tell(0)

    def _tell(self, number: int) -> None:
        rows = self._rows
        if rows:
            row = rows[min(number, len(rows) - 1)]
            self.about.show(lambda page: page.line((below(row), QUIET), hang=2))
        elif self._answer is not None:
            typed = self.typed.value.strip()
            sentence = message("explore.none-named", name=typed) if typed else message("page.nothing-fits")
            self.about.show(lambda page: page.line((sentence, QUIET), hang=2))

    def on_data_table_row_highlighted(self, event: DataTable.RowHighlighted) -> None:
        self._tell(event.cursor_row)

    def on_data_table_row_selected(self, event: DataTable.RowSelected) -> None:
        self._open(event.cursor_row)

    def on_input_changed(self) -> None:
        self._fill()

    def on_input_submitted(self) -> None:
        self._open(self.table.cursor_row)

    def on_key(self, event: object) -> None:
        """
        From the filter the arrows move the cursor of the table.
        """
        key = getattr(event, "key", "")
        if self.typed.has_focus and key in ("up", "down"):
            (self.table.action_cursor_up if key == "up" else self.table.action_cursor_down)()

    def _open(self, number: int) -> None:
        typed = self.typed.value.strip()
        if self._rows:
            row = self._rows[min(number, len(self._rows) - 1)]
            self.post_message(self.Chosen(row, row.model.id))
        elif typed:
            self.post_message(self.Chosen(None, typed))

    def action_filter(self) -> None:
        self.typed.add_class("shown")
        self.typed.focus()

    def action_clear(self) -> None:
        self.typed.value = ""
        self.typed.remove_class("shown")
        self.table.focus()

    def action_use(self, by: int) -> None:
        self.use = USES[(USES.index(self.use) + by) % len(USES)]
        self.post_message(self.Asked())

    def action_sort(self, by: int) -> None:
        self.sort = ORDERS[(ORDERS.index(self.sort) + by) % len(ORDERS)]
        self.post_message(self.Asked())


def _searched(row: Fitting) -> str:
    """
    What the filter looks into.
    """
    model = row.model
    names = (model.name, model.id, model.family, model.license or "", row.choice.quant, *row.variants)
    return " ".join(names).lower()


def _cells(row: Fitting) -> tuple[Message, ...]:
    time = row.choice.time
    return (
        message("figure.plain", value=row.model.name),
        message("figure.plain", value=row.choice.quant),
        message("figure.size", bytes=file_bytes(row)),
        short_rate(row.choice.speed),
        message("explore.seconds", seconds=None if time is None else time.seconds.likely),
        reads_as(row),
    )
