"""
``llmprobe explore``: what it needs, and what is said where that is missing.
"""

import builtins
import sys
from typing import Any

import pytest

from llmprobe.cli import explore
from llmprobe.cli.ending import run
from tests.machine_fixtures import FOLDER

BOX = str(FOLDER / "linux-4090-64g" / "recording.json")


class Terminal:
    """
    A stream that calls itself a terminal.
    """

    def __init__(self, encoding: str = "utf-8", *, real: bool = True) -> None:
        self.encoding = encoding
        self._real = real

    def isatty(self) -> bool:
        return self._real


@pytest.fixture
def terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> pytest.CaptureFixture[str]:
    """
    Keys and a screen.
    """
    monkeypatch.setattr(explore, "streams", lambda: [Terminal()] * 3)
    monkeypatch.setenv("TERM", "xterm-256color")
    return capsys


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_without_a_terminal_it_says_so(
    missing: int, terminal: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In one sentence, with what to use instead; nothing is drawn into a pipe.
    """
    found = [Terminal(real=number != missing) for number in range(3)]
    monkeypatch.setattr(explore, "streams", lambda: found)

    assert run(["--replay", BOX, "explore"]) == 1
    said = terminal.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: explore needs a terminal")


@pytest.mark.parametrize(
    ("kind", "encoding", "said"), [("dumb", "utf-8", "dumb"), ("xterm", "ascii", "ascii")]
)
def test_a_terminal_that_cannot_show_it_is_refused(
    kind: str, encoding: str, said: str, terminal: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    One that only writes lines, and one whose encoding lacks our signs.
    """
    monkeypatch.setenv("TERM", kind)
    monkeypatch.setattr(explore, "streams", lambda: [Terminal(encoding)] * 3)

    assert run(["--replay", BOX, "explore"]) == 1
    assert f"and this one is {said}" in terminal.readouterr().err


def test_without_its_extra_it_says_what_to_install(
    terminal: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    In one sentence.
    """
    # The package of the explorer stays: an import of it anew would be left behind as an attribute of llmprobe.
    for name in [name for name in sys.modules if name.startswith(("llmprobe.explore.", "textual"))]:
        monkeypatch.delitem(sys.modules, name)
    imported = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name.partition(".")[0] == "textual":
            raise ModuleNotFoundError("No module named 'textual'", name=name)
        return imported(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)

    assert run(["--replay", BOX, "explore"]) == 1
    said = terminal.readouterr().err.splitlines()
    assert said == [
        "error: the package textual is not installed",
        "hint: pip install 'llmprobe[tui]'",
    ]


def test_a_machine_that_is_none_is_refused_before_the_screen_is_taken(
    terminal: pytest.CaptureFixture[str],
) -> None:
    """
    A wrong recording or card ends as with every command.
    """
    assert run(["--gpu", "RTX 4090 Turbo 9999", "--ram", "64GB", "explore"]) == 2
    assert run(["--replay", "gone.json", "explore"]) == 1
    assert terminal.readouterr().out == ""


def test_the_explorer_starts_with_the_machine_and_the_model(
    terminal: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The model of the command line is opened, in the language of the run; its exit code is that of the command.
    """
    from llmprobe.explore.app import Explorer

    started: list[Explorer] = []
    monkeypatch.setattr(Explorer, "run", lambda self, **_options: started.append(self))

    assert run(["--replay", BOX, "--lang", "ja", "explore", "qwen3-8b"]) == 0
    (explorer,) = started
    assert explorer.words.language == "ja"
    assert explorer._wanted == "qwen3-8b"
    assert explorer._look().accelerators[0].name == "NVIDIA GeForce RTX 4090"
    assert not explorer._look().this_machine


def test_a_bug_keeps_its_traceback(
    terminal: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What ended the explorer is raised again.
    """
    from llmprobe.explore.app import Explorer

    def broken(self: Explorer, **_options: object) -> None:
        self.failed = ZeroDivisionError("a bug")

    monkeypatch.setattr(Explorer, "run", broken)
    with pytest.raises(ZeroDivisionError):
        run(["--replay", BOX, "explore"])
