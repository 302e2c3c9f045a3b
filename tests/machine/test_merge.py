"""
What several probes found, put together into one machine.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Platform
from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Probed
from llmprobe.machine import merge

LINUX = Platform(system="linux", machine="x86_64", release="6.8")


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
    lost = card(0, usable=False, why_not="lost", pools=())
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
            Probed(cpu={"name": None, "usable_threads": 16, "evidence": ("a",), "limits": ("affinity",)}),
            Probed(cpu={"name": "A processor", "usable_threads": 4, "evidence": ("a", "b")}),
            Probed(cpu={"name": "Another", "usable_threads": 8}, host={"environment": "container"}),
        ],
    )

    assert (host.cpu.name, host.cpu.usable_threads) == ("A processor", 4)
    assert (host.cpu.evidence, host.cpu.limits) == (("a", "b"), ("affinity",))
    assert (host.system, host.release, host.environment) == ("linux", "6.8", "container")


def test_a_field_that_there_is_not_is_a_mistake() -> None:
    """A probe that invents a field is told so."""
    with pytest.raises(TypeError):
        merge.host(LINUX, [Probed(cpu={"cores": 4})])
