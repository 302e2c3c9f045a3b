"""
A kept measurement: whether it counts, what has changed since, and what a machine is with it.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.bench import Fingerprint, Kept
from llmprobe.facts.host import HostMemory, MemoryModules, Numa, NumaNode
from llmprobe.facts.machine import Cpu, Host, MemoryPool
from llmprobe.facts.measured import Measurement, RamRate
from llmprobe.machine.asking import Asker
from llmprobe.machine.kernel_settings import kernel_settings
from llmprobe.machine.measured import changed, fingerprint, with_measurement
from llmprobe.machine.probes import measurement as probe
from llmprobe.machine.snapshot import collect
from llmprobe.source.recording import Recording, decode, encode
from llmprobe.source.recording.replay import Replay
from llmprobe.words.message import message
from tests.machine.fake import GIB, LINUX, MAC, FakeSource

RAM = RamRate(bytes_per_s=20_000_000_000, low=0.9, threads=4, span_bytes=GIB, passes=9, by="memcmp")
MEASURED = Measurement(ram=RAM, date="2026-11-30")
THEN = Fingerprint(system="linux", machine="x86_64", cpu="AMD EPYC", ram_bytes=64 * GIB, usable_threads=4)
HUGE = "/sys/kernel/mm/transparent_hugepage/enabled"


def test_a_fingerprint_has_what_the_speed_of_memory_depends_on() -> None:
    """
    Processor, threads that may be used, memory and its modules, nodes, settings of the kernel.
    """
    host = Host(
        system="linux",
        machine="x86_64",
        environment="bare",
        cpu=Cpu(name="AMD EPYC", physical_cores=4, logical_cores=8, usable_threads=6),
        ram_bandwidth_bytes_per_s=51_200_000_000,
        memory=HostMemory(
            modules=MemoryModules(count=2, channels=2, bus_bits=128, kind="DDR4", evidence=()),
            numa=Numa(
                nodes=(NumaNode(number=0, has_processors=True), NumaNode(number=1, has_processors=True)),
                evidence=(),
            ),
        ),
    )
    pools = (MemoryPool(id="ram", kind="system", total_bytes=7, free_bytes=5, budget_bytes=5),)

    assert fingerprint(host, pools, {"numa_balancing": "1"}) == Fingerprint(
        system="linux",
        machine="x86_64",
        environment="bare",
        cpu="AMD EPYC",
        physical_cores=4,
        logical_cores=8,
        usable_threads=6,
        ram_bytes=7,
        modules=2,
        memory_kind="DDR4",
        bus_bits=128,
        modules_bytes_per_s=51_200_000_000,
        nodes=2,
        kernel_settings={"numa_balancing": "1"},
    )


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, ()),
        ({"ram_bytes": 63 * GIB}, ()),
        ({"ram_bytes": 62 * GIB}, ("ram_bytes",)),
        ({"ram_bytes": None}, ("ram_bytes",)),
        ({"cpu": "AMD Ryzen"}, ("cpu",)),
        ({"usable_threads": 2, "modules": 1}, ("usable_threads", "modules")),
        ({"kernel_settings": {"scaling_governor": "powersave"}}, ("scaling_governor",)),
    ],
)
def test_what_has_changed_is_named(change: dict[str, Any], expected: tuple[str, ...]) -> None:
    """
    The kernel counts a little more or less memory from start to start: up to 2 % is the same.
    """
    assert changed(THEN, msgspec.structs.replace(THEN, **change)) == expected


def test_settings_of_the_kernel_are_compared_by_name() -> None:
    """
    One that is new, gone or different has changed.
    """
    then = msgspec.structs.replace(THEN, kernel_settings={"a": "1", "b": "1", "c": "1"})
    now = msgspec.structs.replace(THEN, kernel_settings={"b": "2", "c": "1", "d": "1"})

    assert changed(then, now) == ("a", "b", "d")


def test_a_measured_machine_has_the_measured_bandwidth() -> None:
    """
    With its basis, whatever the modules would reach.
    """
    host = Host(system="linux", machine="x86_64", ram_bandwidth_bytes_per_s=5, ram_bandwidth_basis="derived")

    found = with_measurement(host, MEASURED)

    assert (found.ram_bandwidth_bytes_per_s, found.ram_bandwidth_basis) == (20_000_000_000, "measured")
    assert found.ram_bandwidth_how == message("bandwidth.measured", threads=4, bytes=GIB, date="2026-11-30")
    assert found.measurement == MEASURED


@pytest.mark.parametrize(
    "measurement",
    [Measurement(), msgspec.structs.replace(MEASURED, changed=("cpu",))],
    ids=["no RAM", "stale"],
)
def test_a_measurement_that_does_not_count_changes_no_bandwidth(measurement: Measurement) -> None:
    """
    It is shown all the same.
    """
    host = Host(system="linux", machine="x86_64", ram_bandwidth_bytes_per_s=5, ram_bandwidth_basis="derived")

    found = with_measurement(host, measurement)

    assert (found.ram_bandwidth_bytes_per_s, found.ram_bandwidth_basis) == (5, "derived")
    assert found.measurement == measurement


def test_settings_are_those_that_the_kernel_has() -> None:
    """
    Of a choice in brackets what is chosen; elsewhere than on Linux there are none.
    """
    source = FakeSource(
        {f"read:{HUGE}": "always [madvise] never\n", "read:/proc/sys/kernel/numa_balancing": "0\n"}, LINUX
    )

    assert kernel_settings(Asker(source)) == {"transparent_hugepage": "madvise", "numa_balancing": "0"}
    assert kernel_settings(Asker(FakeSource({}, MAC))) == {}


def test_nothing_kept_asks_nothing_more() -> None:
    """
    The settings matter only to a measurement.
    """
    source = FakeSource({})

    assert probe.probe(source).kept is None
    assert source.asked == ["measured:"]


def replay(document: Any, **files: str) -> Replay:
    """
    A recording with this kept document, and what a processor of four threads says.
    """
    answers: dict[tuple[str, ...], Answer] = {
        ("measured",): Answer(value=document),
        ("read", "/proc/cpuinfo"): Answer(value="processor\t: 0\nmodel name\t: AMD EPYC\nflags\t: avx2\n"),
        ("read", "/proc/meminfo"): Answer(value=f"MemTotal: {64 * 1024 * 1024} kB\nMemAvailable: 999 kB\n"),
        ("psutil", "cpu_count"): Answer(value=4),
        ("read", HUGE): Answer(value=files.get("huge", "always [madvise] never\n")),
    }
    areas = ("/", "commands", "env", "http", "nvml", "registry", "sysctl", "psutil", "cpuinfo", "metal")
    return Replay(Recording(platform=LINUX, covers=areas, answers=answers), strict=True)


def kept(**change: Any) -> Any:
    """
    The document that was kept on the machine of ``replay``.
    """
    host = collect(replay(None)).host
    pools = collect(replay(None)).pools
    of = fingerprint(host, pools, {"transparent_hugepage": "madvise"})
    document = Kept(fingerprint=msgspec.structs.replace(of, **change), measurement=MEASURED)
    return msgspec.json.decode(msgspec.json.encode(document))


def test_what_was_kept_counts_on_its_machine() -> None:
    """
    A recording has it, and its answers are of that machine.
    """
    found = collect(replay(kept()))

    assert found.host.ram_bandwidth_basis == "measured"
    assert found.host.measurement == MEASURED
    assert next(one for one in found.sources if one.name == "measurement").status == "ok"


def test_what_was_kept_does_not_count_after_a_change() -> None:
    """
    Of the kernel's settings as of the hardware.
    """
    found = collect(replay(kept(), huge="[always] madvise never\n")).host

    assert found.measurement == msgspec.structs.replace(MEASURED, changed=("transparent_hugepage",))
    assert found.ram_bandwidth_basis is None
    other = collect(replay(kept(cpu="Intel Xeon", ram_bytes=32 * GIB))).host
    assert other.measurement is not None
    assert other.measurement.changed == ("cpu", "ram_bytes")


@pytest.mark.parametrize(
    "document",
    [
        {"schema": "llmprobe.measured/2"},
        {"a": 1},
        kept() | {"measurement": {"ram": {"bytes_per_s": 0}}},
        kept() | {"measurement": {"ram": msgspec.to_builtins(RAM) | {"bytes_per_s": 10**18}}},
        kept() | {"measurement": {"ram": msgspec.to_builtins(RAM) | {"low": -1.0}}},
        kept() | {"measurement": {"ram": msgspec.to_builtins(RAM) | {"bytes_per_s": "fast"}}},
        kept() | {"fingerprint": []},
    ],
)
def test_a_document_that_is_none_of_ours_is_ignored(document: Any) -> None:
    """
    The source says so in a sentence, and the machine is one that was never measured.
    """
    found = collect(replay(document))

    report = next(one for one in found.sources if one.name == "measurement")
    assert report.status == "failed"
    assert report.detail is not None
    assert report.detail.id == "source.measurement-odd"
    assert found.host.measurement is None
    assert found.host.ram_bandwidth_basis is None


def test_a_recording_without_one_was_made_without() -> None:
    """
    Nothing was kept there; older recordings never say so.
    """
    source = Replay(Recording(platform=LINUX, answers={}), strict=True)

    assert source.measured().status == "missing"


def test_a_measurement_goes_through_a_recording() -> None:
    """
    Written and read again it is the same answer.
    """
    recording = Recording(platform=LINUX, answers={("measured",): Answer(value=kept())})

    assert decode(encode(recording).encode()).answers == recording.answers
