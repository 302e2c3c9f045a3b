"""
What a container or a service may use of the host: memory, processor time, processors. Linux control groups.

Versions 1 and 2, and both at once. A limit may be set on any ancestor, so that the walk goes from this
process's group to the root, and the tightest counts; "max" and version 1's huge number are no limit. A
limit only ever lowers what the host has. File cache and kernel memory that can be dropped do not count as
used, as in LXCFS. Above memory.high a program is slowed down until it stands still: it counts as a limit.
A group of version 1 tells the tightest limit of its ancestors itself, also of those that are not shown. https://docs.kernel.org/admin-guide/cgroup-v2.html,
https://docs.kernel.org/admin-guide/cgroup-v1/memory.html

Questions, in order (``<group>`` is the path in /proc/self/cgroup below the mount, then each of its parents):

    read:/proc/self/cgroup
    read:/proc/self/mountinfo
    read:<mount>/<group>/memory.max                    version 2
    read:<mount>/<group>/memory.high
    read:<mount>/<group>/memory.current                where one of the two is a number, and so the next three
    read:<mount>/<group>/memory.stat
    read:<mount>/<group>/memory.swap.max
    read:<mount>/<group>/memory.swap.current           where that is a number
    read:<mount>/<group>/cpu.max                       version 2, of every group
    read:<mount>/<group>/cpuset.cpus.effective         version 2, of this process's group
    read:<mount>/<group>/memory.limit_in_bytes         version 1
    read:<mount>/<group>/memory.stat                   of this process's group, and where there is a limit
    read:<mount>/<group>/memory.usage_in_bytes         where there is a limit, and so the next
    read:<mount>/<group>/memory.memsw.limit_in_bytes
    read:<mount>/<group>/cpu.cfs_quota_us              version 1, of every group
    read:<mount>/<group>/cpu.cfs_period_us             version 1, where that is a quota
    read:<mount>/<group>/cpuset.cpus                   version 1, of this process's group
"""

from collections.abc import Iterator

import msgspec

from llmprobe.facts.answer import Source
from llmprobe.facts.host import ControlGroup, CpuQuota, CpuSet, GroupMemory
from llmprobe.facts.machine import Cpu, Limit, Probed, SystemFacts
from llmprobe.machine.asking import Asker, as_int
from llmprobe.machine.control_groups import Mount, ancestors, mount_of, parse_mountinfo, parse_self_cgroup
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.words.message import Message, message

NAME = "cgroup"
PLATFORMS = frozenset({"linux"})

_UNLIMITED_V1 = 1 << 62
_CAN_BE_DROPPED = ("active_file", "inactive_file", "slab_reclaimable")


class MemoryLimit(msgspec.Struct, frozen=True, kw_only=True):
    """
    A limit with what is used below it. ``used_bytes`` leaves out what can be dropped; unknown is None.

    ``high`` is true for a limit above which programs are slowed down, not killed. ``swap_bytes`` is what the group
    may swap; None for no limit of that, or an unknown one.
    """

    limit_bytes: int
    used_bytes: int | None
    group: str
    high: bool = False
    swap_bytes: int | None = None
    evidence: tuple[str, ...]

    @property
    def left_bytes(self) -> int:
        return max(0, self.limit_bytes - (self.used_bytes or 0))


def probe(source: Source) -> Probed:
    """
    The tightest memory limit as a cap of ``ram``, and the threads that quota and cpuset leave.
    """
    ask = Asker(source)
    groups = parse_self_cgroup(ask.text("/proc/self/cgroup") or "")
    mounts = parse_mountinfo(ask.text("/proc/self/mountinfo") or "")
    if not groups or not mounts:
        return ask.probed(found=False)
    limits = tuple(_memory_limits(ask, groups, mounts))
    tightest = min(limits, key=lambda each: each.left_bytes, default=None)
    quota, allowed = _quota(ask, groups, mounts), _cpuset(ask, groups, mounts)
    group = ControlGroup(
        memory=_memory(limits, tightest) if tightest is not None else None, cpu_quota=quota, cpu_set=allowed
    )
    return ask.probed(
        found=True,
        caps=(("ram", _cap(tightest)),) if tightest is not None else (),
        cpu=_cpu(quota, allowed),
        host=SystemFacts(control_group=group if group != ControlGroup() else None),
    )


def parse_memory_max(text: str) -> int | None:
    """
    A limit in bytes; None where there is none ("max", or version 1's number of about 2^63).
    """
    number = as_int(text)
    return number if number is not None and number < _UNLIMITED_V1 else None


def parse_memory_stat(text: str) -> dict[str, int]:
    """
    The fields of memory.stat by name, in bytes.
    """
    fields = {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        number = as_int(value)
        if number is not None:
            fields[name] = number
    return fields


def parse_cpu_max(text: str) -> float | None:
    """
    The processor time that version 2's cpu.max allows, in processors; None for "max".
    """
    words = text.split()
    quota, period = (as_int(words[0]), as_int(words[1])) if len(words) == 2 else (None, None)
    return quota / period if quota and period else None


def _memory_limits(ask: Asker, groups: dict[str, str], mounts: tuple[Mount, ...]) -> Iterator[MemoryLimit]:
    place = mount_of("memory", groups, mounts)
    if place is None:
        return
    mount, group = place
    for number, directory in enumerate(ancestors(mount, group)):
        found = (
            _of_version_2(ask, directory)
            if mount.version == 2
            else _of_version_1(ask, directory, number == 0)
        )
        if found is not None:
            yield found


def _of_version_2(ask: Asker, directory: str) -> MemoryLimit | None:
    limits = [
        (limit, name == "memory.high")
        for name in ("memory.max", "memory.high")
        if (limit := parse_memory_max(ask.text(f"{directory}/{name}") or "")) is not None
    ]
    if not limits:
        return None
    limit, high = min(limits)
    used = as_int(ask.text(f"{directory}/memory.current"))
    stat = parse_memory_stat(ask.text(f"{directory}/memory.stat") or "")
    swap = parse_memory_max(ask.text(f"{directory}/memory.swap.max") or "")
    if swap is not None:
        swap = max(0, swap - (as_int(ask.text(f"{directory}/memory.swap.current")) or 0))
    asked = (f"memory.{name}" for name in ("max", "high", "current", "stat", "swap.max", "swap.current"))
    return MemoryLimit(
        limit_bytes=limit,
        used_bytes=_less(used, stat, ""),
        group=directory,
        high=high,
        swap_bytes=swap,
        evidence=ask.answered(*(f"read:{directory}/{name}" for name in asked)),
    )


def _of_version_1(ask: Asker, directory: str, innermost: bool) -> MemoryLimit | None:
    limit = parse_memory_max(ask.text(f"{directory}/memory.limit_in_bytes") or "")
    if limit is None and not innermost:
        return None
    stat = parse_memory_stat(ask.text(f"{directory}/memory.stat") or "")
    of_ancestors = stat.get("hierarchical_memory_limit", _UNLIMITED_V1) if innermost else _UNLIMITED_V1
    limits = [each for each in (limit, of_ancestors) if each is not None and each < _UNLIMITED_V1]
    if not limits:
        return None
    used = as_int(ask.text(f"{directory}/memory.usage_in_bytes"))
    both = parse_memory_max(ask.text(f"{directory}/memory.memsw.limit_in_bytes") or "")
    asked = (
        f"memory.{name}" for name in ("limit_in_bytes", "stat", "usage_in_bytes", "memsw.limit_in_bytes")
    )
    return MemoryLimit(
        limit_bytes=min(limits),
        used_bytes=_less(used, stat, "total_"),
        group=directory,
        swap_bytes=None if both is None else max(0, both - min(limits)),
        evidence=ask.answered(*(f"read:{directory}/{name}" for name in asked)),
    )


def _less(used: int | None, stat: dict[str, int], prefix: str) -> int | None:
    """
    What is used less what the kernel drops when memory is short.
    """
    if used is None:
        return None
    return max(0, used - sum(stat.get(f"{prefix}{name}", 0) for name in _CAN_BE_DROPPED))


def _cap(limit: MemoryLimit) -> Limit:
    return Limit(
        by="cgroup",
        bytes=limit.left_bytes,
        detail=message("limit.cgroup", limit_bytes=limit.limit_bytes, used_bytes=limit.used_bytes),
    )


def _memory(limits: tuple[MemoryLimit, ...], tightest: MemoryLimit) -> GroupMemory:
    swaps = [each.swap_bytes for each in limits if each.swap_bytes is not None]
    return GroupMemory(
        limit_bytes=min(each.limit_bytes for each in limits),
        left_bytes=tightest.left_bytes,
        used_bytes=tightest.used_bytes,
        slows_down=tightest.high,
        swap_bytes=min(swaps, default=None),
        evidence=tightest.evidence,
    )


def _cpu(quota: CpuQuota | None, allowed: CpuSet | None) -> Cpu:
    threads = []
    limits: tuple[Message, ...] = ()
    if quota is not None:
        threads.append(max(1, int(quota.processors)))
        limits = (message("limit.cpu-quota", processors=quota.processors),)
    if allowed is not None:
        threads.append(allowed.processors)
    return Cpu(usable_threads=min(threads, default=None), limits=limits)


def _quota(ask: Asker, groups: dict[str, str], mounts: tuple[Mount, ...]) -> CpuQuota | None:
    quotas = tuple(_quotas(ask, groups, mounts))
    return min(quotas, key=lambda each: each.processors, default=None)


def _quotas(ask: Asker, groups: dict[str, str], mounts: tuple[Mount, ...]) -> Iterator[CpuQuota]:
    place = mount_of("cpu", groups, mounts)
    if place is None:
        return
    mount, group = place
    for directory in ancestors(mount, group):
        if mount.version == 2:
            name = f"{directory}/cpu.max"
            quota = parse_cpu_max(ask.text(name) or "")
        else:
            name = f"{directory}/cpu.cfs_quota_us"
            microseconds = as_int(ask.text(name))
            period = as_int(ask.text(f"{directory}/cpu.cfs_period_us")) if microseconds else None
            quota = microseconds / period if microseconds and period else None
        if quota is not None:
            yield CpuQuota(processors=quota, evidence=(f"read:{name}",))


def _cpuset(ask: Asker, groups: dict[str, str], mounts: tuple[Mount, ...]) -> CpuSet | None:
    place = mount_of("cpuset", groups, mounts)
    if place is None:
        return None
    mount, group = place
    directory = next(ancestors(mount, group))
    name = f"{directory}/cpuset.cpus.effective" if mount.version == 2 else f"{directory}/cpuset.cpus"
    allowed = parse_cpu_list(ask.text(name) or "")
    return CpuSet(processors=len(allowed), evidence=(f"read:{name}",)) if allowed else None
