"""
Measuring this machine: how much memory, which threads, what is kept, and when it is done.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from llmprobe.errors import UsageError
from llmprobe.facts.bench import Kept
from llmprobe.facts.host import HostMemory, ModelDisk, ProcessLimits
from llmprobe.facts.machine import Cpu, EngineOnMachine, Host, MemoryPool, ModelOnDisk, Snapshot
from llmprobe.facts.measured import Measurement, RamRate
from llmprobe.machine import snapshot as room
from llmprobe.source import kept
from llmprobe.source.live import LiveSource
from llmprobe.source.measure import cores, disk, places, ram
from llmprobe.tasks import bench as task
from llmprobe.tasks.machines import measured_first
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message

HOST = Host(system="linux", machine="x86_64", environment="bare", cpu=Cpu(name="AMD EPYC", usable_threads=4))
POOL = MemoryPool(id="ram", kind="system", total_bytes=64 * GIB, free_bytes=60 * GIB, budget_bytes=60 * GIB)
MACHINE = Snapshot(this_machine=True, host=HOST, pools=(POOL,))


class Machine:
    """
    What is asked of the machine: the shares that were to be read, with the time and the least of each reading.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[Sequence[ram.Share], float, int]] = []
        self.rates = iter([20_000_000_000] * 9)

    def read(self, shares: Sequence[ram.Share], *, seconds: float, least_bytes: int) -> ram.Reading | None:
        self.asked.append((shares, seconds, least_bytes))
        span = sum(share.size for share in shares)
        if span < least_bytes:
            return None
        return ram.Reading(next(self.rates), span, 5, "memcmp", len(shares))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """
    Return a quiet machine of four threads and 16 MiB of caches that keeps its measurements in ``tmp_path``.
    """
    machine = Machine()
    monkeypatch.setattr(ram, "read_rate", machine.read)
    monkeypatch.setattr(cores, "hash_rates", lambda _threads, *, seconds: cores.Hashing(500, 1500))
    monkeypatch.setattr(disk, "largest_on", lambda _directory, paths: max(paths, default=None))
    monkeypatch.setattr(
        disk, "file_rate", lambda _path, *, seconds, most_bytes: disk.Reading(10**9, most_bytes)
    )
    monkeypatch.setattr(places, "nodes", dict)
    monkeypatch.setattr(places, "processors", lambda: frozenset(range(4)))
    monkeypatch.setattr(places, "caches_bytes", lambda: 16 * MIB)
    monkeypatch.setattr(places, "load", lambda: 0.0)
    monkeypatch.setattr(room, "collect", lambda _source, **_options: MACHINE)
    monkeypatch.setattr(task, "kernel_settings", lambda _ask: {"numa_balancing": "0"})
    monkeypatch.setattr(LiveSource, "place_of_measurement", lambda _self: tmp_path / "measured.json")
    monkeypatch.setenv(kept.FOLDER_VARIABLE, str(tmp_path))
    return machine


def sizes(here: Machine) -> list[int]:
    return [share.size for share in here.asked[0][0]]


def with_pool(monkeypatch: pytest.MonkeyPatch, seen: Snapshot = MACHINE, **change: Any) -> Snapshot:
    pool = msgspec.structs.replace(POOL, **change)
    changed = msgspec.structs.replace(seen, pools=(pool,))
    monkeypatch.setattr(room, "collect", lambda _source, **_options: changed)
    return changed


def test_the_answer_is_kept(here: Machine, tmp_path: Path) -> None:
    """
    With the fingerprint of the machine; its file is named.
    """
    answer = task.bench()

    path = tmp_path / "measured.json"
    document = msgspec.json.decode(path.read_bytes(), type=Kept)
    assert answer.kept == str(path)
    assert document.measurement == answer.measurement
    assert document.fingerprint == answer.fingerprint
    assert (answer.fingerprint.cpu, answer.fingerprint.kernel_settings) == (
        "AMD EPYC",
        {"numa_balancing": "0"},
    )
    assert answer.measurement.ram is not None
    # 1 - 16 MiB / 1 GiB of it is certainly no cache's.
    assert answer.measurement.ram == RamRate(
        bytes_per_s=20_000_000_000, low=0.984, threads=4, span_bytes=GIB, passes=5, by="memcmp"
    )
    assert answer.measurement.cores is not None
    assert answer.measurement.cores.worth == 3.0
    assert not answer.measurement.quick


@pytest.mark.parametrize(
    ("change", "span"),
    [
        ({}, GIB),
        ({"free_bytes": GIB}, GIB // 2),
        ({"budget_bytes": GIB}, GIB // 2),
        ({"free_bytes": None, "budget_bytes": None}, GIB // 2),
        ({"free_bytes": 512 * MIB, "budget_bytes": 512 * MIB}, 256 * MIB),
    ],
)
def test_a_half_of_what_is_free_is_taken_at_most(
    here: Machine, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], span: int
) -> None:
    """
    Also within a container's limit, and where nobody says how much is free.
    """
    with_pool(monkeypatch, **change)

    answer = task.bench()

    assert sum(sizes(here)) == span
    assert answer.measurement.ram is not None


def test_large_caches_take_more_memory(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Eight times what 768 MiB of them hold.
    """
    monkeypatch.setattr(places, "caches_bytes", lambda: 768 * MIB)

    task.bench()

    assert sum(sizes(here)) == 8 * 768 * MIB
    assert here.asked[0][2] == 2 * 768 * MIB


@pytest.mark.parametrize("environment", ["vm", "container", "wsl", None])
def test_a_guest_is_not_believed_about_caches(
    here: Machine, monkeypatch: pytest.MonkeyPatch, environment: Any
) -> None:
    """
    Its host may have more: 64 MiB of 1 GiB may have come from them.
    """
    seen = msgspec.structs.replace(MACHINE, host=msgspec.structs.replace(HOST, environment=environment))
    monkeypatch.setattr(room, "collect", lambda _source, **_options: seen)

    answer = task.bench()

    assert answer.measurement.ram is not None
    assert answer.measurement.ram.low == 0.938


def test_little_memory_is_too_little(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    8 MiB are the caches' own: no rate, and a sentence.
    """
    with_pool(monkeypatch, free_bytes=32 * MIB)

    answer = task.bench()

    assert answer.measurement.ram is None
    assert message("note.bench-no-ram") in answer.notes


def test_a_limit_of_the_address_space_counts(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Half of it is for the program itself.
    """
    memory = HostMemory(process_limits=ProcessLimits(address_space_bytes=2 * GIB, evidence=()))
    seen = msgspec.structs.replace(MACHINE, host=msgspec.structs.replace(HOST, memory=memory))
    monkeypatch.setattr(room, "collect", lambda _source, **_options: seen)

    task.bench()

    assert sum(sizes(here)) == GIB // 2


@pytest.mark.parametrize("threads", [1, 2, 8])
def test_all_usable_threads_read(here: Machine, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    """
    As many as affinity and quota allow, on a single node wherever the system lets them run.
    """
    seen = msgspec.structs.replace(
        MACHINE, host=msgspec.structs.replace(HOST, cpu=Cpu(usable_threads=threads))
    )
    monkeypatch.setattr(room, "collect", lambda _source, **_options: seen)

    task.bench()

    assert [share.processors for share in here.asked[0][0]] == [None] * threads


def test_nodes_are_read_apart(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each by its own threads, then all together, each thread on its node; a program on one node has that node's rate.
    """
    first, second = frozenset({0, 1}), frozenset({2, 3})
    monkeypatch.setattr(places, "nodes", lambda: {0: first, 1: second})
    here.rates = iter([12, 10, 20])

    found = task.bench().measurement.ram

    homes = [[share.processors for share in shares] for shares, _, _ in here.asked]
    assert homes == [[first] * 2, [second] * 2, [first, first, second, second]]
    assert found is not None
    assert [(node.number, node.bytes_per_s, node.threads) for node in found.nodes] == [(0, 12, 2), (1, 10, 2)]
    assert (found.bytes_per_s, found.low) == (20, 0.5)


def test_the_time_is_shared_out(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    All parts together take less than the time; a longer time is a longer measurement.
    """
    parts: list[float] = []
    monkeypatch.setattr(cores, "hash_rates", lambda _threads, *, seconds: parts.append(seconds))
    task.bench(seconds=20)

    assert here.asked[0][1] + parts[0] < 20
    assert here.asked[0][1] > 5


@pytest.mark.parametrize("seconds", [0, 1.9, 601, float("nan"), float("inf"), "10", True, None])
def test_the_time_is_a_number_within_limits(seconds: Any) -> None:
    """
    Anything else is refused before anything is measured.
    """
    with pytest.raises(UsageError) as refused:
        task.bench(seconds=seconds)

    assert refused.value.message == message("error.bench-seconds", given=str(seconds), least=2.0, most=600.0)


def test_disks_with_models_are_read(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Files of the models that engines keep; an address is no file. Without one there is a sentence.
    """
    models = (
        ModelOnDisk(name="a", kept_by=message("kept-by.folder", folder="/m"), path="/m/a.gguf"),
        ModelOnDisk(name="b", kept_by=message("kept-by.folder", folder="/m"), path="https://x/b.gguf"),
    )
    engine = EngineOnMachine(name="llama.cpp", models=models)
    seen = msgspec.structs.replace(
        MACHINE, engines=(engine,), disks=(ModelDisk(directory="/m", evidence=()),)
    )
    monkeypatch.setattr(room, "collect", lambda _source, **_options: seen)
    asked: list[str] = []

    def rate(path: str, *, seconds: float, most_bytes: int) -> disk.Reading:
        asked.append(path)
        return disk.Reading(10**9, most_bytes)

    monkeypatch.setattr(disk, "file_rate", rate)

    found = task.bench()

    assert asked == ["/m/a.gguf"]
    assert [(one.directory, one.bytes_per_s) for one in found.measurement.disks] == [("/m", 10**9)]
    monkeypatch.setattr(room, "collect", lambda _source, **_options: MACHINE)
    assert message("note.bench-no-disk") in task.bench().notes


def test_a_busy_machine_is_said_to_be_busy(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    From one running process for two threads on.
    """
    monkeypatch.setattr(places, "load", lambda: 2.0)
    assert not task.bench().measurement.busy
    monkeypatch.setattr(places, "load", lambda: 2.1)

    answer = task.bench()

    assert answer.measurement.busy
    assert message("note.bench-busy", load=2.1, threads=4) in answer.notes


def test_what_cannot_be_kept_is_an_answer(
    here: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """
    With the reason; the folder of it may be a file, or there is none.
    """
    (tmp_path / "file").write_text("", encoding="utf-8")
    place = tmp_path / "file" / "measured.json"
    monkeypatch.setattr(LiveSource, "place_of_measurement", lambda _self: place)

    answer = task.bench()

    assert answer.kept is None
    assert [note.id for note in answer.notes if note.id == "note.bench-not-kept"]
    monkeypatch.setattr(LiveSource, "place_of_measurement", lambda _self: None)
    assert message("note.bench-not-kept", path=None, why=None) in task.bench().notes


def test_the_quick_part_comes_first_and_once(here: Machine, tmp_path: Path) -> None:
    """
    384 MiB for 0.2 s; it is kept, and a machine with a measurement that counts is not measured.
    """
    found = measured_first(MACHINE)

    assert found.host.ram_bandwidth_basis == "measured"
    assert found.host.measurement is not None
    assert found.host.measurement.quick
    assert sum(sizes(here)) == 384 * MIB
    assert 0 < here.asked[0][1] <= task.QUICK_S
    assert (tmp_path / "measured.json").exists()
    assert measured_first(found) is found
    assert len(here.asked) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"this_machine": False, "origin": "recording"},
        {"this_machine": False, "origin": "hypothetical"},
        {"this_machine": True, "origin": "hypothetical"},
    ],
)
def test_another_machine_is_never_measured(here: Machine, change: dict[str, Any]) -> None:
    """
    A recording and a hypothetical machine are as they are.
    """
    other = msgspec.structs.replace(MACHINE, **change)

    assert measured_first(other) is other
    assert here.asked == []


def test_without_a_place_to_keep_it_nothing_is_measured(
    here: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    It would be measured before every answer.
    """
    monkeypatch.setenv(kept.FOLDER_VARIABLE, "")
    assert measured_first(MACHINE) is MACHINE
    monkeypatch.setenv(kept.FOLDER_VARIABLE, "/tmp")
    monkeypatch.setattr(kept, "writable", lambda _path: False)

    assert measured_first(MACHINE) is MACHINE
    assert here.asked == []


def test_a_measurement_that_no_longer_counts_is_made_again(here: Machine) -> None:
    """
    The first time after hardware or settings changed.
    """
    stale = Measurement(date="2020-01-01", changed=("cpu",))
    before = msgspec.structs.replace(MACHINE, host=msgspec.structs.replace(HOST, measurement=stale))

    found = measured_first(before).host

    assert found.measurement is not None
    assert found.measurement.counts
    assert found.ram_bandwidth_bytes_per_s == 20_000_000_000


@pytest.mark.parametrize(("again", "expected"), [(30, 30), (10, 20)])
def test_what_a_busy_machine_showed_is_measured_again(
    here: Machine, monkeypatch: pytest.MonkeyPatch, again: int, expected: int
) -> None:
    """
    The better of both counts; the fingerprint stays that of the machine without a measurement.
    """
    here.rates = iter([20, again])
    monkeypatch.setattr(places, "load", lambda: 9.0)
    first = measured_first(MACHINE)
    assert measured_first(first) is first
    monkeypatch.setattr(places, "load", lambda: 0.0)

    second = measured_first(first).host

    assert second.ram_bandwidth_bytes_per_s == expected
    assert second.measurement is not None
    assert not second.measurement.busy
    path = LiveSource().place_of_measurement()
    assert kept.read(path).value["fingerprint"]["modules_bytes_per_s"] is None


def test_a_time_that_was_too_short_is_not_tried_again(here: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    That nothing could be measured is kept, too.
    """
    seen = msgspec.structs.replace(MACHINE, pools=(msgspec.structs.replace(POOL, free_bytes=256 * MIB),))

    found = measured_first(seen)

    assert found.host.measurement is not None
    assert found.host.measurement.ram is None
    assert found.host.ram_bandwidth_basis is None
    assert measured_first(found) is found


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_file_that_changed_in_between_is_left(
    here: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    """
    The machine is as it was a moment ago.
    """
    monkeypatch.setattr(places, "load", lambda: 9.0)
    first = measured_first(MACHINE)
    monkeypatch.setattr(places, "load", lambda: 0.0)
    (tmp_path / "measured.json").write_text(content, encoding="utf-8")

    assert measured_first(first) is first
