"""
Every answer of every recorded machine turned into missing, denied, failed, timeout, not recorded, garbage, empty and
cut off, one at a time.

Whatever a machine does not say, there is a snapshot, its sums are right, what is unknown is not zero, the other devices
are what they were, and the source that failed says so.
"""

import re
from typing import Any

import msgspec
import pytest

from llmprobe import engines
from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.asking import Asking, question_name
from llmprobe.facts.machine import Accelerator, EngineOnMachine, MemoryPool, Probed, Snapshot
from llmprobe.machine import asking, merge, probing
from llmprobe.machine.probing import Probe, all_probes, vendor
from llmprobe.machine.snapshot import collect
from llmprobe.source.recording import Question, Recording
from llmprobe.source.recording.replay import Replay
from tests.machine_fixtures import MACHINES, recording_of

pytestmark = pytest.mark.sweep

GARBAGE = "\x00\x07\ufffd{]<zz -7 0x 99999999999999999999999 ../..\n: =\n"
KINDS: dict[str, tuple[Any, Any]] = {
    "read": (GARBAGE, ""),
    "list": (["", "..", GARBAGE, "card-1"], []),
    "link": (GARBAGE, ""),
    "run": (
        {"exit": -9, "stdout": GARBAGE, "stderr": GARBAGE},
        {"exit": 0, "stdout": "", "stderr": ""},
    ),
    "nvml": ({"total": "zz", "free": -7, GARBAGE: [None]}, {}),
    "psutil": ({"total": "zz", "available": -7, GARBAGE: [None]}, {}),
    "cpuinfo": ({"flags": [None, 7, GARBAGE], "brand_raw": "", "count": -7}, {}),
    "metal": ({"recommendedMaxWorkingSetSize": "zz", "name": 7, GARBAGE: [None]}, {}),
    "vulkan": ({"apiVersion": 7, "devices": [None, {"heaps": 7, "pciBus": GARBAGE}], GARBAGE: [None]}, {}),
    "sysctl": (GARBAGE, ""),
    "env": (GARBAGE, ""),
    "get": ({"models": [None, 7, {"name": 7, "size": "zz"}], "data": GARBAGE, "version": 7}, {}),
    "registry": (GARBAGE, ""),
    "winapi": ([None, 7, {"VendorId": GARBAGE, "segments": 7, "local": [None]}], []),
}
"""What an answer of each kind becomes as garbage, and as empty: of the type that a source gives, and of no use."""

FAULTS = ("missing", "denied", "failed", "timeout", "not_recorded", "garbage", "empty", "cut")
NAMED = frozenset({"denied", "failed", "timeout", "not_recorded"})
"""What a source cannot have overlooked. Nonsense it may take for nothing."""

TROUBLE = frozenset({"partial", "denied", "failed", "timeout", "not_recorded"})
PROBES = all_probes()
MISSING = Answer(status="missing")
CHECK, HARMLESS = merge.check, asking.harmless
OBSERVERS = engines.observers()
_ADDRESS = re.compile(r"/([0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7])(?:/|$)")


class Faulty(Asking):
    """
    A recording, but for one answer. Questions that nobody recorded are missing: the way was never gone.
    """

    this_machine = False

    def __init__(self, recording: Recording, question: Question, answer: Answer) -> None:
        self._recording = recording
        self._question = question
        self._answer = answer

    @property
    def platform(self) -> Platform:
        return self._recording.platform

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        question = (method, *args)
        return self._answer if question == self._question else self._recording.answers.get(question, MISSING)


class Healthy(msgspec.Struct):
    """
    A machine without faults: its snapshot, who asked each question, what each probe contributes, what each engine is.
    """

    snapshot: Snapshot
    askers: dict[Question, set[str]]
    parts: dict[str, Probed]
    engines: dict[str, tuple[EngineOnMachine, ...]]
    cleaned: dict[int, tuple[Answer, Answer]] = {}

    def check(self, platform: Platform, probed: Probed) -> None:
        """
        Check what a probe found, once of those that a fault does not concern.
        """
        if not any(probed is same for same in self.parts.values()):
            CHECK(platform, probed)

    def harmless(self, answer: Answer) -> Answer:
        """
        Return an answer as probes see it, made once of each that is recorded.
        """
        known = self.cleaned.get(id(answer))
        if known is None or known[0] is not answer:
            known = self.cleaned[id(answer)] = (answer, HARMLESS(answer))
        return known[1]


@pytest.mark.parametrize("machine", MACHINES)
def test_any_answer_may_fail(machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One answer that fails costs what it concerns and nothing else."""
    recording = recording_of(machine)
    healthy = look(recording)
    wrong: list[str] = []
    for question in sorted(healthy.askers):
        recorded = recording.answers[question]
        for fault in faults_of(recorded):
            with monkeypatch.context() as patched:
                answer = answer_of(question[0], fault, recorded)
                snapshot = with_fault(healthy, recording, question, answer, patched)
            told = complaints(healthy, snapshot, question, fault)
            wrong += [f"{question_name(question[0], question[1:])} {fault}: {each}" for each in told]

    assert wrong == []


def test_faults_are_many(capsys: pytest.CaptureFixture[str]) -> None:
    """Every recorded answer of every machine is put to the test in each way; how many cases that are is printed."""
    cases = sum(
        len(faults_of(recording_of(machine).answers[question]))
        for machine in MACHINES
        for question in look(recording_of(machine)).askers
    )
    with capsys.disabled():
        print(f"\n{cases} faults on {len(MACHINES)} machines")  # noqa: T201 - the count is what is asked for

    assert cases > 40_000


def faults_of(recorded: Answer) -> list[str]:
    """
    Return the faults that change an answer: it is not yet that, and there is something to cut off.
    """
    return [
        fault
        for fault in FAULTS
        if fault != recorded.status and not (fault == "cut" and cut(recorded.value) == recorded.value)
    ]


def cut(value: Any) -> Any:
    """
    Return the first half of a value, of an object the first half of what it holds. What stands on one line is read at
    once, and half of a number is another number.
    """
    match value:
        case {"stdout": str() as printed, **rest}:
            return {**rest, "stdout": cut(printed)}
        case dict():
            return dict(list(value.items())[: len(value) // 2])
        case list():
            return value[: len(value) // 2]
        case str():
            lines = value.splitlines(keepends=True)
            return "".join(lines[: (len(lines) + 1) // 2])
        case _:
            return value


def answer_of(method: str, fault: str, recorded: Answer) -> Answer:
    """
    Return the answer with a fault: one of the five that are none, a value that says nothing, or half of what it was.
    """
    garbage, empty = KINDS[method]
    match fault:
        case "garbage":
            return Answer(value=garbage)
        case "empty":
            return Answer(value=empty)
        case "cut":
            return Answer(value=cut(recorded.value))
        case _:
            return msgspec.convert({"status": fault, "detail": "a fault"}, Answer)


def with_fault(
    healthy: Healthy, recording: Recording, question: Question, answer: Answer, patched: pytest.MonkeyPatch
) -> Snapshot:
    """
    Return the snapshot with one answer replaced. Who did not ask for it says what it said without the fault.
    """
    asked = healthy.askers[question]
    patched.setattr(merge, "check", healthy.check)
    patched.setattr(asking, "harmless", healthy.harmless)

    def probe_of(probe: Probe) -> Probe:
        same = healthy.parts.get(probe.name)
        return (
            probe
            if probe.name in asked or same is None
            else msgspec.structs.replace(probe, ask=lambda _: same)
        )

    probes = tuple(probe_of(probe) for probe in PROBES)
    patched.setattr(probing, "all_probes", lambda: probes)
    observers = [(name, look_for) for name, look_for in OBSERVERS if f"engine:{name}" in asked]
    snapshot = collect(Faulty(recording, question, answer), observers=observers)
    others = (found for name, found in healthy.engines.items() if name not in asked)
    return msgspec.structs.replace(
        snapshot, engines=(*snapshot.engines, *(one for found in others for one in found))
    )


def look(recording: Recording) -> Healthy:
    """
    The answers of a machine when nothing fails.
    """
    askers: dict[Question, set[str]] = {}
    parts = {}
    found = {}
    for probe in PROBES:
        if probe.applies(recording.platform.system):
            replay = Replay(recording, strict=True)
            parts[probe.name] = probe.ask(replay)
            for question in replay.asked():
                askers.setdefault(question, set()).add(probe.name)
    for name, look_for in OBSERVERS:
        replay = Replay(recording, strict=True)
        found[f"engine:{name}"] = look_for(replay)
        for question in replay.asked():
            askers.setdefault(question, set()).add(f"engine:{name}")
    snapshot = collect(Replay(recording, strict=True), observers=OBSERVERS)
    return Healthy(snapshot, askers, parts, found)


def complaints(healthy: Healthy, snapshot: Snapshot, question: Question, fault: str) -> list[str]:
    """
    The complaints about a snapshot that was taken with one fault.
    """
    asked = healthy.askers[question]
    reports = {report.name: report for report in snapshot.sources}
    told = [
        f"{report.name} crashed: {report.detail}" for report in snapshot.sources if report.status == "crashed"
    ]
    overlooked = question[0] == "get" and fault not in ("timeout", "not_recorded") and not snapshot.engines
    if fault in NAMED and not overlooked and not any(reports[name].status in TROUBLE for name in asked):
        told.append(f"none of {sorted(asked)} says that it failed")
    told += [f"{name} is zero" for name in zeros(snapshot) - zeros(healthy.snapshot)]
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
        if is_budgeted(accelerator, healthy.snapshot, question):
            continue
        if key(accelerator) in others and not steps_in(healthy.snapshot, accelerator):
            if key(accelerator) not in now:
                told.append(f"{accelerator.name} is gone")
            elif bare(healthy.snapshot, accelerator) != bare(snapshot, now[key(accelerator)]):
                told.append(f"{accelerator.name} has changed")
    concerns_ram = any(
        probed.limits
        or probed.caps
        or probed.sharing
        or any(pool.id == "ram" for pool in probed.pools)
        or any("ram" in each.pools and not each.usable for each in probed.accelerators)
        for name, probed in healthy.parts.items()
        if name in asked
    )
    stepping = any(steps_in(healthy.snapshot, each) for each in healthy.snapshot.accelerators)
    if not concerns_ram and not stepping and unshared(healthy.snapshot) != unshared(snapshot):
        told.append("ram has changed")
    return told


def steps_in(snapshot: Snapshot, accelerator: Accelerator) -> bool:
    """
    Tell whether a device changes with another: one that is left out beside a card takes its place, with the memory it
    shares, where that fails, as does a card of AMD that sleeps; AMD's are numbered by their place where a variable
    shows some by number; and Vulkan's variable hides what other probes found.
    """
    if accelerator.hidden_by == "GGML_VK_VISIBLE_DEVICES":
        return True
    if accelerator.vendor == "amd" and (
        accelerator.state == "asleep" or (snapshot.amd is not None and snapshot.amd.hiding)
    ):
        return True
    cards = any(each.usable and not each.integrated for each in snapshot.accelerators)
    return cards and accelerator.integrated and accelerator.vendor == "amd"


def is_budgeted(accelerator: Accelerator, snapshot: Snapshot, question: Question) -> bool:
    """
    Tell whether a question is for Vulkan's budgets, of which one is this device's.
    """
    devices = snapshot.vulkan.devices if snapshot.vulkan is not None else ()
    return question[0] == "vulkan" and accelerator.id in {device.accelerator for device in devices}


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
    host's memory, in whose place graphics in a processor may have that of a table.
    """
    pools = [snapshot.pool(name) for name in accelerator.pools if name != "ram"]
    own = [msgspec.structs.replace(pool, id="") for pool in pools if pool is not None]
    device = msgspec.structs.replace(accelerator, id="", pools=())
    how = device.bandwidth_how.id if device.bandwidth_how is not None else None
    in_processor = device.integrated and vendor(device.vendor).in_processors
    if how == "bandwidth.of-ram" or (how == "bandwidth.table" and in_processor):
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


def zeros(snapshot: Snapshot) -> set[str]:
    """
    Return the sizes and speeds that are zero: nothing that is unknown may be.
    """
    named: dict[str, object] = {"RAM's bandwidth": snapshot.host.ram_bandwidth_bytes_per_s}
    for pool in snapshot.pools:
        named |= {f"{pool.id}'s total": pool.total_bytes, f"what is free of {pool.id}": pool.free_bytes}
    for each in snapshot.accelerators:
        named |= {f"{each.name}'s bandwidth": each.bandwidth_bytes_per_s, f"{each.name}'s cores": each.cores}
    cpu = snapshot.host.cpu
    named |= {"cores": cpu.physical_cores, "threads": cpu.logical_cores, "usable threads": cpu.usable_threads}
    return {name for name, number in named.items() if number == 0}


def adds_up(pool: MemoryPool) -> bool:
    """
    Tell whether 0 <= budget <= free <= total, and total less the limits is the budget, where they are known.
    """
    total, free, budget = pool.total_bytes, pool.free_bytes, pool.budget_bytes
    known = [each for each in (0, budget, free, total) if each is not None]
    sums = total is None or budget is None or total - sum(limit.bytes for limit in pool.limits) == budget
    return known == sorted(known) and sums
