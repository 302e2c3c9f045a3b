"""
The memory of one NVML device or MIG instance: how much, how much is free, what the driver keeps, who holds
the rest.

NVML's version 1 counts what the driver reserves as used, version 2 names it
(https://docs.nvidia.com/deploy/nvml-api/structnvmlMemory__v2__t.html). Free is NVML's own figure, never
total - used.
"""

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Holder, Limit, MemoryPool
from llmprobe.machine.asking import Asker, as_int, fields_of, items_of
from llmprobe.machine.probes.nvidia.errors import GPU_IS_LOST, NOT_SUPPORTED

V2 = "nvmlDeviceGetMemoryInfo_v2"
V1 = "nvmlDeviceGetMemoryInfo"
COMPUTE = ("nvmlDeviceGetComputeRunningProcesses_v3", "nvmlDeviceGetComputeRunningProcesses_v2")
GRAPHICS = ("nvmlDeviceGetGraphicsRunningProcesses_v3", "nvmlDeviceGetGraphicsRunningProcesses_v2")
_FUNCTION_NOT_FOUND = 13


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """
    What NVML says of a device's memory. ``unsupported`` holds where it says that there is none to report on.
    """

    total_bytes: int | None = None
    free_bytes: int | None = None
    reserved_bytes: int | None = None
    unsupported: bool = False
    trouble: Answer | None = None
    evidence: tuple[str, ...] = ()


def ask_memory(ask: Asker, handle: str) -> Memory:
    """
    Return the memory of a device: version 2, and version 1 where that is not there or fails (WSL answers
    999).
    """
    answer = ask.nvml(V2, handle)
    evidence: tuple[str, ...] = (f"nvml:{V2} {handle}",)
    if not answer.ok and answer.code != GPU_IS_LOST:
        second = ask.nvml(V1, handle)
        if second.ok or second.code is not None:
            answer = second
        evidence = (*evidence, f"nvml:{V1} {handle}")
    fields = fields_of(answer)
    total, free = as_int(fields.get("total")), as_int(fields.get("free"))
    unsupported = (answer.status == "missing" and answer.code == NOT_SUPPORTED) or (answer.ok and total == 0)
    if not total or free is None:
        return Memory(unsupported=unsupported, trouble=None if answer.ok else answer, evidence=evidence)
    return Memory(
        total_bytes=total,
        free_bytes=min(free, total),
        reserved_bytes=as_int(fields.get("reserved")),
        evidence=evidence,
    )


def ask_holders(ask: Asker, handle: str, total_bytes: int | None) -> tuple[Holder, ...]:
    """
    Return the processes that hold memory of a device, each once, the largest first.

    More than the device has is not believed: it is how "not available" looks to those who take it for a
    number.

    A process may be listed for computing and for graphics. Inside a container the numbers are those of the
    host, so that a name is often not to be had.
    """
    seen: dict[int, tuple[int | None, bool]] = {}
    for functions, graphics in ((COMPUTE, False), (GRAPHICS, True)):
        for process in _processes(ask, handle, functions):
            pid = as_int(process.get("pid"))
            if pid is None:
                continue
            used, was_graphics = as_int(process.get("usedGpuMemory")), graphics
            if used is not None and total_bytes is not None and used > total_bytes:
                used = None
            if pid in seen:
                before, before_graphics = seen[pid]
                used = before if used is None else used if before is None else max(before, used)
                was_graphics = before_graphics or graphics
            seen[pid] = (used, was_graphics)
    holders = [
        Holder(pid=pid, name=_name(ask, pid), used_bytes=used, graphics=graphics)
        for pid, (used, graphics) in seen.items()
    ]
    return tuple(sorted(holders, key=lambda each: (-(each.used_bytes or 0), each.pid or 0)))


def pool_of(pool_id: str, memory: Memory, holders: tuple[Holder, ...]) -> MemoryPool:
    """
    Return the pool of a device whose memory is known, with every difference between total and budget named.
    """
    total, free = memory.total_bytes, memory.free_bytes
    assert total is not None
    assert free is not None
    reserved = min(memory.reserved_bytes or 0, total - free)
    in_use = total - free - reserved
    named = min(in_use, sum(holder.used_bytes or 0 for holder in holders))
    limits = []
    if reserved:
        limits.append(
            Limit(by="driver-reserve", bytes=reserved, detail="kept by the driver and the firmware")
        )
    if named:
        limits.append(Limit(by="processes", bytes=named, detail="held by running programs"))
    if in_use > named:
        limits.append(Limit(by="in-use", bytes=in_use - named, detail=_rest(memory, holders)))
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


def parse_comm(text: str) -> str | None:
    """
    Return the program's name from /proc/<pid>/comm, at most 15 characters.

    https://docs.kernel.org/filesystems/proc.html#proc-pid-comm
    """
    return text.strip() or None


def _processes(ask: Asker, handle: str, functions: tuple[str, str]) -> list[dict[str, object]]:
    newest, older = functions
    answer = ask.nvml(newest, handle)
    if answer.code == _FUNCTION_NOT_FOUND:
        answer = ask.nvml(older, handle)
    return [each for each in items_of(answer) if isinstance(each, dict)]


def _name(ask: Asker, pid: int) -> str | None:
    if ask.platform.system != "linux":
        return None
    text = ask.text(f"/proc/{pid}/comm")
    return parse_comm(text) if text else None


def _rest(memory: Memory, holders: tuple[Holder, ...]) -> str:
    if memory.reserved_bytes is None:
        return "in use, with what the driver reserves (this driver does not tell them apart)"
    if any(holder.used_bytes is None for holder in holders):
        return "in use by programs; this system does not say how much each holds"
    return "in use by the display, contexts and programs that are not listed"
