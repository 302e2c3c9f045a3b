"""
One GPU of AMD or Intel on Windows: its memory, and whether models run on it.

The backend is Vulkan, whose build of llama.cpp runs with every driver of both makers. Windows moves what does not fit
an adapter to RAM without a word, so that nothing beyond what is free of its own memory is counted.
"""

from typing import Literal

import msgspec

from llmprobe.facts.machine import Accelerator, Limit, MemoryPool, Sharing
from llmprobe.machine.gpu_table import Gpu, lookup, named
from llmprobe.machine.host_ram import HostRam
from llmprobe.machine.in_processors import AMD_TOO_SMALL
from llmprobe.machine.intel_graphics import gains
from llmprobe.machine.pci_names import marketing_name
from llmprobe.machine.probes.windows.dxgi import QUESTION, Present
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

_LARGEST_RESERVE = 0.25
"""A size in the registry that exceeds the adapter's by more is that of another card."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """
    A GPU with its own pool and the most that Windows lets a program have of it, or with how it shares RAM.
    """

    accelerator: Accelerator
    pool: MemoryPool | None = None
    cap: tuple[str, Limit] | None = None
    sharing: Sharing | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """
    An adapter as the registry and Windows' list have it; one of the two may be missing.
    """

    listed: Listed
    present: Present | None = None

    @property
    def memory_bytes(self) -> int | None:
        """
        The memory of its own: what the driver wrote, where that is the adapter's, else what Windows counts.
        """
        written = self.listed.memory_bytes
        counted = self.present.dedicated_bytes if self.present is not None else None
        if not counted:
            return written
        if written is None or not counted <= written <= counted * (1 + _LARGEST_RESERVE):
            return counted
        return written

    @property
    def evidence(self) -> tuple[str, ...]:
        return (*((QUESTION,) if self.present is not None else ()), *self.listed.evidence)


def found(seen: Seen, number: int, ram: HostRam) -> Found:
    """
    The GPU that an adapter of AMD or Intel is; ``number`` counts those of this probe.
    """
    adapter = seen.listed
    vendor: Literal["amd", "intel"] = "amd" if adapter.vendor == AMD else "intel"
    name = _name(vendor, adapter)
    row = _row(name, seen)
    described = _described(seen, number, vendor, name, row)
    marked = seen.present.integrated if seen.present is not None else None
    if marked or is_integrated(adapter, row, seen.memory_bytes):
        return _integrated(seen, number, ram, described)
    pool = _pool(f"vram{number}", seen, row)
    accelerator = msgspec.structs.replace(
        described,
        backend="vulkan" if pool is not None else None,
        pools=(pool.id,) if pool is not None else (),
        usable=pool is not None,
        why_not=None if pool is not None else message("unusable.size-unknown"),
    )
    return Found(accelerator=accelerator, pool=pool, cap=_cap(pool, seen.present))


def _name(vendor: Literal["amd", "intel"], adapter: Listed) -> str:
    """
    The table's name, but of a whole family of chips (``AMD Radeon Graphics (Strix Halo)``) what the driver calls it.
    """
    known = marketing_name(vendor, adapter.device, adapter.revision)
    told = named(adapter.name)
    return told[0].name if known is not None and known.endswith(")") and told else known or adapter.name


def _row(name: str, seen: Seen) -> Gpu | None:
    """
    The table's row: by the size of a card's memory; graphics that share RAM have one of their name.
    """
    if (row := lookup(name, seen.memory_bytes)) is not None:
        return row
    rows = named(name) or named(seen.listed.name)
    return rows[0] if len(rows) == 1 and (rows[0].unified or seen.memory_bytes is None) else None


def _described(
    seen: Seen, number: int, vendor: Literal["amd", "intel"], name: str, row: Gpu | None
) -> Accelerator:
    rate = row.bandwidth_bytes_per_s if row is not None else None
    how: Message | None = None
    if row is not None and rate is not None:
        how = message("bandwidth.table", name=row.name, cores=None, source=row.source)
    return Accelerator(
        id=f"gpu{number}",
        vendor=vendor,
        name=name,
        pci=seen.present.pci if seen.present is not None else None,
        driver=seen.listed.driver_version,
        architecture=row.architecture if row is not None else None,
        bandwidth_bytes_per_s=rate,
        bandwidth_basis="declared" if how is not None else None,
        bandwidth_how=how,
        display_active=seen.present.displays if seen.present is not None else None,
        evidence=seen.evidence,
    )


def _integrated(seen: Seen, number: int, ram: HostRam, described: Accelerator) -> Found:
    why_not = None
    if described.vendor == "intel":
        why_not = None if gains(seen.listed.device) else message("unusable.slower-than-processor")
    elif seen.listed.device in AMD_TOO_SMALL:
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
    return Found(accelerator=accelerator, sharing=_sharing(seen, number, ram))


def _sharing(seen: Seen, number: int, ram: HostRam) -> Sharing:
    """
    The carve-out that the firmware hides from Windows, what is used of it, and what may be mapped of RAM beside it.
    """
    present = seen.present
    carve_out = seen.memory_bytes or 0
    used = min(carve_out, IN_USE_BY_DESKTOP)
    if present is not None and present.resident_bytes is not None:
        used = min(carve_out, present.resident_bytes)
    shared = _shared_limit(ram, present)
    cap = None
    if shared is not None:
        detail = message("limit.windows-shared", carve_out_bytes=carve_out, shared_bytes=shared)
        known = present is not None and present.shared_bytes is not None
        basis: Literal["measured", "assumed"] = "measured" if known else "assumed"
        cap = Limit(by="working-set", bytes=carve_out - used + shared, detail=detail, basis=basis)
    return Sharing(accelerator=f"gpu{number}", carve_out_bytes=carve_out, carve_out_used_bytes=used, cap=cap)


def _shared_limit(ram: HostRam, present: Present | None) -> int | None:
    """
    What a GPU may use of RAM now, in bytes: Windows' limit less what it uses already, as far as that is free.
    """
    if ram.total_bytes is None or ram.available_bytes is None:
        return None
    limit = ram.total_bytes // _SHARE_OF_RAM
    if present is not None and present.shared_bytes is not None:
        limit = max(0, present.shared_bytes - (present.shared_resident_bytes or 0))
    return min(limit, ram.available_bytes)


def _pool(pool_id: str, seen: Seen, row: Gpu | None) -> MemoryPool | None:
    total = seen.memory_bytes
    declared = total is None
    if declared:
        total = row.memory_bytes if row is not None else None
    if total is None:
        return None
    limits, free = _limits(total, seen.present)
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=total,
        free_bytes=free,
        budget_bytes=total - sum(limit.bytes for limit in limits),
        limits=limits,
        held_by=seen.present.holders if seen.present is not None else (),
        basis="declared" if declared else "measured",
        evidence=seen.evidence,
    )


def _limits(total: int, present: Present | None) -> tuple[tuple[Limit, ...], int | None]:
    """
    What is not to be had of a card's memory, and what is free of it (None: not told).
    """
    if present is None or present.resident_bytes is None or present.dedicated_bytes is None:
        kept = min(IN_USE_BY_DESKTOP, total)
        detail = message("limit.windows-desktop")
        return (Limit(by="driver-reserve", bytes=kept, detail=detail, basis="assumed"),), None
    reserve = max(0, total - present.dedicated_bytes)
    used = min(present.resident_bytes, total - reserve)
    limits = (
        Limit(by="driver-reserve", bytes=reserve, detail=message("limit.windows-reserve")),
        Limit(by="in-use", bytes=used, detail=message("limit.windows-in-use")),
    )
    return tuple(limit for limit in limits if limit.bytes), total - reserve - used


def _cap(pool: MemoryPool | None, present: Present | None) -> tuple[str, Limit] | None:
    if pool is None or present is None or present.budget_bytes is None:
        return None
    detail = message("limit.windows-budget", budget_bytes=present.budget_bytes)
    return pool.id, Limit(by="budget", bytes=present.budget_bytes, detail=detail)
