"""
A recorded machine, asked as if it were here.
"""

import pytest

from llmprobe.facts.answer import Answer, Platform, Source
from llmprobe.source.recording import Recording
from llmprobe.source.recording.recorder import Recorder
from llmprobe.source.recording.replay import NotRecorded, Replay

LINUX = Platform(system="linux", machine="x86_64")


def replay(
    *covers: str, answers: dict[tuple[str, ...], Answer] | None = None, strict: bool = False
) -> Replay:
    return Replay(Recording(platform=LINUX, covers=covers, answers=answers or {}), strict=strict)


def test_a_replay_is_not_this_machine() -> None:
    """What is said of a recorded machine is not said of the one that we run on."""
    source: Source = replay()

    assert not source.this_machine


def test_an_error_is_replayed() -> None:
    """An answer that failed fails again, with its number."""
    lost = Answer(status="failed", code=15)

    assert replay(answers={("nvml", "nvmlDeviceGetName", "0"): lost}).nvml("nvmlDeviceGetName", "0") == lost


@pytest.mark.parametrize(
    ("covers", "path"),
    [("/proc", "/proc/meminfo"), ("/proc", "/proc"), ("/proc/", "/proc/self/cgroup"), ("/", "/etc/none")],
)
def test_what_is_not_listed_in_a_covered_directory_is_missing(covers: str, path: str) -> None:
    """A recording of all of a directory says what is not in it."""
    assert replay(covers, strict=True).read(path) == Answer(status="missing")


def test_a_directory_does_not_cover_its_namesakes() -> None:
    """/proc says nothing of /process."""
    assert replay("/proc").read("/process").status == "not_recorded"


@pytest.mark.parametrize(
    ("covers", "name", "expected"),
    [
        ("env", "PATH", "missing"),
        ("env:CUDA_", "CUDA_VISIBLE_DEVICES", "missing"),
        ("env:CUDA_", "HIP_VISIBLE_DEVICES", "not_recorded"),
        ("nvml", "PATH", "not_recorded"),
    ],
)
def test_areas_are_covered_by_name(covers: str, name: str, expected: str) -> None:
    """An area may be covered whole, or for names that begin alike."""
    assert replay(covers).env(name).status == expected


def test_each_facility_has_its_area() -> None:
    """Every question that a probe can ask can be covered."""
    areas = ("commands", "nvml", "psutil", "cpuinfo", "sysctl", "env", "http", "registry", "/")
    source = replay(*areas, strict=True)
    answers = [
        source.run("lspci"),
        source.nvml("nvmlInit"),
        source.psutil("cpu_count"),
        source.cpuinfo(),
        source.sysctl("hw.memsize"),
        source.env("PATH"),
        source.get("http://127.0.0.1:1/"),
        source.registry("HKLM", "x"),
        source.read("/a"),
        source.list("/a"),
        source.link("/a"),
    ]

    assert {answer.status for answer in answers} == {"missing"}


def test_a_user_is_told_what_was_not_recorded() -> None:
    """A question that nobody thought of when the machine was recorded is no claim about the machine."""
    answer = replay().read("/proc/new")

    assert answer == Answer(
        status="not_recorded", detail="read:/proc/new was not asked when this was recorded"
    )


def test_a_test_fails_on_what_was_not_recorded() -> None:
    """No handler of exceptions makes an answer of it."""
    with pytest.raises(NotRecorded, match="read:/proc/new"):
        replay(strict=True).read("/proc/new")
    assert not issubclass(NotRecorded, Exception)


def test_unread_answers_are_named() -> None:
    """What no probe asked for is told by the name that evidence cites."""
    source = replay(
        answers={("env", "A"): Answer(value="1"), ("nvml", "nvmlDeviceGetName", "0"): Answer(value="x")}
    )
    source.env("A")

    assert source.unread() == ("nvml:nvmlDeviceGetName 0",)
    assert source.asked() == (("env", "A"),)


def test_a_recorder_changes_nothing() -> None:
    """Whoever asks through a recorder gets the source's own answers, and they are kept, errors too."""
    answers: dict[tuple[str, ...], Answer] = {
        ("env", "A"): Answer(value="1"),
        ("read", "/b"): Answer(status="denied", code=13),
    }
    recorder = Recorder(replay(answers=answers))

    assert recorder.env("A") == answers["env", "A"]
    assert recorder.read("/b") == answers["read", "/b"]
    assert recorder.recording().answers == answers


def test_a_recorder_covers_what_cannot_be_there() -> None:
    """A Linux machine whose NVML does not load has no sysctl, no registry, and nothing that NVML could tell."""
    answers: dict[tuple[str, ...], Answer] = {
        ("nvml", "nvmlInit", ""): Answer(status="missing", code=12),
        ("list", "/sys/class/drm"): Answer(status="missing", code=2),
        ("list", "/sys/class/kfd"): Answer(value=[]),
    }
    recorder = Recorder(replay(answers=answers))
    recorder.nvml("nvmlInit")
    recorder.list("/sys/class/drm")
    recorder.list("/sys/class/kfd")

    assert recorder.recording().covers == ("/sys/class/drm", "metal", "nvml", "registry", "sysctl", "winapi")
