"""
Where the control groups of this process are: by /proc/self/cgroup and the mounts that it sees.

What they limit is asked by probes: ``cgroup`` and ``numa``.
"""

from collections.abc import Iterator

import msgspec

from llmprobe.machine.asking import Asker
from llmprobe.machine.cpu_list import parse_cpu_list


class Mount(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where a hierarchy is mounted: the directory, the group at its top, and version 1's controllers.
    """

    directory: str
    root: str
    version: int
    controllers: frozenset[str] = frozenset()


def parse_self_cgroup(text: str) -> dict[str, str]:
    """
    The group of this process for each controller of /proc/self/cgroup; version 2's has the name "".

    https://man7.org/linux/man-pages/man7/cgroups.7.html: lines of ``hierarchy:controllers:path``.
    """
    groups = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            for controller in parts[1].split(","):
                groups[controller] = parts[2] or "/"
    return groups


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """
    The mounts of control groups, from /proc/self/mountinfo.

    https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html: the fourth field is the group at the
    top of the mount, the fifth the directory; after " - " follow type, source and options.
    """
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")
        if not dash or len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        controllers = frozenset(kind[2].split(",")) if kind[0] == "cgroup" else frozenset()
        version = 1 if kind[0] == "cgroup" else 2
        mounts.append(Mount(directory=fields[4], root=fields[3], version=version, controllers=controllers))
    return tuple(mounts)


def ancestors(mount: Mount, group: str) -> Iterator[str]:
    """
    Yield the directories of a group and all its ancestors, the innermost first.

    Inside a container with its own view of control groups the path is "/" or leads outside of the mount
    ("/../…"); with the host's view it may name a group that this mount does not show: then the mount itself
    is it.
    """
    path = group
    if path == mount.root or path.startswith(f"{mount.root}/"):
        path = path[len(mount.root) :]
    names = [name for name in path.split("/") if name]
    if ".." in names:
        names = []
    for length in range(len(names), -1, -1):
        yield "/".join([mount.directory, *names[:length]])


def mount_of(controller: str, groups: dict[str, str], mounts: tuple[Mount, ...]) -> tuple[Mount, str] | None:
    """
    The mount and the group of a controller: by version 1 where that has it (also beside an empty version 2), else by
    version 2.
    """
    for mount in mounts:
        if mount.version == 1 and controller in mount.controllers and controller in groups:
            return mount, groups[controller]
    for mount in mounts:
        if mount.version == 2 and "" in groups:
            return mount, groups[""]
    return None


def memory_nodes(ask: Asker) -> tuple[frozenset[int], str] | None:
    """
    The memory nodes that this process's group may use (cpuset.mems), with the file that tells; None where none does.
    """
    groups = parse_self_cgroup(ask.text("/proc/self/cgroup") or "")
    place = mount_of("cpuset", groups, parse_mountinfo(ask.text("/proc/self/mountinfo") or ""))
    if place is None:
        return None
    mount, group = place
    name = "cpuset.mems.effective" if mount.version == 2 else "cpuset.mems"
    path = f"{next(ancestors(mount, group))}/{name}"
    nodes = frozenset(parse_cpu_list(ask.text(path) or ""))
    return (nodes, path) if nodes else None
