"""
A whole machine with known secrets, recorded, redacted and written: none is left, and it is the same machine.
"""

import os
from pathlib import Path

import msgspec
import pytest

from llmprobe.cli import main
from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Snapshot
from llmprobe.source.recording import Question, Recording, encode
from llmprobe.source.recording.replay import Replay
from llmprobe.source.redaction import redact
from tests.machine_fixtures import looked_at, recording_of

HOST, USER = "marvin-lab7", "janequux"
FIRST, SECOND = "5e1f03aa-91c2-4d7e-8b60-aa11bb22cc33", "77d0c9b4-02fe-4a1b-9c3d-0f1e2d3c4b5a"
SECRETS = {
    "host": HOST,
    "user": USER,
    "first UUID": FIRST,
    "second UUID": SECOND,
    "serial of a module": "K7731PX9Q0042",
    "serial of the board": "BSN-55173-QQX",
    "MAC": "9c:6b:00:4d:e1:7a",
    "address": "192.168.77.41",
    "address of version 6": "fd12:3456:789a:1::77",
    "token": "hf_QxZpLmKjHgFdSaPoIuYtReWq",
    "key on a command line": "sk-quux-1234567890abcdefghij",
    "container": "4f9d2c7be1a05588d3e6f7a9b0c1d2e3f405162738495a6b7c8d9e0f1a2b3c4d",
    "service": "secret-merger",
}


def answers() -> dict[Question, Answer]:
    """
    Return the answers of two cards of which a UUID in the environment leaves the second, with every secret in some.
    """
    home = f"/home/{USER}"
    group = f"/user.slice/user-1000.slice/{SECRETS['service']}.service/docker-{SECRETS['container']}.scope"
    planted: dict[Question, str | list[str]] = {
        ("env", "HOME"): home,
        ("env", "HF_HOME"): f"{home}/hf",
        ("env", "HF_TOKEN"): SECRETS["token"],
        ("env", "OLLAMA_HOST"): f"http://{SECRETS['address']}:11434",
        ("env", "CUDA_VISIBLE_DEVICES"): f"GPU-{SECOND}",
        ("nvml", "nvmlDeviceGetUUID", "0"): f"GPU-{FIRST}",
        ("nvml", "nvmlDeviceGetUUID", "1"): f"GPU-{SECOND}",
        ("nvml", "nvmlDeviceGetSerial", "0"): "1654020009999",
        ("read", "/proc/version"): f"Linux version 6.8.0 (root@{HOST}) (gcc 13) #1 SMP",
        ("read", "/proc/cmdline"): f"ro root=UUID={FIRST} ip={SECRETS['address']} hostname={HOST} mem=64G",
        ("read", "/proc/self/cgroup"): f"0::{group}\n",
        ("read", "/etc/hosts"): f"127.0.1.1 {HOST}\n{SECRETS['address of version 6']} {HOST}.example.org\n",
        ("read", "/sys/class/net/eth0/address"): f"{SECRETS['MAC']}\n",
        ("read", "/sys/class/dmi/id/board_serial"): f"{SECRETS['serial of the board']}\n",
        (
            "read",
            "/run/udev/data/+dmi:id",
        ): f"E:MEMORY_DEVICE_0_SERIAL_NUMBER={SECRETS['serial of a module']}\n"
        "E:MEMORY_DEVICE_0_SIZE=17179869184\nE:MEMORY_DEVICE_0_CONFIGURED_SPEED_MTS=3200\n",
        ("read", "/proc/4242/cmdline"): f"llama-server\0--api-key\0{SECRETS['key on a command line']}\0",
    }
    return {question: Answer(value=value) for question, value in planted.items()}


@pytest.fixture
def recorded() -> Recording:
    """
    Return the machine as it was recorded, secrets and all.
    """
    recording = recording_of("linux-2x3090-64g")
    return msgspec.structs.replace(recording, answers={**recording.answers, **answers()})


@pytest.fixture
def redacted(recorded: Recording) -> Recording:
    """
    The recording as others get it.
    """
    return redact(recorded, {"user": (USER,), "host": (HOST,)})


def devices(snapshot: Snapshot) -> list[tuple[object, ...]]:
    return [(each.pci, each.usable, each.pools, each.backend) for each in snapshot.accelerators]


@pytest.mark.parametrize("kind", SECRETS)
def test_no_known_secret_is_left(redacted: Recording, kind: str) -> None:
    """Not in a value, not in the name of a question, in whatever case."""
    assert SECRETS[kind].lower() not in encode(redacted).lower()


def test_every_secret_was_there(recorded: Recording) -> None:
    """The test would see them."""
    text = encode(recorded).lower()

    assert [kind for kind, secret in SECRETS.items() if secret.lower() not in text] == []


def test_devices_are_still_told_apart_by_uuid(recorded: Recording, redacted: Recording) -> None:
    """The variable names the second card, and still does; each has a UUID of its own."""
    before, after = looked_at(Replay(recorded)), looked_at(Replay(redacted))

    assert {each.index: each.usable for each in after.accelerators if each.vendor == "nvidia"} == {
        0: False,
        1: True,
    }
    assert devices(after) == devices(before)
    assert len({each.uuid for each in after.accelerators if each.uuid}) == 2
    assert [finding.id for finding in after.findings] == [finding.id for finding in before.findings]


HOSTILE = "\x1b[2J\x1b]0;gone\x07\u202e\x9b31m"


def hostile(value: object) -> object:
    """
    Return a value with every text in it turned into what a terminal would obey.
    """
    if isinstance(value, str):
        return f"{HOSTILE}{value}{HOSTILE}"
    if isinstance(value, list):
        return [hostile(item) for item in value]
    if isinstance(value, dict):
        return {key: hostile(item) for key, item in value.items()}
    return value


@pytest.mark.parametrize("machine", ["linux-2x3090-64g", "linux-rx7900xtx-64g", "macos-intel-5500m-32g"])
def test_a_recording_cannot_command_the_terminal(
    machine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Names with control characters are shown without them, in words and in JSON."""
    recording = recording_of(machine)
    kept = ("link", "list")
    changed = {
        question: answer
        if question[0] in kept or not answer.ok
        else msgspec.structs.replace(answer, value=hostile(answer.value))
        for question, answer in recording.answers.items()
    }
    path = tmp_path / "box.json"
    path.write_text(encode(msgspec.structs.replace(recording, answers=changed)), encoding="utf-8")
    shown = ""
    for command in (["check"], ["check", "--json"], ["-v", "check"]):
        main(["--replay", str(path), *command])
        captured = capsys.readouterr()
        shown += captured.out + captured.err

    assert [sign for sign in ("\x1b", "\x07", "\x9b", "\u202e") if sign in shown] == []


TRICKS = (
    "/proc/../../../etc/passwd",
    "/proc/self/root/etc/shadow",
    "../../../etc/passwd",
    "C:\\..\\..\\secrets",
    "//server/share",
    "",
    "/\0/etc",
    "~/.ssh/id_rsa",
)


def test_tricks_with_paths_reach_nothing() -> None:
    """Names in a recording are looked up in it only: the machine is what it was, and nothing of this one is opened."""
    recording = recording_of("linux-4090-64g")
    more = {(method, path): Answer(value=os.sep) for method in ("read", "link") for path in TRICKS}
    tricky = msgspec.structs.replace(
        recording, answers={**recording.answers, **more}, covers=(*recording.covers, "/proc/..", "..", "/")
    )

    assert looked_at(Replay(tricky)) == looked_at(Replay(recording))


@pytest.mark.parametrize(
    "content",
    [
        '{"schema":"llmprobe.recording/1","platform":{"system":"linux","machine":"x"},"http":{"u":'
        + "[" * 100_000,
        '{"schema":"llmprobe.recording/1","platform":{"system":"linux","machine":"x"},"http":{"u":'
        + "[" * 20_000
        + "]" * 20_000
        + "}}",
        '{"schema":"llmprobe.recording/1","platform":{"system":"linux","machine":"x"},"files":{"/a":{"status":"ok"}}}',
        '{"schema":"llmprobe.recording/1","platform":{"system":["linux"],"machine":"x"}}',
        '{"schema":"llmprobe.recording/1","platform":{"system":"linux","machine":"x"},"nvml":{"f":[1]}}',
        '{"schema":"llmprobe.recording/1","platform":{"system":"linux","machine":"x"},"extra":1}',
        '["llmprobe.recording/1"]',
    ],
    ids=["deep and cut", "deep", "no text", "wrong platform", "wrong area", "unknown area", "a list"],
)
def test_a_hostile_recording_is_refused_in_one_sentence(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What went wrong and what to do, exit code 1, and no traceback."""
    path = tmp_path / "box.json"
    path.write_text(content)
    status = main(["--replay", str(path), "check"])
    captured = capsys.readouterr()

    assert (status, captured.out) == (1, "")
    assert captured.err.startswith("error: ")
    assert "Traceback" not in captured.err
    assert len(captured.err.strip().splitlines()) <= 2
