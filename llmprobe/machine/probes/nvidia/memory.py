"""
The memory of one NVML device or MIG instance: its size, its free part, the driver's reserve, and the holders of the
rest.

NVML's version 1 counts what the driver reserves as used, version 2 names it
(https://docs.nvidia.com/deploy/nvml-api/structnvmlMemory__v2__t.html). Free is NVML's own figure, never
total - used.
"""

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Basis, Holder, Limit, MemoryPool
from llmprobe.machine.asking import as_int, fields_of
from llmprobe.machine.probes.nvidia.asking import Careful
from llmprobe.machine.probes.nvidia.errors import NOT_SUPPORTED
from llmprobe.words.message import Message, message

V2 = "nvmlDeviceGetMemoryInfo_v2"
V1 = "nvmlDeviceGetMemoryInfo"


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """
    NVML's figures for a device's memory. ``unsupported`` is True where NVML reports that the device has none.

    ``impossible`` are the free and the used bytes that were reported where they are more than there is.
    """

    total_bytes: int | None = None
    free_bytes: int | None = None
    reserved_bytes: int | None = None
    unsupported: bool = False
    impossible: tuple[int, int | None] | None = None
    trouble: Answer | None = None
    evidence: tuple[str, ...] = ()


def ask_memory(ask: Careful, handle: str) -> Memory:
    """
    The memory of a device: version 2, and version 1 where that is missing or fails (WSL answers 999).
    """
    answer = ask.nvml(V2, handle)
    evidence: tuple[str, ...] = (f"nvml:{V2} {handle}",)
    if not answer.ok:
        second = ask.nvml(V1, handle)
        if second.ok or second.code is not None:
            answer = second
        evidence = (*evidence, f"nvml:{V1} {handle}")
    fields = fields_of(answer)
    total, free = as_int(fields.get("total")), as_int(fields.get("free"))
    unsupported = answer.code == NOT_SUPPORTED or (answer.ok and total == 0)
    if not total or free is None:
        return Memory(unsupported=unsupported, trouble=None if answer.ok else answer, evidence=evidence)
    used = as_int(fields.get("used"))
    impossible = None
    if free > total or (used or 0) > total:
        # Layers that share a GPU among containers count in their own ways, and below zero: what is left of the limit.
        impossible = (free, used)
        free = 0 if used is None else min(free, max(0, total - used))
    return Memory(
        total_bytes=total,
        free_bytes=free,
        impossible=impossible,
        reserved_bytes=as_int(fields.get("reserved")),
        evidence=evidence,
    )


def pool_of(pool_id: str, memory: Memory, holders: tuple[Holder, ...]) -> MemoryPool:
    """
    The pool of a device whose memory is known, with every difference between total and budget named.
    """
    total, free = memory.total_bytes, memory.free_bytes
    assert total is not None
    assert free is not None
    reserved = min(memory.reserved_bytes or 0, total - free)
    in_use = total - free - reserved
    named = min(in_use, sum(holder.used_bytes or 0 for holder in holders))
    limits = []
    if reserved:
        limits.append(Limit(by="driver-reserve", bytes=reserved, detail=message("limit.nvidia-reserve")))
    if named:
        limits.append(Limit(by="processes", bytes=named, detail=message("limit.nvidia-processes")))
    if in_use > named or memory.impossible is not None:
        basis: Basis = "measured" if memory.impossible is None else "assumed"
        limits.append(Limit(by="in-use", bytes=in_use - named, detail=_rest(memory, holders), basis=basis))
    return MemoryPool(
        id=pool_id,
        kind="vram",
        total_bytes=total,
        free_bytes=free,
        budget_bytes=free,
        limits=tuple(limits),
        held_by=holders,
        evidence=memory.evidence,
    )


def _rest(memory: Memory, holders: tuple[Holder, ...]) -> Message:
    if memory.impossible is not None:
        free, used = memory.impossible
        total = memory.total_bytes
        return message("limit.nvidia-impossible", free_bytes=free, used_bytes=used, total_bytes=total)
    if memory.reserved_bytes is None:
        return message("limit.nvidia-in-use-and-reserve")
    if any(holder.used_bytes is None for holder in holders):
        return message("limit.nvidia-in-use-by-programs")
    return message("limit.nvidia-in-use-unlisted")
