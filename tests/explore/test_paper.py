"""
Pages as parts of a screen: as wide as there is room, whole, and harmless.
"""

import pytest

from llmprobe.explore.paper import drawn
from llmprobe.output.text.page import Page
from llmprobe.words.render import words

EVIL = "\x1b]0;owned\x07\x1b]52;c;ZXZpbA==\x07\x1b[2J\x9b2J\r[red]x[/] [@click=app.quit]y[/]\u202e\u200b"


@pytest.mark.parametrize("width", [20, 33, 80])
def test_what_cannot_be_broken_is_cut_and_not_lost(width: int) -> None:
    """
    Every sign of a command is on the screen, full-width ones too, and no row is wider than the room.
    """
    command = "llama-server -m " + "模型" * 40 + "-0123456789" * 9
    rows = drawn(lambda page: page.verbatim(command), words(), width)

    assert "".join(row.plain for row in rows) == command
    assert max(row.cell_len for row in rows) <= width


def test_names_of_the_machine_command_neither_terminal_nor_screen() -> None:
    """
    Control characters are escapes, and what reads like markup of the screen is text.
    """

    def draw(page: Page) -> None:
        page.line(EVIL)
        page.verbatim(EVIL)

    shown = "\n".join(row.plain for row in drawn(draw, words(), 200))

    assert [sign for sign in shown if not sign.isprintable() and sign != "\n"] == []
    assert shown.count("[red]x[/] [@click=app.quit]y[/]") == 2
    assert all(span.style != "red" for row in drawn(draw, words(), 200) for span in row.spans)


def test_environment_does_not_change_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The room counts, not what COLUMNS says of the terminal.
    """
    monkeypatch.setenv("COLUMNS", "40")
    rows = drawn(lambda page: page.line("word " * 30), words(), 75)

    assert 70 <= max(row.cell_len for row in rows) <= 75
