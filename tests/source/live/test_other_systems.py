"""
What is asked on systems that the tests seldom run on: sysctl of macOS, the registry of Windows.
"""

import sys
from types import SimpleNamespace
from typing import Any, Self

import pytest
from pytest_mock import MockerFixture

from llmprobe.facts.answer import Answer
from llmprobe.source.live import commands, registry, sysctl
from llmprobe.source.live.sysctl import Sysctl

SAID = "hw.memsize: 68719476736\nmachdep.cpu.brand_string: Apple M3 Max\nvm.swapusage: total = 2048.00M  used = 1.00M\n"


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture) -> Any:
    """
    Return the stand-in of macOS's ``sysctl -i``, which leaves out the names that it does not know.
    """
    monkeypatch.setattr(sysctl, "_SYSTEM", "darwin")
    output = Answer(value={"exit": 0, "stdout": SAID, "stderr": ""})
    return mocker.patch("llmprobe.source.live.commands.run", return_value=output)


def test_one_command_answers_all_usual_names(command: Any) -> None:
    """Numbers are numbers, text is text, and what macOS does not know is missing."""
    known = Sysctl()
    answers = [known.ask(name) for name in ("hw.memsize", "machdep.cpu.brand_string", "iogpu.wired_limit_mb")]

    assert answers == [Answer(value=68719476736), Answer(value="Apple M3 Max"), Answer(status="missing")]
    assert command.call_count == 1


def test_an_unusual_name_is_asked_alone(command: Any) -> None:
    """A name that nobody planned for costs one more command, once."""
    known = Sysctl()
    for _ in range(2):
        known.ask("kern.something")
    known.ask("hw.memsize")

    assert [call.args[0] for call in command.call_args_list] == [
        ("sysctl", "-i", *sysctl.NAMES),
        ("sysctl", "-i", "kern.something"),
    ]


def test_a_command_that_hangs_is_the_answer_of_every_name(command: Any) -> None:
    """When sysctl does not answer, each name says so."""
    command.return_value = Answer(status="timeout")

    assert Sysctl().ask("hw.memsize").status == "timeout"


def test_homebrew_is_searched_on_macos() -> None:
    """Commands of macOS come from the system first, then from where engines are installed."""
    places = commands.search_path("darwin", user_path="")

    assert places[:4] == ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    assert "/opt/homebrew/bin" in places


class Key:
    """
    An open key of the registry.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...


def open_key(root: str, path: str) -> Key:
    if path != r"SOFTWARE\GPU":
        raise FileNotFoundError(2, "The system cannot find the file specified")
    return Key(f"{root}\\{path}")


VALUES = {
    "qwMemorySize": 25757220864,
    "MemorySize": b"\x00\x00\x00\x80",
    "DriverDesc": "NVIDIA GeForce RTX 4090",
}


@pytest.mark.parametrize(
    ("key", "name", "expected"),
    [
        (r"HKLM\SOFTWARE\GPU", "qwMemorySize", Answer(value=25757220864)),
        (r"HKLM\SOFTWARE\GPU", "MemorySize", Answer(value="00000080")),
        (r"HKEY_LOCAL_MACHINE\SOFTWARE\GPU", "DriverDesc", Answer(value="NVIDIA GeForce RTX 4090")),
        (
            r"HKLM\SOFTWARE\None",
            "x",
            Answer(status="missing", code=2, detail="The system cannot find the file specified"),
        ),
    ],
)
def test_the_registry_is_asked_by_key_and_name(
    monkeypatch: pytest.MonkeyPatch, key: str, name: str, expected: Answer
) -> None:
    """Numbers and text come as they are, bytes as hexadecimal text."""
    library = SimpleNamespace(
        HKEY_LOCAL_MACHINE="HKLM", OpenKey=open_key, QueryValueEx=lambda opened, wanted: (VALUES[wanted], 1)
    )
    monkeypatch.setitem(sys.modules, "winreg", library)
    monkeypatch.setattr(registry, "_SYSTEM", "win32")

    assert registry.ask(key, name) == expected
