"""
A machine at one moment.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from llmprobe.facts.answer import Answer, Platform, Source
from llmprobe.facts.asking import Asking
from llmprobe.facts.host import ModelDisk
from llmprobe.facts.machine import EngineOnMachine, MemoryPool, Probed
from llmprobe.machine import probing
from llmprobe.machine.probing import Probe
from llmprobe.machine.snapshot import PATIENCE_S, collect
from llmprobe.source.recording import Recording
from llmprobe.source.recording.replay import NotRecorded, Replay
from llmprobe.words.message import message

LINUX = Platform(system="linux", machine="x86_64")
RAM = MemoryPool(id="ram", kind="system", total_bytes=8, free_bytes=8, budget_bytes=8)
EVERYWHERE = frozenset({"linux", "darwin", "win32"})


class Live(Asking):
    """
    A live machine where nothing is found.
    """

    this_machine = True
    platform = LINUX

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        return Answer(status="missing")


@pytest.fixture
def with_probes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """
    Return a function that makes these the only probes there are.
    """

    def use(*probes: Probe) -> None:
        monkeypatch.setattr(probing, "all_probes", lambda: probes)

    return use


def found(source: Source) -> Probed:
    return Probed(pools=(RAM,))


def broken(source: Source) -> Probed:
    raise RuntimeError("a bug")


def replay() -> Replay:
    return Replay(Recording(platform=LINUX), strict=True)


@pytest.mark.parametrize("threads", [True, False])
def test_a_probe_that_raises_hides_no_other(with_probes: Callable[..., None], threads: bool) -> None:
    """A bug in one probe is reported with its place, and the others' facts are there."""
    with_probes(Probe("broken", EVERYWHERE, broken), Probe("memory", EVERYWHERE, found))
    seen = collect(Live(), threads=threads)

    assert [(report.name, report.status) for report in seen.sources] == [
        ("broken", "crashed"),
        ("memory", "ok"),
    ]
    assert str(seen.sources[0].detail).startswith("RuntimeError: a bug (test_snapshot.py:")
    assert seen.sources[0].detail is not None
    assert seen.sources[0].detail.values["error"] == "RuntimeError"
    assert seen.pool("ram") is not None


def test_a_probe_that_invents_a_size_hides_no_other(with_probes: Callable[..., None]) -> None:
    """A result that no snapshot can be made of is a bug of the probe that gave it."""

    def invent(source: Source) -> Probed:
        many: Any = "many"
        pool = MemoryPool(id="ram", kind="system", total_bytes=1, free_bytes=many, budget_bytes=1)  # the bug
        return Probed(pools=(pool,))

    with_probes(Probe("invents", EVERYWHERE, invent), Probe("memory", EVERYWHERE, found))
    seen = collect(Live())

    assert [(report.name, report.status) for report in seen.sources] == [
        ("invents", "crashed"),
        ("memory", "ok"),
    ]
    assert seen.pool("ram") is not None


@pytest.mark.parametrize("threads", [True, False])
def test_what_was_not_recorded_reaches_the_test(with_probes: Callable[..., None], threads: bool) -> None:
    """A strict replay's refusal is not taken for a crash of a probe."""

    def ask(source: Source) -> Probed:
        source.read("/proc/new")
        return Probed()

    with_probes(Probe("new", EVERYWHERE, ask))
    with pytest.raises(NotRecorded, match="/proc/new"):
        collect(replay(), threads=threads)


def test_a_probe_that_hangs_is_left(with_probes: Callable[..., None]) -> None:
    """After its deadline a probe is reported as timed out, and what comes later is not taken."""
    forever = threading.Event()

    def hang(source: Source) -> Probed:
        forever.wait(10)
        return Probed(pools=(RAM,))

    with_probes(Probe("hangs", EVERYWHERE, hang))
    started = time.monotonic()
    seen = collect(Live(), deadline_s=0.05)
    forever.set()

    assert time.monotonic() - started < 5
    assert [(report.name, report.status, report.detail) for report in seen.sources] == [
        ("hangs", "timeout", message("source.deadline", seconds=0.05))
    ]
    assert seen.pools == ()


def test_probes_that_hang_keep_no_other_from_being_asked(with_probes: Callable[..., None]) -> None:
    """Though every probe before the last one hangs, the last one is asked in time."""
    forever = threading.Event()

    def hang(source: Source) -> Probed:
        forever.wait(30)
        return Probed()

    names = [f"hangs {number}" for number in range(60)]
    with_probes(*(Probe(name, EVERYWHERE, hang) for name in names), Probe("ram", EVERYWHERE, found))
    seen = collect(Live(), deadline_s=1)
    forever.set()

    assert {report.name: report.status for report in seen.sources} == {
        **dict.fromkeys(names, "timeout"),
        "ram": "ok",
    }


def test_no_probe_is_begun_after_the_deadline(with_probes: Callable[..., None]) -> None:
    """A thread that hung beyond the deadline takes no further probe."""
    forever = threading.Event()
    begun: list[str] = []

    def hang(source: Source) -> Probed:
        forever.wait(30)
        return Probed()

    def begin(source: Source) -> Probed:
        begun.append("late")
        return Probed()

    before = set(threading.enumerate())
    with_probes(Probe("hangs", EVERYWHERE, hang), Probe("waits", EVERYWHERE, begin))
    seen = collect(Live(), deadline_s=PATIENCE_S / 2)
    forever.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)

    assert [report.status for report in seen.sources] == ["timeout", "timeout"]
    assert begun == []


def test_a_probe_of_gpus_that_hangs_is_no_missing_gpu(with_probes: Callable[..., None]) -> None:
    """After its deadline nobody knows whether there is a GPU, and the finding names who did not answer."""
    forever = threading.Event()

    def hang(source: Source) -> Probed:
        forever.wait(10)
        return Probed()

    with_probes(
        Probe("nvidia", EVERYWHERE, hang, vendors=()),
        Probe("amd", EVERYWHERE, lambda source: Probed(status="absent"), vendors=()),
    )
    findings = {each.id: each for each in collect(Live(), deadline_s=0.5).findings}
    forever.set()

    assert {"no-gpu", "gpu-not-looked-for"} & set(findings) == {"gpu-not-looked-for"}
    assert findings["gpu-not-looked-for"].evidence == ("source:nvidia",)


def test_an_engine_that_cannot_be_asked_says_so(with_probes: Callable[..., None]) -> None:
    """What an engine's folders and servers refuse is told as it is of a probe; another program on its port is not."""

    class Refusing(Live):
        def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
            return Answer(status="denied")

    def on_disk(source: Source) -> tuple[EngineOnMachine, ...]:
        source.list("/models")
        return (EngineOnMachine(name="ollama"),)

    def on_port(source: Source) -> tuple[EngineOnMachine, ...]:
        source.get("http://127.0.0.1:8080/props")
        return ()

    with_probes(Probe("memory", EVERYWHERE, found))
    seen = collect(Refusing(), observers=[("ollama", on_disk), ("llama.cpp", on_port)])

    assert [(report.name, report.status, report.detail) for report in seen.sources[1:]] == [
        (
            "engine:ollama",
            "partial",
            message(
                "source.trouble",
                questions=(
                    message("source.question", question="list:/models", status="denied", reason=None),
                ),
                more=None,
            ),
        ),
        ("engine:llama.cpp", "absent", None),
    ]


def test_the_order_is_that_of_the_probes(with_probes: Callable[..., None]) -> None:
    """Whichever thread is done first, the snapshot is the same."""

    def after(seconds: float) -> Callable[[Source], Probed]:
        def ask(source: Source) -> Probed:
            time.sleep(seconds)
            return Probed(disks=(ModelDisk(directory=f"after {seconds}", evidence=("a",)),))

        return ask

    with_probes(*(Probe(str(number), EVERYWHERE, after(0.02 * (3 - number))) for number in range(3)))
    seen = collect(Live())

    assert [report.name for report in seen.sources] == ["0", "1", "2"]
    assert [each.directory for each in seen.disks] == ["after 0.06", "after 0.04", "after 0.02"]


def test_probes_of_other_systems_are_not_asked(with_probes: Callable[..., None]) -> None:
    """A probe runs where it applies, and is not reported elsewhere."""
    with_probes(Probe("mac", frozenset({"darwin"}), broken), Probe("memory", EVERYWHERE, found))

    assert [report.name for report in collect(Live()).sources] == ["memory"]


def test_a_replay_says_that_it_is_one(with_probes: Callable[..., None]) -> None:
    """A recorded machine is not this one, and has no durations: the same on every run."""
    with_probes(Probe("memory", EVERYWHERE, found))
    seen = collect(replay())

    assert (seen.this_machine, seen.origin) == (False, "recording")
    assert [report.duration_ms for report in seen.sources] == [None]


def test_the_live_machine_says_how_long_it_took(with_probes: Callable[..., None]) -> None:
    """Durations are told of the machine itself."""
    with_probes(Probe("memory", EVERYWHERE, found))
    seen = collect(Live())

    assert (seen.this_machine, seen.origin) == (True, "live")
    assert [report.duration_ms is not None for report in seen.sources] == [True]


def test_engines_are_looked_for_beside_the_probes(with_probes: Callable[..., None]) -> None:
    """An engine is an observer of its own; one that fails hides nothing."""

    def fail(source: Source) -> tuple[EngineOnMachine, ...]:
        raise ValueError("no")

    with_probes(Probe("memory", EVERYWHERE, found))
    observers = [
        ("ollama", lambda source: (EngineOnMachine(name="ollama"),)),
        ("vllm", fail),
        ("none", lambda source: ()),
    ]
    seen = collect(Live(), observers=observers)

    assert [engine.name for engine in seen.engines] == ["ollama"]
    assert [(report.name, report.status) for report in seen.sources] == [
        ("memory", "ok"),
        ("engine:ollama", "ok"),
        ("engine:vllm", "crashed"),
        ("engine:none", "absent"),
    ]


@pytest.mark.parametrize("given", [0, 1])
def test_a_machine_without_threads_is_asked_all_the_same(
    given: int, with_probes: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where the system gives few threads to this process or none, they or this one ask one probe after the other.
    """
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def limited(thread: threading.Thread) -> None:
        if len(started) >= given:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", limited)
    names = ("one", "two", "three", "four")
    with_probes(*(Probe(name, EVERYWHERE, lambda _source: Probed(pools=(RAM,))) for name in names))

    snapshot = collect(Live(), deadline_s=5.0)

    assert {each.name: each.status for each in snapshot.sources if each.name in names} == dict.fromkeys(
        names, "ok"
    )
