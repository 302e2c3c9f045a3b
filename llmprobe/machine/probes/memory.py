"""
The memory of the host: the pool ``ram``, what is in use, swap, and the kernel's settings that decide how much a
program gets.

Limits that a container or macOS sets on top are not here: see ``cgroup`` and ``apple``.

Questions, in order:

    psutil:virtual_memory                              and the rest of what host_ram asks
    psutil:swap_memory
    read:/proc/swaps                                   on Linux, and so the rest
    read:/proc/pressure/memory
    read:/proc/sys/vm/overcommit_memory
    read:/proc/self/limits
"""

import re

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Limit, MemoryPool, Observation, Probed
from llmprobe.machine.asking import Asker, as_int, fields_of
from llmprobe.machine.host_ram import ARCSTATS, MEMINFO, HostRam, host_ram

NAME = "memory"
PLATFORMS = frozenset({"linux", "darwin", "win32"})

SWAPS = "/proc/swaps"
PRESSURE = "/proc/pressure/memory"
OVERCOMMIT = "/proc/sys/vm/overcommit_memory"
LIMITS = "/proc/self/limits"
_STRICT = 2
_NAME_WIDTH = 26
_LIMITS = {"address_space_bytes": "Max address space", "locked_bytes": "Max locked memory"}
_WAITED = re.compile(r"(?P<who>some|full) avg10=(?P<percent>[0-9]{1,3}(?:\.[0-9]{1,4})?) ")


def probe(source: Source) -> Probed:
    """
    Return the pool ``ram`` of the whole host, and swap as observations.
    """
    ask = Asker(source)
    ram = host_ram(ask)
    pools: tuple[MemoryPool, ...] = ()
    if ram.total_bytes is not None:
        pools = (_pool(ram.total_bytes, ram.available_bytes, ram.how, ram.evidence),)
    observations = _swap(ask)
    if len(set(ram.counts.values())) > 1:
        counts = Observation(name="memory.counts", value=ram.counts, evidence=ram.evidence)
        observations = (*observations, counts)
    if ask.platform.system == "linux":
        observations = (*observations, *_settings(ask, ram))
    return ask.probed(found=bool(pools), pools=pools, observations=observations)


def parse_swaps(text: str) -> tuple[tuple[str, int, int], ...]:
    """
    Return file name, size and use in bytes of each line of /proc/swaps (its numbers are KiB).

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
    Return for how much of the last ten seconds (percent) some and all programs waited for memory.

    https://docs.kernel.org/accounting/psi.html: lines of ``some avg10=0.00 avg60=…``.
    """
    waits = {}
    for line in text.splitlines():
        match = _WAITED.match(line)
        if match:
            waits[match["who"]] = float(match["percent"])
    return waits


def parse_limits(text: str) -> dict[str, int | None]:
    """
    Return the soft limits of /proc/self/limits by name, in their own units; None for unlimited.

    https://man7.org/linux/man-pages/man5/proc_pid_limits.5.html
    """
    limits: dict[str, int | None] = {}
    for line in text.splitlines()[1:]:
        words = line[_NAME_WIDTH:].split()
        if words and (words[0] == "unlimited" or words[0].isdecimal()):
            limits[line[:_NAME_WIDTH].strip()] = as_int(words[0])
    return limits


def _settings(ask: Asker, ram: HostRam) -> tuple[Observation, ...]:
    seen = []
    meminfo = ram.meminfo
    size = meminfo.get("Hugepagesize", 0)
    if meminfo.get("HugePages_Total") and size:
        value: dict[str, int | None] = {
            "total_bytes": meminfo["HugePages_Total"] * size,
            "free_bytes": meminfo.get("HugePages_Free", 0) * size,
        }
        seen.append(Observation(name="memory.huge_pages", value=value, evidence=(f"read:{MEMINFO}",)))
    if ram.zfs_cache_bytes:
        evidence: tuple[str, ...] = (f"read:{ARCSTATS}",)
        seen.append(Observation(name="memory.zfs_cache_bytes", value=ram.zfs_cache_bytes, evidence=evidence))
    waits = parse_pressure(ask.text(PRESSURE) or "")
    if any(waits.values()):
        seen.append(Observation(name="memory.pressure", value=waits, evidence=(f"read:{PRESSURE}",)))
    if as_int(ask.text(OVERCOMMIT)) == _STRICT:
        value = {
            "limit_bytes": meminfo.get("CommitLimit"),
            "committed_bytes": meminfo.get("Committed_AS"),
        }
        evidence = (f"read:{OVERCOMMIT}", f"read:{MEMINFO}")
        seen.append(Observation(name="memory.strict_overcommit", value=value, evidence=evidence))
    limits = parse_limits(ask.text(LIMITS) or "")
    told = {name: limits.get(label) for name, label in _LIMITS.items() if limits.get(label) is not None}
    if told:
        seen.append(Observation(name="memory.limits", value=told, evidence=(f"read:{LIMITS}",)))
    return tuple(seen)


def _pool(total: int, available: int | None, how: str | None, evidence: tuple[str, ...]) -> MemoryPool:
    limits: tuple[Limit, ...] = ()
    if available is not None:
        limits = (
            Limit(
                by="in-use",
                bytes=total - available,
                detail=f"used by programs and the system ({how})",
            ),
        )
    return MemoryPool(
        id="ram",
        kind="system",
        total_bytes=total,
        free_bytes=available,
        budget_bytes=available,
        limits=limits,
        evidence=evidence,
    )


def _swap(ask: Asker) -> tuple[Observation, ...]:
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
        return ()
    value = {"total_bytes": total, "used_bytes": used, "compressed_used_bytes": compressed}
    return (Observation(name="memory.swap", value=value, evidence=evidence),)
