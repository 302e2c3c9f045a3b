"""
A machine at one moment: every probe asked, each under a deadline, and their findings put together.

A probe that raises is reported as ``crashed`` and the others go on: only here, and around each rule, is an exception
of any kind caught.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import TYPE_CHECKING, Literal

import msgspec

from llmprobe.facts.answer import Platform, Source
from llmprobe.facts.asking import TOTAL_TIMEOUT_S
from llmprobe.facts.machine import EngineOnMachine, Host, MemoryPool, Probed, Snapshot, SourceReport
from llmprobe.machine import merge, probing, rules
from llmprobe.machine.asking import Asker, ProbedStatus
from llmprobe.machine.crash import crashed
from llmprobe.machine.probing import GPUS, LISTED_SYSTEMS
from llmprobe.words.message import Message, message

if TYPE_CHECKING:
    from llmprobe.source.recording import Recording

PATIENCE_S = 0.02
"""
How long probes may wait before more threads take them. Nearly all probes together take less than starting a thread for
each would.
"""

Origin = Literal["live", "recording", "hypothetical"]
Observer = tuple[str, Callable[[Source], tuple[EngineOnMachine, ...]]]
"""An engine's name, and what looks for it on a machine."""

_MEASUREMENT = "measurement"
"""The probe of what was measured and kept."""


class _Engines(msgspec.Struct, frozen=True):
    """
    The engines that an observer found, and the status of its questions, as of a probe.
    """

    found: tuple[EngineOnMachine, ...]
    status: ProbedStatus
    detail: Message | None


class _Outcome(msgspec.Struct):
    """
    The outcome of one task. Its thread writes it; whatever arrives after the deadline (``late``) is ignored.
    """

    name: str
    task: Callable[[Source], Probed | _Engines]
    deadline_s: float
    value: Probed | _Engines | None = None
    error: BaseException | None = None
    duration_ms: float | None = None
    done: bool = False
    late: bool = False


def collect(
    source: Source,
    *,
    deadline_s: float = TOTAL_TIMEOUT_S,
    threads: bool | None = None,
    observers: Sequence[Observer] = (),
    origin: Origin | None = None,
) -> Snapshot:
    """
    The machine that a source answers for.

    ``threads`` asks others beside a probe that is slow; by default only where a machine may respond slowly.
    Durations are reported of the live machine only, so that a recorded one is the same on every run.
    """
    wanted = [probe for probe in probing.all_probes() if probe.applies(source.platform.system)]
    asked = [_Outcome(probe.name, probe.ask, deadline_s) for probe in wanted]
    looked = [_Outcome(f"engine:{name}", _observer(observe), deadline_s) for name, observe in observers]
    outcomes = [*asked, *looked]
    side_by_side = source.this_machine if threads is None else threads
    _run_all(source, outcomes, deadline_s=deadline_s, side_by_side=side_by_side)
    in_time = [outcome for outcome in outcomes if not outcome.late]
    for outcome in in_time:
        if outcome.error is not None and not isinstance(outcome.error, Exception):
            raise outcome.error
    found = [outcome.value for outcome in in_time if isinstance(outcome.value, Probed)]
    seen = [outcome.value.found for outcome in in_time if isinstance(outcome.value, _Engines)]
    accelerators, pools = merge.devices(found)
    vulkan = next((probed.vulkan for probed in found if probed.vulkan is not None), None)
    if vulkan is not None:
        from llmprobe.machine.vulkan.applied import applied

        vulkan, accelerators, pools = msgspec.structs.astuple(applied(vulkan, accelerators, pools))
        if vulkan.visible is not None:
            from llmprobe.machine.vulkan.hidden import without_hidden, without_sharing

            accelerators = without_hidden(vulkan, accelerators)
            shared = without_sharing(found, accelerators)
            if shared is not None:
                pools = applied(vulkan, accelerators, merge.devices(shared)[1]).pools
    host, reports = _with_kept(merge.host(source.platform, found), pools, found, outcomes, source)
    snapshot = Snapshot(
        this_machine=source.this_machine,
        origin=origin or ("live" if source.this_machine else "recording"),
        host=host,
        pools=pools,
        accelerators=accelerators,
        engines=tuple(engine for engines in seen for engine in engines),
        disks=tuple(disk for probed in found for disk in probed.disks),
        disagreements=merge.disagreements(found),
        apple=next((probed.apple for probed in found if probed.apple is not None), None),
        amd=next((probed.amd for probed in found if probed.amd is not None), None),
        nvidia=next((probed.nvidia for probed in found if probed.nvidia is not None), None),
        windows=next((probed.windows for probed in found if probed.windows is not None), None),
        vulkan=vulkan,
        oneapi=next((probed.oneapi for probed in found if probed.oneapi), msgspec.UNSET),
        uncounted=tuple(each for probed in found for each in probed.uncounted) or msgspec.UNSET,
        sources=(*reports, *_lacking(source.platform)),
    )
    return rules.diagnosed(snapshot)


def _lacking(platform: Platform) -> tuple[SourceReport, ...]:
    """
    What this system may have and nobody here can ask for: its GPUs, where no probe lists them.
    """
    if platform.system in LISTED_SYSTEMS:
        return ()
    detail = message("source.no-probe-of-gpus", system=platform.system)
    return (SourceReport(name=GPUS, status="unsupported", detail=detail),)


def probe(
    replay: str | None = None,
    *,
    wake: bool = False,
    timeout_s: float | None = None,
    observers: Sequence[Observer] = (),
) -> Snapshot:
    """
    This machine as it is now, or the one in a recording. ``wake`` also asks devices that are asleep here.

    A source that has not answered within ``timeout_s`` is reported, and the snapshot is made without it.

    Raises:
        RecordingError: the recording can't be read.
    """
    if replay is not None:
        from llmprobe.source.recording.files import read_recording
        from llmprobe.source.recording.replay import Replay

        return collect(Replay(read_recording(replay)), observers=observers)
    from llmprobe.source.live import LiveSource

    limit_s = timeout_s or TOTAL_TIMEOUT_S
    with LiveSource(wake=wake, timeout_s=limit_s) as source:
        return collect(source, deadline_s=limit_s, observers=observers)


def record(
    *, timeout_s: float | None = None, observers: Sequence[Observer] = (), rpc: Sequence[str] = ()
) -> "Recording":
    """
    The answers of this machine to every probe, those of rpc-servers that are named, and raw text beside them, with
    everything secret replaced.
    """
    from llmprobe.source.live import LiveSource
    from llmprobe.source.recording.neighbours import ask_neighbours
    from llmprobe.source.recording.recorder import Recorder
    from llmprobe.source.redaction import redact
    from llmprobe.source.redaction.identity import identity

    limit_s = timeout_s or TOTAL_TIMEOUT_S
    with LiveSource(timeout_s=limit_s) as source:
        recorder = Recorder(source)
        collect(recorder, deadline_s=limit_s, observers=observers)
        ask_neighbours(recorder)
        for server in rpc:
            recorder.rpc(server)
        return redact(recorder.recording(), identity())


def _with_kept(
    host: Host,
    pools: Sequence[MemoryPool],
    found: Sequence[Probed],
    outcomes: Sequence[_Outcome],
    source: Source,
) -> tuple[Host, tuple[SourceReport, ...]]:
    """
    The host with the measurement that is kept of it, and the reports, among which is what is wrong with that.
    """
    reports = tuple(_report(outcome, timed=source.this_machine) for outcome in outcomes)
    kept = next((probed.kept for probed in found if probed.kept is not None), None)
    if kept is None:
        return host, reports
    from llmprobe.machine.measured import kept_measurement, with_measurement

    measurement = kept_measurement(host, pools, kept)
    if not isinstance(measurement, Message):
        return with_measurement(host, measurement), reports
    return host, tuple(
        msgspec.structs.replace(one, status="failed", detail=measurement) if one.name == _MEASUREMENT else one
        for one in reports
    )


def _observer(observe: Callable[[Source], tuple[EngineOnMachine, ...]]) -> Callable[[Source], _Engines]:
    """
    A task that looks for an engine and keeps the status of its questions.

    Where there is no engine, an answer of another program on its port is no trouble, unless it times out.
    """

    def look(source: Source) -> _Engines:
        ask = Asker(source)
        found = observe(ask)
        probed = ask.probed(found=bool(found), overlooked=() if found else ("get",))
        return _Engines(found, probed.status, probed.detail)

    return look


def _run_all(source: Source, outcomes: Sequence[_Outcome], *, deadline_s: float, side_by_side: bool) -> None:
    if not side_by_side:
        for outcome in outcomes:
            _run(source, outcome)
        return
    _Crew(source, outcomes).work(deadline_s)
    for outcome in outcomes:
        outcome.late = not outcome.done


class _Crew:
    """
    Threads that take tasks from one row. The first does most of them; more go on beside a task that is slow.
    """

    def __init__(self, source: Source, outcomes: Sequence[_Outcome]) -> None:
        self._source = source
        self._row = deque(outcomes)
        self._lock = threading.Lock()
        self._unfinished = len(outcomes)
        self._finished = threading.Event()
        self._threads: list[threading.Thread] = []

    def work(self, deadline_s: float) -> None:
        """
        Return when all tasks are done, or when the time is over. What was not begun by then is left.
        """
        until = time.monotonic() + deadline_s
        while self._unfinished and (left_s := until - time.monotonic()) > 0:
            self._grow(until)
            self._finished.wait(min(PATIENCE_S, left_s) if self._row else left_s)
        self._row.clear()
        if not self._unfinished:
            # Its threads have nothing left to do, and a look leaves none behind.
            for thread in self._threads:
                thread.join()

    def _grow(self, until: float) -> None:
        """
        Double the threads, so that the last task is begun soon though all before it are slow.
        """
        for _ in range(min(max(1, len(self._threads)), len(self._row))):
            thread = threading.Thread(target=self._take, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                # The system gives this process no more threads: those that there are do it, or this one.
                if not self._threads:
                    self._take(until)
                return
            self._threads.append(thread)

    def _take(self, until: float = inf) -> None:
        while time.monotonic() < until:
            try:
                outcome = self._row.popleft()
            except IndexError:
                return
            _run(self._source, outcome)
            with self._lock:
                self._unfinished -= 1
                if not self._unfinished:
                    self._finished.set()


def _run(source: Source, outcome: _Outcome) -> None:
    started = time.perf_counter()
    try:
        outcome.value = outcome.task(source)
        if isinstance(outcome.value, Probed):
            merge.check(source.platform, outcome.value)
    except BaseException as error:  # noqa: BLE001 - one crashed probe must not hide the others; reported, or raised
        outcome.error, outcome.value = error, None
    outcome.duration_ms = round((time.perf_counter() - started) * 1000, 3)
    outcome.done = True


def _report(outcome: _Outcome, *, timed: bool) -> SourceReport:
    if outcome.late:
        detail = message("source.deadline", seconds=outcome.deadline_s)
        return SourceReport(name=outcome.name, status="timeout", detail=detail)
    duration_ms = outcome.duration_ms if timed else None
    if outcome.error is not None:
        return crashed(outcome.name, outcome.error, duration_ms=duration_ms)
    if outcome.value is None:
        return SourceReport(name=outcome.name, status="absent", duration_ms=duration_ms)
    return SourceReport(
        name=outcome.name,
        status=outcome.value.status,
        duration_ms=duration_ms,
        detail=outcome.value.detail,
    )
