"""
The loader's answer as records, and the memory that llama.cpp counts.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.vulkan import Vulkan, VulkanHeap
from llmprobe.machine.asking import Asker
from llmprobe.machine.vulkan.devices import ask_vulkan, memory, parse_device
from tests.machine.fake import GIB, MIB, FakeSource
from tests.machine.vulkan.samples import answer, device, software


def asked(*devices: dict[str, Any], **answers: Any) -> Vulkan:
    vulkan = ask_vulkan(Asker(FakeSource(answer(*devices) | answers)))
    assert vulkan is not None
    return vulkan


def test_a_card() -> None:
    """
    What llama.cpp goes by: kind, driver, limits, features.
    """
    card = parse_device(0, device())

    assert (card.kind, card.pci, card.driver_id, card.driver) == ("discrete", "0000:03:00.0", 3, "radv")
    assert (card.max_allocation_bytes, card.max_buffer_bytes, card.max_range_bytes) == (
        4_294_967_292,
        4_294_967_292,
        4_294_967_295,
    )
    assert (card.buffer_alignment, card.map_alignment, card.subgroup_size) == (4, 4096, 64)
    assert (card.shuffles, card.storage_16_bit, card.cooperative_matrix) == (True, True, True)
    assert not card.cooperative_matrix_2
    assert not card.indexing_64_bit


@pytest.mark.parametrize(
    ("allocation", "buffer", "expected"),
    [
        (4 * GIB, 2 * GIB, (2 * GIB, 2 * GIB)),
        (2 * GIB, 4 * GIB, (2 * GIB, 4 * GIB)),
        (2 * GIB, None, (2 * GIB, 2 * GIB)),
        (None, None, (None, None)),
    ],
)
def test_the_largest_allocation_is_no_larger_than_a_buffer(
    allocation: int | None, buffer: int | None, expected: tuple[int | None, int | None]
) -> None:
    """
    The smaller of both limits is allocated; a driver without the newer limit has one for both.
    """
    card = parse_device(0, device(maxMemoryAllocationSize=allocation, maxBufferSize=buffer))

    assert (card.max_allocation_bytes, card.max_buffer_bytes) == expected


def heaps(*sizes: tuple[int, bool, int | None, int | None]) -> tuple[VulkanHeap, ...]:
    return tuple(
        VulkanHeap(size_bytes=size, device_local=local, budget_bytes=budget, used_bytes=used)
        for size, local, budget, used in sizes
    )


def test_a_card_counts_its_own_memory() -> None:
    """
    Both of its heaps (a small BAR makes two), and nothing of RAM: (1000 - 100) + (200 - 0) of 1,324.
    """
    parts = heaps((1068, True, 1000, 100), (256, True, 200, 0), (9000, False, 9000, 0))

    assert memory(parts, integrated=False) == (1324, 1100, None)


def test_integrated_graphics_count_all_heaps() -> None:
    """
    512 of a carve-out and 8,000 of RAM.
    """
    parts = heaps((512, True, 500, 0), (8000, False, 7000, 1000))

    assert memory(parts, integrated=True) == (8512, 6500, None)


def test_a_budget_above_its_heap_is_cut() -> None:
    """
    1,500 of 1,000 are 1,000, of which 300 are used; the 500 too much are told.
    """
    assert memory(heaps((1000, True, 1500, 300)), integrated=False) == (1000, 700, 500)


def test_more_use_than_budget_leaves_nothing() -> None:
    """
    Never less than nothing, which llama.cpp would read as 16 EiB.
    """
    assert memory(heaps((1000, True, 500, 800)), integrated=False) == (1000, 0, None)


def test_without_budgets_the_free_memory_is_unknown() -> None:
    """
    llama.cpp takes the whole heap for free; it is not known to be.
    """
    assert memory(heaps((1000, True, None, None)), integrated=False) == (1000, None, None)
    assert memory((), integrated=False) == (None, None, None)


def test_devices_have_llama_cpps_numbers() -> None:
    """
    The second in the loader's list is Vulkan0 where the first is software, which is left out for that.
    """
    first, second = asked(software(), device()).devices

    assert (first.place, first.number, first.left_out) == (0, None, "software")
    assert (second.place, second.number, second.left_out) == (1, 0, None)


def test_the_variable_is_part_of_the_answer() -> None:
    """
    Devices that it does not name are left out for that.
    """
    vulkan = asked(device(), software(), **{"env:GGML_VK_VISIBLE_DEVICES": "1"})

    assert vulkan.visible == "1"
    assert [(each.number, each.left_out) for each in vulkan.devices] == [(None, "not-chosen"), (0, None)]
    assert "env:GGML_VK_VISIBLE_DEVICES" in vulkan.evidence


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deviceType": 3}, "other-kind"),
        ({"storageBuffer16BitAccess": 0}, "no-16-bit-storage"),
        ({"driverID": 1}, "duplicate"),
    ],
)
def test_why_a_device_has_no_number(changes: dict[str, Any], reason: str) -> None:
    """
    A device of another kind, one without 16-bit storage, and the second driver of the same GPU.
    """
    _, second = asked(device(), device(**changes)).devices

    assert (second.number, second.left_out) == (None, reason)


def test_no_loader_is_an_empty_list() -> None:
    """
    Where there is no loader there are no devices, and that is said.
    """
    vulkan = ask_vulkan(Asker(FakeSource({})))

    assert vulkan is not None
    assert (vulkan.loaded, vulkan.devices) == (False, ())
    assert asked(device()).loaded


@pytest.mark.parametrize("status", ["not_recorded", "failed", "timeout", "denied"])
def test_no_answer_is_no_list(status: Any) -> None:
    """
    Without an answer nothing is known, which is not an empty list.
    """
    assert ask_vulkan(Asker(FakeSource({"vulkan:": Answer(status=status)}))) is None


@pytest.mark.parametrize(
    "fields",
    [
        None,
        7,
        {},
        {"deviceType": 99, "deviceName": 7, "heaps": [None, 7, {"size": "zz"}], "extensions": 7},
        {"pciBus": -1, "pciDomain": "x", "deviceUUID": [], "supportedOperations": None},
        {"deviceUUID": "00000000-0000-0000-0000-000000000000", "pciDomain": 1 << 70},
    ],
)
def test_nonsense_is_unknown(fields: Any) -> None:
    """
    A recording may hold anything.
    """
    one = parse_device(3, fields)

    assert (one.place, one.uuid, one.pci) == (3, None, None)
    assert one.free_bytes is None


def test_a_luid_counts_where_it_is_valid() -> None:
    """
    Windows sets a mark beside it.
    """
    luid = {"deviceLUID": "a1b2000000000000"}

    assert parse_device(0, device(**luid, deviceLUIDValid=1)).luid == "a1b2000000000000"
    assert parse_device(0, device(**luid, deviceLUIDValid=0)).luid is None


def test_sizes_fit_a_document() -> None:
    """
    Drivers write 2^64 - 1 for no limit.
    """
    assert (
        parse_device(0, device(maxBufferSize=2**64 - 1, maxMemoryAllocationSize=MIB)).max_buffer_bytes
        == 1 << 62
    )
