"""
Each condition of the rules about the host's memory and disks by itself.
"""

from typing import Any

import pytest

from llmprobe.facts.host import (
    HostMemory,
    MemoryModules,
    MemoryPressure,
    ModelDisk,
    Numa,
    NumaNode,
    ProcessLimits,
    StrictOvercommit,
    Swap,
    ZfsCache,
)
from llmprobe.machine.rules import host_memory
from tests.machine.fake import GIB, MIB
from tests.machine.rules.records import (
    ASKED,
    commands,
    found,
    machine,
    only,
    pool,
    severity,
)


@pytest.mark.parametrize(
    ("pressure", "name"),
    [
        (MemoryPressure(level="normal", evidence=ASKED), None),
        (MemoryPressure(level="high", evidence=ASKED), "detail-high"),
        (MemoryPressure(level="critical", evidence=ASKED), "detail-critical"),
        (MemoryPressure(some_percent=1.0, level="critical", evidence=ASKED), "detail-critical"),
        (MemoryPressure(some_percent=6.0, evidence=ASKED), "detail"),
        (None, None),
    ],
)
def test_pressure_is_a_share_or_a_word(pressure: MemoryPressure | None, name: str | None) -> None:
    """Linux has one, macOS the other."""
    details = [
        one.detail.id
        for one in found(machine(host={"memory": HostMemory(pressure=pressure)}), "memory-pressure")
    ]

    assert details == ([] if name is None else [f"finding.memory-pressure.{name}"])


@pytest.mark.parametrize(
    ("limit", "committed", "left"),
    [(9, 4, 5), (4, 9, 0), (None, 4, None), (9, None, None)],
)
def test_what_is_left_to_be_promised(limit: int | None, committed: int | None, left: int | None) -> None:
    """Never less than nothing, and unknown where one of both is."""
    strict = StrictOvercommit(limit_bytes=limit, committed_bytes=committed, evidence=ASKED)
    detail = only(
        machine(host={"memory": HostMemory(strict_overcommit=strict)}), "no-swap-overcommit2"
    ).detail

    assert detail.values["left_bytes"] == left


def test_a_cache_of_zfs_is_limited_to_4_gib() -> None:
    """The command has the bytes."""
    cache = ZfsCache(reclaimable_bytes=9 * GIB, evidence=ASKED)
    finding = only(machine(host={"memory": HostMemory(zfs_cache=cache)}), "zfs-arc")

    assert commands(finding) == ("echo 4294967296 | sudo tee /sys/module/zfs/parameters/zfs_arc_max",)


@pytest.mark.parametrize(("size", "expected"), [(GIB, "warning"), (None, None)])
def test_a_limit_of_what_may_be_mapped(size: int | None, expected: str | None) -> None:
    """Unlimited is no finding."""
    limits = ProcessLimits(address_space_bytes=size, evidence=ASKED)

    assert (
        severity(machine(host={"memory": HostMemory(process_limits=limits)}), "address-space-limit")
        == expected
    )
    assert severity(machine(), "address-space-limit") is None


@pytest.mark.parametrize(
    ("nodes", "several", "without"),
    [
        ([(True, 32), (True, 32)], "note", None),
        ([(True, 32)], None, None),
        ([(True, 32), (False, 96)], None, 96),
        ([(True, 32), (False, 90), (False, 6)], None, 96),
        ([(True, 32), (False, None)], None, None),
        ([(True, 32), (False, 0)], None, None),
        ([(False, 32), (False, 96)], None, None),
        ([(True, 32), (True, 32), (False, 96)], "note", 96),
    ],
)
def test_nodes_with_and_without_processors(
    nodes: list[tuple[bool, int | None]], several: str | None, without: int | None
) -> None:
    """Two with processors are several; what has none near it is counted, where some node has."""
    numa = Numa(
        nodes=tuple(
            NumaNode(number=at, has_processors=has, total_bytes=None if size is None else size * GIB)
            for at, (has, size) in enumerate(nodes)
        ),
        evidence=ASKED,
    )
    snapshot = machine(host={"memory": HostMemory(numa=numa)})
    sizes = [one.title.values["size_bytes"] for one in found(snapshot, "numa-memory-only")]

    assert severity(snapshot, "numa-multi") == several
    assert (severity(machine(), "numa-multi"), severity(machine(), "numa-memory-only")) == (None, None)
    assert sizes == ([] if without is None else [without * GIB])


@pytest.mark.parametrize(
    ("kind", "name"), [("x86_64", "extension"), ("AMD64", "extension"), ("aarch64", "gpu")]
)
def test_memory_without_processors_is_an_extension_of_x86(kind: str, name: str) -> None:
    """On Arm it is a GPU's own."""
    nodes = (
        NumaNode(number=0, has_processors=True),
        NumaNode(number=1, has_processors=False, total_bytes=GIB),
    )
    snapshot = machine(host={"machine": kind, "memory": HostMemory(numa=Numa(nodes=nodes, evidence=ASKED))})

    assert only(snapshot, "numa-memory-only").detail.id == f"finding.numa-memory-only.detail-{name}"


def test_what_can_be_done_about_one_channel() -> None:
    """A free slot takes a second module, a second module moves, and one slot or one channel stays as it is."""
    given: dict[str, dict[str, Any]] = {
        "add": {"count": 1, "slots": 2, "most_bus_bits": 128},
        "move": {"count": 2, "slots": 4, "most_bus_bits": None},
        "one slot": {"count": 1, "slots": 1, "most_bus_bits": 128},
        "full": {"count": 2, "slots": 2, "most_bus_bits": 128},
        "one channel": {"count": 1, "slots": 2, "most_bus_bits": 64},
    }
    said: dict[str, Any] = {}
    for name, fields in given.items():
        modules = MemoryModules(channels=1, kind="DDR4", bus_bits=64, evidence=ASKED, **fields)
        snapshot = machine(host={"memory": HostMemory(modules=modules)})
        said[name] = [
            (one.severity, one.remedy and one.remedy.text.id) for one in host_memory.single_channel(snapshot)
        ]

    assert said == {
        "add": [("warning", "finding.single-channel-ram.remedy")],
        "move": [("warning", "finding.single-channel-ram.remedy-move")],
        "one slot": [("note", None)],
        "full": [("note", None)],
        "one channel": [],
    }


@pytest.mark.parametrize(
    ("channels", "kind", "expected"),
    [(1, "DDR5", "warning"), (2, "DDR5", None), (1, "LPDDR5", None), (1, None, None), (0, "DDR4", None)],
)
def test_one_channel_of_modules_is_slow(channels: int, kind: str | None, expected: str | None) -> None:
    """What is soldered is not modules, and what is unknown is not one."""
    modules = MemoryModules(count=1, channels=channels, kind=kind, evidence=ASKED)

    assert severity(machine(host={"memory": HostMemory(modules=modules)}), "single-channel-ram") == expected
    assert severity(machine(), "single-channel-ram") is None


@pytest.mark.parametrize(
    ("installed", "memory", "expected"),
    [
        (4, pool("ram", 3.0), "note"),
        (4, pool("ram", 3.01), None),
        (32, pool("ram", 28.1), "note"),
        (32, pool("ram", 28.2), None),
        (32, pool("ram", None), None),
        (32, None, None),
        (None, pool("ram", 1), None),
    ],
)
def test_less_than_is_installed(installed: int | None, memory: Any, expected: str | None) -> None:
    """A GiB at the least and an eighth, where both sizes are known."""
    size = None if installed is None else installed * GIB
    modules = MemoryModules(count=1, channels=2, installed_bytes=size, evidence=ASKED)
    pools = () if memory is None else (memory,)

    assert (
        severity(machine(pools=pools, host={"memory": HostMemory(modules=modules)}), "ram-vs-installed")
        == expected
    )
    assert severity(machine(), "ram-vs-installed") is None


@pytest.mark.parametrize(
    ("environment", "memory", "expected"),
    [
        ("wsl", pool("ram", 64), "note"),
        ("vm", pool("ram", 64), None),
        ("wsl", pool("ram", None), None),
        ("wsl", None, None),
    ],
)
def test_windows_gives_wsl_a_part(environment: str, memory: Any, expected: str | None) -> None:
    """Of which the size is known."""
    pools = () if memory is None else (memory,)

    assert severity(machine(pools=pools, host={"environment": environment}), "wsl-ram-cap") == expected


@pytest.mark.parametrize(
    ("used", "compressed", "total", "expected"),
    [
        (256 * MIB, None, 64, "note"),
        (256 * MIB - 1, None, 64, None),
        (GIB, GIB - 1, 64, None),
        (8 * GIB, None, 80, "note"),
        (8 * GIB + 1, None, 80, "warning"),
        (60 * GIB, None, None, "note"),
    ],
)
def test_swap_in_use_is_what_is_on_the_disk(
    used: int, compressed: int | None, total: float | None, expected: str | None
) -> None:
    """Of 256 MiB on, and a warning beyond a tenth of the memory, where that is known."""
    swap = Swap(total_bytes=99 * GIB, used_bytes=used, compressed_used_bytes=compressed, evidence=ASKED)
    memory = HostMemory(swap=swap)
    snapshot = machine(pools=(pool("ram", total),), host={"memory": memory})

    assert severity(snapshot, "swap-in-use") == expected
    assert severity(machine(host={"memory": memory, "system": "win32"}), "swap-in-use") is None
    assert severity(machine(pools=(), host={"memory": memory}), "swap-in-use") == (expected and "note")


@pytest.mark.parametrize(("system", "command"), [("darwin", "sysctl vm.swapusage"), ("linux", "free -h")])
def test_swap_is_looked_at_by_the_systems_own_command(system: str, command: str) -> None:
    """That of macOS is not that of Linux."""
    swap = Swap(total_bytes=9 * GIB, used_bytes=GIB, evidence=ASKED)
    snapshot = machine(host={"memory": HostMemory(swap=swap), "system": system})

    assert commands(only(snapshot, "swap-in-use")) == (command,)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("tmpfs", "warning"), ("rootfs", "warning"), ("ramfs", "warning"), ("overlay", None), (None, None)],
)
def test_files_in_memory_take_it_from_models(kind: str | None, expected: str | None) -> None:
    """The folder for models of a system that runs from RAM, such as Unraid, is in RAM."""
    disk = ModelDisk(directory="/", file_system=kind, engines=("ollama",), evidence=ASKED)

    assert severity(machine(disks=(disk,)), "models-in-ram") == expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("nfs4", "warning"), ("9p", "warning"), ("ext4", None), (None, None)]
)
def test_a_file_system_over_a_network_is_slow(kind: str | None, expected: str | None) -> None:
    """The commands are those of the engines that keep models there."""
    disk = ModelDisk(directory="/", file_system=kind, engines=("ollama",), evidence=ASKED)
    snapshot = machine(disks=(disk,))

    assert severity(snapshot, "slow-fs") == expected
    for finding in found(snapshot, "slow-fs"):
        assert commands(finding) == ("export OLLAMA_MODELS=$HOME/models",)
