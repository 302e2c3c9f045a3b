"""
Commands of the machine itself.
"""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

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
