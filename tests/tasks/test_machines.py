"""
Machines: which one is asked for, by whom its engines are looked for, and for how long.
"""

from typing import Any

import pytest

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.machine import snapshot as room
from llmprobe.source.recording import Recording
from llmprobe.tasks import machines
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.machines import machine
from tests.machine.fake import LINUX


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """
    The calls that reach the room of machines, which answers with a machine.
    """
    seen: list[dict[str, Any]] = []

    def probe(replay: str | None, **options: Any) -> Any:
        seen.append({"replay": replay, **options})
        return machine(())

    def record(**options: Any) -> Recording:
        seen.append(options)
        return Recording(platform=LINUX, answers={})

    monkeypatch.setattr(room, "probe", probe)
    monkeypatch.setattr(room, "record", record)
    return seen


@pytest.mark.parametrize("timeout_s", [0, 0.0, -0.5, float("inf"), float("nan"), "2", True, b""])
def test_a_time_limit_is_a_number_above_zero(timeout_s: Any, asked: list[dict[str, Any]]) -> None:
    """
    Anything else is refused with what was given, before anything is asked.
    """
    for ask in (machines.probe, machines.record, lambda timeout_s: next(machines.watch(timeout_s=timeout_s))):
        with pytest.raises(UsageError) as refused:
            ask(timeout_s=timeout_s)

        assert refused.value.message == message("error.timeout-not-positive", given=str(timeout_s))
        assert refused.value.hint == message("hint.seconds")
    assert asked == []


@pytest.mark.parametrize("timeout_s", [1, 0.001, 1e9, None])
def test_any_number_above_zero_is_a_time_limit(timeout_s: float | None) -> None:
    """
    Whole or not, short or long; None is no limit.
    """
    machines.check_timeout(timeout_s)


def test_a_machine_is_asked_as_it_was_wanted(asked: list[dict[str, Any]]) -> None:
    """
    Each option is handed on, with those that look for engines and for models in folders.
    """
    machines.probe("box.json", wake=True, timeout_s=3, model_folders=("/m",))
    observers = asked[0].pop("observers")

    assert asked == [{"replay": "box.json", "wake": True, "timeout_s": 3}]
    assert [name for name, _ in observers] == ["folder", *(name for name, _ in engines.observers())]


def test_a_recording_has_its_engines_and_its_time(asked: list[dict[str, Any]]) -> None:
    """
    It is the document of what was recorded.
    """
    from llmprobe.source.recording import decode

    text = machines.record(timeout_s=3)

    assert [name for name, _ in asked[0]["observers"]] == [name for name, _ in engines.observers()]
    assert asked[0]["timeout_s"] == 3
    assert decode(text.encode()).answers == {}


def test_watching_looks_again_with_the_same_eyes(asked: list[dict[str, Any]]) -> None:
    """
    The observers remember what hardly changes, so each look has those of the first; it is of this machine.
    """
    looks = machines.watch(timeout_s=3)
    for _ in range(3):
        next(looks)

    assert [(look["replay"], look["timeout_s"]) for look in asked] == [(None, 3)] * 3
    assert asked[0]["observers"] is asked[1]["observers"] is asked[2]["observers"]


@pytest.mark.parametrize(
    ("gpus", "ram_bytes"), [("RTX 4090", 8 * GIB), (("RTX 4090",), None), ((), 8 * GIB), ((), 0)]
)
def test_a_recording_is_no_hypothetical_machine(gpus: Any, ram_bytes: int | None, asked: list[Any]) -> None:
    """
    Both at once are two machines, whichever half of the second is given.
    """
    with pytest.raises(UsageError) as refused:
        machines.probe("box.json", gpus=gpus, ram_bytes=ram_bytes)

    assert refused.value.message == message("error.two-machines")
    assert refused.value.hint == message("hint.one-machine")
    assert asked == []


@pytest.mark.parametrize(
    ("gpus", "ram_bytes", "names"),
    [
        ("RTX 4090", 8 * GIB, ["NVIDIA GeForce RTX 4090"]),
        (["RTX 4090", "RTX 3060"], 8 * GIB, ["NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060"]),
        ((), 8 * GIB, []),
    ],
)
def test_a_hypothetical_machine_has_what_was_named(
    gpus: Any, ram_bytes: int, names: list[str], asked: list[Any]
) -> None:
    """
    One GPU as text, several as a list, or RAM alone; nothing is asked.
    """
    found = machines.probe(gpus=gpus, ram_bytes=ram_bytes)

    assert [one.name for one in found.accelerators] == names
    assert [pool.total_bytes for pool in found.pools if pool.id == "ram"] == [8 * GIB]
    assert asked == []


@pytest.mark.parametrize("ram_bytes", [-1, 1.5, "8GB", True])
def test_ram_is_a_count_of_bytes(ram_bytes: Any) -> None:
    """
    Of a program as of a person.
    """
    with pytest.raises(UsageError) as refused:
        machines.probe(gpus="RTX 4090", ram_bytes=ram_bytes)

    assert refused.value.message.values["setting"] == "ram_bytes"
