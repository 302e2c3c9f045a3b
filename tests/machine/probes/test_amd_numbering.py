"""
The order of AMD GPUs, the file of each, and the parts of a divided one.
"""

from typing import Any

import pytest

from llmprobe.facts.machine import Partition
from llmprobe.machine.snapshot import collect
from tests.machine.fake import GIB, FakeSource
from tests.machine.probes.test_amd import MAY_NOT, machine, radeon, seen, strix_halo

NODES = "/sys/class/kfd/kfd/topology/nodes"
PCI = "/sys/bus/pci/devices"


def divided(*, given: tuple[int, ...] = (1, 2, 3, 4)) -> dict[str, Any]:
    """
    Return an MI300X of 192 GiB in four parts, of which a container may have been given some.
    """
    answers = machine(radeon(device="0x74a1", revision="0x00", vram=192 * GIB, used=4 * GIB, node=0))
    answers[f"list:{NODES}"] = [str(node) for node in given]
    answers[f"read:{PCI}/0000:03:00.0/current_compute_partition"] = "QPX\n"
    answers[f"read:{PCI}/0000:03:00.0/current_memory_partition"] = "NPS1\n"
    for node in given:
        answers |= {
            f"read:{NODES}/{node}/properties": "simd_count 304\nsimd_per_cu 4\ngfx_target_version 90402\n"
            f"location_id {0x300 | node << 28}\ndrm_render_minor {127 + node}\nunique_id {node}\n",
            f"read:{NODES}/{node}/mem_banks/0/properties": f"size_in_bytes {48 * GIB}\nwidth 8192\nmem_clk_max 1300\n",
            f"run:test -w /dev/dri/renderD{127 + node}": {"exit": 0, "stdout": "", "stderr": ""},
        }
    return answers


def test_each_part_of_a_divided_gpu_is_a_device_with_a_file_of_its_own() -> None:
    """A quarter of 5.3 TB/s and of 192 GiB each; the file of the third may not be opened."""
    source = FakeSource(divided() | {"run:test -w /dev/dri/renderD130": MAY_NOT})
    found = collect(source)
    usable = [each for each in found.accelerators if each.usable]
    (closed,) = [each for each in found.accelerators if not each.usable]

    assert [each.uuid for each in usable] == [f"GPU-000000000000000{node}" for node in (1, 2, 4)]
    assert closed.uuid == "GPU-0000000000000003"
    assert {each.bandwidth_bytes_per_s for each in usable} == {8192 * 1300 * 4 * 10**6 // 8 // 4}
    assert [pool.total_bytes for pool in found.pools if pool.kind == "vram"] == [48 * GIB] * 4
    assert [pool.free_bytes for pool in found.pools if pool.kind == "vram"] == [47 * GIB] * 4
    assert usable[0].partition == Partition(
        kind="xcp", profile="QPX/NPS1", parent_name="AMD Instinct MI300X", instance_id=1
    )
    assert f"list:{PCI}/0000:03:00.0/drm" not in source.asked


def test_a_part_alone_is_no_whole() -> None:
    """A container that was given the second of four sees one node, with a quarter of what sysfs counts."""
    found = seen(divided(given=(2,)))
    (part,) = found.accelerators
    pool = found.pool("vram0")

    assert part.partition is not None
    assert pool is not None
    assert (pool.total_bytes, pool.free_bytes) == (48 * GIB, 47 * GIB)


def test_the_file_of_a_whole_card_is_the_one_that_the_bus_lists() -> None:
    """Not what the topology names, where both are there; that only where the bus lists none."""
    card = radeon()
    properties = f"read:{NODES}/1/properties"
    card[properties] += "drm_render_minor 135\n"
    both = FakeSource(machine(card))
    collect(both)
    without = FakeSource(machine(card) | {f"list:{PCI}/0000:03:00.0/drm": ["card1"]})
    collect(without)

    asked = [[name for name in source.asked if "renderD" in name] for source in (both, without)]
    assert asked == [["run:test -w /dev/dri/renderD128"], ["run:test -w /dev/dri/renderD135"]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["0000:83:00.0", "0000:0c:00.0", "0000:03:00.0"]),
        ({"env:HIP_VISIBLE_DEVICES": "1"}, ["0000:0c:00.0", "0000:83:00.0", "0000:03:00.0"]),
        ({"list:/dev": ["dri"]}, ["0000:03:00.0", "0000:0c:00.0", "0000:83:00.0"]),
        ({"run:test -w /dev/kfd": MAY_NOT}, ["0000:03:00.0", "0000:0c:00.0", "0000:83:00.0"]),
        (
            {"run:test -w /dev/dri/renderD128": MAY_NOT, "env:HIP_VISIBLE_DEVICES": "0"},
            ["0000:0c:00.0", "0000:83:00.0", "0000:03:00.0"],
        ),
    ],
)
def test_the_order_is_rocms_where_it_can_be_used(changes: dict[str, Any], expected: list[str]) -> None:
    """
    The nodes of the topology first, those that a variable leaves before the others; else the order of the bus.

    A card whose file may not be opened has no number, so that HIP's 0 is the next.
    """
    cards = (
        radeon("0000:83:00.0", node=1),
        radeon("0000:0c:00.0", node=2),
        radeon("0000:03:00.0", device="0x73bf", node=0),
    )
    found = seen(machine(*cards) | changes)

    assert [each.pci for each in found.accelerators] == expected


def test_the_heaps_of_graphics_that_are_not_used_are_not_told() -> None:
    """Beside a card nothing runs on them, and asleep nothing is known of them."""
    halo = strix_halo(heap=16 * GIB)
    alone = seen(machine(halo, ram=31))
    closed = {"run:test -w /dev/dri/renderD128": MAY_NOT}

    assert alone.amd is not None
    assert [each.pci for each in alone.amd.heaps] == ["0000:c5:00.0"]
    assert seen(machine(halo, ram=31) | closed).amd.heaps == ()  # type: ignore[union-attr]
