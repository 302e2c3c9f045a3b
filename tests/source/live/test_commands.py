"""
Commands of the machine itself.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.source.live import commands

pytestmark = pytest.mark.live


def test_output_and_exit_status_are_told() -> None:
    """A command that fails has answered: its status is part of the answer."""
    answer = commands.run(("sh", "-c", "echo out; echo err >&2; exit 3"), 5)

    assert answer.value == {"exit": 3, "stdout": "out\n", "stderr": "err\n"}


def test_unknown_command_is_missing() -> None:
    """A command that is not installed is missing, and subprocess is not needed to tell."""
    assert commands.run(("no-such-command-here",), 5).status == "missing"


def test_locale_is_c() -> None:
    """The output is in one language on every machine."""
    assert commands.run(("sh", "-c", "echo $LC_ALL $LANG"), 5).value["stdout"] == "C C\n"


def test_input_is_empty() -> None:
    """A command that reads gets the end of input, and does not wait for a person."""
    assert commands.run(("cat",), 5).value["stdout"] == ""


def test_slow_command_times_out() -> None:
    """A command that takes too long is an answer, in time."""
    started = time.monotonic()
    answer = commands.run(("sleep", "60"), 0.2)

    assert answer.status == "timeout"
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("system", ["linux", "win32"])
@pytest.mark.parametrize("stream", ["", " >&2"])
def test_a_command_that_prints_without_end_is_killed(
    system: str, stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has failed as soon as it has printed too much, on either stream and however pipes are read."""
    monkeypatch.setattr(commands, "_SYSTEM", system)
    pid_file = tmp_path / "pid"
    started = time.monotonic()
    answer = commands.run(("sh", "-c", f"echo $$ > {pid_file}; yes{stream}"), 30)

    assert answer == Answer(status="failed", detail=f"printed more than {commands.LARGEST_BYTES} bytes")
    assert time.monotonic() - started < 10
    assert not is_alive(int(pid_file.read_text()))


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_a_long_answer_on_both_streams_is_whole(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that fills both pipes is not held up by the one that is read later."""
    monkeypatch.setattr(commands, "_SYSTEM", system)
    script = "head -c 1000000 /dev/zero | tr '\\0' e >&2; head -c 1000000 /dev/zero | tr '\\0' o; exit 4"
    value = commands.run(("sh", "-c", script), 10).value

    assert (value["exit"], value["stdout"], value["stderr"]) == (4, "o" * 1_000_000, "e" * 1_000_000)


@pytest.mark.parametrize("system", ["linux", "win32"])
@pytest.mark.parametrize(("more", "status"), [(0, "ok"), (1, "failed")])
def test_the_longest_answer_is_whole(
    system: str, more: int, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as is read is not too long."""
    monkeypatch.setattr(commands, "_SYSTEM", system)
    monkeypatch.setattr(commands, "LARGEST_BYTES", 100_000)

    assert commands.run(("head", "-c", str(100_000 + more), "/dev/zero"), 10).status == status


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_a_child_that_keeps_the_pipe_does_not_keep_us(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that ended, but left a child behind that could still print, has not answered in time."""
    monkeypatch.setattr(commands, "_SYSTEM", system)
    started = time.monotonic()
    answer = commands.run(("sh", "-c", "sleep 60 & echo done"), 0.3)

    assert answer.status == "timeout"
    assert time.monotonic() - started < 5


def test_no_command_is_started_after_the_end() -> None:
    """Who is late with a question is told that the time is over."""
    children = commands.Children()
    children.end()

    assert commands.run(("sleep", "60"), 60, children) == Answer(
        status="timeout", detail="the time for all questions is over"
    )


def test_children_end_with_their_command(tmp_path: Path) -> None:
    """What a command started does not outlive its time."""
    pid_file = tmp_path / "pid"
    commands.run(("sh", "-c", f"sleep 60 & echo $! > {pid_file}; wait"), 0.5)
    pid = int(pid_file.read_text())
    deadline = time.monotonic() + 5
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)

    assert not is_alive(pid)


def test_system_places_come_before_the_users_own() -> None:
    """A program in a user's directory does not stand in for the system's."""
    places = commands.search_path("linux", user_path="/home/someone/bin:relative:/usr/bin")

    assert places.index("/usr/bin") < places.index("/home/someone/bin")
    assert "relative" not in places
    assert places.count("/usr/bin") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")
@pytest.mark.parametrize("path", [".", "", "relative", ".:{}", ":{}", "{}:"])
@pytest.mark.parametrize("command", [("check", "--json"), ("record", "--show")])
def test_nothing_of_the_current_folder_is_run(path: str, command: tuple[str, ...], tmp_path: Path) -> None:
    """Programs that lie where somebody works stand in for nothing, whatever PATH says."""
    ran = tmp_path / "ran"
    (tmp_path / "relative").mkdir()
    names = (
        "file",
        "uname",
        "lscpu",
        "sysctl",
        "nvidia-smi",
        "ollama",
        "llama-server",
        "llama-cli",
        "lms",
        "vllm",
    )
    for place in (tmp_path, tmp_path / "relative"):
        for name in names:
            program = place / name
            program.write_text(f"#!/bin/sh\necho {name} >> {ran}\n")
            program.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "llmprobe", *command],
        cwd=tmp_path,
        env={**os.environ, "PATH": path.format("/usr/bin")},
        capture_output=True,
        check=False,
    )

    assert done.stderr == b""
    assert not ran.exists(), ran.read_text()


def is_alive(pid: int) -> bool:
    """
    Tell whether a process runs; one that ended and waits to be collected does not.
    """
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
