"""
What the system around the devices is like: its memory beside the pool ``ram``, and what a container may use.

Each record names the answers that it rests on (``evidence``). A record that is None was not seen.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class Swap(msgspec.Struct, frozen=True, kw_only=True):
    """
    Swap space. ``compressed_used_bytes`` is what zram holds of it, which is in memory and not on disk.
    """

    total_bytes: int
    used_bytes: int
    compressed_used_bytes: int | None = None
    evidence: tuple[str, ...]


class MemoryPressure(msgspec.Struct, frozen=True, kw_only=True):
    """
    How short of memory the system is now.

    ``some_percent`` and ``full_percent`` are the share of the last ten seconds in which some programs, and all of
    them, waited for memory (Linux). ``level`` is the word of macOS.
    """

    some_percent: float | None = None
    full_percent: float | None = None
    level: Literal["normal", "high", "critical"] | None = None
    evidence: tuple[str, ...]


class CommitLimit(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory that Windows promises to all programs at most, RAM and page files together, and what it has promised.
    """

    limit_bytes: int
    promised_bytes: int
    evidence: tuple[str, ...]


class HugePages(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory that is reserved as huge pages, and how much of it is not in use.
    """

    total_bytes: int
    free_bytes: int
    evidence: tuple[str, ...]


class ZfsCache(msgspec.Struct, frozen=True, kw_only=True):
    """
    How much of its cache ZFS gives back under pressure.
    """

    reclaimable_bytes: int
    evidence: tuple[str, ...]


class StrictOvercommit(msgspec.Struct, frozen=True, kw_only=True):
    """
    The kernel promises no more memory than ``limit_bytes`` (vm.overcommit_memory is 2).
    """

    limit_bytes: int | None = None
    committed_bytes: int | None = None
    evidence: tuple[str, ...]


class ProcessLimits(msgspec.Struct, frozen=True, kw_only=True):
    """
    How much a program of this shell may map and lock; None is unlimited.
    """

    address_space_bytes: int | None = None
    locked_bytes: int | None = None
    evidence: tuple[str, ...]


class MemoryModules(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory modules that the firmware lists; ``kind`` is as it names them (``DDR5``).

    ``slots`` counts the places for modules, the empty ones among them. ``bus_bits`` is the part of the bus that they
    use, ``most_bus_bits`` all that the processors have, where that is known.
    """

    count: int
    channels: int
    slots: int | None = None
    bus_bits: int | None = None
    most_bus_bits: int | None = None
    kind: str | None = None
    installed_bytes: int | None = None
    evidence: tuple[str, ...]


class NumaNode(msgspec.Struct, frozen=True, kw_only=True):
    """
    A part of memory, and whether processors are attached to it.
    """

    number: int
    has_processors: bool
    total_bytes: int | None = None
    free_bytes: int | None = None


class Numa(msgspec.Struct, frozen=True, kw_only=True):
    """
    The nodes of a machine whose memory is divided.

    ``allowed`` are the numbers of those that this process may take memory of (cpuset.mems); None where that is all.
    """

    nodes: tuple[NumaNode, ...]
    allowed: tuple[int, ...] | None = None
    evidence: tuple[str, ...]


class WslSettings(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the file .wslconfig at ``path`` gives WSL of Windows' memory, swap and processors; None is not set.

    Where the file does not exist, ``path`` is where it would be, None where that is not sure.
    """

    path: str | None
    exists: bool
    memory_bytes: int | None = None
    swap_bytes: int | None = None
    processors: int | None = None
    evidence: tuple[str, ...]


class HostMemory(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the system reports of its memory beside the pool ``ram``. ``wsl`` is there only where it is known.
    """

    swap: Swap | None = None
    commit: CommitLimit | None = None
    pressure: MemoryPressure | None = None
    huge_pages: HugePages | None = None
    zfs_cache: ZfsCache | None = None
    strict_overcommit: StrictOvercommit | None = None
    process_limits: ProcessLimits | None = None
    modules: MemoryModules | None = None
    numa: Numa | None = None
    wsl: WslSettings | msgspec.UnsetType = msgspec.UNSET


class GroupMemory(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory that a control group allows: the tightest limit of the group and its ancestors.

    ``left_bytes`` is what may still be used; ``used_bytes`` leaves out what the kernel can drop. ``slows_down`` is
    true for a limit above which programs are slowed down, not killed. ``swap_bytes`` is what may be swapped.
    """

    limit_bytes: int
    left_bytes: int
    used_bytes: int | None = None
    slows_down: bool = False
    swap_bytes: int | None = None
    evidence: tuple[str, ...]


class CpuQuota(msgspec.Struct, frozen=True, kw_only=True):
    """
    The processor time that a control group allows, in processors (2.5).
    """

    processors: float
    evidence: tuple[str, ...]


class CpuSet(msgspec.Struct, frozen=True, kw_only=True):
    """
    How many processors a control group may run on.
    """

    processors: int
    evidence: tuple[str, ...]


class ControlGroup(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a container or a service may use of the host (Linux control groups). None is no limit.
    """

    memory: GroupMemory | None = None
    cpu_quota: CpuQuota | None = None
    cpu_set: CpuSet | None = None


class ModelDisk(msgspec.Struct, frozen=True, kw_only=True):
    """
    A file system that engines keep models on. ``engines`` are those that do; ``file_system`` is its kind (``ext4``).
    """

    directory: str
    file_system: str | None = None
    total_bytes: int | None = None
    free_bytes: int | None = None
    engines: tuple[str, ...] = ()
    evidence: tuple[str, ...]


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """
    Two sources differ on one fact; the first value is used.

    ``of`` is a device's name (``names``), a device's memory or the host's memory (``sizes_bytes``). ``device`` is the
    PCI address or the name of the device, None for the host.
    """

    of: Literal["device-name", "device-memory", "host-memory"]
    device: str | None = None
    names: tuple[str, str] | None = None
    sizes_bytes: tuple[int, int] | None = None
    evidence: tuple[str, ...]
