"""
The explorer: three views, the keys, and what is asked when.
"""

from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.events import Resize
from textual.widgets import ContentSwitcher, Static

from llmprobe import api
from llmprobe.errors import LlmprobeError
from llmprobe.explore.lane import Done, Lane
from llmprobe.explore.model import ModelView, Opened, opened
from llmprobe.explore.models import TOP, ModelsView
from llmprobe.explore.paper import Paper
from llmprobe.facts.fit import Fit
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import UseName
from llmprobe.output.text import check, findings
from llmprobe.output.text.page import BAD, QUIET, Page
from llmprobe.output.text.recommend import machine_parts
from llmprobe.tasks.adjusting import Adjusting
from llmprobe.words.message import message
from llmprobe.words.render import Words

Look = Callable[[], Snapshot]
VIEWS = ("machine", "models", "model")
KEYS = {
    "machine": ("scroll", "look"),
    "models": ("choose", "open", "use", "sort", "filter"),
    "model": ("dial", "turn", "best", "terms", "copy"),
}
"""What is said of the keys of each view, in the order of what is left out last."""


class Explorer(App[None]):
    """
    The program. ``look`` gives the machine; a ``model`` that is named is opened at once.
    """

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { background: transparent; }
    #bar, #keys { height: 1; }
    ContentSwitcher { height: 1fr; padding: 0 1; }
    #machine { scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar = [
        Binding("1", "view('machine')", show=False),
        Binding("2", "view('models')", show=False),
        Binding("3", "view('model')", show=False),
        Binding("tab", "next(1)", show=False, priority=True),
        Binding("shift+tab", "next(-1)", show=False, priority=True),
        Binding("r", "look", show=False),
        Binding("q,ctrl+c,ctrl+q", "quit", show=False),
    ]

    def __init__(self, look: Look, words: Words, *, model: str | None = None) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.words = words
        self.failed: Exception | None = None
        """A bug that ended it, for who started it."""
        self._look = look
        self._wanted = model
        self._machine: Snapshot | None = None
        self._fits: dict[tuple[str, str], Fit] = {}
        self._searched: tuple[str, str] | None = None
        self._looking, self._fitting, self._modelling = (Lane(self.post_message) for _ in range(3))
        self._title = ""
        self._bar, self._keys = Static(id="bar", markup=False), Static(id="keys", markup=False)
        self._paper = Paper(words)
        self.models = ModelsView(words, id="models")
        self.model = ModelView(words, self._modelling, id="model")

    def compose(self) -> ComposeResult:
        yield self._bar
        with ContentSwitcher(initial="machine", id="views"):
            with VerticalScroll(id="machine"):
                yield self._paper
            yield self.models
            yield self.model
        yield self._keys

    def on_mount(self) -> None:
        self.action_look()
        self.model.ask(message("explore.no-model"))
        if self._wanted is not None:
            self.action_view("model")
        self._frame()

    def on_resize(self, event: Resize) -> None:
        self._frame(event.size.width)

    @property
    def view(self) -> str:
        return self.query_one(ContentSwitcher).current or "machine"

    def action_view(self, name: str) -> None:
        self.query_one(ContentSwitcher).current = name
        if name == "machine":
            self.query_one("#machine").focus()
        elif name == "models":
            self.models.focus_first()
            self._fit()
        else:
            self.model.settings.focus()
        self._frame()

    def action_next(self, by: int) -> None:
        self.action_view(VIEWS[(VIEWS.index(self.view) + by) % len(VIEWS)])

    def action_look(self) -> None:
        """
        Look at the machine again; what was found for it before no longer counts.
        """
        self._paper.show(lambda page: page.line((message("explore.looking"), QUIET)))
        self._looking.ask(self._look, self._seen)

    def _seen(self, machine: Snapshot) -> None:
        self._machine, self._searched = machine, None
        self._fits.clear()
        self._paper.show(lambda page: _machine(page, machine))
        if self._wanted is not None:
            self._open(self._wanted)
            self._wanted = None
        else:
            # Who looks at the machine first finds the search done.
            self._fit()
        self._frame()

    def on_models_view_asked(self) -> None:
        self._fit()

    def _fit(self) -> None:
        """
        Show what fits as it is wished now, searched for where it was not.
        """
        machine, use, sort = self._machine, self.models.use, self.models.sort
        if machine is None:
            return
        known = self._fits.get((use, sort))
        if known is not None:
            self.models.show(known)
            return
        self.models.wait()
        if self._searched != (use, sort):
            self._searched = (use, sort)
            self._fitting.ask(
                lambda: api.fit(machine, use=use, sort=sort, top=TOP),
                lambda found: self._fitted(machine, found),
            )

    def _fitted(self, machine: Snapshot, answer: Fit) -> None:
        if machine is not self._machine:
            return
        asked = (answer.wishes.use, answer.wishes.sort)
        self._fits[asked] = answer
        if asked == self._searched:
            self._searched = None
        if asked == (self.models.use, self.models.sort):
            self.models.show(answer)

    def on_models_view_chosen(self, event: ModelsView.Chosen) -> None:
        row = event.row
        if row is None:
            self._open(event.name)
        else:
            self._open(event.name, ctx_size=row.choice.ctx_size, use=row.answers)
        self.action_view("model")

    def _open(self, name: str, *, ctx_size: int | None = None, use: UseName | None = None) -> None:
        machine = self._machine
        if machine is None:
            return
        self.model.ask(message("explore.opening", name=name))

        def work() -> Opened | LlmprobeError:
            try:
                model = api.load_model(name, snapshot=machine)
                return opened(Adjusting(model, machine, ctx_size=ctx_size, use=use))
            except LlmprobeError as error:
                return error

        self._modelling.ask(work, self._show)

    def _show(self, found: Opened | LlmprobeError) -> None:
        if isinstance(found, LlmprobeError):
            self.model.refuse(found)
            return
        self._title = self.words.say("figure.plain", value=found.recommendation.model.name)
        self.model.show(found)
        self._frame()

    def on_done(self, done: Done) -> None:
        if isinstance(done.error, LlmprobeError) and done.lane is not self._modelling:
            self._fail(done.error)
        elif done.error is not None:
            self.failed = done.error
            self.exit(return_code=1)
        elif not done.late or done.lane is self._fitting:
            done.then(done.found)

    def _fail(self, error: LlmprobeError) -> None:
        def draw(page: Page) -> None:
            page.line((error.message, BAD), hang=2)
            if error.hint is not None:
                page.line(error.hint, hang=2)

        self._paper.show(draw)
        self.action_view("machine")

    def _frame(self, width: int | None = None) -> None:
        """
        Draw the first line, with the views and the machine, and the last one, with the keys.
        """
        width = self.size.width if width is None else width
        self._bar.update(_bar(self.words, self.view, self._title, self._machine, width))
        self._keys.update(_keys(self.words, self.view, width))


def _machine(page: Page, machine: Snapshot) -> None:
    check.show_machine(page, machine)
    if machine.findings:
        page.heading(message("explore.findings"))
        page.blank()
        findings.show(page, machine.findings, in_full=True)
    check.silent_sources(page, machine)


def _bar(words: Words, view: str, title: str, machine: Snapshot | None, width: int) -> Text:
    made = Text(no_wrap=True)
    for number, name in enumerate(VIEWS, 1):
        label = title if name == "model" and title else words.say("explore.view", view=name)
        made.append(f" {number} {label} ", "reverse bold" if name == view else "")
        made.append(" ")
    if machine is not None:
        about = Text(words.say("explore.about", origin=machine.origin, parts=machine_parts(machine)), "dim")
        room = width - made.cell_len - 1
        if room > 10:
            about.truncate(room, overflow="ellipsis")
            made.append(" " * (width - made.cell_len - about.cell_len))
            made.append_text(about)
    made.truncate(width, overflow="ellipsis")
    return made


def _keys(words: Words, view: str, width: int) -> Text:
    """
    The keys of a view, as many as there is room for.
    """
    made = Text(no_wrap=True)
    last = _hint(words, "quit")
    for name in (*KEYS[view], "views"):
        hint = _hint(words, name)
        if made.cell_len + hint.cell_len + last.cell_len <= width:
            made.append_text(hint)
    made.append_text(last)
    return made


def _hint(words: Words, name: str) -> Text:
    keys, does = words.say("explore.key", key=name), words.say("explore.does", key=name)
    return Text.assemble((f" {keys} ", "reverse"), f" {does} ")
