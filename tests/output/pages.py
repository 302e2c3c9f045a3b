"""
Pages in memory: what a person would read, at any width, on a terminal or in a file, in any encoding.
"""

import io
from collections.abc import Callable
from typing import Any

import pytest

from llmprobe.output.text.console import console_for
from llmprobe.output.text.page import Page
from llmprobe.words import en
from llmprobe.words.render import Words

ENGLISH = Words("en", {**en.SENTENCES, "test.list": "{list:and}", "test.command": "{text}\n{command:shell}"})
"""English, with a sentence that is followed by a command as those of some notes are."""


class Screen(io.TextIOWrapper):
    """
    A stream that may say that it is a terminal, and keeps what is written.
    """

    def __init__(self, *, encoding: str = "utf-8", terminal: bool = False) -> None:
        self.kept = io.BytesIO()
        self.terminal = terminal
        super().__init__(self.kept, encoding=encoding, newline="\n")

    def isatty(self) -> bool:
        return self.terminal

    def text(self) -> str:
        self.flush()
        return self.kept.getvalue().decode(self.encoding)


def printed(
    monkeypatch: pytest.MonkeyPatch,
    show: Callable[[Page], Any],
    *,
    width: int = 80,
    encoding: str = "utf-8",
    terminal: bool = False,
    env: dict[str, str] | None = None,
    words: Words = ENGLISH,
) -> str:
    """
    What ``show`` prints on a page of this kind.
    """
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in (env or {}).items():
        monkeypatch.setenv(name, value)
    screen = Screen(encoding=encoding, terminal=terminal)
    show(Page(console_for(screen), words))
    return screen.text()


def page_of(monkeypatch: pytest.MonkeyPatch, show: Callable[[Page], Any], width: int = 100) -> list[str]:
    """
    The lines of a page in a file of this width.
    """
    return printed(monkeypatch, show, width=width).splitlines()
