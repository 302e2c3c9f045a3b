"""
What each of many machines runs best: ``fit`` once for machines that are alike, in as many processes as there are cores.

What is found is written line by line, so that a run that ends early is taken up where it ended: a line is used again
where machine, wishes, catalog and version are those that it was computed for.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import IO

import msgspec

from llmprobe._version import __version__
from llmprobe.errors import UsageError
from llmprobe.facts import wire
from llmprobe.facts.fit import Fitting, FitWishes
from llmprobe.facts.fleet import FitOnHost, FittingOnHost, FleetFit
from llmprobe.facts.machine import Snapshot
from llmprobe.model import capability
from llmprobe.model.catalog import DATE
from llmprobe.model.known import known
from llmprobe.source.opening import readable
from llmprobe.tasks import fit
from llmprobe.tasks.fleet.check import hosts_of, notes_on, what_counts
from llmprobe.tasks.fleet.hosts import PATIENCE_S
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.words.message import Message, message

Told = Callable[[int, int], None]
"""Told how many of all unlike machines are done."""

_LARGEST_LINE = 4 * 1024 * 1024
_WAITING_FOR_EACH = 2
"""Machines that wait for each process: few, so that memory does not grow with the fleet."""


def fit_each(
    seen: Sequence[Seen],
    wishes: FitWishes,
    *,
    path: Path | None = None,
    workers: int | None = None,
    ray: str | None = None,
    told: Told = lambda _done, _all: None,
) -> FleetFit:
    """
    The document for these machines. Lines of ``path`` count, and new ones are added to it. The work is given to the
    Ray cluster at an address, where there is one, and else to as many processes as there are cores.

    Raises:
        UsageError: the file cannot be read or written, or is none of ours.
    """
    hosts = hosts_of(seen)
    machines = {one.name: one for one in seen}
    first: dict[str, Seen] = {}
    keys: dict[str, str] = {}
    for host in hosts:
        machine = machines[host.name].machine
        if machine is None or machines[host.name].serving:
            continue
        keys[host.name] = _key(machine, wishes)
        first.setdefault(keys[host.name], machines[host.name])
    kept = {} if path is None else _kept(path)
    found = {key: kept[key] for key in first if key in kept}
    missing = {key: one for key, one in first.items() if key not in found}
    done = len(found)
    told(done, len(first))
    with _Lines(path) as lines:
        work = _by_ray(ray, missing, wishes) if ray is not None and missing else None
        for one in work or _computed(missing, wishes, workers or os.cpu_count() or 1):
            found[one.key] = one
            lines.add(one)
            done += 1
            told(done, len(first))
    return FleetFit(
        wishes=wishes,
        models=len(known().entries),
        computed=len(missing),
        hosts=tuple(
            FitOnHost(host=host.name, key="", problem=host.problem or message("fleet.fit-rpc"))
            if host.name not in keys
            else _of_host(found[keys[host.name]], host.name, host.like)
            for host in hosts
        ),
        notes=tuple(notes_on(hosts)),
    )


def _of_host(found: FitOnHost, name: str, like: str | None) -> FitOnHost:
    problem = None if found.rows else message("fleet.fit-nothing")
    return msgspec.structs.replace(found, host=name, like=like, problem=problem)


def _key(machine: Snapshot, wishes: FitWishes) -> str:
    based_on = (what_counts(machine), msgspec.json.encode(wishes), DATE, capability.dated(), __version__)
    return hashlib.sha256(repr(based_on).encode()).hexdigest()[:32]


def _computed(missing: dict[str, Seen], wishes: FitWishes, workers: int) -> Iterator[FitOnHost]:
    """
    Each machine as it is done, in this process where one is enough.
    """
    waiting = iter(missing.items())
    if min(workers, len(missing)) < 2:
        for key, one in waiting:
            assert one.machine is not None
            yield fit_on(one.name, key, one.machine, wishes)
        return
    # Processes that begin anew share no lock with threads that asked the machines.
    with ProcessPoolExecutor(min(workers, len(missing)), mp_context=get_context("spawn")) as pool:
        running: set[Future[FitOnHost]] = set()
        try:
            while True:
                for key, one in waiting:
                    assert one.machine is not None
                    running.add(pool.submit(fit_on, one.name, key, one.machine, wishes))
                    if len(running) >= workers * _WAITING_FOR_EACH:
                        break
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _by_ray(address: str, missing: dict[str, Seen], wishes: FitWishes) -> Iterator[FitOnHost]:
    from llmprobe.tasks.fleet.ray import Cluster

    cluster = Cluster(address, PATIENCE_S)
    try:
        yield from cluster.each(
            fit_on, ((one.name, key, one.machine, wishes) for key, one in missing.items())
        )
    finally:
        cluster.leave()


def fit_on(host: str, key: str, machine: Snapshot, wishes: FitWishes) -> FitOnHost:
    """
    What one machine runs best, in short.
    """
    return FitOnHost(host=host, key=key, rows=tuple(map(_short, fit.fit(machine, wishes).rows)))


def _short(row: Fitting) -> FittingOnHost:
    choice = row.choice
    return FittingOnHost(
        model=row.model.id,
        model_name=row.model.name,
        quant=choice.quant,
        ctx_size=choice.ctx_size,
        gpu_layers=choice.gpu_layers,
        total_layers=choice.total_layers,
        points=round(row.points, 3),
        generation_tokens_per_s=choice.speed.generation_tokens_per_s,
        seconds_per_answer=None if choice.time is None else choice.time.seconds,
    )


def _kept(path: Path) -> dict[str, FitOnHost]:
    """
    The lines of an earlier run by their keys. A line that was cut short, as at the end of a run, does not count.
    """
    found = {}
    try:
        with readable(path) as file:
            while line := file.readline(_LARGEST_LINE):
                try:
                    one = wire.decode(line, FitOnHost)
                except msgspec.ValidationError:
                    raise UsageError(
                        message("error.fleet-file", path=str(path)), hint=message("hint.fleet-file")
                    ) from None
                except msgspec.DecodeError:
                    continue
                found[one.key] = one
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(_unreadable(path, error), hint=message("hint.permissions")) from None
    return found


def _unreadable(path: Path, error: OSError) -> Message:
    return message("error.file-unreadable", path=str(path), reason=(error.strerror or str(error)).lower())


class _Lines:
    """
    The file that lines are added to, each written out at once; none where there is no path.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def __enter__(self) -> "_Lines":
        if self._path is not None:
            try:
                self._file = self._path.open("ab+")
                self._end_the_last_line(self._file)
            except OSError as error:
                raise UsageError(_unreadable(self._path, error), hint=message("hint.permissions")) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, one: FitOnHost) -> None:
        if self._file is not None:
            self._file.write(wire.encode(one, in_one_line=True).encode("utf-8", "backslashreplace"))
            self._file.flush()

    @staticmethod
    def _end_the_last_line(file: IO[bytes]) -> None:
        """
        What was cut short stays a line of its own.
        """
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            if file.read(1) != b"\n":
                file.write(b"\n")
