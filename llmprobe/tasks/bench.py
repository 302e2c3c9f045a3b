"""
This machine measured: the whole of it for ``llmprobe bench``, a quick part of it before the first recommendation.
"""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from math import isfinite

import msgspec

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.facts import given
from llmprobe.facts.answer import Answer
from llmprobe.facts.asking import TOTAL_TIMEOUT_S, Relay, pass_on
from llmprobe.facts.bench import Bench, Fingerprint, Kept
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.measured import CoreRate, DiskRate, Measurement, NodeRate, RamRate
from llmprobe.machine import snapshot as machine
from llmprobe.machine.asking import Asker
from llmprobe.machine.kernel_settings import kernel_settings
from llmprobe.machine.measured import fingerprint, read_kept, with_measurement
from llmprobe.source import kept
from llmprobe.source.live import LiveSource
from llmprobe.source.measure import cores, disk, places, ram
from llmprobe.units import GIB, MIB
from llmprobe.words.message import Message, message

DEFAULT_S = 10.0
LEAST_S, MOST_S = 2.0, 600.0

QUICK_S = 0.21
"""With the end of its threads, which give their memory back, the quick part stays under 0.3 s."""

SPAN, QUICK_SPAN = GIB, 384 * MIB
OF_FREE, QUICK_OF_FREE = 2, 4
"""Of the memory that is free at most a half is taken, by the quick part a fourth."""

OF_CACHES, LEAST_OF_CACHES, QUICK_OF_CACHES = 8, 2, 4
HIDDEN_CACHES = 64 * MIB
"""What the caches may hold where the machine is not known to be bare: a guest is shown its part of them."""

QUICK_LEAST = 192 * MIB
LEAST_PER_THREAD = ram.PIECE
MOST_THREADS = 1024
LOWEST = 0.5
"""No rate is doubted more: it would be none."""

OF_DISK = 256 * MIB


class _Unmeasured(Relay):
    """
    The machine as it is without what was measured before.
    """

    def ask(self, method: str, args: tuple[str, ...], timeout_s: float | None = None) -> Answer:
        if method == "measured":
            return Answer(status="missing")
        return pass_on(self._source, method, args, timeout_s)


def bench(*, seconds: float = DEFAULT_S, model_folders: Sequence[str] = ()) -> Bench:
    """
    This machine measured, described by ``api.bench``.

    Raises:
        UsageError: the time is out of range.
    """
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool) and isfinite(seconds)
    if not number or not LEAST_S <= seconds <= MOST_S:
        raise UsageError(message("error.bench-seconds", given=str(seconds), least=LEAST_S, most=MOST_S))
    started = time.monotonic()
    until = started + seconds
    folders = given.texts("model_folders", model_folders)
    with LiveSource(timeout_s=min(TOTAL_TIMEOUT_S, seconds / 3)) as source:
        seen = machine.collect(
            _Unmeasured(source),
            deadline_s=min(TOTAL_TIMEOUT_S, seconds / 3),
            observers=engines.observers(folders),
        )
        of = fingerprint(seen.host, seen.pools, kernel_settings(Asker(source)))
        path = source.place_of_measurement()
    plan = _Plan(seen)
    # A little is left for the end of threads, of which each looks at the time between two pieces.
    left = (until - time.monotonic()) * 0.9
    measured = Measurement(
        ram=plan.of_ram(left * 0.5),
        cores=plan.of_cores(left * 0.1),
        disks=plan.of_disks(left * 0.4),
        busy=plan.busy,
        date=today(),
    )
    place, problem = _keep(path, of, measured)
    notes = [*plan.notes, *(() if problem is None else (problem,))]
    return Bench(
        measurement=measured,
        fingerprint=of,
        seconds=round(time.monotonic() - started, 3),
        kept=place,
        notes=tuple(notes),
    )


def quick(snapshot: Snapshot, *, started: float) -> Snapshot:
    """
    The snapshot of this machine with the RAM measured in less than 0.3 s from ``started`` on, and kept.

    It is as it was where nothing could be kept, so that no later run would know of it.
    """
    with LiveSource() as source:
        path = source.place_of_measurement()
        if not kept.writable(path):
            return snapshot
        settings = kernel_settings(Asker(source))
        before = kept.read(path).value
    host = snapshot.host
    known = host.measurement
    plan = _Plan(snapshot)
    found = plan.quick_of_ram(started + QUICK_S - time.monotonic())
    if known is not None and known.counts:
        # Another look at a busy machine: the better one is nearer to the truth.
        same = read_kept(before)
        if same is None:
            return snapshot
        of = same.fingerprint
        if known.ram is not None and (found is None or found.bytes_per_s < known.ram.bytes_per_s):
            found = known.ram
    else:
        of = fingerprint(host, snapshot.pools, settings)
    measured = Measurement(ram=found, quick=True, busy=plan.busy, date=today())
    place, _ = _keep(path, of, measured)
    if place is None:
        return snapshot
    return msgspec.structs.replace(snapshot, host=with_measurement(host, measured))


class _Plan:
    """
    What is measured on a machine, how much memory is taken for it, and what stands in the way.
    """

    def __init__(self, seen: Snapshot) -> None:
        self._seen = seen
        self._nodes = places.nodes()
        self._threads = min(seen.host.cpu.usable_threads or len(places.processors()) or 1, MOST_THREADS)
        caches = places.caches_bytes()
        hidden = caches is None or seen.host.environment != "bare"
        self._caches = max(caches or 0, HIDDEN_CACHES) if hidden else caches or 0
        self.busy = places.busy(self._threads)
        self.notes: list[Message] = []
        if self.busy:
            load = round(places.load() or 0.0, 1)
            self.notes.append(message("note.bench-busy", load=load, threads=self._threads))

    def of_ram(self, seconds: float) -> RamRate | None:
        """
        The rate of the RAM, of all threads and of those of each node.
        """
        apart = self._nodes
        share = seconds / (len(apart) + 1)
        rates = []
        for number, here in apart.items():
            count = max(1, round(self._threads * len(here) / sum(map(len, apart.values()))))
            span = self._span(SPAN, OF_CACHES)
            found = self._read([here] * count, span, share, LEAST_OF_CACHES * self._caches)
            if found is not None:
                rates.append(NodeRate(number=number, bytes_per_s=found.bytes_per_s, threads=found.threads))
        whole = self._of_all(self._span(SPAN, OF_CACHES), share, LEAST_OF_CACHES * self._caches)
        if whole is None:
            self.notes.append(message("note.bench-no-ram"))
            return None
        low = whole.low
        if rates:
            low = min(low, max(LOWEST / 2, min(one.bytes_per_s for one in rates) / whole.bytes_per_s))
        return msgspec.structs.replace(whole, nodes=tuple(rates), low=low)

    def quick_of_ram(self, seconds: float) -> RamRate | None:
        """
        The rate of the RAM in a short time, None where that was too short for enough memory.
        """
        least = max(QUICK_LEAST, QUICK_OF_CACHES * self._caches * 3 // 4)
        return self._of_all(self._span(QUICK_SPAN, QUICK_OF_CACHES, QUICK_OF_FREE), seconds, least)

    def of_cores(self, seconds: float) -> CoreRate | None:
        found = cores.hash_rates(self._threads, seconds=seconds)
        if found is None:
            return None
        return CoreRate(
            threads=self._threads,
            one_bytes_per_s=found.one_bytes_per_s,
            all_bytes_per_s=found.all_bytes_per_s,
        )

    def of_disks(self, seconds: float) -> tuple[DiskRate, ...]:
        """
        The rate of each disk on which there is a model file that is large enough.
        """
        files = [
            one.path
            for engine in self._seen.engines
            for one in engine.models
            if one.path is not None and "://" not in one.path
        ]
        disks = [(one.directory, disk.largest_on(one.directory, files)) for one in self._seen.disks]
        there = [(directory, path) for directory, path in disks if path is not None]
        if not there:
            self.notes.append(message("note.bench-no-disk"))
        rates = []
        for directory, path in there:
            found = disk.file_rate(path, seconds=seconds / len(there), most_bytes=OF_DISK)
            if found is None:
                self.notes.append(message("note.bench-disk-not-read", directory=directory))
                continue
            rates.append(
                DiskRate(directory=directory, bytes_per_s=found.bytes_per_s, read_bytes=found.read_bytes)
            )
        return tuple(rates)

    def _of_all(self, span: int, seconds: float, least: int) -> RamRate | None:
        homes: list[frozenset[int] | None] = [None] * self._threads
        if self._nodes:
            each = [here for here in self._nodes.values() for _ in here]
            homes = [each[number * len(each) // self._threads] for number in range(self._threads)]
        found = self._read(homes, span, seconds, least)
        if found is None:
            return None
        return RamRate(
            bytes_per_s=found.bytes_per_s,
            low=max(LOWEST, round(1 - self._caches / found.span_bytes, 3)),
            threads=found.threads,
            span_bytes=found.span_bytes,
            passes=found.passes,
            by=found.by,
        )

    def _read(
        self, homes: Sequence[frozenset[int] | None], span: int, seconds: float, least: int
    ) -> ram.Reading | None:
        count = max(1, min(len(homes), span // LEAST_PER_THREAD))
        if span < LEAST_PER_THREAD or seconds <= 0:
            return None
        # Of fewer threads than places each part of the machine keeps its share.
        shares = [ram.Share(span // count, homes[number * len(homes) // count]) for number in range(count)]
        try:
            return ram.read_rate(shares, seconds=seconds, least_bytes=least)
        except (OSError, ImportError):
            self.notes.append(message("note.bench-no-library"))
            return None

    def _span(self, least: int, times: int, of_free: int = OF_FREE) -> int:
        """
        The bytes to be read: so many, or so many times what caches hold, where a part of what is free allows it.
        """
        pool = self._seen.pool("ram")
        free = None if pool is None else pool.free_bytes
        allowed = [size for size in (free, None if pool is None else pool.budget_bytes) if size is not None]
        limits = self._seen.host.memory.process_limits
        if limits is not None and limits.address_space_bytes is not None:
            allowed.append(limits.address_space_bytes // 2)
        most = min(allowed, default=GIB) // of_free
        return min(max(least, times * self._caches), most)


def _keep(path: str | None, of: Fingerprint, measured: Measurement) -> tuple[str | None, Message | None]:
    """
    The file that it is kept in, or why it could not be kept.
    """
    if path is None:
        return None, message("note.bench-not-kept", path=None, why=None)
    text = msgspec.json.format(msgspec.json.encode(Kept(fingerprint=of, measurement=measured)), indent=2)
    try:
        kept.write(path, text.decode() + "\n")
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        return None, message("note.bench-not-kept", path=kept.shown(path), why=why)
    return kept.shown(path), None


def today() -> str:
    """
    The day in UTC, as a measurement has it.
    """
    return f"{datetime.now(UTC):%Y-%m-%d}"
