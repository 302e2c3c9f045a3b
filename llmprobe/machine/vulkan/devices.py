"""
The Vulkan loader's answer as records.

The names are Vulkan's: https://registry.khronos.org/vulkan/specs/latest/html/vkspec.html (VkPhysicalDeviceProperties,
VkPhysicalDeviceMemoryBudgetPropertiesEXT). Budgets are what a program may use in all, what it uses itself included.
"""

import re
from typing import Any

import msgspec

from llmprobe.facts.vulkan import DeviceKind, LeftOut, Vulkan, VulkanDevice, VulkanHeap
from llmprobe.machine.asking import Asker, as_int, as_text, fields_of, listed
from llmprobe.machine.vulkan.order import VARIABLE, taken

QUESTION = "vulkan:"
_KINDS: tuple[DeviceKind, ...] = ("other", "integrated", "discrete", "virtual", "software")
_DEVICE_LOCAL = 1
_VOTE_AND_SHUFFLE = 0x2 | 0x10
_NO_UUID = r"[0-]*"
_MOST_BYTES = 1 << 62
_LARGEST_NUMBER = 0xFFFFFFFF


def ask_vulkan(ask: Asker) -> Vulkan | None:
    """
    The devices of the loader with llama.cpp's numbers, none where there is no loader; None where it does not answer.
    """
    answer = ask.vulkan()
    visible = as_text(ask.env(VARIABLE))
    if answer.status == "missing":
        return Vulkan(loaded=False, visible=visible, evidence=(QUESTION,))
    if not answer.ok:
        return unasked(visible)
    fields = fields_of(answer)
    found = [parse_device(place, each) for place, each in enumerate(listed(fields.get("devices")))]
    places = taken(found, visible)
    devices = tuple(
        msgspec.structs.replace(
            device,
            number=places.index(device.place) if device.place in places else None,
            left_out=None if device.place in places else _why_left_out(device, named=visible is not None),
        )
        for device in found
    )
    evidence = (QUESTION, *((f"env:{VARIABLE}",) if visible is not None else ()))
    return Vulkan(devices=devices, api=_text(fields.get("apiVersion")), visible=visible, evidence=evidence)


def unasked(visible: str | None) -> Vulkan | None:
    """
    What is known without the loader's answer: the variable, where it is set.
    """
    return None if visible is None else Vulkan(loaded=None, visible=visible, evidence=(f"env:{VARIABLE}",))


def parse_device(place: int, fields: Any) -> VulkanDevice:
    """
    One device. What is not of the kind that Vulkan gives is unknown.
    """
    fields = fields if isinstance(fields, dict) else {}
    extensions = listed(fields.get("extensions"))
    kind = _KINDS[number] if (number := as_int(fields.get("deviceType")) or 0) < len(_KINDS) else "other"
    heaps = tuple(_heap(each) for each in listed(fields.get("heaps")) if isinstance(each, dict))
    total, free, clamped = memory(heaps, integrated=kind == "integrated")
    operations = as_int(fields.get("supportedOperations"))
    stored = as_int(fields.get("storageBuffer16BitAccess"))
    allocation, buffer = _size(fields.get("maxMemoryAllocationSize")), _size(fields.get("maxBufferSize"))
    return VulkanDevice(
        place=place,
        name=_text(fields.get("deviceName")) or "unknown device",
        kind=kind,
        vendor_id=as_int(fields.get("vendorID")),
        pci=_address(fields),
        uuid=_uuid(fields.get("deviceUUID")),
        luid=_uuid(fields.get("deviceLUID")) if as_int(fields.get("deviceLUIDValid")) else None,
        driver_id=as_int(fields.get("driverID")),
        driver=_text(fields.get("driverName")),
        driver_version=_text(fields.get("driverInfo")),
        api=_text(fields.get("apiVersion")),
        heaps=heaps,
        total_bytes=total,
        free_bytes=free,
        clamped_bytes=clamped,
        max_allocation_bytes=min(allocation, buffer) if allocation and buffer else allocation,
        max_buffer_bytes=buffer or allocation,
        max_range_bytes=_size(fields.get("maxStorageBufferRange")),
        buffer_alignment=as_int(fields.get("minStorageBufferOffsetAlignment")),
        map_alignment=as_int(fields.get("minMemoryMapAlignment")),
        subgroup_size=as_int(fields.get("subgroupSize")),
        shuffles=None if operations is None else operations & _VOTE_AND_SHUFFLE == _VOTE_AND_SHUFFLE,
        storage_16_bit=None if stored is None else bool(stored),
        cooperative_matrix="VK_KHR_cooperative_matrix" in extensions,
        cooperative_matrix_2="VK_NV_cooperative_matrix2" in extensions,
        indexing_64_bit="VK_EXT_shader_64bit_indexing" in extensions,
    )


def memory(heaps: tuple[VulkanHeap, ...], *, integrated: bool) -> tuple[int | None, int | None, int | None]:
    """
    Total and free bytes as llama.cpp counts them, and by how much budgets exceed their heaps (None where none does).

    llama.cpp b11549, ``ggml_backend_vk_get_device_memory``: own memory, of integrated graphics all heaps; free is
    budget less use, and the whole heap without budgets. There a budget may exceed the heap; here what exists is the
    most.
    """
    counted = [heap for heap in heaps if integrated or heap.device_local]
    if not counted:
        return None, None, None
    total = sum(heap.size_bytes for heap in counted)
    if any(heap.budget_bytes is None for heap in counted):
        return total, None, None
    free = clamped = 0
    for heap in counted:
        assert heap.budget_bytes is not None
        budget = min(heap.budget_bytes, heap.size_bytes)
        clamped += heap.budget_bytes - budget
        free += max(0, budget - (heap.used_bytes or 0))
    return total, free, clamped or None


def _heap(fields: dict[str, Any]) -> VulkanHeap:
    flags = as_int(fields.get("flags")) or 0
    return VulkanHeap(
        size_bytes=_size(fields.get("size")) or 0,
        device_local=bool(flags & _DEVICE_LOCAL),
        budget_bytes=_size(fields.get("budget")),
        used_bytes=_size(fields.get("usage")),
    )


def _why_left_out(device: VulkanDevice, *, named: bool) -> LeftOut:
    if named:
        return "not-chosen"
    if device.kind == "software":
        return "software"
    if device.kind not in ("discrete", "integrated"):
        return "other-kind"
    return "no-16-bit-storage" if device.storage_16_bit is False else "duplicate"


def _address(fields: dict[str, Any]) -> str | None:
    names = ("pciDomain", "pciBus", "pciDevice", "pciFunction")
    numbers = [number for name in names if (number := as_int(fields.get(name))) is not None]
    if len(numbers) < len(names) or max(numbers) > _LARGEST_NUMBER:
        return None
    domain, bus, device, function = numbers
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function:x}"


def _size(value: Any) -> int | None:
    size = as_int(value)
    return None if size is None else min(size, _MOST_BYTES)


def _uuid(value: Any) -> str | None:
    text = _text(value)
    return None if text is None or re.fullmatch(_NO_UUID, text) else text


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
