"""
From which figure on a diagnosis is made: at the threshold, and just beside it.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.host import (
    ControlGroup,
    GroupMemory,
    HostMemory,
    HugePages,
    MemoryModules,
    MemoryPressure,
    ModelDisk,
    ZfsCache,
)
from llmprobe.facts.machine import Accelerator, Cpu, EngineOnMachine, Host, MemoryPool, Snapshot
from llmprobe.facts.vendors import Amd, Apple, CarveOut
from llmprobe.machine import rules
from tests.machine.fake import GIB

ASKED = ("read:/a",)


def severity(snapshot: Snapshot, finding: str) -> str | None:
    """
    How severe a finding is, None where it is not made.
    """
    rule = next(each for each in rules.all_rules() if each.id == finding)
    return next((each.severity for each in rule.apply(snapshot) if each.id == finding), None)


def host(memory: HostMemory | None = None, **fields: Any) -> Snapshot:
    """
    A machine of 64 GiB.
    """
    given: dict[str, Any] = {
        "system": "linux",
        "machine": "x86_64",
        "memory": memory or HostMemory(),
        **fields,
    }
    ram = MemoryPool(
        id="ram",
        kind="system",
        total_bytes=64 * GIB,
        free_bytes=60 * GIB,
        budget_bytes=60 * GIB,
        evidence=ASKED,
    )
    return Snapshot(this_machine=False, host=Host(**given), pools=(ram,))


@pytest.mark.parametrize(("percent", "expected"), [(5.0, "warning"), (4.99, None), (None, None)])
def test_waiting_for_5_percent_of_the_time_is_pressure(percent: float | None, expected: str | None) -> None:
    """A program that waits now and then is no finding."""
    pressure = MemoryPressure(some_percent=percent, evidence=ASKED)

    assert severity(host(HostMemory(pressure=pressure)), "memory-pressure") == expected


@pytest.mark.parametrize(("size", "expected"), [(GIB, "note"), (GIB - 1, None)])
def test_a_gib_that_is_set_aside_is_worth_a_note(size: int, expected: str | None) -> None:
    """Less than that changes no answer."""
    pages = HugePages(total_bytes=size, free_bytes=0, evidence=ASKED)
    cache = ZfsCache(reclaimable_bytes=size, evidence=ASKED)
    snapshot = host(HostMemory(huge_pages=pages, zfs_cache=cache))

    assert [severity(snapshot, each) for each in ("hugepages-reserved", "zfs-arc")] == [expected] * 2


@pytest.mark.parametrize(
    ("installed", "environment", "expected"),
    [(73 * GIB, "bare", "note"), (72 * GIB, "bare", None), (96 * GIB, "vm", None), (None, "bare", None)],
)
def test_an_eighth_of_the_installed_memory_is_missed(
    installed: int | None, environment: str, expected: str | None
) -> None:
    """The firmware always keeps some percent; a virtual machine gets what it gets."""
    modules = MemoryModules(count=2, channels=2, kind="DDR5", installed_bytes=installed, evidence=ASKED)

    assert (
        severity(host(HostMemory(modules=modules), environment=environment), "ram-vs-installed") == expected
    )


@pytest.mark.parametrize(
    ("carve_out", "mapped", "expected"),
    [
        (97, 31, "warning"),
        (96, 32, None),
        (1, 75, "note"),
        (1, 76, None),
        (64, 200, None),
    ],
)
def test_the_split_of_an_apus_memory(carve_out: int, mapped: int, expected: str | None) -> None:
    """Of 128 GiB the host needs a quarter, and the GPU should reach three fifths."""
    apu = Accelerator(id="gpu0", vendor="amd", name="A", pools=("ram",), integrated=True, pci="0000:c5:00.0")
    split = CarveOut(pci="0000:c5:00.0", bytes=carve_out * GIB, gtt_bytes=mapped * GIB, evidence=ASKED)
    snapshot = host()
    ram = msgspec.structs.replace(snapshot.pools[0], kind="unified", total_bytes=128 * GIB)
    snapshot = msgspec.structs.replace(
        snapshot, pools=(ram,), accelerators=(apu,), amd=Amd(carve_outs=(split,))
    )

    assert severity(snapshot, "apu-carveout") == expected


@pytest.mark.parametrize(
    ("version", "expected"), [("b9399", "note"), ("b9400", None), (None, None), ("1.2", None)]
)
def test_builds_before_9400_reserve_more(version: str | None, expected: str | None) -> None:
    """The build itself no longer does."""
    engine = EngineOnMachine(name="llama.cpp", version=version, evidence=ASKED)

    assert severity(msgspec.structs.replace(host(), engines=(engine,)), "llama-cpp-old-build") == expected


@pytest.mark.parametrize(
    ("free", "expected"),
    [(8 * GIB - 1, "warning"), (8 * GIB, "note"), (40 * GIB - 1, "note"), (40 * GIB, None), (None, None)],
)
def test_room_for_models(free: int | None, expected: str | None) -> None:
    """8 GiB hold one small model, 40 GiB a large one; unknown room is not little."""
    disk = ModelDisk(directory="/", free_bytes=free, engines=("ollama",), evidence=ASKED)

    assert severity(msgspec.structs.replace(host(), disks=(disk,)), "disk-low") == expected


@pytest.mark.parametrize(("limit", "expected"), [(64 * GIB - 1, "warning"), (64 * GIB, None)])
def test_a_limit_of_all_memory_is_none(limit: int, expected: str | None) -> None:
    """A container that may use as much as there is is not limited."""
    group = ControlGroup(memory=GroupMemory(limit_bytes=limit, left_bytes=limit, evidence=ASKED))

    assert severity(host(control_group=group), "container-ram") == expected


@pytest.mark.parametrize(
    ("system", "sets", "translated", "expected"),
    [
        ("linux", ("sse4_2",), False, "warning"),
        ("linux", ("avx2",), False, None),
        ("linux", (), False, None),
        ("win32", ("sse4_2",), False, None),
        ("win32", ("avx", "sse4_2"), False, "warning"),
        ("darwin", ("sse4_2",), True, None),
        ("darwin", ("sse4_2",), False, "warning"),
    ],
)
def test_avx2_is_missed_where_its_absence_is_known(
    system: str, sets: tuple[str, ...], translated: bool, expected: str | None
) -> None:
    """Windows' registry may name no AVX at all, and what Rosetta shows is not the chip's."""
    snapshot = host(system=system, cpu=Cpu(instruction_sets=sets, evidence=ASKED))

    assert (
        severity(msgspec.structs.replace(snapshot, apple=Apple(translated=translated)), "no-avx2") == expected
    )
