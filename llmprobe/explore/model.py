"""
One model: its settings, what comes of them, and the command.
"""

from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll

from llmprobe.errors import LlmprobeError
from llmprobe.explore import figures
from llmprobe.explore.dials import DialList
from llmprobe.explore.lane import Lane
from llmprobe.explore.paper import Paper
from llmprobe.facts.machine import MemoryPool
from llmprobe.facts.recommendation import Recommendation
from llmprobe.facts.settings import Settings
from llmprobe.harmless import harmless_command
from llmprobe.output.text.page import BAD, QUIET, Page
from llmprobe.output.text.recommend import shared_memory
from llmprobe.tasks.adjusting import Adjusting, Configuration, Dials, Turned
from llmprobe.words.message import Message, message
from llmprobe.words.render import Words

ROOMY = 30
"""Lines from which on there is room for what is known by the way."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model that was opened, with what can be set and the first configuration.
    """

    adjusting: Adjusting
    recommendation: Recommendation
    dials: Dials
    first: Configuration


def opened(adjusting: Adjusting) -> Opened:
    """
    A model with its recommended configuration, or the least bad one where nothing fits.
    """
    recommendation = adjusting.recommended()
    return Opened(
        adjusting=adjusting,
        recommendation=recommendation,
        dials=adjusting.dials(),
        first=adjusting.first(recommendation),
    )


class ModelView(Vertical):
    """
    The settings at the top, the figures below them, and the command always at the bottom.
    """

    DEFAULT_CSS = """
    ModelView #title { height: auto; max-height: 10; }
    ModelView #figures { height: 1fr; margin-top: 1; scrollbar-size-vertical: 1; }
    ModelView #command { height: auto; max-height: 12; }
    """
    BINDINGS: ClassVar = [
        Binding("c", "copy", show=False),
        Binding("t", "terms", show=False),
        Binding("pageup", "scroll(-1)", show=False),
        Binding("pagedown,space", "scroll(1)", show=False),
    ]

    def __init__(self, words: Words, lane: Lane, *, id: str | None = None) -> None:  # noqa: A002 - as of a widget
        super().__init__(id=id)
        self._words = words
        self._lane = lane
        self._opened: Opened | None = None
        self._now: Configuration | None = None
        self._shared: MemoryPool | None = None
        self._problem: LlmprobeError | None = None
        self._terms = False
        self.title = Paper(words, id="title")
        self.settings = DialList(words)
        self.paper = Paper(words)
        self.command = Paper(words, id="command")

    def compose(self) -> ComposeResult:
        yield self.title
        yield self.settings
        with VerticalScroll(id="figures", can_focus=False):
            yield self.paper
        yield self.command

    def on_resize(self) -> None:
        self._frame()

    def _frame(self) -> None:
        """
        Leave the title out where lines are few: the first line of the screen has the name.
        """
        self.title.display = self._opened is None or self.app.size.height >= ROOMY

    def ask(self, sentence: Message) -> None:
        """
        Show what to do, or what is being done, and no model.
        """
        self._opened = self._now = self._problem = None
        self.settings.clear()
        self.title.show(lambda page: page.line((sentence, QUIET), hang=2))
        self.paper.show(_nothing)
        self.command.show(_nothing)
        self._frame()

    def refuse(self, error: LlmprobeError) -> None:
        """
        Show why there is no model.
        """
        self.ask(error.message)
        self.title.show(lambda page: _refusal(page, error))

    def show(self, found: Opened) -> None:
        """
        Show a model that was opened.
        """
        self._opened = found
        self._shared = shared_memory(found.recommendation.machine)
        self._now, self._problem = found.first, None
        model = found.recommendation.model
        self.title.show(
            lambda page: page.line(
                (message("page.model-title", model=model.name, parameters=model.parameters), "bold")
            )
        )
        self.settings.show(found.dials, found.first.turned, found.first)
        self._draw()
        self._frame()
        self.query_one("#figures").scroll_home(animate=False)

    @property
    def now(self) -> Configuration | None:
        """The configuration that is shown."""
        return self._now

    def on_dial_list_changed(self, event: DialList.Changed) -> None:
        if self._opened is None or self._now is None:
            return
        adjusting, base = self._opened.adjusting, self._now.choice
        self._lane.ask(lambda: _attempt(adjusting, event.turned, base), self._turned)

    def _turned(self, found: Configuration | LlmprobeError) -> None:
        if self._opened is None:
            return
        if isinstance(found, LlmprobeError):
            self._problem = found
        else:
            # The first of all has reasons that one by itself cannot have.
            first = self._opened.first
            self._now, self._problem = first if found.turned == first.turned else found, None
            self.settings.show(self._opened.dials, found.turned, self._now)
        self._draw()

    def _draw(self) -> None:
        self.paper.show(self._figures)
        self.command.show(self._command)

    def _figures(self, page: Page) -> None:
        now, found = self._now, self._opened
        if now is None or found is None:
            return
        if self._problem is not None:
            _refusal(page, self._problem)
            return
        figures.verdict(page, now)
        page.blank()
        figures.bars(page, now, self._shared)
        page.blank()
        figures.speed(page, now.choice)
        if self._terms:
            figures.terms(page, now)
        figures.reasons(page, now, found.recommendation.notes if now.turned == found.first.turned else ())

    def _command(self, page: Page) -> None:
        if self._now is not None and self._problem is None and self._opened is not None:
            page.blank()
            figures.command(page, self._now.choice, self._opened.adjusting.engine)

    def action_terms(self) -> None:
        self._terms = not self._terms
        self._draw()

    def action_scroll(self, by: int) -> None:
        figures_ = self.query_one("#figures")
        (figures_.scroll_page_down if by > 0 else figures_.scroll_page_up)(animate=False)

    def action_copy(self) -> None:
        if self._now is None or self._problem is not None or self._opened is None:
            return
        line = self._now.choice.commands.get(self._opened.adjusting.engine)
        if line is not None:
            self.app.copy_to_clipboard(harmless_command(line))
            self.app.notify(self._words.sentence("explore.copied"), markup=False, timeout=4)


def _attempt(adjusting: Adjusting, turned: Turned, base: Settings) -> Configuration | LlmprobeError:
    """
    What comes of settings, or why llama.cpp refuses them.
    """
    try:
        return adjusting.configuration(turned, base)
    except LlmprobeError as error:
        return error


def _nothing(_page: Page) -> None:
    """
    Write nothing.
    """


def _refusal(page: Page, error: LlmprobeError) -> None:
    page.line((error.message, BAD), hang=2)
    if error.hint is not None:
        page.line(error.hint, hang=2)
