"""
How much memory the host has and how much of it can be had now, by one rule for every probe that limits it.

psutil answers first; on Linux /proc/meminfo is asked beside it and wins where it is plausible, because its
MemAvailable is the kernel's own estimate. MemAvailable of 0 or more than the total (LXC) is not believed.

Questions, in order:

    psutil:virtual_memory
    read:/proc/meminfo                                 on Linux
"""

import msgspec

from llmprobe.machine.asking import Asker, as_int, fields_of

MEMINFO = "/proc/meminfo"
_KIB = 1024


class HostRam(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory of the whole system in bytes, whatever a container may use of it. Unknown is None.
    """

    total_bytes: int | None
    available_bytes: int | None
    how: str | None = None
    evidence: tuple[str, ...] = ()


def parse_meminfo(text: str) -> dict[str, int]:
    """
    Return the fields of /proc/meminfo in bytes, by their own names (``MemTotal``); its kB are KiB.

    https://docs.kernel.org/filesystems/proc.html#meminfo. Lines without a number are left out.
    """
    fields = {}
    for line in text.splitlines():
        name, colon, rest = line.partition(":")
        words = rest.split()
        number = as_int(words[0]) if words else None
        if colon and number is not None:
            fields[name.strip()] = number * (_KIB if words[1:] == ["kB"] else 1)
    return fields


def available_of(meminfo: dict[str, int]) -> int | None:
    """
    Return what can be allocated without swapping: MemAvailable where it is plausible, else an estimate from
    parts.

    Kernels before 3.14 have no MemAvailable, and LXC has shown 0 and more than the total
    (https://github.com/giampaolo/psutil/issues/1915): then free memory and the file cache that can be
    dropped.
    """
    total = meminfo.get("MemTotal")
    available = meminfo.get("MemAvailable")
    if available and (total is None or available <= total):
        return available
    free = meminfo.get("MemFree")
    if free is None:
        return None
    parts = (
        free
        + meminfo.get("Active(file)", 0)
        + meminfo.get("Inactive(file)", 0)
        + meminfo.get("SReclaimable", 0)
    )
    return parts if total is None else min(parts, total)


def host_ram(ask: Asker) -> HostRam:
    """
    Return the memory of the host.
    """
    counted = fields_of(ask.psutil("virtual_memory"))
    total, available = as_int(counted.get("total")), as_int(counted.get("available"))
    evidence = ["psutil:virtual_memory"]
    how = "psutil's available memory"
    if ask.platform.system == "linux":
        text = ask.text(MEMINFO)
        if text is not None:
            meminfo = parse_meminfo(text)
            evidence.append(f"read:{MEMINFO}")
            total = meminfo.get("MemTotal", total)
            from_kernel = available_of(meminfo)
            if from_kernel is not None:
                available, how = from_kernel, "MemAvailable"
    if total is not None and available is not None and available > total:
        available = total
    return HostRam(total_bytes=total, available_bytes=available, how=how, evidence=tuple(evidence))
