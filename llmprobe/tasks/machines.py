"""
Machines: this one, a recorded one, a hypothetical one; and this one as a recording.
"""

import time
from collections.abc import Iterator, Sequence
from os import PathLike

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.facts import given
from llmprobe.facts.machine import Snapshot
from llmprobe.machine import snapshot
from llmprobe.tasks.arguments import path
from llmprobe.words.message import message

_LONGEST_S = 1e9
"""Thirty years; threads and sockets cannot wait much longer."""

_MOST_BYTES = 2**63 - 1


def probe(
    replay: str | PathLike[str] | None = None,
    *,
    gpus: str | Sequence[str] = (),
    ram_bytes: int | None = None,
    ram: str | None = None,
    ram_bandwidth_bytes_per_s: int | None = None,
    cpu: str | None = None,
    cores: int | None = None,
    pcie: str | None = None,
    wired_limit_bytes: int | None = None,
    wake: bool = False,
    timeout_s: float | None = None,
    model_folders: Sequence[str] = (),
) -> Snapshot:
    """
    A machine, described by ``api.probe``.

    Raises:
        RecordingError: the recording cannot be read.
        UsageError: a GPU is unknown, GPUs with memory of their own are given without RAM, an option does not suit the
                machine, a recording is given as well, or a number is out of range.
    """
    check_timeout(timeout_s)
    given.switch("wake", wake)
    gpus, folders = given.texts("gpus", gpus), given.texts("model_folders", model_folders)
    described = (ram, ram_bandwidth_bytes_per_s, cpu, cores, pcie, wired_limit_bytes)
    if ram_bytes is not None or gpus or any(each is not None for each in described):
        if replay is not None:
            raise UsageError(message("error.two-machines"), hint=message("hint.one-machine"))
        return _hypothetical(gpus, ram_bytes, *described)
    return snapshot.probe(
        None if replay is None else path("replay", replay),
        wake=wake,
        timeout_s=timeout_s,
        observers=engines.observers(folders),
    )


def _hypothetical(
    gpus: Sequence[str],
    ram_bytes: int | None,
    ram: str | None,
    ram_bandwidth_bytes_per_s: int | None,
    cpu: str | None,
    cores: int | None,
    pcie: str | None,
    wired_limit_bytes: int | None,
) -> Snapshot:
    from llmprobe.machine.hypothetical import Options, hypothetical
    from llmprobe.machine.pcie import parse_slots
    from llmprobe.machine.ram_spelling import parse_ram

    for name, number in (("ram_bytes", ram_bytes), ("wired_limit_bytes", wired_limit_bytes)):
        if number is not None:
            given.count(name, number, most=_MOST_BYTES)
    if ram_bandwidth_bytes_per_s is not None:
        given.count("ram_bandwidth_bytes_per_s", ram_bandwidth_bytes_per_s, least=1, most=_MOST_BYTES)
    if cores is not None:
        given.count("cores", cores)
    for name, text in (("ram", ram), ("cpu", cpu), ("pcie", pcie)):
        if text is not None:
            given.text(name, text)
    if ram is not None and ram_bytes is not None:
        raise UsageError(message("error.ram-twice"), hint=message("hint.ram-twice"))
    read = None if ram is None else parse_ram(ram)
    options = Options(
        ram=read,
        ram_bandwidth_bytes_per_s=ram_bandwidth_bytes_per_s,
        cpu=cpu,
        cores=cores,
        slots=() if pcie is None else parse_slots(pcie),
        wired_limit_bytes=wired_limit_bytes,
    )
    return hypothetical(gpus, ram_bytes if read is None else read.bytes, options)


def watch(*, timeout_s: float | None = None) -> Iterator[Snapshot]:
    """
    This machine again and again, without end. What hardly changes about engines is asked once.

    Raises:
        UsageError: the time is out of range.
    """
    check_timeout(timeout_s)
    observers = engines.steady_observers()
    while True:
        yield snapshot.probe(None, timeout_s=timeout_s, observers=observers)


def record(*, timeout_s: float | None = None, rpc: str | Sequence[str] = ()) -> str:
    """
    This machine's answers as a recording, redacted, with those of rpc-servers.

    Raises:
        UsageError: the time is out of range, or a text names no server that would be asked.
    """
    from llmprobe.source.recording import encode

    check_timeout(timeout_s)
    servers = given.texts("rpc", rpc)
    if servers:
        # Imported only here: most machines are recorded alone.
        from llmprobe.site.remote_spelling import read_rpc

        for server in servers:
            if read_rpc(server).size_bytes is not None:
                raise UsageError(
                    message("error.record-size", given=given.shown(server)), hint=message("hint.record-size")
                )
    recording = snapshot.record(
        timeout_s=timeout_s, observers=engines.observers(), rpc=[server.strip() for server in servers]
    )
    return encode(recording)


def measured_first(snapshot: Snapshot) -> Snapshot:
    """
    This machine with the quick part of ``bench``, where nothing that counts is kept of it yet; any other as it is.

    A measurement that was made while the machine was busy is made again once it is quiet. Nothing is measured that
    could not be kept: it would be measured before every answer.
    """
    started = time.monotonic()
    known = snapshot.host.measurement
    if not snapshot.this_machine or snapshot.origin != "live":
        return snapshot
    if known is not None and known.counts:
        if not (known.quick and known.busy):
            return snapshot
        from llmprobe.source.measure import places

        if places.busy(snapshot.host.cpu.usable_threads or 1):
            return snapshot
    from llmprobe.source import kept

    if kept.folder() is None:
        return snapshot
    from llmprobe.tasks import bench

    return bench.quick(snapshot, started=started)


def check_timeout(timeout_s: object) -> None:
    """
    Check a time limit.

    Raises:
        UsageError: it is no number above 0.
    """
    number = isinstance(timeout_s, int | float) and not isinstance(timeout_s, bool)
    if timeout_s is not None and not (number and 0 < float(str(timeout_s)) <= _LONGEST_S):
        raise UsageError(
            message("error.timeout-not-positive", given=str(timeout_s)), hint=message("hint.seconds")
        )
