"""
``llmprobe record``: a new file of the owner alone, under a name that is not taken.
"""

import errno
import os
import re
from pathlib import Path

import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.errors import UsageError
from llmprobe.tasks import machines

TEXT = '{"schema": "llmprobe.recording/1"}\n'


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[object]:
    """
    Record a machine that answers at once, in an empty folder; return what it was asked with.
    """
    asked: list[object] = []

    def record(**options: object) -> str:
        asked.append(options)
        return TEXT

    monkeypatch.setattr(api, "record", record)
    monkeypatch.chdir(tmp_path)
    return asked


def test_a_file_without_a_name_is_called_by_the_day(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The first of a day has its date, the next ones a number.
    """
    names = []
    for _ in range(3):
        assert main(["record"]) == 0
        names.append(capsys.readouterr().out.strip())
    day = re.fullmatch(r"llmprobe-\d{4}-\d\d-\d\d", names[0].removesuffix(".json"))

    assert day is not None
    assert names == [f"{day[0]}.json", f"{day[0]}-2.json", f"{day[0]}-3.json"]


def test_a_file_that_was_written_is_to_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Its path is the answer, and a hint has the command that replays it, as a shell needs it.
    """
    assert main(["record", "-o", "my box.json"]) == 0
    said = capsys.readouterr()

    assert said.out == "my box.json\n"
    assert said.err.startswith("hint: ")
    assert "llmprobe --replay 'my box.json' check" in said.err
    assert Path("my box.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("where", [["--show"], ["-o", "-"]])
def test_what_is_shown_is_not_spoken_of(where: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """
    Standard output is the recording and nothing else, and no file is written.
    """
    assert main(["record", *where]) == 0
    assert tuple(capsys.readouterr()) == (TEXT, "")
    assert list(Path.cwd().iterdir()) == []


def test_the_time_limit_is_handed_on(recorded: list[object], capsys: pytest.CaptureFixture[str]) -> None:
    """
    None where none was given.
    """
    main(["--timeout", "3", "record", "--show"])
    main(["record", "--show"])

    assert recorded == [{"timeout_s": 3.0, "rpc": ()}, {"timeout_s": None, "rpc": ()}]
    assert capsys.readouterr().out == TEXT * 2


def test_servers_are_handed_on_one_by_one(recorded: list[object]) -> None:
    """
    Named in one option with commas, or in several.
    """
    main(["record", "--show", "--rpc", "a:1=RTX 3090,b:2", "--rpc", "c:3"])

    assert recorded == [{"timeout_s": None, "rpc": ("a:1=RTX 3090", "b:2", "c:3")}]


@pytest.mark.parametrize(
    ("given", "problem"), [("a:1=24GiB", "error.record-size"), ("a", "error.rpc-not-a-device")]
)
def test_what_would_not_be_asked_is_refused(given: str, problem: str) -> None:
    """
    Before the machine is asked.
    """
    with pytest.raises(UsageError) as refused:
        machines.record(rpc=[given])

    assert refused.value.message.id == problem


@pytest.mark.parametrize("output", ["there.json", "link.json", "folder", "none/box.json", ""])
def test_a_place_that_cannot_be_is_refused_before_the_machine_is_asked(
    output: str, recorded: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Asking takes longer.
    """
    Path("there.json").write_text("mine")
    Path("folder").mkdir()
    Path("link.json").symlink_to("there.json")

    assert main(["record", "-o", output]) in (1, 2)
    assert recorded == []
    assert Path("there.json").read_text() == "mine"
    assert capsys.readouterr().out == ""


def test_a_file_that_appears_meanwhile_is_kept(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Asking takes time, in which another may write one of that name; a link that leads nowhere is one too.
    """

    def record(**_options: object) -> str:
        Path("box.json").write_text("theirs")
        return TEXT

    monkeypatch.setattr(api, "record", record)

    assert main(["record", "-o", "box.json"]) == 1
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert Path("box.json").read_text() == "theirs"
    Path("lost.json").symlink_to("nowhere")
    assert main(["record", "-o", "lost.json"]) == 1
    assert not Path("nowhere").exists()
    assert "exists and is not overwritten" in capsys.readouterr().err


def test_half_a_file_is_not_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where writing fails the file is gone again.
    """
    monkeypatch.setattr(api, "record", lambda **_options: "x" * 100_000 + "\udcff")

    with pytest.raises(UnicodeEncodeError):
        main(["record", "-o", "box.json"])
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("failing", ["write", "open"])
def test_a_disk_without_room_is_seen_before_the_machine_is_asked(
    failing: str, recorded: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Permission tells neither of a full disk nor of a folder of the kernel; what was tried leaves nothing behind.
    """

    def fails(*_args: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, failing, fails)

    code = main(["record", "-o", "box.json"])
    monkeypatch.undo()

    assert code == 1
    assert recorded == []
    assert "box.json" in capsys.readouterr().err
    assert not any(name.startswith(".llmprobe") or name == "box.json" for name in os.listdir())  # noqa: PTH208 - the names alone
