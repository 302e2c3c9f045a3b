"""
NVIDIA devices that NVML does not report on: lost, asleep, without a driver, or on a Jetson without the library.
"""

from typing import Any

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Accelerator, DeviceState, Limit, MemoryPool
from llmprobe.machine.asking import Asker, as_int
from llmprobe.machine.gpu_table import Gpu, lookup, usual_reserve
from llmprobe.machine.nvidia_ids import generation_of, last_branch, name_of, needs_module
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.machine.probes.nvidia.device import (
    DRIVER_EVIDENCE,
    UNNAMED,
    Found,
    Identity,
    architecture_of,
    from_table,
)
from llmprobe.machine.probes.nvidia.errors import GPU_IS_LOST, reason
from llmprobe.machine.probes.nvidia.presence import (
    TREE_COMPATIBLE,
    TREE_MODEL,
    Presence,
    parse_gpu_information,
    power_questions,
)
from llmprobe.words.message import Message, message

_KERNEL_DRIVER = "nvidia"


def unreached(index: int, why: Answer, driver: str | None, who: Identity | None = None) -> Found:
    """
    A device that NVML counts and does not report on: it is listed, never dropped.
    """
    known = who or Identity()
    accelerator = Accelerator(
        id="gpu",
        vendor="nvidia",
        name=known.name,
        backend="cuda",
        usable=False,
        why_not=reason(why),
        state="lost" if why.code == GPU_IS_LOST else "unreachable",
        index=index,
        uuid=known.uuid,
        pci=known.pci,
        driver=driver,
        compute_capability=known.compute_capability,
        architecture=known.architecture,
        cited={"driver": DRIVER_EVIDENCE},
        evidence=(f"nvml:nvmlDeviceGetHandleByIndex_v2 {index}",),
    )
    return Found(slot=index, accelerator=accelerator, reachable=False)


def with_addresses(ask: Asker, found: list[Found], presence: Presence) -> list[Found]:
    """
    The devices, with the addresses left on the bus for those that NVML gave none, if the two are equally many.

    NVML counts in the order of the bus, and the kernel module names a device that NVML no longer reaches. NVML does
    not count a lent device, so that with one left the numbers are equal by chance.
    """
    known = {each.accelerator.pci for each in found}
    left = [device.address for device in presence.devices if device.address not in known]
    without = {each.slot for each in found if each.accelerator.pci is None}
    if len(left) != len(without) or any(presence.lent(address) for address in left):
        return found
    addresses = dict(zip(sorted(without), left, strict=True))
    return [_at(ask, each, addresses[each.slot]) if each.slot in addresses else each for each in found]


def from_pci(
    ask: Asker,
    presence: Presence,
    why_not: Message | None,
    *,
    devices: tuple[PciDevice, ...] | None = None,
    place: int | None = None,
) -> list[Found]:
    """
    The devices on the PCI bus, as the kernel describes them, numbered from ``place`` on.

    With ``why_not`` None they are not asked because that would wake one: usable, with the memory that the table
    has for their name. Others that no driver of NVIDIA reports on are named by their number on the bus.
    """
    chosen = presence.devices if devices is None else devices
    first = len(presence.devices) - len(chosen) if place is None else place
    found = []
    for slot, device in enumerate(chosen, start=first):
        facts = _information(ask, device.address)
        named = facts.get("Model") or name_of(device.device)
        name = named or f"NVIDIA GPU ({device.device or 'unknown device'})"
        driver = presence.drivers.get(device.address)
        sleeps, lent = why_not is None and device.address in presence.asleep, presence.lent(device.address)
        because = message("unusable.nvidia-lent") if lent else why_not
        state: DeviceState = "lent" if lent else "asleep" if sleeps else "present"
        accelerator = Accelerator(
            id="gpu",
            vendor="nvidia",
            name=name,
            backend=None if lent else "cuda",
            usable=False,
            why_not=because,
            state=state,
            uuid=facts.get("GPU UUID"),
            pci=device.address,
            driver=presence.module_version if driver == _KERNEL_DRIVER else driver,
            cited={} if state == "present" else {"state": _state_evidence(ask, device, state)},
            evidence=(
                f"read:{device.path}/vendor",
                *((f"read:{device.path}/device",) if device.device is not None else ()),
            ),
        )
        each = Found(slot=slot, accelerator=accelerator, reachable=False)
        row = lookup(name)
        found.append(
            each if lent else _not_woken(each, row) if because is None else _described(each, row, device)
        )
    return found


def why_unlisted(device: PciDevice, presence: Presence, version: str | None) -> Message:
    """
    The likely reason why a driver that runs does not list a device: by the device's generation, the driver's branch,
    and the flavour of its kernel module.
    """
    bound = presence.drivers.get(device.address)
    if bound is not None and bound != _KERNEL_DRIVER:
        return message("unusable.other-driver", driver=bound, needed=_KERNEL_DRIVER)
    generation = generation_of(device.device)
    branch, last = as_int((version or "").split(".")[0]), last_branch(generation)
    if branch is not None and last is not None and branch > last:
        return message("unusable.nvidia-dropped", generation=generation, branch=branch, last=last)
    if presence.module_open is not None:
        needed = needs_module(generation, is_open=presence.module_open)
        if needed is not None:
            return message(f"unusable.nvidia-needs-{needed}", generation=generation)
    started = bound is None or not presence.has_all_files
    return message("unusable.nvidia-unlisted" if started else "unusable.nvidia-not-started")


def _described(found: Found, row: Gpu | None, device: PciDevice) -> Found:
    """
    A device that cannot be used, with what the table has for its name; nothing of it is free.
    """
    accelerator = found.accelerator
    generation = generation_of(device.device)
    known = _declared(row) or {"architecture": generation}
    if row is None or row.memory_bytes is None:
        return msgspec.structs.replace(found, accelerator=msgspec.structs.replace(accelerator, **known))
    pool = MemoryPool(
        id="vram",
        kind="vram",
        total_bytes=row.memory_bytes,
        free_bytes=None,
        budget_bytes=row.memory_bytes,
        basis="declared",
        evidence=accelerator.evidence,
    )
    accelerator = msgspec.structs.replace(accelerator, pools=("vram",), **known)
    return msgspec.structs.replace(found, accelerator=accelerator, pool=pool)


def _state_evidence(ask: Asker, device: PciDevice, state: DeviceState) -> tuple[str, ...]:
    if state == "asleep":
        return power_questions(ask, device.address)
    return ask.answered(f"link:{device.path}/driver")


def from_tree(board: str) -> list[Found]:
    """
    The device of a Jetson whose system has no NVML (JetPack 5): it computes in the host's memory.
    """
    row = lookup(board)
    accelerator = Accelerator(
        id="gpu",
        vendor="nvidia",
        name=board,
        backend="cuda",
        pools=("ram",),
        integrated=True,
        evidence=(f"read:{TREE_COMPATIBLE}", f"read:{TREE_MODEL}"),
        **_declared(row),
    )
    return [Found(slot=0, accelerator=accelerator)]


def _at(ask: Asker, found: Found, address: str) -> Found:
    accelerator = found.accelerator
    facts = _information(ask, address)
    name = facts.get("Model", UNNAMED) if accelerator.name == UNNAMED else accelerator.name
    uuid = accelerator.uuid or facts.get("GPU UUID")
    known = msgspec.structs.replace(accelerator, pci=address, name=name, uuid=uuid)
    return msgspec.structs.replace(found, accelerator=known)


def _not_woken(found: Found, row: Gpu | None) -> Found:
    if row is None or row.memory_bytes is None:
        asleep = found.accelerator.state == "asleep"
        why_not = message("unusable.nvidia-asleep" if asleep else "unusable.nvidia-not-asked")
        return msgspec.structs.replace(
            found, accelerator=msgspec.structs.replace(found.accelerator, why_not=why_not)
        )
    reserve = usual_reserve(row)
    pool = MemoryPool(
        id="vram",
        kind="vram",
        total_bytes=row.memory_bytes,
        free_bytes=row.memory_bytes - reserve,
        budget_bytes=row.memory_bytes - reserve,
        limits=(
            Limit(
                by="driver-reserve",
                bytes=reserve,
                detail=message("limit.nvidia-usual-reserve"),
                basis="declared",
            ),
        ),
        basis="declared",
        evidence=found.accelerator.evidence,
    )
    accelerator = msgspec.structs.replace(found.accelerator, usable=True, pools=("vram",), **_declared(row))
    return msgspec.structs.replace(found, accelerator=accelerator, pool=pool, reachable=True)


def _declared(row: Gpu | None) -> dict[str, Any]:
    if row is None:
        return {}
    bandwidth = row.bandwidth_bytes_per_s
    return {
        "compute_capability": row.compute_capability,
        "architecture": architecture_of(row.compute_capability),
        "bandwidth_bytes_per_s": bandwidth,
        "bandwidth_basis": "declared" if bandwidth else None,
        "bandwidth_how": from_table(row) if bandwidth else None,
    }


def _information(ask: Asker, address: str) -> dict[str, str]:
    """
    The kernel module's description of a device, which needs no NVML and wakes nothing.
    """
    text = ask.text(f"/proc/driver/nvidia/gpus/{address}/information")
    return parse_gpu_information(text) if text else {}
