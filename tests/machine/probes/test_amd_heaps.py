"""
What ROCm and Vulkan can allocate of the memory that integrated graphics share, and which is chosen.
"""

from typing import Any

import pytest

from llmprobe.machine.asking import Asker
from llmprobe.machine.host_ram import HostRam
from llmprobe.machine.kernel_release import kernel_version
from llmprobe.machine.probes.amd.heaps import heaps_of, rocm_heap
from llmprobe.machine.probes.amd.memory import TTM_LIMIT, Memory, within_ttm
from llmprobe.machine.probes.amd.topology import Node
from tests.machine.fake import GIB, FakeSource

LARGE = Memory(vram_total=96 * GIB, vram_used=1 * GIB, gtt_total=16 * GIB, gtt_used=2 * GIB)
SMALL = Memory(vram_total=1 * GIB, vram_used=0, gtt_total=16 * GIB, gtt_used=2 * GIB)


def ram(available: int | None = 24) -> HostRam:
    return HostRam(total_bytes=31 * GIB, available_bytes=None if available is None else available * GIB)


@pytest.mark.parametrize(
    ("heap", "release", "where", "free"),
    [
        (96, "6.14.0", "carve-out", 95),
        (16, "6.17.0", "gtt", 14),
        (15, "6.17.0", "gtt", 13),
        (40, "6.17.0", "gtt", 14),
        (94.2, "6.17.0", "carve-out", 94.2),
        (93, "6.17.0", "gtt", 14),
        (None, "6.9.12", "carve-out", 95),
        (None, "6.8.0-45-generic", "carve-out", 95),
        (None, "6.10.0", "gtt", 14),
        (None, "6.14.0-1014-oem", "gtt", 14),
        (None, "6.16.8", "gtt", 14),
        (None, "6.16.9", "carve-out", 95),
        (None, "6.17", "carve-out", 95),
        (None, "7.0.1", "carve-out", 95),
    ],
)
def test_rocm_allocates_from_one_part(heap: float | None, release: str, where: str, free: float) -> None:
    """
    From the part whose size the topology reports, and no more than GTT has. Without that by the kernel.

    95 GiB are 96 less 1 in use; 14 are 16 less 2, 13 are 15 less 2.
    """
    node = Node(heap_bytes=None if heap is None else int(heap * GIB))
    found = rocm_heap(LARGE, node, ram(), release)

    assert found is not None
    most = int(heap * GIB) if heap == 94.2 else int(free * GIB)
    assert (found.where, found.free_bytes) == (where, most)
    assert found.basis == (
        "measured" if heap else "assumed" if release.startswith(("6.14", "6.16.8")) else "derived"
    )


def test_the_larger_part_is_gtt_where_the_carve_out_is_small() -> None:
    """From 6.16.9 on; and no more of it than RAM has available."""
    found = rocm_heap(SMALL, None, ram(available=10), "6.17.2")

    assert found is not None
    assert (found.where, found.total_bytes, found.free_bytes) == ("gtt", 16 * GIB, 10 * GIB)


@pytest.mark.parametrize(
    ("memory", "node", "release"),
    [
        (Memory(gtt_total=GIB), None, "6.14"),
        (Memory(vram_total=GIB), None, "6.14"),
        (LARGE, Node(), None),
        (LARGE, Node(), "rolling"),
    ],
)
def test_what_rocm_can_allocate_may_be_unknown(
    memory: Memory, node: Node | None, release: str | None
) -> None:
    """Neither the topology nor the kernel tells it then, and no second figure is made up."""
    assert rocm_heap(memory, node, ram(), release) is None
    assert heaps_of(memory, node, ram(), release) is None


@pytest.mark.parametrize(
    ("memory", "heap", "chosen", "reach"),
    [
        (LARGE, 96, "vulkan", 95 + 14),
        (LARGE, 16, "vulkan", 95 + 14),
        (SMALL, 16, "vulkan", 1 + 14),
        (Memory(vram_total=GIB // 2, vram_used=0, gtt_total=16 * GIB, gtt_used=0), 16, "rocm", 16.5),
        (Memory(vram_total=96 * GIB, vram_used=0, gtt_total=2 * GIB, gtt_used=0), 96, "rocm", 98),
    ],
)
def test_vulkan_is_chosen_where_it_reaches_clearly_more(
    memory: Memory, heap: int, chosen: str, reach: float
) -> None:
    """
    It reaches both parts. A sixteenth more is enough: 15 against 14 GiB is, 16.5 against 16 is not.
    """
    found = heaps_of(memory, Node(heap_bytes=heap * GIB), ram(), "6.17.0")

    assert found is not None
    assert (found.chosen, found.vulkan_bytes) == (chosen, reach * GIB)
    assert (found.cap() is None) is (chosen == "vulkan")


def test_without_a_figure_of_ram_rocm_stays() -> None:
    """What Vulkan reaches is unknown then."""
    found = heaps_of(LARGE, Node(heap_bytes=96 * GIB), ram(available=None), "6.17.0")

    assert found is not None
    assert (found.chosen, found.vulkan_bytes) == ("rocm", None)
    cap = found.cap()
    assert cap is not None
    assert cap.bytes == 95 * GIB


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        ("6.14.0-1014-oem", (6, 14, 0)),
        ("6.17", (6, 17)),
        ("6.16.9-arch1", (6, 16, 9)),
        ("", None),
        (None, None),
    ],
)
def test_the_numbers_of_a_kernel(release: str | None, expected: tuple[int, ...] | None) -> None:
    """Two or three, whatever a distribution adds."""
    assert kernel_version(release) == expected


@pytest.mark.parametrize(
    ("pages", "expected"), [("2621440\n", 10), ("4194304\n", 16), ("9999999\n", 16), ("0\n", 16), (None, 16)]
)
def test_gtt_is_no_larger_than_what_the_memory_manager_allows(pages: str | None, expected: int) -> None:
    """2,621,440 pages of 4 KiB are 10 GiB."""
    answers: dict[str, Any] = {} if pages is None else {f"read:{TTM_LIMIT}": pages}
    found = within_ttm(Asker(FakeSource(answers)), LARGE)

    assert found.gtt_total == expected * GIB
    assert (f"read:{TTM_LIMIT}" in found.evidence) is (expected == 10)
