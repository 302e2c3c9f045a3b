"""
The memory of the host: the pool ``ram``, what is in use, swap, and the kernel's settings that decide how much a
program gets.

Limits that a container or macOS sets on top are not here: see ``cgroup`` and ``apple``.

Questions, in order:

    psutil:virtual_memory                              and the rest of what host_ram asks
    sysctl:hw.memsize_usable                           on macOS
    psutil:swap_memory
    winapi:memory                                      on Windows
    read:/proc/swaps                                   on Linux, and so the rest
    read:/proc/pressure/memory
    read:/proc/sys/vm/overcommit_memory
    read:/proc/self/limits
"""

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.host import (
    CommitLimit,
    Disagreement,
    HostMemory,
    HugePages,
    MemoryPressure,
    ProcessLimits,
    StrictOvercommit,
    Swap,
    ZfsCache,
)
from llmprobe.facts.machine import Limit, MemoryPool, Probed, SystemFacts
from llmprobe.machine.asking import Asker, as_int, fields_of
from llmprobe.machine.host_ram import ARCSTATS, MEMINFO, HostRam, host_ram
from llmprobe.words.message import message

NAME = "memory"
PLATFORMS = frozenset({"linux", "darwin", "win32", "freebsd", "openbsd", "netbsd"})

SWAPS = "/proc/swaps"
PRESSURE = "/proc/pressure/memory"
OVERCOMMIT = "/proc/sys/vm/overcommit_memory"
LIMITS = "/proc/self/limits"
USABLE = "hw.memsize_usable"
_STRICT = 2
_NAME_WIDTH = 26
_LONGEST_PERCENT = len("100.0000")


def probe(source: Source) -> Probed:
    """
    The pool ``ram`` of the whole host, swap, and the kernel's settings.
    """
    ask = Asker(source)
    ram = host_ram(ask)
    pools: tuple[MemoryPool, ...] = ()
    if ram.total_bytes is not None:
        pools = (_pool(ask, ram, ram.total_bytes),)
    memory = HostMemory(swap=_swap(ask))
    caps: tuple[tuple[str, Limit], ...] = ()
    if ask.platform.system == "win32":
        commit = _commit(ask)
        memory = msgspec.structs.replace(memory, commit=commit)
        caps = _commit_cap(commit, ram)
    if ask.platform.system == "linux":
        memory = _with_settings(ask, ram, memory)
    disagreements: tuple[Disagreement, ...] = ()
    if ram.counted_bytes is not None and ram.counted_bytes[0] != ram.counted_bytes[1]:
        disagreements = (
            Disagreement(of="host-memory", sizes_bytes=ram.counted_bytes, evidence=ram.evidence),
        )
    return ask.probed(
        found=bool(pools),
        pools=pools,
        caps=caps if pools else (),
        host=SystemFacts(memory=memory),
        disagreements=disagreements,
    )


def parse_swaps(text: str) -> tuple[tuple[str, int, int], ...]:
    """
    File name, size and use in bytes of each line of /proc/swaps (its numbers are KiB).

    https://docs.kernel.org/admin-guide/mm/concepts.html; a name such as ``/dev/zram0`` is compressed memory.
    """
    rows = []
    for line in text.splitlines()[1:]:
        words = line.rsplit(maxsplit=4)
        size, used = (as_int(words[2]), as_int(words[3])) if len(words) == 5 else (None, None)
        if size is not None and used is not None:
            rows.append((words[0], size * 1024, used * 1024))
    return tuple(rows)


def parse_pressure(text: str) -> dict[str, float]:
    """
    The share of the last ten seconds (percent) in which some and all programs waited for memory.

    https://docs.kernel.org/accounting/psi.html: lines of ``some avg10=0.00 avg60=…``.
    """
    waits = {}
    for line in text.splitlines():
        who, _, rest = line.partition(" ")
        name, _, percent = rest.partition(" ")[0].partition("=")
        if who in ("some", "full") and name == "avg10" and _is_percent(percent):
            waits[who] = float(percent)
    return waits


def _is_percent(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdecimal() and len(text) <= _LONGEST_PERCENT


def parse_limits(text: str) -> dict[str, int | None]:
    """
    The soft limits of /proc/self/limits by name, in their own units; None for unlimited.

    https://man7.org/linux/man-pages/man5/proc_pid_limits.5.html
    """
    limits: dict[str, int | None] = {}
    for line in text.splitlines()[1:]:
        words = line[_NAME_WIDTH:].split()
        if words and (words[0] == "unlimited" or words[0].isdecimal()):
            limits[line[:_NAME_WIDTH].strip()] = as_int(words[0])
    return limits


def _with_settings(ask: Asker, ram: HostRam, memory: HostMemory) -> HostMemory:
    meminfo = ram.meminfo
    pages = None
    size = meminfo.get("Hugepagesize", 0)
    if meminfo.get("HugePages_Total") and size:
        pages = HugePages(
            total_bytes=meminfo["HugePages_Total"] * size,
            free_bytes=meminfo.get("HugePages_Free", 0) * size,
            evidence=(f"read:{MEMINFO}",),
        )
    cache = None
    if ram.zfs_cache_bytes:
        cache = ZfsCache(reclaimable_bytes=ram.zfs_cache_bytes, evidence=(f"read:{ARCSTATS}",))
    pressure = None
    waits = parse_pressure(ask.text(PRESSURE) or "")
    if any(waits.values()):
        pressure = MemoryPressure(
            some_percent=waits.get("some"), full_percent=waits.get("full"), evidence=(f"read:{PRESSURE}",)
        )
    strict = None
    if as_int(ask.text(OVERCOMMIT)) == _STRICT:
        strict = StrictOvercommit(
            limit_bytes=meminfo.get("CommitLimit"),
            committed_bytes=meminfo.get("Committed_AS"),
            evidence=(f"read:{OVERCOMMIT}", f"read:{MEMINFO}"),
        )
    return msgspec.structs.replace(
        memory,
        huge_pages=pages,
        zfs_cache=cache,
        pressure=pressure,
        strict_overcommit=strict,
        process_limits=_process_limits(ask),
    )


def _process_limits(ask: Asker) -> ProcessLimits | None:
    limits = parse_limits(ask.text(LIMITS) or "")
    mapped, locked = limits.get("Max address space"), limits.get("Max locked memory")
    if mapped is None and locked is None:
        return None
    return ProcessLimits(address_space_bytes=mapped, locked_bytes=locked, evidence=(f"read:{LIMITS}",))


def _pool(ask: Asker, ram: HostRam, total: int) -> MemoryPool:
    available, evidence = ram.available_bytes, ram.evidence
    limits: tuple[Limit, ...] = ()
    if available is not None:
        kept = _kept_by_firmware(ask, total, available)
        if kept:
            limits = (Limit(by="firmware", bytes=kept, detail=message("limit.firmware")),)
            evidence = (*evidence, f"sysctl:{USABLE}")
        detail = message("limit.host-in-use", how=ram.how)
        limits = (*limits, Limit(by="in-use", bytes=total - available - kept, detail=detail))
    return MemoryPool(
        id="ram",
        kind="system",
        total_bytes=total,
        free_bytes=available,
        budget_bytes=available,
        limits=limits,
        evidence=evidence,
    )


def _kept_by_firmware(ask: Asker, total: int, available: int) -> int:
    """
    What macOS never gets of a Mac's memory: 936 MB of 128 GB on an M3 Max, 865 of 24.
    """
    usable = as_int(ask.sysctl(USABLE).value) if ask.platform.system == "darwin" else None
    return total - usable if usable is not None and available <= usable <= total else 0


def _commit(ask: Asker) -> CommitLimit | None:
    """
    https://learn.microsoft.com/windows/win32/api/psapi/ns-psapi-performance_information
    """
    fields = fields_of(ask.winapi("memory"))
    limit, promised = as_int(fields.get("CommitLimit")), as_int(fields.get("CommitTotal"))
    if not limit or promised is None:
        return None
    return CommitLimit(limit_bytes=limit, promised_bytes=promised, evidence=("winapi:memory",))


def _commit_cap(commit: CommitLimit | None, ram: HostRam) -> tuple[tuple[str, Limit], ...]:
    """
    What Windows will still promise is the most, where that is less than what is available.
    """
    if commit is None or ram.available_bytes is None:
        return ()
    left = max(0, commit.limit_bytes - commit.promised_bytes)
    if left >= ram.available_bytes:
        return ()
    detail = message("limit.commit", limit_bytes=commit.limit_bytes, promised_bytes=commit.promised_bytes)
    return (("ram", Limit(by="commit", bytes=left, detail=detail)),)


def _swap(ask: Asker) -> Swap | None:
    swap = fields_of(ask.psutil("swap_memory"))
    total, used = as_int(swap.get("total")), as_int(swap.get("used"))
    evidence: tuple[str, ...] = ("psutil:swap_memory",)
    compressed = None
    if ask.platform.system == "linux":
        text = ask.text(SWAPS)
        if text is not None:
            evidence = (*evidence, f"read:{SWAPS}")
            compressed = sum(used for name, _, used in parse_swaps(text) if name.startswith("/dev/zram"))
    if total is None or used is None:
        return None
    return Swap(total_bytes=total, used_bytes=used, compressed_used_bytes=compressed, evidence=evidence)
