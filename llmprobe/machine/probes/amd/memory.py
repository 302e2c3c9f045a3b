"""
The memory of an AMD GPU as its kernel driver counts it: VRAM, and the part of RAM that it may map (GTT).

Of integrated graphics VRAM is a carve-out: RAM that the firmware hides from the system, so that it is no part
of MemTotal. GTT is a limit within RAM, no memory of its own, and may even be larger than RAM. Physical memory
is MemTotal and carve-out together, and the GPU may take what is free of the carve-out and of GTT.
https://docs.kernel.org/gpu/amdgpu/driver-misc.html#memory-info
"""

import msgspec

from llmprobe.facts.machine import Holder, Limit, MemoryPool, Sharing
from llmprobe.machine.asking import Asker, as_int, items_of
from llmprobe.machine.host_ram import HostRam
from llmprobe.units import GIB
from llmprobe.words.message import message

PROCESSES = "/sys/class/kfd/kfd/proc"
TTM_LIMIT = "/sys/module/ttm/parameters/pages_limit"
VENDOR_FILE = "mem_info_vram_vendor"
_FILES = (
    "mem_info_vram_total",
    "mem_info_vram_used",
    "mem_info_vis_vram_total",
    "mem_info_gtt_total",
    "mem_info_gtt_used",
)
_PAGE_BYTES = 4096
_LARGEST_CARVE_OUT = 4 * GIB
_LEAST_GTT = 8 * GIB
_LEAST_RATIO = 4


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """
    Sizes in bytes; unknown is None. ``vram_visible`` is what the processor can reach (the BAR).
    """

    vram_total: int | None = None
    vram_used: int | None = None
    vram_visible: int | None = None
    gtt_total: int | None = None
    gtt_used: int | None = None
    evidence: tuple[str, ...] = ()

    @property
    def vram_free(self) -> int | None:
        if self.vram_total is None or self.vram_used is None:
            return None
        return max(0, self.vram_total - self.vram_used)


def ask_memory(ask: Asker, path: str) -> Memory:
    """
    The driver's counts. It wakes a device that sleeps: not to be asked of one.
    """
    numbers = [as_int(ask.text(f"{path}/{name}")) for name in _FILES]
    total, used, visible, gtt_total, gtt_used = numbers
    return Memory(
        vram_total=total or None,
        vram_used=used if used is None or total is None else min(used, total),
        vram_visible=visible,
        gtt_total=gtt_total,
        gtt_used=gtt_used,
        evidence=tuple(
            f"read:{path}/{name}" for name, number in zip(_FILES, numbers, strict=True) if number is not None
        ),
    )


def within_ttm(ask: Asker, memory: Memory) -> Memory:
    """
    The memory with no more GTT than the memory manager allows in all: ``amdgpu.gttsize`` may promise more.

    https://docs.kernel.org/gpu/drm-mm.html: the parameter of the module ttm counts pages.
    """
    pages = as_int(ask.text(TTM_LIMIT))
    if not pages or memory.gtt_total is None or pages * _PAGE_BYTES >= memory.gtt_total:
        return memory
    evidence = (*memory.evidence, f"read:{TTM_LIMIT}")
    return msgspec.structs.replace(memory, gtt_total=pages * _PAGE_BYTES, evidence=evidence)


def ask_holders(ask: Asker, gpu_id: int | None, vram_total: int | None) -> tuple[Holder, ...]:
    """
    The programs that compute on a GPU with the memory that they hold, the largest first.

    Programs that only draw are not among them. More than there is is not believed.
    """
    found = []
    for pid in items_of(ask.list(PROCESSES)) if gpu_id else ():
        used = as_int(ask.text(f"{PROCESSES}/{pid}/vram_{gpu_id}"))
        number = as_int(str(pid))
        if number is None or not used or (vram_total is not None and used > vram_total):
            continue
        name = (ask.text(f"/proc/{pid}/comm") or "").strip() or None
        found.append(Holder(pid=number, name=name, used_bytes=used))
    return tuple(sorted(found, key=lambda each: (-(each.used_bytes or 0), each.pid or 0)))


def looks_integrated(memory: Memory) -> bool:
    """
    Whether the sizes are those of a small carve-out beside a large share of RAM.
    """
    vram, gtt = memory.vram_total, memory.gtt_total
    if vram is None or gtt is None:
        return False
    return vram <= _LARGEST_CARVE_OUT and gtt >= _LEAST_GTT and gtt >= _LEAST_RATIO * vram


def pool_of(pool_id: str, memory: Memory, holders: tuple[Holder, ...] = ()) -> MemoryPool | None:
    """
    The pool of a card, or None where its size is unknown.
    """
    if memory.vram_total is None:
        return None
    limits = []
    in_use = memory.vram_used or 0
    held = min(in_use, sum(holder.used_bytes or 0 for holder in holders))
    if held:
        limits.append(Limit(by="processes", bytes=held, detail=message("limit.amd-programs")))
    if in_use > held:
        limits.append(Limit(by="in-use", bytes=in_use - held, detail=message("limit.amd-in-use")))
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=memory.vram_total,
        free_bytes=memory.vram_free,
        budget_bytes=memory.vram_free,
        limits=tuple(limits),
        held_by=holders,
        evidence=memory.evidence,
    )


def sharing_of(
    accelerator: str, memory: Memory, ram: HostRam, own: Limit | None = None, *, beside: bool = False
) -> Sharing:
    """
    The memory that integrated graphics add to RAM and the most that they may use: never more than exists.

    ``own`` is the most where a backend reaches less than all that the GPU can. The driver's pages count for no
    container (Linux, ttm_pool.c): where ``ram`` is the host's and the pool a container's share of it, what may be
    mapped comes ``beside`` that share (a Strix Halo in a container of 8 GiB loads 47: llamastash/llamastash#83).
    """
    carve_out, used = memory.vram_total or 0, memory.vram_used
    free = 0 if used is None else carve_out - used
    mapped = mappable(memory, ram)
    cap = own
    if own is None and mapped is not None:
        detail = message("limit.gtt", carve_out_bytes=carve_out, gtt_bytes=memory.gtt_total)
        cap = Limit(by="working-set", bytes=free + mapped, detail=detail)
    more = cap.bytes - free if beside and cap is not None else 0
    return Sharing(
        accelerator=accelerator,
        carve_out_bytes=carve_out + max(0, more),
        carve_out_used_bytes=carve_out - free,
        cap=cap,
        uncounted=True,
    )


def mappable(memory: Memory, ram: HostRam) -> int | None:
    """
    The RAM that the GPU may map now: what GTT leaves, at most what RAM has.

    Without GTT's figures it is what RAM has; a GTT larger than RAM is a limit that nothing reaches.
    """
    if ram.available_bytes is None:
        return None
    if memory.gtt_total is None:
        return ram.available_bytes
    return min(max(0, memory.gtt_total - (memory.gtt_used or 0)), ram.available_bytes)
