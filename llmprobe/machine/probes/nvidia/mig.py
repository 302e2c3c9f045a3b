"""
The instances of a device that MIG divides: each is an accelerator with its own memory, the parent is none.

https://docs.nvidia.com/datacenter/tesla/mig-user-guide/. An instance has the handle ``<device>/<position>``.
"""

import re

from llmprobe.facts.machine import Accelerator, Partition
from llmprobe.machine.asking import as_int, as_text, fields_of, items_of
from llmprobe.machine.gpu_table import lookup
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.device import (
    DRIVER_EVIDENCE,
    Bandwidth,
    Found,
    Identity,
    ask_bandwidth,
    share_of,
    without_memory,
)
from llmprobe.machine.probes.nvidia.errors import NO_PERMISSION
from llmprobe.machine.probes.nvidia.memory import V2, ask_memory, pool_of
from llmprobe.machine.probes.nvidia.processes import ask_holders
from llmprobe.words.message import message

_PROFILE = r"MIG (\S+)$"
_MOST_INSTANCES = 7


def mig_enabled(ask: Careful, handle: str) -> bool:
    """
    Whether the device is divided now; a mode that only waits for a reset does not count.

    In a container that was given an instance the mode may be refused, as the parent's memory then is: an instance
    that answers shows it too.
    """
    answer = ask.nvml("nvmlDeviceGetMigMode", handle)
    if answer.code != NO_PERMISSION:
        return items_of(answer)[:1] == [1]
    if ask.nvml(V2, handle).code != NO_PERMISSION:
        return False
    return any(
        ask.nvml("nvmlDeviceGetMigDeviceHandleByIndex", f"{handle}/{place}").ok
        for place in range(_MOST_INSTANCES)
    )


def ask_instances(ask: Careful, handle: str, who: Identity, *, driver: str | None) -> list[Found]:
    """
    The instances of a device, or the device itself as one that is not usable where it has none.
    """
    most = as_int(ask.nvml("nvmlDeviceGetMaxMigDeviceCount", handle).value)
    row = lookup(who.name)
    whole = ask_bandwidth(ask, handle, row)
    whole_bytes = row.memory_bytes if row else ask_memory(ask, handle).total_bytes
    instances = []
    for position in range(_MOST_INSTANCES if most is None else most):
        inner = f"{handle}/{position}"
        if ask.nvml("nvmlDeviceGetMigDeviceHandleByIndex", inner).ok and ask.lost(handle) is None:
            instances.append(_instance(ask, inner, who, driver, whole, whole_bytes))
    if instances:
        return instances
    accelerator = Accelerator(
        id="gpu",
        vendor="nvidia",
        name=who.name,
        backend="cuda",
        usable=False,
        why_not=message("unusable.nvidia-no-instance"),
        state="no-instance",
        index=int(handle),
        uuid=who.uuid,
        pci=who.pci,
        driver=driver,
        compute_capability=who.compute_capability,
        architecture=who.architecture,
        cited={"driver": DRIVER_EVIDENCE},
        evidence=(f"nvml:nvmlDeviceGetMigMode {handle}",),
    )
    return [Found(slot=int(handle), slot_uuid=who.uuid, accelerator=accelerator)]


def _instance(
    ask: Careful,
    inner: str,
    parent: Identity,
    driver: str | None,
    whole: Bandwidth,
    whole_bytes: int | None,
) -> Found:
    name = as_text(ask.nvml("nvmlDeviceGetName", inner))
    uuid = as_text(ask.nvml("nvmlDeviceGetUUID", inner))
    instance_id = as_int(ask.nvml("nvmlDeviceGetGpuInstanceId", inner).value)
    compute_id = as_int(ask.nvml("nvmlDeviceGetComputeInstanceId", inner).value)
    attributes = fields_of(ask.nvml("nvmlDeviceGetAttributes_v2", inner))
    memory = ask_memory(ask, inner)
    holders = ask_holders(ask, inner, memory.total_bytes) if memory.total_bytes is not None else ()
    match = re.search(_PROFILE, name or "")
    profile = match.group(1) if match else _profile(attributes)
    pool = pool_of("vram", memory, holders) if memory.total_bytes is not None else None
    share = share_of(whole, memory.total_bytes, whole_bytes)
    accelerator = Accelerator(
        id="gpu",
        vendor="nvidia",
        name=f"{parent.name} MIG {profile}" if profile else f"{parent.name} MIG",
        backend="cuda",
        pools=("vram",) if pool else (),
        usable=pool is not None,
        why_not=None if pool else without_memory(memory),
        state="present" if pool else "unreachable",
        index=int(inner.split("/")[0]),
        uuid=uuid,
        pci=parent.pci,
        driver=driver,
        compute_capability=parent.compute_capability,
        architecture=parent.architecture,
        bandwidth_bytes_per_s=share.bytes_per_s,
        bandwidth_basis=share.basis,
        bandwidth_how=share.how,
        memory_bus_bits=share.bus_bits,
        partition=Partition(
            kind="mig",
            profile=profile,
            parent_name=parent.name,
            parent_uuid=parent.uuid,
            instance_id=instance_id,
        ),
        cited={"driver": DRIVER_EVIDENCE},
        evidence=ask.answered(f"nvml:nvmlDeviceGetName {inner}", *memory.evidence),
    )
    both = None if instance_id is None or compute_id is None else (instance_id, compute_id)
    return Found(
        slot=int(inner.split("/")[0]),
        slot_uuid=parent.uuid,
        accelerator=accelerator,
        pool=pool,
        instance=both,
    )


def _profile(attributes: dict[str, object]) -> str | None:
    """
    The profile's name from its attributes: ``3g.40gb`` has three compute slices and about 40 GB.
    """
    slices = as_int(attributes.get("gpuInstanceSliceCount"))
    megabytes = as_int(attributes.get("memorySizeMB"))
    return f"{slices}g.{round(megabytes / 1024)}gb" if slices and megabytes else None
