"""
The memory of the host: what is reserved of it, what waits for it, how it is laid out and how fast it is.
"""

from collections.abc import Iterator

from llmprobe.facts.finding import Finding, Remedy
from llmprobe.facts.machine import Snapshot
from llmprobe.machine.memory_bus import DDR_BITS
from llmprobe.machine.rules import Rule
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

_X86 = ("x86_64", "amd64")
_WAITING_PERCENT = 5.0
_WORTH_SAYING = 1 * GIB
_MISSING_SHARE = 0.12
_ZFS_LIMIT = 4 * GIB
_OF_THE_KERNEL = 0.1
"""What a kernel takes of the memory that it is given before it counts, at the most."""


def memory_pressure(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Programs wait for memory at this moment.
    """
    pressure = snapshot.host.memory.pressure
    if pressure is None:
        return
    percent = pressure.some_percent
    if percent is not None and percent >= _WAITING_PERCENT:
        detail = message("finding.memory-pressure.detail", percent=percent)
    elif pressure.level in ("high", "critical"):
        detail = (
            message("finding.memory-pressure.detail-critical")
            if pressure.level == "critical"
            else message("finding.memory-pressure.detail-high")
        )
    else:
        return
    yield Finding(
        id="memory-pressure",
        severity="warning",
        title=message("finding.memory-pressure.title"),
        detail=detail,
        evidence=pressure.evidence,
        remedy=Remedy(text=message("finding.memory-pressure.remedy")),
    )


def strict_overcommit(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The kernel promises no more memory than it has, so that reserving much fails early.
    """
    strict = snapshot.host.memory.strict_overcommit
    if strict is None:
        return
    left = None
    if strict.limit_bytes is not None and strict.committed_bytes is not None:
        left = max(0, strict.limit_bytes - strict.committed_bytes)
    yield Finding(
        id="no-swap-overcommit2",
        severity="warning",
        title=message("finding.no-swap-overcommit2.title"),
        detail=message("finding.no-swap-overcommit2.detail", left_bytes=left),
        evidence=strict.evidence,
        remedy=Remedy(
            text=message("finding.no-swap-overcommit2.remedy"),
            commands=("sudo sysctl vm.overcommit_memory=0",),
        ),
    )


def huge_pages(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Memory is reserved as huge pages, which engines do not use.
    """
    pages = snapshot.host.memory.huge_pages
    if pages is None or pages.total_bytes < _WORTH_SAYING:
        return
    yield Finding(
        id="hugepages-reserved",
        severity="note",
        title=message("finding.hugepages-reserved.title", total_bytes=pages.total_bytes),
        detail=message("finding.hugepages-reserved.detail", free_bytes=pages.free_bytes),
        evidence=pages.evidence,
        remedy=Remedy(
            text=message("finding.hugepages-reserved.remedy"), commands=("sudo sysctl vm.nr_hugepages=0",)
        ),
    )


def zfs_cache(snapshot: Snapshot) -> Iterator[Finding]:
    """
    ZFS caches files in memory that the kernel counts as used.
    """
    cache = snapshot.host.memory.zfs_cache
    if cache is None or cache.reclaimable_bytes < _WORTH_SAYING:
        return
    yield Finding(
        id="zfs-arc",
        severity="note",
        title=message("finding.zfs-arc.title", reclaimable_bytes=cache.reclaimable_bytes),
        detail=message("finding.zfs-arc.detail"),
        evidence=cache.evidence,
        remedy=Remedy(
            text=message("finding.zfs-arc.remedy", limit_bytes=_ZFS_LIMIT),
            commands=(f"echo {_ZFS_LIMIT} | sudo tee /sys/module/zfs/parameters/zfs_arc_max",),
        ),
    )


def address_space(snapshot: Snapshot) -> Iterator[Finding]:
    """
    This shell limits how much a program may map.
    """
    limits = snapshot.host.memory.process_limits
    if limits is None or limits.address_space_bytes is None:
        return
    yield Finding(
        id="address-space-limit",
        severity="warning",
        title=message("finding.address-space-limit.title", limit_bytes=limits.address_space_bytes),
        detail=message("finding.address-space-limit.detail"),
        evidence=limits.evidence,
        remedy=Remedy(text=message("finding.address-space-limit.remedy"), commands=("ulimit -v unlimited",)),
    )


def numa(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Memory belongs to several groups of processors, and the way to another group's is slower.
    """
    seen = snapshot.host.memory.numa
    nodes = sum(node.has_processors for node in seen.nodes) if seen is not None else 0
    if seen is None or nodes < 2:
        return
    yield Finding(
        id="numa-multi",
        severity="note",
        title=message("finding.numa-multi.title", nodes=nodes),
        detail=message("finding.numa-multi.detail"),
        evidence=seen.evidence,
        remedy=Remedy(
            text=message("finding.numa-multi.remedy"), commands=("llama-server --numa distribute …",)
        ),
    )


def memory_nodes(snapshot: Snapshot) -> Iterator[Finding]:
    """
    A container or service is kept to some of the nodes.
    """
    seen = snapshot.host.memory.numa
    if seen is None or seen.allowed is None:
        return
    yield Finding(
        id="memory-nodes",
        severity="note",
        title=message("finding.memory-nodes.title", allowed=len(seen.allowed), nodes=len(seen.nodes)),
        detail=message("finding.memory-nodes.detail"),
        evidence=seen.evidence,
        remedy=Remedy(text=message("finding.memory-nodes.remedy"), commands=("docker run --cpuset-mems …",)),
    )


def memory_only_nodes(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Some memory has no processors near it: a GPU's own, or an extension.
    """
    seen = snapshot.host.memory.numa
    if seen is None or not any(node.has_processors for node in seen.nodes):
        return
    size = sum(node.total_bytes or 0 for node in seen.nodes if not node.has_processors)
    if not size:
        return
    yield Finding(
        id="numa-memory-only",
        severity="note",
        title=message("finding.numa-memory-only.title", size_bytes=size),
        detail=message("finding.numa-memory-only.detail-extension")
        if snapshot.host.machine.lower() in _X86
        else message("finding.numa-memory-only.detail-gpu"),
        evidence=seen.evidence,
    )


def single_channel(snapshot: Snapshot) -> Iterator[Finding]:
    """
    Memory on one channel is read at half the speed of two.

    Some processors have only one, and what is soldered stays as it is. Where there is no free slot and no second
    module to move, there is nothing to do.
    """
    modules = snapshot.host.memory.modules
    if modules is None or modules.channels != 1 or not (modules.kind or "").startswith("DDR"):
        return
    if modules.most_bus_bits is not None and modules.most_bus_bits <= DDR_BITS:
        return
    movable = modules.slots is None or modules.slots > modules.count
    remedy = message("finding.single-channel-ram.remedy")
    if modules.count > 1:
        remedy = message("finding.single-channel-ram.remedy-move")
    yield Finding(
        id="single-channel-ram",
        severity="warning" if movable else "note",
        title=message("finding.single-channel-ram.title"),
        detail=message("finding.single-channel-ram.detail"),
        evidence=modules.evidence,
        remedy=Remedy(text=remedy) if movable else None,
    )


def less_than_installed(snapshot: Snapshot) -> Iterator[Finding]:
    """
    The system has less memory than its modules hold.
    """
    modules = snapshot.host.memory.modules
    ram = snapshot.pool("ram")
    if modules is None or ram is None or ram.total_bytes is None:
        return
    installed = modules.installed_bytes
    if installed is None:
        return
    missing = installed - ram.total_bytes
    if snapshot.host.environment == "vm" or missing < max(_WORTH_SAYING, _MISSING_SHARE * installed):
        return
    yield Finding(
        id="ram-vs-installed",
        severity="note",
        title=message("finding.ram-vs-installed.title", missing_bytes=missing, installed_bytes=installed),
        detail=message("finding.ram-vs-installed.detail"),
        evidence=(*modules.evidence, *ram.evidence),
        remedy=Remedy(
            text=message("finding.ram-vs-installed.remedy"),
            commands=("cat /proc/cmdline", "sudo dmidecode -t memory"),
        ),
    )


def wsl_cap(snapshot: Snapshot) -> Iterator[Finding]:
    """
    WSL has only a part of the memory of Windows.
    """
    ram, settings = snapshot.pool("ram"), snapshot.host.memory.wsl
    if snapshot.host.environment != "wsl" or ram is None or ram.total_bytes is None:
        return
    yield Finding(
        id="wsl-ram-cap",
        severity="note",
        title=message("finding.wsl-ram-cap.title", total_bytes=ram.total_bytes),
        detail=_why_so_much(snapshot, ram.total_bytes),
        evidence=(*ram.evidence, *(settings.evidence if settings else ())),
        remedy=Remedy(
            text=message("finding.wsl-ram-cap.remedy", path=_in_windows(settings.path if settings else None)),
            commands=("wsl --shutdown",),
            link="https://learn.microsoft.com/windows/wsl/wsl-config",
        ),
    )


def _why_so_much(snapshot: Snapshot, total: int) -> Message:
    """
    Why WSL has so much: by its settings, by default, or by settings that are not in force yet.
    """
    settings = snapshot.host.memory.wsl
    if not settings:
        return message("finding.wsl-ram-cap.detail")
    path = _in_windows(settings.path)
    if settings.memory_bytes is None:
        return message(
            "finding.wsl-ram-cap.detail-default",
            path=path if settings.exists else None,
            windows_bytes=2 * total,
        )
    if abs(total - settings.memory_bytes) > _OF_THE_KERNEL * settings.memory_bytes:
        return message(
            "finding.wsl-ram-cap.detail-not-in-force", path=path, memory_bytes=settings.memory_bytes
        )
    return message("finding.wsl-ram-cap.detail-set", path=path, memory_bytes=settings.memory_bytes)


def _in_windows(path: str | None) -> str:
    r"""
    A file below /mnt/c as Windows writes it; without one, where it would be.
    """
    if path is None:
        return "%UserProfile%\\.wslconfig"
    return "C:" + path.removeprefix("/mnt/c").replace("/", "\\")


RULES = (
    Rule("memory-pressure", memory_pressure),
    Rule("no-swap-overcommit2", strict_overcommit),
    Rule("hugepages-reserved", huge_pages),
    Rule("zfs-arc", zfs_cache),
    Rule("address-space-limit", address_space),
    Rule("numa-multi", numa),
    Rule("memory-nodes", memory_nodes),
    Rule("numa-memory-only", memory_only_nodes),
    Rule("single-channel-ram", single_channel),
    Rule("ram-vs-installed", less_than_installed),
    Rule("wsl-ram-cap", wsl_cap),
)
