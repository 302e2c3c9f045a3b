"""
One GPU of AMD or Intel on Windows: its memory, and whether models run on it.

The backend is Vulkan, whose build of llama.cpp runs with every driver of both makers.
"""

from typing import Literal

import msgspec

from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Sharing
from llmprobe.machine.gpu_table import Gpu, lookup, named
from llmprobe.machine.host_ram import HostRam
from llmprobe.machine.in_processors import AMD_TOO_SMALL
from llmprobe.machine.pci_names import marketing_name
from llmprobe.machine.probes.windows.kinds import AMD, is_integrated
from llmprobe.machine.probes.windows.registry import Listed
from llmprobe.units import MIB
from llmprobe.words.message import Message, message

IN_USE_BY_DESKTOP = 768 * MIB
"""What Windows' desktop and the driver usually hold of the GPU that the display hangs on: assumed, where unmeasured."""

_SHARE_OF_RAM = 2
"""
Windows lets a GPU use half of RAM beside its own memory:
https://learn.microsoft.com/windows-hardware/drivers/display/calculating-graphics-memory
"""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """
    A GPU with its own pool, or with how it shares RAM.
    """

    accelerator: Accelerator
    pool: MemoryPool | None = None
    sharing: Sharing | None = None


def found(adapter: Listed, number: int, ram: HostRam) -> Found:
    """
    The GPU that an adapter of AMD or Intel is; ``number`` counts those of this probe.
    """
    vendor: Literal["amd", "intel"] = "amd" if adapter.vendor == AMD else "intel"
    name = marketing_name(vendor, adapter.device, adapter.revision) or adapter.name
    row = _row(name, adapter)
    if is_integrated(adapter, row):
        return _integrated(adapter, number, ram, _described(adapter, number, vendor, name, row))
    pool = _pool(f"vram{number}", adapter, row)
    accelerator = msgspec.structs.replace(
        _described(adapter, number, vendor, name, row),
        backend="vulkan" if pool is not None else None,
        pools=(pool.id,) if pool is not None else (),
        usable=pool is not None,
        why_not=None if pool is not None else message("unusable.size-unknown"),
    )
    return Found(accelerator=accelerator, pool=pool)


def shared_limit(ram: HostRam) -> int | None:
    """
    What a GPU may use of RAM now, in bytes: half of it, as far as that is free.
    """
    if ram.total_bytes is None or ram.available_bytes is None:
        return None
    return min(ram.total_bytes // _SHARE_OF_RAM, ram.available_bytes)


def _row(name: str, adapter: Listed) -> Gpu | None:
    """
    The table's row: by the memory that the driver wrote for a card; graphics that share RAM have one of their name.
    """
    if (row := lookup(name, adapter.memory_bytes)) is not None:
        return row
    rows = named(name) or named(adapter.name)
    return rows[0] if len(rows) == 1 and (rows[0].unified or adapter.memory_bytes is None) else None


def _described(
    adapter: Listed, number: int, vendor: Literal["amd", "intel"], name: str, row: Gpu | None
) -> Accelerator:
    rate = row.bandwidth_bytes_per_s if row is not None else None
    how: Message | None = None
    if row is not None and rate is not None:
        how = message("bandwidth.table", name=row.name, cores=None, source=row.source)
    return Accelerator(
        id=f"gpu{number}",
        vendor=vendor,
        name=name,
        driver=adapter.driver_version,
        architecture=row.architecture if row is not None else None,
        bandwidth_bytes_per_s=rate,
        bandwidth_basis="declared" if how is not None else None,
        bandwidth_how=how,
        evidence=adapter.evidence,
    )


def _integrated(adapter: Listed, number: int, ram: HostRam, described: Accelerator) -> Found:
    why_not = None
    if described.vendor == "intel":
        why_not = message("unusable.slower-than-processor")
    elif adapter.device in AMD_TOO_SMALL:
        why_not = message("unusable.few-compute-units")
    accelerator = msgspec.structs.replace(
        described,
        backend="vulkan" if why_not is None else None,
        pools=("ram",),
        usable=why_not is None,
        why_not=why_not,
        integrated=True,
    )
    if why_not is not None:
        return Found(accelerator=accelerator)
    carve_out = adapter.memory_bytes or 0
    used = min(carve_out, IN_USE_BY_DESKTOP)
    shared = shared_limit(ram)
    cap = None
    if shared is not None:
        detail = message("limit.windows-shared", carve_out_bytes=carve_out, shared_bytes=shared)
        cap = Limit(by="working-set", bytes=carve_out - used + shared, detail=detail, basis="assumed")
    sharing = Sharing(
        accelerator=f"gpu{number}", carve_out_bytes=carve_out, carve_out_used_bytes=used, cap=cap
    )
    return Found(accelerator=accelerator, sharing=sharing)


def _pool(pool_id: str, adapter: Listed, row: Gpu | None) -> MemoryPool | None:
    total = adapter.memory_bytes
    declared = total is None
    if declared:
        total = row.memory_bytes if row is not None else None
    if total is None:
        return None
    kept = min(IN_USE_BY_DESKTOP, total)
    detail = message("limit.windows-desktop")
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=total,
        free_bytes=None,
        budget_bytes=total - kept,
        limits=(Limit(by="driver-reserve", bytes=kept, detail=detail, basis="assumed"),),
        basis="declared" if declared else "measured",
        evidence=adapter.evidence,
    )
