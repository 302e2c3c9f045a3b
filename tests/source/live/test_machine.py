"""
The machine itself, asked once per question.
"""

import sys
import threading
import time
from pathlib import Path

import pytest
from pytest_mock import MockerFixture

from llmprobe.facts.answer import Answer
from llmprobe.source.deadline import HANGING
from llmprobe.source.live import LiveSource, files, machine
from tests.source.test_deadline import eventually

pytestmark = pytest.mark.live


def test_a_question_has_one_answer_per_run(tmp_path: Path) -> None:
    """What was read once is not read again: two probes see one machine."""
    path = tmp_path / "file"
    path.write_text("first")
    source = LiveSource()
    first = source.read(str(path))
    path.write_text("second")

    assert first == source.read(str(path)) == Answer(value="first")


def test_threads_that_ask_the_same_wait_for_one_answer(mocker: MockerFixture) -> None:
    """A question that is under way is not asked a second time."""

    def slow(argv: tuple[str, ...], timeout_s: float, children: object) -> Answer:
        time.sleep(0.05)
        return Answer(value={"exit": 0, "stdout": "", "stderr": ""})

    run = mocker.patch("llmprobe.source.live.commands.run", side_effect=slow)
    source = LiveSource()
    threads = [threading.Thread(target=source.run, args=("command",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert run.call_count == 1


def test_a_hanging_file_times_out(mocker: MockerFixture) -> None:
    """A file on a dead mount is an answer, and the next file is still read."""
    forever = threading.Event()
    mocker.patch.object(machine, "FILE_TIMEOUT_S", 0.3)
    real = files.read

    def read(path: str) -> Answer:
        if path == "/dead":
            forever.wait(10)
        return real(path)

    mocker.patch("llmprobe.source.live.files.read", side_effect=read)
    source = LiveSource()
    answers = [source.read("/dead").status, source.read("/proc/self/stat").status]
    forever.set()

    assert answers == ["timeout", "ok"]
    assert eventually(lambda: len(HANGING) == 0)


def test_a_hanging_driver_is_not_asked_again(mocker: MockerFixture) -> None:
    """After a call into NVML that hangs there are no further ones, and closing does not wait for it."""
    forever = threading.Event()
    source = LiveSource()
    mocker.patch.object(machine, "NVML_TIMEOUT_S", 0.05)
    ask = mocker.patch.object(source._nvml, "ask", side_effect=lambda *_: forever.wait(10))
    close = mocker.patch.object(source._nvml, "close")
    answers = [source.nvml("nvmlDeviceGetName", "0"), source.nvml("nvmlDeviceGetUUID", "0")]
    source.close()
    forever.set()

    assert [answer.status for answer in answers] == ["timeout", "timeout"]
    assert ask.call_count == 1
    assert close.call_count == 0
    # Until it has returned, the same question is refused to every other test.
    assert eventually(lambda: len(HANGING) == 0)


def test_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is not set is missing, an empty one is there."""
    monkeypatch.setenv("LLMPROBE_TEST", "")
    monkeypatch.delenv("LLMPROBE_OTHER", raising=False)
    source = LiveSource()

    assert source.env("LLMPROBE_TEST") == Answer(value="")
    assert source.env("LLMPROBE_OTHER") == Answer(status="missing")


def test_psutil_answers_with_plain_data() -> None:
    """A named tuple comes as an object of its fields."""
    memory = LiveSource().psutil("virtual_memory").value

    assert memory["total"] >= memory["available"] > 0


def test_psutil_is_asked_for_known_functions_only() -> None:
    """A question that nobody planned for is a mistake in a probe."""
    with pytest.raises(ValueError, match="psutil is not asked"):
        LiveSource().psutil("process_iter")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere py-cpuinfo or sysctl is asked")
def test_py_cpuinfo_is_not_asked_on_linux() -> None:
    """Importing it would run commands from the caller's PATH; /proc/cpuinfo has what it would say."""
    answer = LiveSource().cpuinfo()

    assert answer == Answer(status="missing", detail="on Linux /proc/cpuinfo is read instead")
    assert "cpuinfo" not in sys.modules


@pytest.mark.skipif(sys.platform != "linux", reason="what other systems lack")
def test_facilities_of_other_systems_are_missing() -> None:
    """A Linux machine has neither sysctl by name nor a registry."""
    source = LiveSource()

    assert source.sysctl("hw.memsize").status == "missing"
    assert source.registry(r"HKLM\SOFTWARE", "x").status == "missing"


@pytest.mark.parametrize(("wake", "expected"), [(True, "ok"), (False, "missing")])
def test_waking_is_a_wish_that_probes_can_ask_for(
    wake: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``wake`` answers the variable that probes ask before they wake a device, whatever the environment holds."""
    monkeypatch.delenv("LLMPROBE_WAKE", raising=False)

    assert LiveSource(wake=wake).env("LLMPROBE_WAKE").status == expected


@pytest.mark.parametrize(("said", "system"), [("android", "linux"), ("linux", "linux"), ("darwin", "darwin")])
def test_android_has_linux_files(said: str, system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.13 and later call it a system of its own, and its probes are those of Linux."""
    monkeypatch.setattr("sys.platform", said)

    assert LiveSource().platform.system == system
