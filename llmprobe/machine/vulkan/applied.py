"""
What Vulkan's answer adds to the devices that other probes found: which is which, and the memory that only it knows.

A budget is what a program may have by the driver's rules. It is not what is free: drivers that don't see the use by
others (Intel's on Linux) have one too. Where a probe read the driver's own counts, these stay.
"""

from collections.abc import Sequence

import msgspec

from llmprobe.facts.machine import Accelerator, Limit, MemoryPool
from llmprobe.facts.vulkan import Vulkan, VulkanDevice
from llmprobe.machine.budget import settle
from llmprobe.machine.vulkan.devices import QUESTION
from llmprobe.words.message import message

_VENDORS = {0x10DE: "nvidia", 0x1002: "amd", 0x8086: "intel", 0x106B: "apple"}
_HONEYKRISP = 26
"""Mesa's driver of Apple's chips, which gives Mesa's number as the vendor's."""
_SIZE_UNKNOWN = "unusable.size-unknown"


class Applied(msgspec.Struct, frozen=True):
    """
    The devices of Vulkan with their accelerators, and accelerators and pools with what it adds.
    """

    vulkan: Vulkan
    accelerators: tuple[Accelerator, ...]
    pools: tuple[MemoryPool, ...]


def applied(vulkan: Vulkan, accelerators: Sequence[Accelerator], pools: Sequence[MemoryPool]) -> Applied:
    """
    Give each card whose free memory is unknown the driver's budget, and one whose size is unknown its heaps.
    """
    matched = {
        device.place: each.id
        for device in vulkan.devices
        if (each := _accelerator_of(device, vulkan.devices, accelerators)) is not None
    }
    devices = tuple(
        msgspec.structs.replace(device, accelerator=matched.get(device.place)) for device in vulkan.devices
    )
    described: dict[str, VulkanDevice] = {}
    for device in sorted(devices, key=lambda each: (each.number is None, each.number or 0)):
        if device.accelerator is not None and device.kind == "discrete":
            described.setdefault(device.accelerator, device)
    own = {each.pools[0]: each.id for each in accelerators if each.pools and not each.integrated}
    known = [
        _budgeted(pool, described[own[pool.id]]) if own.get(pool.id) in described else pool for pool in pools
    ]
    sized = [
        _sized(each, described[each.id]) if _lacks_size(each) and each.id in described else (each, None)
        for each in accelerators
    ]
    return Applied(
        msgspec.structs.replace(vulkan, devices=devices),
        tuple(accelerator for accelerator, _ in sized),
        (*known, *(pool for _, pool in sized if pool is not None)),
    )


def _accelerator_of(
    device: VulkanDevice, devices: Sequence[VulkanDevice], accelerators: Sequence[Accelerator]
) -> Accelerator | None:
    """
    The accelerator that a device is: by its address, by its UUID, by its name, or as the only one of its maker.
    """
    if device.kind == "software":
        return None
    for each in accelerators:
        if (device.pci is not None and device.pci == each.pci) or (
            device.uuid is not None
            and each.uuid is not None
            and each.uuid.removeprefix("GPU-") == device.uuid
        ):
            return each
    vendor = "apple" if device.driver_id == _HONEYKRISP else _VENDORS.get(device.vendor_id or 0)
    if vendor is None:
        return None
    integrated = device.kind == "integrated"
    of_vendor = [
        each
        for each in accelerators
        if each.vendor == vendor
        and each.integrated == integrated
        and (each.pci is None or device.pci is None)
    ]
    by_name = [each for each in of_vendor if each.name in device.name or device.name in each.name]
    alike = [other for other in devices if other.vendor_id == device.vendor_id and other.kind == device.kind]
    if len(by_name) == 1:
        return by_name[0]
    return of_vendor[0] if len(of_vendor) == 1 and len(alike) == 1 else None


def _lacks_size(accelerator: Accelerator) -> bool:
    return accelerator.why_not is not None and accelerator.why_not.id == _SIZE_UNKNOWN


def _sized(accelerator: Accelerator, device: VulkanDevice) -> tuple[Accelerator, MemoryPool | None]:
    """
    A card that can be used after all: the heaps are its memory.
    """
    if device.total_bytes is None or device.number is None:
        return accelerator, None
    pool = MemoryPool(
        id=accelerator.id.replace("gpu", "vram"),
        kind="vram",
        total_bytes=device.total_bytes,
        free_bytes=None,
        budget_bytes=None,
        evidence=(QUESTION,),
    )
    usable = msgspec.structs.replace(
        accelerator, usable=True, why_not=None, backend="vulkan", pools=(pool.id,)
    )
    return usable, _budgeted(pool, device)


def _budgeted(pool: MemoryPool, device: VulkanDevice) -> MemoryPool:
    """
    A card's pool with the driver's budget in place of an assumed one, where its free memory is unknown.
    """
    if pool.free_bytes is not None or pool.total_bytes is None or device.free_bytes is None:
        return pool
    budget = min(device.free_bytes, pool.total_bytes)
    limit = Limit(
        by="driver-reserve",
        bytes=pool.total_bytes - budget,
        detail=message("limit.vulkan-budget", driver=device.driver, budget_bytes=budget),
    )
    kept = tuple(each for each in pool.limits if each.basis != "assumed")
    told = msgspec.structs.replace(
        pool,
        budget_bytes=budget,
        limits=kept or (limit,),
        evidence=tuple(dict.fromkeys((*pool.evidence, QUESTION))),
    )
    return settle(told)
