"""
How much memory the host has and how much of it can be had now, by one rule for every probe that limits it.

psutil answers first; on Linux /proc/meminfo is asked beside it and wins where it is plausible, because its
MemAvailable is the kernel's own estimate. MemAvailable of 0 or more than the total (LXC) is not believed.

On macOS psutil calls pages available that hold data of programs; what can be had without compressing these wins where
it is less: see ``vm_stat``.

Questions, in order:

    psutil:virtual_memory
    run:vm_stat                                        on macOS
    read:/proc/meminfo                                 on Linux, and so the rest
    read:/proc/spl/kstat/zfs/arcstats
    read:/proc/self/mountinfo                          where ZFS has a cache
    read:/sys/devices/system/node/has_memory           not on x86
    read:/sys/devices/system/node/has_cpu              not on x86
    read:/sys/devices/system/node/node<N>/meminfo      of each with memory, where some have no processors
"""

import msgspec

from llmprobe.machine.asking import Asker, as_int, fields_of
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.machine.vm_stat import EVIDENCE, asked_pages, mac_pages
from llmprobe.words.message import Message, message

MEMINFO = "/proc/meminfo"
ARCSTATS = "/proc/spl/kstat/zfs/arcstats"
MOUNTS = "/proc/self/mountinfo"
NODES = "/sys/devices/system/node"
_COHERENT = ("aarch64", "arm64", "ppc64le")
_KIB = 1024
_LXCFS = "fuse.lxcfs"


class HostRam(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory of the whole system in bytes, whatever a container may use of it. Unknown is None.

    ``counted_bytes`` is the kernel's total and psutil's, where both are known; ``meminfo`` is /proc/meminfo in bytes.
    """

    total_bytes: int | None
    available_bytes: int | None
    how: Message | None = None
    counted_bytes: tuple[int, int] | None = None
    meminfo: dict[str, int] = {}
    zfs_cache_bytes: int | None = None
    evidence: tuple[str, ...] = ()


def parse_meminfo(text: str) -> dict[str, int]:
    """
    The fields of /proc/meminfo in bytes, by their own names (``MemTotal``); its kB are KiB.

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
    What can be allocated without swapping: MemAvailable where it is plausible, else an estimate from parts.

    Kernels before 3.14 have no MemAvailable, and LXC has shown 0 and more than the total
    (https://github.com/giampaolo/psutil/issues/1915): then free memory and the file cache that can be
    dropped.
    """
    total = meminfo.get("MemTotal")
    available = meminfo.get("MemAvailable")
    if available and (total is None or available <= total):
        return available
    return free_or_droppable(meminfo)


def free_or_droppable(meminfo: dict[str, int]) -> int | None:
    """
    Free memory and the file cache that can be dropped, of which there is never more than the total.
    """
    total, free = meminfo.get("MemTotal"), meminfo.get("MemFree")
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
    The memory of the host.
    """
    counted = fields_of(ask.psutil("virtual_memory"))
    total, available = as_int(counted.get("total")), as_int(counted.get("available"))
    evidence = ["psutil:virtual_memory"]
    how = message("limit.available-by-psutil")
    by_psutil, by_kernel = total, None
    meminfo: dict[str, int] = {}
    cache = None
    if ask.platform.system == "darwin" and total is not None:
        pages = mac_pages(asked_pages(ask), total)
        if pages is not None and (available is None or pages.available_bytes < available):
            available = pages.available_bytes
            how = message("limit.available-of-pages", missing_bytes=pages.missing_bytes or None)
            evidence.append(EVIDENCE)
    if ask.platform.system == "linux":
        text = ask.text(MEMINFO)
        if text is not None:
            meminfo = parse_meminfo(text)
            evidence.append(f"read:{MEMINFO}")
            by_kernel = meminfo.get("MemTotal")
            total = total if by_kernel is None else by_kernel
            from_kernel = available_of(meminfo)
            if from_kernel is not None:
                available, how = from_kernel, message("limit.available-by-kernel")
        cache = cache_of_zfs(ask.text(ARCSTATS) or "")
        if cache and is_of_container(ask.text(MOUNTS) or ""):
            # The cache is the host's, and was never counted in what the container is shown.
            cache = None
        if cache and available is not None:
            available, how = available + cache, message("limit.available-with-zfs", how=how)
            evidence.append(f"read:{ARCSTATS}")
        beside = _memory_of_accelerators(ask)
        if beside and total is not None:
            total = max(0, total - beside.total_bytes)
            left = beside.left_bytes
            available = None if available is None or left is None else min(available, left)
            evidence += beside.evidence
            how = message("limit.available-of-nodes")
    if total is not None and available is not None and available > total:
        available = total
    return HostRam(
        total_bytes=total,
        available_bytes=available,
        how=how,
        counted_bytes=None if by_kernel is None or by_psutil is None else (by_kernel, by_psutil),
        meminfo=meminfo,
        zfs_cache_bytes=cache,
        evidence=tuple(evidence),
    )


def cache_of_zfs(text: str) -> int | None:
    """
    How much of its cache ZFS gives back under pressure: its size less the minimum that it keeps (c_min).

    The kernel counts this cache as used. https://openzfs.github.io/openzfs-docs (arcstats): lines of name, type, value.
    """
    fields = {words[0]: as_int(words[2]) for line in text.splitlines() if len(words := line.split()) == 3}
    size, least = fields.get("size"), fields.get("c_min")
    return None if size is None or least is None else max(0, size - least)


def is_of_container(mounts: str) -> bool:
    """
    Whether /proc/meminfo is what lxcfs makes of a container's limit, from /proc/self/mountinfo.

    https://github.com/lxc/lxcfs: a file system of its own is mounted on the file. The fifth field is the place, and
    behind `` - `` stands the type. https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo
    """
    for line in mounts.splitlines():
        mount, _, kind = line.partition(" - ")
        if mount.split(" ")[4:5] == [MEMINFO]:
            return kind.startswith(_LXCFS)
    return False


def outside_of_container(ask: Asker) -> HostRam | None:
    """
    The memory of the whole host where /proc/meminfo is only a container's: that of its nodes, which lxcfs leaves as it
    is. None where meminfo is the host's, or the nodes are not told.
    """
    if not is_of_container(ask.text(MOUNTS) or ""):
        return None
    numbers = parse_cpu_list(ask.text(f"{NODES}/has_memory") or "0")
    nodes = {
        number: parse_node_meminfo(ask.text(f"{NODES}/node{number}/meminfo") or "") for number in numbers
    }
    totals = [fields.get("MemTotal") for fields in nodes.values()]
    left = [free_or_droppable(fields) for fields in nodes.values()]
    known = [total for total in totals if total]
    free = [each for each in left if each is not None]
    if not known or len(known) < len(nodes) or len(free) < len(nodes):
        return None
    evidence = tuple(f"read:{NODES}/node{number}/meminfo" for number in nodes)
    return HostRam(total_bytes=sum(known), available_bytes=sum(free), evidence=evidence)


class _Beside(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory of nodes without processors, and what the others have left; None where a node does not report it.
    """

    total_bytes: int
    left_bytes: int | None
    evidence: tuple[str, ...]


def _memory_of_accelerators(ask: Asker) -> _Beside | None:
    """
    The memory that the kernel counts although it belongs to GPUs: that of nodes without processors.

    GH200, GB200 and POWER9 with V100 bring a GPU's memory online as such a node. On x86 a node without processors
    is memory of the host (CXL, Xeon Max), and is left in.
    """
    if ask.platform.machine.lower() not in _COHERENT:
        return None
    with_memory = parse_cpu_list(ask.text(f"{NODES}/has_memory") or "")
    with_processors = parse_cpu_list(ask.text(f"{NODES}/has_cpu") or "")
    if not with_processors or set(with_memory) <= set(with_processors):
        return None
    total = 0
    left: list[int | None] = []
    evidence = []
    for node in with_memory:
        fields = parse_node_meminfo(ask.text(f"{NODES}/node{node}/meminfo") or "")
        evidence.append(f"read:{NODES}/node{node}/meminfo")
        if node in with_processors:
            left.append(free_or_droppable(fields))
        else:
            total += fields.get("MemTotal", 0)
    known = [each for each in left if each is not None]
    return _Beside(
        total_bytes=total,
        left_bytes=sum(known) if len(known) == len(left) else None,
        evidence=tuple(evidence),
    )


def parse_node_meminfo(text: str) -> dict[str, int]:
    """
    The fields of /sys/devices/system/node/node<N>/meminfo in bytes: as in /proc/meminfo, after ``Node <N>``.
    """
    return parse_meminfo("\n".join(line.split(maxsplit=2)[-1] for line in text.splitlines() if line.strip()))
