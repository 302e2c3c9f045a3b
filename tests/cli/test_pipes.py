"""
Readers that leave, disks that are full, streams that are closed, and Ctrl-C: one exit code each, and no traceback.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine_fixtures import FOLDER

pytestmark = [pytest.mark.live, pytest.mark.skipif(os.name != "posix", reason="needs a shell and /dev/full")]

PROGRAM = f"{sys.executable} -c 'from llmprobe.cli import program; program()'"
"""As it is installed."""

REPLAY = f"--replay {FOLDER / 'linux-4090-64g' / 'recording.json'}"
ROOT = FOLDER.parents[1]


@pytest.fixture
def foreground() -> Iterator[None]:
    """
    Children heed Ctrl-C, also where the tests themselves run in the background of a shell and ignore it.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """
    A Python of its own that has ended, with what it wrote.
    """
    words = [sys.executable, *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)


def shell(script: str) -> tuple[int, str, str]:
    """
    The exit code, stdout and stderr of a script of a shell; LLMPROBE in it is the program.
    """
    result = subprocess.run(
        ["bash", "-c", script.replace("LLMPROBE", PROGRAM)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return result.returncode, result.stdout, result.stderr


@pytest.mark.parametrize(
    "command",
    [
        f"{REPLAY} check",
        f"{REPLAY} check --json",
        f"{REPLAY} recommend -m llama3-8b -c 4096",
        f"{REPLAY} watch --json",
        "models",
        "models --json",
        "--help",
        "estimate --help",
        "check --zzz --json",
    ],
)
def test_a_reader_that_leaves_has_what_it_wanted(command: str) -> None:
    """Exit code 0 and nothing about the pipe on stderr, however much of the answer was read."""
    code, _, err = shell(f"LLMPROBE {command} | true; exit ${{PIPESTATUS[0]}}")
    lines = [
        line for line in err.splitlines() if not line.startswith(("error: there is no option", "hint: "))
    ]

    assert (code, lines) in ((0, []), (2, []))
    assert (code == 2) <= ("--zzz" in command)


def test_a_slow_reader_gets_all_of_a_long_answer() -> None:
    """More than a pipe holds is written to its end before the process ends."""
    code, out, _ = shell("LLMPROBE models --json | (sleep 0.2; cat); exit ${PIPESTATUS[0]}")

    assert (code, json.loads(out)["schema"]) == (0, "llmprobe.models/1")
    assert len(out) > 2 * 65536


@pytest.mark.parametrize(("given", "code"), [("--version", 0), ("--zzz", 2), ("models zzzzzz", 1)])
def test_the_process_ends_with_the_exit_code(given: str, code: int) -> None:
    """The process ends without taking Python apart, with the code that was decided."""
    assert shell(f"LLMPROBE {given}")[0] == code


@pytest.mark.parametrize(
    "command", [f"{REPLAY} check", f"{REPLAY} check --json", "models", "--help", "check --zzz --json"]
)
def test_a_full_disk_is_no_answer(command: str) -> None:
    """An answer that could not be written is none: exit code 1, and the reason on stderr."""
    code, _, err = shell(f"LLMPROBE {command} >/dev/full")

    assert code == 1
    assert err.splitlines()[-1] == "error: the answer cannot be written: no space left on device"


@pytest.mark.parametrize("command", [f"{REPLAY} check", f"{REPLAY} check --json", "--help"])
def test_a_closed_stdout_is_no_answer(command: str) -> None:
    """Where stdout is closed there is nowhere to answer: exit code 1 and one sentence."""
    assert shell(f"LLMPROBE {command} >&-") == (
        1,
        "",
        "error: the answer cannot be written: standard output is closed\n",
    )


@pytest.mark.parametrize("stderr", ["2>&-", "2>/dev/full"])
def test_a_closed_or_full_stderr_changes_no_answer(stderr: str) -> None:
    """What belongs on stderr is lost, and nothing else: the same documents and exit codes."""
    answered = shell(f"LLMPROBE -v {REPLAY} check --json {stderr}")
    refused = shell(f"LLMPROBE check --zzz --json {stderr}")

    assert (answered[0], json.loads(answered[1])["schema"]) == (0, "llmprobe.snapshot/1")
    assert (refused[0], json.loads(refused[1])["schema"]) == (2, "llmprobe.error/1")
    assert (answered[2], refused[2]) == ("", "")


def test_a_path_on_stdout_is_that_of_the_file(tmp_path: Path) -> None:
    """For a program the path that record prints is the file's, byte for byte."""
    code, out, _ = shell(f"cd {tmp_path} && cat \"$(LLMPROBE record -o $'x\\x1b\\xff y.json')\"")

    assert (code, json.loads(out)["schema"]) == (0, "llmprobe.recording/1")


def test_little_is_imported_before_an_interrupt_is_handled() -> None:
    """What ``main`` can be called with is imported without ``typing``, whose import is long enough for a Ctrl-C."""
    script = "import sys; sys.modules['typing'] = None; import llmprobe.cli; print('ok')"
    ended = python("-S", "-c", script)

    assert (ended.stdout, ended.stderr) == ("ok\n", "")


@pytest.mark.usefixtures("foreground")
@pytest.mark.parametrize("delay_s", [0.0, 0.02, 0.05, 0.1, 0.2])
def test_an_interrupt_has_no_traceback(delay_s: float) -> None:
    """From the first of our lines on Ctrl-C ends with 130 and silence, also while modules are being imported."""
    script = (
        "import os, signal, sys, time, _thread\n"
        "from llmprobe.cli import main\n"
        "def interrupt():\n"
        f"    time.sleep({delay_s})\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "_thread.start_new_thread(interrupt, ())\n"
        "raise SystemExit(main())\n"
    )
    words = [sys.executable, "-c", script, *REPLAY.split(), "recommend", "-m", "qwen3-30b-a3b", "--explain"]
    ended = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)

    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


@pytest.mark.usefixtures("foreground")
def test_an_error_that_an_interrupt_left_behind_is_the_interrupt() -> None:
    """A module that fails because its import was interrupted does not end with a traceback."""
    script = (
        "import os, signal, sys\n"
        "from llmprobe import cli\n"
        "class Broken:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'llmprobe.cli.ending':\n"
        "            try:\n"
        "                os.kill(os.getpid(), signal.SIGINT)\n"
        "            except KeyboardInterrupt:\n"
        "                raise SyntaxError('broken off') from None\n"
        "sys.meta_path.insert(0, Broken())\n"
        "raise SystemExit(cli.main())\n"
    )
    ended = python("-c", script)

    assert (ended.returncode, ended.stderr) == (130, "")


@pytest.mark.usefixtures("foreground")
def test_a_second_interrupt_kills_at_once() -> None:
    """While Python ends, Ctrl-C is the system's own: no traceback of whatever was being taken down."""
    script = (
        "import atexit, os, signal, sys\n"
        "from llmprobe.cli import main\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "sys.argv = ['llmprobe', '--version']\n"
        "raise SystemExit(main())\n"
    )
    ended = python("-c", script)

    assert (ended.returncode, ended.stderr) == (-signal.SIGINT, "")


def test_in_the_background_an_interrupt_stays_ignored() -> None:
    """What a shell starts with Ctrl-C ignored answers in spite of one, and nothing of it is killed."""
    script = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "from llmprobe.cli import main\n"
        "sys.argv = ['llmprobe', '--version']\n"
        "code = main()\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "raise SystemExit(code)\n"
    )
    ended = python("-c", script)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.startswith("llmprobe")
