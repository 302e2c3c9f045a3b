"""
The settings of a model that are turned, and the list of them on the screen.
"""

from collections.abc import Sequence
from typing import ClassVar, TypeVar

import msgspec
from rich.text import Text
from textual.binding import Binding
from textual.message import Message as Event
from textual.widget import Widget

from llmprobe.breaking import columns
from llmprobe.tasks.adjusting import Configuration, Dials, Turned
from llmprobe.words.message import Message, message
from llmprobe.words.render import Words

NAMES = (
    "quant",
    "ctx_size",
    "gpu_layers",
    "n_cpu_moe",
    "cache_type_k",
    "cache_type_v",
    "parallel",
    "devices",
)
FAR, ALL = 8, 1 << 40
VALUE_WIDTH = 15

One = TypeVar("One")


def shown(dials: Dials) -> tuple[str, ...]:
    """
    The settings that this model has on this machine.
    """
    without = {
        *(() if any(dials.devices) else ("gpu_layers", "n_cpu_moe")),
        *(() if dials.experts else ("n_cpu_moe",)),
        *(() if len(dials.devices) > 1 else ("devices",)),
    }
    return tuple(name for name in NAMES if name not in without)


def turn(name: str, by: int, turned: Turned, dials: Dials, now: Configuration) -> Turned:
    """
    The settings with one of them so many steps further. A placement that is turned begins at the present one.
    """
    choice = now.choice
    value: object
    if name == "gpu_layers":
        at = choice.gpu_layers if turned.gpu_layers is None else turned.gpu_layers
        value = _within(at + by, 0, dials.layers)
    elif name == "n_cpu_moe":
        kept = choice.n_cpu_moe + len(choice.cpu_moe_layers)
        value = _within((kept if turned.n_cpu_moe is None else turned.n_cpu_moe) + by, 0, dials.experts)
    elif name == "parallel":
        value = _within(turned.parallel + by, 1, dials.most_slots)
    elif name == "ctx_size":
        value = _context(turned.ctx_size, by, dials.contexts)
    elif name == "devices":
        used = tuple(each.id for each in choice.devices if each.id != "host")
        value = _next(dials.devices, used if turned.devices is None else turned.devices, by)
    else:
        options = dials.quants if name == "quant" else dials.cache_types
        value = _next(options, getattr(turned, name), by)
    return msgspec.structs.replace(turned, **{name: value})


def best(turned: Turned) -> Turned:
    """
    The settings with the placement left to the search again.
    """
    return msgspec.structs.replace(turned, gpu_layers=None, n_cpu_moe=None, devices=None)


def _within(value: int, least: int, most: int) -> int:
    return max(least, min(value, most))


def _context(size: int, by: int, contexts: Sequence[int]) -> int:
    """
    The next length that is offered; one that is not lies between two.
    """
    if size in contexts:
        return _next(contexts, size, by)
    above = [each for each in contexts if each > size]
    below = [each for each in contexts if each < size]
    beside = above if by > 0 else below[::-1]
    return beside[min(abs(by), len(beside)) - 1] if beside else size


def _next(options: Sequence[One], value: One, by: int) -> One:
    at = options.index(value) if value in options else 0
    return options[_within(at + by, 0, len(options) - 1)]


class DialList(Widget, can_focus=True):
    """
    The settings, one a line, with arrows to choose and to turn.
    """

    DEFAULT_CSS = """
    DialList { height: auto; }
    """
    BINDINGS: ClassVar = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("left,minus", "turn(-1)", show=False),
        Binding("right,plus", "turn(1)", show=False),
        Binding("shift+left,less_than_sign", f"turn(-{FAR})", show=False),
        Binding("shift+right,greater_than_sign", f"turn({FAR})", show=False),
        Binding("home", f"turn(-{ALL})", show=False),
        Binding("end", f"turn({ALL})", show=False),
        Binding("b", "best", show=False),
    ]

    class Changed(Event):
        """
        A setting was turned.
        """

        def __init__(self, turned: Turned) -> None:
            super().__init__()
            self.turned = turned

    def __init__(self, words: Words) -> None:
        super().__init__(markup=False)
        self._words = words
        self._at = 0
        self._dials: Dials | None = None
        self._turned: Turned | None = None
        self._now: Configuration | None = None

    def show(self, dials: Dials, turned: Turned, now: Configuration) -> None:
        """
        Show the settings and what is known of them by the present configuration.
        """
        self._dials, self._turned, self._now = dials, turned, now
        self._at = min(self._at, len(shown(dials)) - 1)
        self.refresh(layout=True)

    def clear(self) -> None:
        """
        Show nothing.
        """
        self._dials = self._turned = self._now = None
        self._at = 0
        self.refresh(layout=True)

    def action_move(self, by: int) -> None:
        if self._dials is not None:
            self._at = _within(self._at + by, 0, len(shown(self._dials)) - 1)
            self.refresh()

    def action_turn(self, by: int) -> None:
        if self._dials is None or self._turned is None or self._now is None:
            return
        name = shown(self._dials)[self._at]
        self._change(turn(name, by, self._turned, self._dials, self._now))

    def action_best(self) -> None:
        if self._turned is not None:
            self._change(best(self._turned))

    def _change(self, turned: Turned) -> None:
        if turned != self._turned:
            self._turned = turned
            self.refresh()
            self.post_message(self.Changed(turned))

    def render(self) -> Text:
        if self._dials is None or self._turned is None or self._now is None:
            return Text()
        names = shown(self._dials)
        labels = {name: self._words.say("explore.dial", name=name) for name in names}
        wide = max(columns(label) for label in labels.values())
        rows = []
        for number, name in enumerate(names):
            chosen = number == self._at
            value = self._words.text(self._value(name))
            row = Text("▸ " if chosen else "  ", "bold" if chosen else "")
            row.append(labels[name] + " " * (wide + 2 - columns(labels[name])), "" if chosen else "dim")
            left, right = ("◂ ", " ▸") if chosen else ("  ", "  ")
            row.append(f"{left}{value}{right}", "reverse" if chosen and self.has_focus else "bold")
            row.append(" " * max(2, VALUE_WIDTH - columns(value)))
            row.append(self._words.text(self._note(name)), "dim")
            row.truncate(self.content_size.width, overflow="ellipsis")
            rows.append(row)
        return Text("\n", no_wrap=True).join(rows)

    def _value(self, name: str) -> Message:
        assert self._turned is not None
        assert self._now is not None
        choice, turned = self._now.choice, self._turned
        if name == "gpu_layers":
            at = choice.gpu_layers if turned.gpu_layers is None else turned.gpu_layers
            return message("page.layers-of", layers=at, total=choice.total_layers)
        if name == "n_cpu_moe":
            kept = choice.n_cpu_moe + len(choice.cpu_moe_layers)
            at = kept if turned.n_cpu_moe is None else turned.n_cpu_moe
            return message("page.layers-of", layers=at, total=choice.total_layers - 1)
        if name == "devices":
            used = tuple(each.id for each in choice.devices if each.id != "host")
            return message("explore.devices", devices=used if turned.devices is None else turned.devices)
        return message("figure.plain", value=getattr(turned, name))

    def _note(self, name: str) -> Message:
        """
        What stands beside a setting.
        """
        assert self._turned is not None
        assert self._now is not None
        now, turned = self._now, self._turned
        if name == "quant":
            return message(
                "explore.note-quant",
                bytes=now.estimate.model.tensor_bytes if now.choice.quant == turned.quant else None,
                quality=now.choice.quality.words,
            )
        if name == "ctx_size":
            return message(
                "explore.note-context",
                each=turned.ctx_size // turned.parallel if turned.parallel > 1 else None,
                longest=now.estimate.model.max_context,
            )
        if name == "devices":
            return message("explore.note-placement", placed="hand" if turned.devices is not None else "best")
        if name in ("gpu_layers", "n_cpu_moe"):
            by_hand = turned.gpu_layers is not None or turned.n_cpu_moe is not None
            placed = "hand" if by_hand else "best" if now.searched else "none"
            return message("explore.note-placement", placed=placed)
        return message("explore.note-none")
