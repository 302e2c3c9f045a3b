"""
The parts of AMD's probe by themselves: kinds of devices, sizes, the topology, names and rates.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Holder
from llmprobe.machine.asking import Asker
from llmprobe.machine.host_ram import HostRam
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.machine.probes.amd.device import is_integrated
from llmprobe.machine.probes.amd.memory import (
    Memory,
    ask_holders,
    ask_memory,
    looks_integrated,
    pool_of,
    sharing_of,
)
from llmprobe.machine.probes.amd.parts import parts_of
from llmprobe.machine.probes.amd.topology import (
    Node,
    ask_topology,
    bandwidth,
    gfx_name,
    nodes_by_device,
    parse_properties,
    pci_address,
)
from llmprobe.words.message import message
from tests.machine.fake import GIB, FakeSource
from tests.machine.probes.test_amd import MAY_NOT, machine, radeon, seen, strix_halo

NODES = "/sys/class/kfd/kfd/topology/nodes"
SMALL = Memory(vram_total=GIB, gtt_total=32 * GIB)


def pci(device: str = "0x744c") -> PciDevice:
    return PciDevice(address="0000:03:00.0", vendor="0x1002", device=device, device_class="0x030000")


@pytest.mark.parametrize(
    ("device", "node", "memory", "maker", "expected"),
    [
        ("0x1586", Node(gfx="gfx1100"), Memory(), "samsung", True),
        ("0x74a0", None, Memory(), "", True),
        ("0x744c", Node(gfx="gfx1036"), Memory(), "samsung", True),
        ("0x744c", Node(gfx="gfx1100", with_processor=True), Memory(), "samsung", True),
        ("0x744c", Node(gfx="gfx1100"), SMALL, "", False),
        ("0x744c", None, SMALL, "", True),
        ("0x744c", None, SMALL, "unknown", True),
        ("0x744c", None, SMALL, "samsung", False),
        ("0x744c", None, Memory(), "", False),
    ],
)
def test_the_strongest_evidence_says_what_is_integrated(
    device: str, node: Node | None, memory: Memory, maker: str, *, expected: bool
) -> None:
    """The number of the device, the topology, the maker of its memory, and sizes where nothing else is known."""
    assert is_integrated(pci(device), node, memory, maker) is expected


@pytest.mark.parametrize(
    ("vram", "gtt", "expected"),
    [
        (4 * GIB, 16 * GIB, True),
        (4 * GIB + 1, 64 * GIB, False),
        (4 * GIB, 16 * GIB - 1, False),
        (GIB, 8 * GIB, True),
        (GIB, 8 * GIB - 1, False),
        (None, 16 * GIB, False),
        (GIB, None, False),
    ],
)
def test_sizes_of_a_carve_out(vram: int | None, gtt: int | None, *, expected: bool) -> None:
    """At most 4 GiB beside at least 8, of which they are a quarter; unknown is none."""
    assert looks_integrated(Memory(vram_total=vram, gtt_total=gtt)) is expected


@pytest.mark.parametrize(
    ("total", "used", "expected"),
    [
        ("100", "30", (100, 30, 70)),
        ("100", "130", (100, 100, 0)),
        ("100", "x", (100, None, None)),
        ("0", "0", (None, 0, None)),
        ("x", "30", (None, 30, None)),
    ],
)
def test_the_drivers_counts(total: str, used: str, expected: tuple[int | None, ...]) -> None:
    """No more is used than there is, and a card of no memory is one of which nothing is known."""
    answers = {"read:/x/mem_info_vram_total": total, "read:/x/mem_info_vram_used": used}
    found = ask_memory(Asker(FakeSource(answers)), "/x")

    assert (found.vram_total, found.vram_used, found.vram_free) == expected
    assert ("read:/x/mem_info_vram_total" in found.evidence) is (total != "x")


@pytest.mark.parametrize(
    ("used", "holders", "limits"),
    [
        (10, (), [("in-use", 10)]),
        (10, (4, None), [("processes", 4), ("in-use", 6)]),
        (10, (4, 6), [("processes", 10)]),
        (10, (40,), [("processes", 10)]),
        (0, (4,), []),
        (None, (4,), []),
    ],
)
def test_what_is_used_is_of_programs_and_of_others(
    used: int | None, holders: tuple[int | None, ...], limits: list[tuple[str, int]]
) -> None:
    """Programs hold no more than is used at all."""
    held = tuple(Holder(used_bytes=size) for size in holders)
    pool = pool_of("vram0", Memory(vram_total=100, vram_used=used), held)

    assert pool is not None
    assert [(one.by, one.bytes) for one in pool.limits] == limits
    assert pool_of("vram0", Memory(vram_used=used), held) is None


@pytest.mark.parametrize(
    ("memory", "available", "expected"),
    [
        ({"vram_total": 8, "vram_used": 3, "gtt_total": 20, "gtt_used": 5}, 90, (8, 3, 20)),
        ({"vram_total": 8, "vram_used": 3, "gtt_total": 20, "gtt_used": 25}, 90, (8, 3, 5)),
        ({"vram_total": 8, "vram_used": 3, "gtt_total": 200}, 90, (8, 3, 95)),
        ({"vram_total": 8, "vram_used": 3}, 90, (8, 3, 95)),
        ({"vram_total": 8, "gtt_total": 20}, 90, (8, 8, 20)),
        ({"gtt_total": 20}, 90, (0, 0, 20)),
        ({"vram_total": 8, "vram_used": 3, "gtt_total": 20}, None, (8, 3, None)),
    ],
)
def test_graphics_share_what_is_set_aside_and_what_they_may_map(
    memory: dict[str, Any], available: int | None, expected: tuple[int, int, int | None]
) -> None:
    """Never more than RAM has, and nothing that nobody knows to be free."""
    ram = HostRam(total_bytes=100, available_bytes=available)
    found = sharing_of("gpu0", Memory(**memory), ram)

    assert (
        found.carve_out_bytes,
        found.carve_out_used_bytes,
        found.cap.bytes if found.cap else None,
    ) == expected


def test_programs_are_listed_by_what_they_hold() -> None:
    """The largest first, then by number; what is no number, nothing, or more than there is is left out."""
    path = "/sys/class/kfd/kfd/proc"
    answers: dict[str, Any] = {
        f"list:{path}": ["12", "9", "7", "8", "self", "5"],
        f"read:{path}/12/vram_3": "40",
        f"read:{path}/9/vram_3": "50\n",
        f"read:{path}/7/vram_3": "40",
        f"read:{path}/8/vram_3": "0",
        f"read:{path}/self/vram_3": "40",
        f"read:{path}/5/vram_3": "101",
        "read:/proc/9/comm": "ollama\n",
    }
    ask = Asker(FakeSource(answers))

    assert [(one.pid, one.name) for one in ask_holders(ask, 3, 100)] == [(9, "ollama"), (7, None), (12, None)]
    assert [one.pid for one in ask_holders(ask, 3, None)] == [5, 9, 7, 12]
    assert ask_holders(ask, None, 100) == ()


def test_the_topology_has_each_gpu_in_the_order_of_its_nodes() -> None:
    """Processors have no units; the tenth node is no second; what is not said is unknown."""
    answers: dict[str, Any] = {
        f"list:{NODES}": ["0", "1", "10", "2", "3", "4"],
        f"read:{NODES}/10/properties": "simd_count 8\nsimd_per_cu 2\nlocation_id 1280\nunique_id 255\n",
        f"read:{NODES}/0/properties": "cpu_cores_count 16\nsimd_count 0\nlocation_id 5\n",
        f"read:{NODES}/1/properties": "simd_count 192\nsimd_per_cu 2\ngfx_target_version 110000\nlocation_id 768\n",
        f"read:{NODES}/1/mem_banks/0/properties": "width 384\nmem_clk_max 1250\n",
        f"read:{NODES}/1/gpu_id": "77\n",
        f"read:{NODES}/2/properties": "simd_count 10\nsimd_per_cu 2\nlocation_id 768\n",
        f"read:{NODES}/3/properties": "simd_count 8\ncpu_cores_count 4\nlocation_id 1024\n",
        f"read:{NODES}/3/mem_banks/0/properties": "width 0\nmem_clk_max 0\n",
        f"read:{NODES}/4/properties": "simd_count 8\nsimd_per_cu 2\nlocation_id 0\n",
    }
    found = ask_topology(Asker(FakeSource(answers)))

    first, part, second, last = found
    assert [node.address for node in found] == [f"0000:0{bus}:00.0" for bus in (3, 3, 4, 5)]
    assert (part.compute_units, part.heap_bytes, part.uuid) == (5, None, None)
    assert (last.number, last.uuid) == ("10", "GPU-00000000000000ff")
    assert (first.gfx, first.compute_units, first.width_bits, first.clock_mhz, first.gpu_id) == (
        "gfx1100",
        96,
        384,
        1250,
        77,
    )
    assert (first.with_processor, second.with_processor) == (False, True)
    assert (second.gfx, second.compute_units, second.width_bits, second.clock_mhz) == (None, None, None, None)


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"location_id": 0x0312, "domain": 0x10000}, "10000:03:02.2"),
        ({"location_id": 0xFFFF}, "0000:ff:1f.7"),
        ({"location_id": 0x10300}, "0000:03:00.0"),
        ({"location_id": 7 << 28 | 0x0500}, "0000:05:00.0"),
        ({"location_id": 0}, None),
        ({"domain": 3}, None),
    ],
)
def test_an_address_is_bus_device_and_function(properties: dict[str, int], expected: str | None) -> None:
    """Eight bits, five and three; the domain is a number of its own."""
    assert pci_address(properties) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [(110501, "gfx1151"), (90010, "gfx90a"), (120001, "gfx1201"), (None, None), (0, None)],
)
def test_a_version_is_a_name(version: int | None, expected: str | None) -> None:
    """Major, minor and step, the last two in hexadecimal."""
    assert gfx_name(version) == expected


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Node(gfx="gfx1101", width_bits=256, clock_mhz=1218), 623_616_000_000),
        (Node(gfx="gfx1201", width_bits=256, clock_mhz=1250), 640_000_000_000),
        (Node(gfx="gfx906", width_bits=4096, clock_mhz=1000), 1_024_000_000_000),
        (Node(gfx="gfx1101", width_bits=256), None),
        (Node(gfx="gfx1101", clock_mhz=1218), None),
        (Node(width_bits=256, clock_mhz=1218), None),
    ],
)
def test_a_rate_needs_kind_width_and_clock(node: Node, expected: int | None) -> None:
    """RX 7800 XT: 624 GB/s; RX 9070 XT: 640 GB/s; MI50: 1024 GB/s, as AMD says."""
    assert bandwidth(node) == expected


def test_properties_are_lines_of_a_name_and_a_number() -> None:
    """Others are left out."""
    assert parse_properties("  a 5\nb x\nc\n") == {"a": 5}


@pytest.mark.parametrize(
    ("changes", "usable", "why"),
    [
        ({}, True, None),
        ({"list:/sys/bus/pci/devices/0000:03:00.0/drm": ["card1"]}, True, None),
        ({"run:test -w /dev/dri/renderD128": MAY_NOT}, False, "unusable.render-node-closed"),
        ({"read:/sys/bus/pci/devices/0000:03:00.0/mem_info_vram_total": "x"}, False, "unusable.size-unknown"),
        ({"run:test -w /dev/kfd": MAY_NOT}, True, None),
        (
            {"run:test -w /dev/kfd": MAY_NOT, "run:test -w /dev/dri/renderD128": MAY_NOT},
            False,
            "unusable.no-amd-device-file",
        ),
        (
            {"link:/sys/bus/pci/devices/0000:03:00.0/driver": Answer(status="missing")},
            False,
            "unusable.no-driver",
        ),
    ],
)
def test_what_a_card_is_missing(changes: dict[str, Any], usable: bool, why: str | None) -> None:
    """Its own file in /dev/dri is needed by every backend, /dev/kfd by ROCm besides (ROCm/ROCm-docker#49)."""
    (card,) = seen(machine(radeon(), **changes)).accelerators

    assert (card.usable, card.why_not.id if card.why_not else None) == (usable, why)
    assert (card.backend is not None) is usable


@pytest.mark.parametrize(("units", "usable"), [(2, False), (3, True)])
def test_graphics_of_two_units_are_slower_than_their_processor(units: int, *, usable: bool) -> None:
    """Where the topology does not say how many, some devices are known."""
    (counted,) = seen(machine(strix_halo(units=units))).accelerators
    small, large = (
        seen(machine(strix_halo(device=device, node=0))).accelerators[0] for device in ("0x164e", "0x1586")
    )

    assert (counted.usable, counted.why_not) == (
        usable,
        None if usable else message("unusable.few-compute-units"),
    )
    assert (small.usable, large.usable) == (False, True)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"device": "0x744c", "revision": "0xc8"}, "AMD Radeon RX 7900 XTX"),
        ({"device": "0xffff"}, "AMD Pro Duo"),
    ],
)
def test_a_card_is_called_by_its_number_or_by_what_it_says(changes: dict[str, Any], name: str) -> None:
    """Its maker's name once."""
    path = "/sys/bus/pci/devices/0000:03:00.0/product_name"
    (called,) = seen(machine(radeon(**changes)) | {f"read:{path}": "AMD Pro Duo\n"}).accelerators
    (without,) = seen(machine(radeon(device="0xffff"))).accelerators

    assert (called.name, without.name) == (name, "AMD GPU (0xffff)")


@pytest.mark.parametrize(
    ("changes", "basis", "rate"),
    [
        ({}, "derived", 960_000_000_000),
        ({"width": 0}, "declared", 960_000_000_000),
        ({"width": 0, "device": "0xffff"}, None, None),
    ],
)
def test_a_rate_is_the_drivers_or_the_tables(
    changes: dict[str, Any], basis: str | None, rate: int | None
) -> None:
    """A card that neither knows has none; nor have graphics that share the RAM's."""
    (card,) = seen(machine(radeon(**changes))).accelerators
    (graphics,) = seen(machine(strix_halo())).accelerators

    assert (card.bandwidth_basis, card.bandwidth_bytes_per_s) == (basis, rate)
    assert graphics.bandwidth_basis != "derived" or graphics.bandwidth_bytes_per_s is not None


def test_a_window_is_known_where_sizes_are() -> None:
    """What the processor can reach of a card."""
    path = "/sys/bus/pci/devices/0000:03:00.0/mem_info_vis_vram_total"
    (card,) = seen(machine(radeon()) | {f"read:{path}": "268435456\n"}).accelerators
    (unknown,) = seen(machine(radeon()) | {f"read:{path}": "x"}).accelerators

    assert card.window is not None
    assert card.window.visible_bytes == 268435456
    assert unknown.window is None
    assert "window" not in unknown.cited


def test_the_parts_of_a_gpu_share_what_only_the_driver_has() -> None:
    """
    Of 192 GiB in eight parts of 24, 44 are in use: 20 by a program on the first part, the other 24 by nobody known.

    So 3 GiB are in use of each part, and 23 of the first.
    """
    memory = Memory(vram_total=192 * GIB, vram_used=44 * GIB)
    nodes = tuple(Node(number=str(n), heap_bytes=24 * GIB) for n in range(1, 9))
    parts = parts_of(memory, nodes, {"1": (Holder(pid=7, used_bytes=20 * GIB),)})
    shares = [parts.share(memory, node) for node in nodes]

    assert parts.count == 8
    assert [share.vram_total for share in shares] == [24 * GIB] * 8
    assert [share.vram_free for share in shares] == [1 * GIB] + [21 * GIB] * 7
    assert parts_of(memory, (Node(heap_bytes=None),), {}).share(memory, None) is memory


@pytest.mark.parametrize(
    ("heaps", "expected"),
    [
        ((192,), 1),
        ((190,), 1),
        ((96,), 2),
        ((24,), 8),
        ((24, 24), 8),
        ((None, None), 2),
        ((64, 64), 3),
        ((), 1),
    ],
)
def test_a_gpu_is_divided_by_the_number_or_the_size_of_its_nodes(
    heaps: tuple[int | None, ...], expected: int
) -> None:
    """A container that was given one part sees one node, with less memory than sysfs counts for the whole."""
    nodes = tuple(Node(heap_bytes=None if size is None else size * GIB) for size in heaps)

    assert parts_of(Memory(vram_total=192 * GIB), nodes, {}).count == expected


def test_the_nodes_of_a_divided_gpu_are_those_of_its_device() -> None:
    """By the function that the driver makes up; a second function that is a device of its own has its own."""
    nodes = tuple(Node(number=str(n), address=f"0000:05:00.{n}") for n in range(3))
    found = nodes_by_device(nodes, ("0000:05:00.0", "0000:05:00.2"))

    assert {name: [node.number for node in each] for name, each in found.items()} == {
        "0000:05:00.0": ["0", "1"],
        "0000:05:00.2": ["2"],
    }
