"""
Every answer of every recorded machine turned into missing, denied, failed and timeout, one at a time.

Whatever a machine does not say, there is a snapshot, its sums are right, the other devices are what they were, and
the source that failed says so.
"""

import re
from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Answer, Platform, Status
from llmprobe.facts.asking import Asking, question_name
from llmprobe.facts.machine import Accelerator, MemoryPool, Probed, Snapshot
from llmprobe.machine.snapshot import all_probes, collect
from llmprobe.source.recording import Question, Recording
from llmprobe.source.replay import Replay
from tests.machine_fixtures import MACHINES, recording_of

FAULTS: tuple[Status, ...] = ("missing", "denied", "failed", "timeout")
TROUBLE = frozenset({"partial", "denied", "failed", "timeout"})
_ADDRESS = re.compile(r"/([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?:/|$)")


class Faulty(Asking):
    """
    A replay, but for one answer. After it, questions that nobody recorded are missing: the way was never gone.
    """

    this_machine = False

    def __init__(self, recording: Recording, question: Question, answer: Answer) -> None:
        self._replay = Replay(recording)
        self._question = question
        self._answer = answer

    @property
    def platform(self) -> Platform:
        return self._replay.platform

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        if (method, *args) == self._question:
            return self._answer
        answer = self._replay.ask(method, args)
        return Answer(status="missing") if answer.status == "not_recorded" else answer


class Healthy(msgspec.Struct):
    """
    A machine without faults: its snapshot, which probes asked each question, what each probe contributes.
    """

    snapshot: Snapshot
    askers: dict[Question, set[str]]
    parts: dict[str, Probed]


@pytest.mark.parametrize("machine", MACHINES)
def test_any_answer_may_fail(machine: str, record_property: Any) -> None:
    """One answer that fails costs what it concerns and nothing else."""
    recording = recording_of(machine)
    healthy = look(recording)
    wrong: list[str] = []
    cases = 0
    for question in healthy.askers:
        recorded = recording.answers.get(question, Answer(status="missing"))
        for status in FAULTS:
            if status != recorded.status:
                cases += 1
                answer = Answer(status=status, code=None, detail="a fault")
                snapshot = collect(Faulty(recording, question, answer))
                told = complaints(healthy, snapshot, question, status)
                wrong += [f"{question_name(question[0], question[1:])} {status}: {each}" for each in told]
    record_property("fault_cases", cases)

    assert wrong == []


def look(recording: Recording) -> Healthy:
    """
    Return what a machine says when nothing fails.
    """
    askers: dict[Question, set[str]] = {}
    parts = {}
    for probe in all_probes():
        if recording.platform.system in probe.platforms:
            replay = Replay(recording, strict=True)
            parts[probe.name] = probe.ask(replay)
            for question in replay.asked():
                askers.setdefault(question, set()).add(probe.name)
    return Healthy(collect(Replay(recording, strict=True)), askers, parts)


def complaints(healthy: Healthy, snapshot: Snapshot, question: Question, status: Status) -> list[str]:
    """
    Return what is wrong with a snapshot that was taken with one fault.
    """
    asked = healthy.askers[question]
    reports = {report.name: report for report in snapshot.sources}
    told = [
        f"{report.name} crashed: {report.detail}" for report in snapshot.sources if report.status == "crashed"
    ]
    if status != "missing" and not any(reports[name].status in TROUBLE for name in asked):
        told.append(f"none of {sorted(asked)} says that it failed")
    told += [f"{pool.id} does not add up: {pool}" for pool in snapshot.pools if not adds_up(pool)]
    told += changed(healthy, snapshot, question)
    return told


def changed(healthy: Healthy, snapshot: Snapshot, question: Question) -> list[str]:
    """
    Return the devices and pools that differ although the question is none of theirs.
    """
    asked = healthy.askers[question]
    told = []
    others = {
        key(accelerator)
        for name, probed in healthy.parts.items()
        for accelerator in probed.accelerators
        if name not in asked or is_elsewhere(accelerator, question)
    }
    now = {key(accelerator): accelerator for accelerator in snapshot.accelerators}
    for accelerator in healthy.snapshot.accelerators:
        if key(accelerator) in others and not steps_in(healthy.snapshot, accelerator):
            if key(accelerator) not in now:
                told.append(f"{accelerator.name} is gone")
            elif bare(healthy.snapshot, accelerator) != bare(snapshot, now[key(accelerator)]):
                told.append(f"{accelerator.name} has changed")
    concerns_ram = any(
        probed.limits or probed.caps or probed.sharing or any(pool.id == "ram" for pool in probed.pools)
        for name, probed in healthy.parts.items()
        if name in asked
    )
    stepping = any(steps_in(healthy.snapshot, each) for each in healthy.snapshot.accelerators)
    if not concerns_ram and not stepping and unshared(healthy.snapshot) != unshared(snapshot):
        told.append("ram has changed")
    return told


def steps_in(snapshot: Snapshot, accelerator: Accelerator) -> bool:
    """
    Tell whether a device is left out beside a card and takes its place, with the memory it shares, where that fails.
    """
    cards = any(each.usable and not each.integrated for each in snapshot.accelerators)
    return cards and accelerator.integrated and accelerator.vendor == "amd"


def is_elsewhere(accelerator: Accelerator, question: Question) -> bool:
    """
    Tell whether a question names a device that this one is not: by NVML index or by PCI address.
    """
    if question[0] == "nvml" and question[2]:
        return accelerator.index is not None and question[2].split("/")[0] != str(accelerator.index)
    address = _ADDRESS.search(question[1]) if len(question) > 1 else None
    return address is not None and accelerator.pci is not None and address.group(1) != accelerator.pci


def key(accelerator: Accelerator) -> tuple[str | None, ...]:
    return (accelerator.vendor, accelerator.pci, accelerator.uuid, accelerator.name)


def bare(snapshot: Snapshot, accelerator: Accelerator) -> tuple[Any, ...]:
    """
    Return a device and its own pools without the numbers that they have among others, and without the speed of the
    host's memory.
    """
    pools = [snapshot.pool(name) for name in accelerator.pools if name != "ram"]
    own = [msgspec.structs.replace(pool, id="") for pool in pools if pool is not None]
    device = msgspec.structs.replace(accelerator, id="", pools=())
    if (device.bandwidth_how or "").startswith("RAM"):
        device = msgspec.structs.replace(
            device, bandwidth_bytes_per_s=None, bandwidth_basis=None, bandwidth_how=None
        )
    return (device, own)


def unshared(snapshot: Snapshot) -> MemoryPool | None:
    """
    Return the host's memory, whether or not an accelerator shares it.
    """
    pool = snapshot.pool("ram")
    return None if pool is None else msgspec.structs.replace(pool, kind="system", host_budget_bytes=None)


def adds_up(pool: MemoryPool) -> bool:
    """
    Tell whether 0 <= budget <= free <= total, and total less the limits is the budget, where they are known.
    """
    total, free, budget = pool.total_bytes, pool.free_bytes, pool.budget_bytes
    known = [each for each in (0, budget, free, total) if each is not None]
    sums = total is None or budget is None or total - sum(limit.bytes for limit in pool.limits) == budget
    return known == sorted(known) and sums
