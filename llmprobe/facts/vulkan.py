"""
What the Vulkan loader reports: the devices that llmprobe's and llama.cpp's Vulkan would see, and what they allow.
"""

from __future__ import annotations

from typing import Literal

import msgspec

DeviceKind = Literal["other", "integrated", "discrete", "virtual", "software"]
LeftOut = Literal["software", "duplicate", "no-16-bit-storage", "not-chosen", "other-kind"]
"""
Why llama.cpp does not take a device: it is the processor; another driver's entry of the same GPU is taken; its driver
lacks what every shader needs; GGML_VK_VISIBLE_DEVICES names others; it is neither integrated nor a card.
"""


class VulkanHeap(msgspec.Struct, frozen=True, kw_only=True):
    """
    A part of the memory that a device allocates from. ``budget_bytes`` and ``used_bytes`` are the driver's for a
    program, None where it has no budgets.
    """

    size_bytes: int
    device_local: bool
    budget_bytes: int | None = None
    used_bytes: int | None = None


class VulkanDevice(msgspec.Struct, frozen=True, kw_only=True):
    """
    A device at its ``place`` in the loader's list, with the ``number`` that llama.cpp gives it (``Vulkan0``), None
    where it is ``left_out``. ``accelerator`` is its id in the snapshot, ``luid`` the adapter's number in Windows.

    ``total_bytes`` and ``free_bytes`` are counted as llama.cpp counts: over the heaps of a card's own memory, of
    integrated graphics over all. Where the driver's budgets are larger than the heaps (``clamped_bytes`` in sum), the
    heaps count. ``free_bytes`` is None without budgets.

    ``max_allocation_bytes`` is the largest allocation, ``max_buffer_bytes`` the largest buffer, ``max_range_bytes``
    what a shader reaches of one buffer; ``buffer_alignment`` and ``map_alignment`` are those of offsets and of mapped
    memory.
    """

    place: int
    number: int | None = None
    left_out: LeftOut | None = None
    accelerator: str | None = None
    name: str
    kind: DeviceKind
    vendor_id: int | None = None
    pci: str | None = None
    uuid: str | None = None
    luid: str | None = None
    driver_id: int | None = None
    driver: str | None = None
    driver_version: str | None = None
    api: str | None = None
    heaps: tuple[VulkanHeap, ...] = ()
    total_bytes: int | None = None
    free_bytes: int | None = None
    clamped_bytes: int | None = None
    max_allocation_bytes: int | None = None
    max_buffer_bytes: int | None = None
    max_range_bytes: int | None = None
    buffer_alignment: int | None = None
    map_alignment: int | None = None
    subgroup_size: int | None = None
    shuffles: bool | None = None
    storage_16_bit: bool | None = None
    cooperative_matrix: bool = False
    cooperative_matrix_2: bool = False
    indexing_64_bit: bool = False


class Vulkan(msgspec.Struct, frozen=True, kw_only=True):
    """
    The loader's devices in its order, software devices among them. ``visible`` is GGML_VK_VISIBLE_DEVICES; ``loaded``
    is False where there is no loader, or no driver for it, and None where it was not asked or did not answer.
    """

    loaded: bool | None = True
    devices: tuple[VulkanDevice, ...] = ()
    api: str | None = None
    visible: str | None = None
    evidence: tuple[str, ...]
