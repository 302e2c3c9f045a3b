"""
What several probes found, put together into one machine.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Platform
from llmprobe.facts.host import Disagreement, HostMemory, Numa, Swap
from llmprobe.facts.machine import Accelerator, Basis, Cpu, Limit, MemoryPool, Probed, Sharing, SystemFacts
from llmprobe.machine import merge
from llmprobe.machine.pcie import pcie_link
from llmprobe.words.message import message

LINUX = Platform(system="linux", machine="x86_64", release="6.8")
LOST = message("unusable.no-driver")
AFFINITY = message("limit.cpu-affinity", threads=16)


def card(number: int, **fields: Any) -> Accelerator:
    """
    Return an NVIDIA card with its own memory, as its probe numbers it.
    """
    given = {"vendor": "nvidia", "name": f"card {number}", "pools": (f"vram{number}",), **fields}
    return Accelerator(id=f"gpu{number}", **given)


def memory(name: str, total: int = 100, free: int | None = 100) -> MemoryPool:
    kind: Any = "system" if name == "ram" else "vram"
    return MemoryPool(id=name, kind=kind, total_bytes=total, free_bytes=free, budget_bytes=free)


def test_ids_are_numbered_over_all_vendors() -> None:
    """Two probes that each count from 0 give one count, and every device keeps its own memory."""
    amd = Probed(accelerators=(card(0, vendor="amd", name="Radeon"),), pools=(memory("vram0", 16),))
    nvidia = Probed(
        accelerators=(card(0), card(1)), pools=(memory("vram0", 24), memory("vram1", 12)), limits=()
    )
    accelerators, pools = merge.devices([amd, nvidia])

    assert [(each.id, each.name, each.pools) for each in accelerators] == [
        ("gpu0", "card 0", ("vram0",)),
        ("gpu1", "card 1", ("vram1",)),
        ("gpu2", "Radeon", ("vram2",)),
    ]
    assert [(pool.id, pool.total_bytes) for pool in pools] == [("vram0", 24), ("vram1", 12), ("vram2", 16)]


def test_a_device_that_cannot_be_used_keeps_its_place() -> None:
    """One lost device does not rename the others."""
    lost = card(0, usable=False, why_not=LOST, pools=())
    accelerators, pools = merge.devices([Probed(accelerators=(lost, card(1)), pools=(memory("vram1"),))])

    assert [(each.id, each.name) for each in accelerators] == [("gpu0", "card 0"), ("gpu1", "card 1")]
    assert [pool.id for pool in pools] == ["vram1"]


@pytest.mark.parametrize("same", [{"pci": "0000:01:00.0"}, {"uuid": "GPU-1"}])
def test_one_address_is_one_device(same: dict[str, str]) -> None:
    """What two probes say of one device is one device: the first's word, filled up by the second's."""
    first = Probed(
        accelerators=(card(0, driver=None, evidence=("a",), **same),), pools=(memory("vram0", 24),)
    )
    second = Probed(
        accelerators=(card(0, name="a VGA controller", driver="nvidia", evidence=("b",), **same),),
        pools=(memory("vram0", 23),),
    )
    accelerators, pools = merge.devices([first, second])

    assert [(each.name, each.driver, each.evidence) for each in accelerators] == [
        ("card 0", "nvidia", ("a", "b"))
    ]
    assert [pool.total_bytes for pool in pools] == [24]


def test_answers_behind_single_fields_are_joined() -> None:
    """A field that the second probe fills keeps its answers; of a field that both have the first's count."""
    same = {"pci": "0000:01:00.0", "evidence": ("a",)}
    first = Probed(accelerators=(card(0, cited={"power": ("a",)}, **same),))
    link = pcie_link(width=8)
    second = Probed(accelerators=(card(0, link=link, cited={"link": ("b",), "power": ("c",)}, **same),))
    ((found,), _) = merge.devices([first, second])

    assert found.link == link
    assert (found.evidence_of("link"), found.evidence_of("power")) == (("b",), ("a",))


def test_instances_of_one_card_stay_apart() -> None:
    """MIG instances share an address, and another probe's word on that address adds no device."""
    instances = tuple(card(number, pci="0000:01:00.0", uuid=f"MIG-{number}") for number in range(2))
    bus = Probed(accelerators=(card(0, pci="0000:01:00.0", name="3D controller", pools=()),))
    accelerators, _ = merge.devices([Probed(accelerators=instances), bus])

    assert [each.uuid for each in accelerators] == ["MIG-0", "MIG-1"]


def test_two_equal_cards_are_two() -> None:
    """Cards of one name without any address are not taken for one."""
    accelerators, _ = merge.devices(
        [Probed(accelerators=(card(0, name="same"),)), Probed(accelerators=(card(0, name="same"),))]
    )

    assert len(accelerators) == 2


def test_memory_that_is_shared_is_counted_once() -> None:
    """A device that allocates from the host's memory makes it unified, and adds none."""
    shared = card(0, pools=("ram",), integrated=True)
    _, pools = merge.devices([Probed(pools=(memory("ram", 64),)), Probed(accelerators=(shared,))])

    assert [(pool.id, pool.kind, pool.total_bytes) for pool in pools] == [("ram", "unified", 64)]


def test_limits_and_caps_find_their_pools() -> None:
    """A limit that another probe sets on ``ram``, and one on a card's own memory, are taken off there."""
    ram = Probed(pools=(memory("ram", 100, 80),))
    container = Probed(caps=(("ram", Limit(by="cgroup", bytes=30)),))
    nvidia = Probed(
        accelerators=(card(0),),
        pools=(memory("vram0", 24, 24),),
        limits=(("vram0", Limit(by="display", bytes=4)),),
    )
    _, pools = merge.devices([ram, container, nvidia])

    assert [(pool.id, pool.budget_bytes) for pool in pools] == [("ram", 30), ("vram0", 20)]


def test_a_limit_of_a_pool_that_is_not_there_is_left_out() -> None:
    """When the probe of memory failed, a container's limit has nothing to lower."""
    assert merge.devices([Probed(caps=(("ram", Limit(by="cgroup", bytes=30)),))]) == ((), ())


def test_probes_add_to_one_processor() -> None:
    """Each field is the first that is known; lists are joined; the fewest threads count."""
    host = merge.host(
        LINUX,
        [
            Probed(cpu=Cpu(usable_threads=16, evidence=("a",), limits=(AFFINITY,))),
            Probed(cpu=Cpu(name="A processor", usable_threads=4, evidence=("a", "b"))),
            Probed(cpu=Cpu(name="Another", usable_threads=8), host=SystemFacts(environment="container")),
        ],
    )

    assert (host.cpu.name, host.cpu.usable_threads) == ("A processor", 4)
    assert (host.cpu.evidence, host.cpu.limits) == (("a", "b"), (AFFINITY,))
    assert (host.system, host.release, host.environment) == ("linux", "6.8", "container")


def test_usable_cores_are_no_more_than_the_threads_that_any_probe_allows() -> None:
    """A container's quota limits the cores that the processor's own probe counts; unknown cores stay unknown."""
    quota = Probed(cpu=Cpu(usable_threads=2))
    known = merge.host(LINUX, [Probed(cpu=Cpu(usable_threads=16, usable_cores=8)), quota])
    unknown = merge.host(LINUX, [Probed(cpu=Cpu(usable_threads=16)), quota])

    assert (known.cpu.usable_threads, known.cpu.usable_cores) == (2, 2)
    assert (unknown.cpu.usable_threads, unknown.cpu.usable_cores) == (2, None)


def test_probes_add_to_one_memory_of_the_host() -> None:
    """Each gives the records that it knows, and none hides another's."""
    swap = Swap(total_bytes=8, used_bytes=1, evidence=("a",))
    numa = Numa(nodes=(), evidence=("b",))
    host = merge.host(
        LINUX,
        [
            Probed(host=SystemFacts(memory=HostMemory(swap=swap))),
            Probed(host=SystemFacts(memory=HostMemory(numa=numa))),
        ],
    )

    assert host.memory == HostMemory(swap=swap, numa=numa)


def graphics(**fields: Any) -> Accelerator:
    """
    Return graphics in a processor, as AMD's probe gives them.
    """
    given = {"vendor": "amd", "name": "Radeon 780M", "integrated": True, "backend": "vulkan", **fields}
    return card(0, pools=("ram",), **given)


def shares(carve_out: int, used: int, cap: int) -> Sharing:
    limit = Limit(by="working-set", bytes=cap)
    return Sharing(accelerator="gpu0", carve_out_bytes=carve_out, carve_out_used_bytes=used, cap=limit)


def test_a_carve_out_is_added_to_what_the_system_counts() -> None:
    """The GPU may take carve-out and mapped RAM, the host only RAM, both together what there is."""
    amd = Probed(accelerators=(graphics(),), sharing=(shares(96, 6, 90 + 16),))
    _, (ram,) = merge.devices([amd, Probed(pools=(memory("ram", 32, 28),))])

    assert (ram.kind, ram.total_bytes, ram.free_bytes) == ("unified", 128, 118)
    assert (ram.budget_bytes, ram.host_budget_bytes) == (106, 28)


def test_a_container_limits_the_hosts_part_of_shared_memory() -> None:
    """The carve-out is not counted by control groups, RAM that the GPU maps is taken for counted."""
    amd = Probed(accelerators=(graphics(),), sharing=(shares(96, 0, 96 + 16),))
    group = Probed(caps=(("ram", Limit(by="cgroup", bytes=8)),))
    _, (ram,) = merge.devices([amd, group, Probed(pools=(memory("ram", 32, 28),))])

    assert (ram.budget_bytes, ram.host_budget_bytes) == (104, 8)


def test_a_working_set_does_not_limit_the_host() -> None:
    """What macOS lets the GPU use is no limit of programs on the processor."""
    mac = Probed(
        accelerators=(graphics(vendor="apple", backend="metal"),),
        caps=(("ram", Limit(by="working-set", bytes=48)),),
    )
    _, (ram,) = merge.devices([mac, Probed(pools=(memory("ram", 64, 60),))])

    assert (ram.budget_bytes, ram.host_budget_bytes) == (48, 60)


def test_integrated_graphics_beside_a_card_change_no_memory() -> None:
    """They are named, not used, and what they would share is not counted."""
    amd = Probed(accelerators=(graphics(),), sharing=(shares(4, 1, 20),))
    nvidia = Probed(accelerators=(card(0),), pools=(memory("vram0", 24),))
    accelerators, pools = merge.devices([amd, Probed(pools=(memory("ram", 32, 28),)), nvidia])

    assert [(each.name, each.usable, each.backend) for each in accelerators] == [
        ("card 0", True, None),
        ("Radeon 780M", False, None),
    ]
    assert [(pool.id, pool.kind, pool.total_bytes, pool.budget_bytes) for pool in pools] == [
        ("ram", "system", 32, 28),
        ("vram0", "vram", 24, 24),
    ]


def test_integrated_graphics_beside_a_broken_card_are_used() -> None:
    """A lost card serves nobody."""
    amd = Probed(accelerators=(graphics(),), sharing=(shares(4, 0, 20),))
    nvidia = Probed(accelerators=(card(0, usable=False, why_not=LOST, pools=()),))
    accelerators, (ram,) = merge.devices([amd, Probed(pools=(memory("ram", 32, 28),)), nvidia])

    assert [each.usable for each in accelerators] == [False, True]
    assert (ram.kind, ram.total_bytes) == ("unified", 36)


def test_two_words_on_one_device_are_both_told() -> None:
    """The first counts, and the second is not lost; a size that is almost the same is no other."""
    first = Probed(
        accelerators=(card(0, pci="0000:01:00.0", evidence=("a",)),), pools=(memory("vram0", 1000),)
    )
    second = Probed(
        accelerators=(card(0, pci="0000:01:00.0", name="another", evidence=("b",)),),
        pools=(memory("vram0", 500),),
    )

    assert merge.disagreements([first, second]) == (
        Disagreement(
            of="device-name", device="0000:01:00.0", names=("card 0", "another"), evidence=("a", "b")
        ),
        Disagreement(of="device-memory", device="card 0", sizes_bytes=(1000, 500), evidence=("a", "b")),
    )


@pytest.mark.parametrize(("size", "differs"), [(1000, False), (980, False), (979, True), (1021, True)])
def test_sizes_that_differ_by_more_than_2_percent_disagree(size: int, differs: bool) -> None:
    """Firmware and driver reserve a little: 2 % is no disagreement, more is one."""
    first, second = (
        Probed(accelerators=(card(0, pci="0000:01:00.0"),), pools=(memory("vram0", total),))
        for total in (1000, size)
    )

    assert bool(merge.disagreements([first, second])) is differs


def test_a_card_of_unknown_memory_leaves_integrated_graphics_in_use() -> None:
    """A card without a pool holds no model, so engines keep the graphics beside it."""
    amd = Probed(accelerators=(graphics(),), sharing=(shares(4, 0, 20),))
    bare = Probed(accelerators=(card(0, pools=()),))
    accelerators, _ = merge.devices([amd, Probed(pools=(memory("ram", 32, 28),)), bare])

    assert [(each.name, each.usable) for each in accelerators] == [("card 0", True), ("Radeon 780M", True)]


def test_what_probes_report_of_memory_is_among_the_disagreements() -> None:
    """The kernel and psutil may count another total."""
    differ = Disagreement(of="host-memory", sizes_bytes=(64, 32), evidence=("psutil:virtual_memory",))

    assert merge.disagreements([Probed(disagreements=(differ,)), Probed()]) == (differ,)


@pytest.mark.parametrize(("basis", "expected"), [("declared", 89), ("measured", 128)])
def test_a_table_does_not_know_what_memory_is_plugged_in(basis: Basis, expected: int) -> None:
    """Its figure for graphics in a processor gives way to RAM's own; what the device reports does not."""
    host = SystemFacts(ram_bandwidth_bytes_per_s=89, ram_bandwidth_basis="derived")
    rated = msgspec.structs.replace(graphics(), bandwidth_bytes_per_s=128, bandwidth_basis=basis)
    (accelerator,), _ = merge.devices([Probed(accelerators=(rated,)), Probed(host=host)])

    assert accelerator.bandwidth_bytes_per_s == expected


def test_graphics_in_a_processor_are_as_fast_as_its_memory() -> None:
    """Where they have no figure of their own it is RAM's, and so is its basis."""
    how = message("bandwidth.modules", channels=8, speeds_mts=(5600,))
    host = SystemFacts(ram_bandwidth_bytes_per_s=256, ram_bandwidth_basis="derived", ram_bandwidth_how=how)
    (accelerator,), _ = merge.devices([Probed(accelerators=(graphics(),)), Probed(host=host)])

    assert (accelerator.bandwidth_bytes_per_s, accelerator.bandwidth_basis) == (256, "derived")
    assert accelerator.bandwidth_how == message("bandwidth.of-ram", how=how)
