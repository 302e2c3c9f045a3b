"""
Where threads can run and what lies near them: processors, the nodes that they belong to, caches, and how busy they are.
"""

import os
from pathlib import Path

BUSY = 0.5
"""Processes that run, for each usable thread, from which on a machine is called busy."""

_NODES = Path("/sys/devices/system/node")
_PROCESSORS = Path("/sys/devices/system/cpu")
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_MOST_DIGITS = 9


def processors() -> frozenset[int]:
    """
    The processors that this process may run on; empty where the system does not tell.
    """
    return frozenset(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else frozenset()


def nodes() -> dict[int, frozenset[int]]:
    """
    The processors of each NUMA node that this process may run on; empty where there is one node, or none is known.
    """
    allowed = processors()
    found: dict[int, frozenset[int]] = {}
    for name in _names(_NODES, "node"):
        here = _numbers(_text(_NODES / name / "cpulist")) & allowed
        if here:
            found[int(name.removeprefix("node"))] = here
    return found if len(found) > 1 else {}


def caches_bytes() -> int | None:
    """
    All that the last caches of the allowed processors hold together, None where the system does not tell.
    """
    total, seen = 0, set()
    for number in sorted(processors()):
        caches = _PROCESSORS / f"cpu{number}" / "cache"
        last = max(_names(caches, "index"), key=lambda name: int(name.removeprefix("index")), default=None)
        if last is None:
            return None
        sharers, size = _text(caches / last / "shared_cpu_list"), _size(_text(caches / last / "size"))
        if sharers not in seen:
            seen.add(sharers)
            total += size
    return total or None


def load() -> float | None:
    """
    The processes that ran or waited for a processor in the last minute, None where the system does not count them.
    """
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return None


def busy(threads: int) -> bool:
    """
    Whether other programs keep so many threads busy that a measurement would be one of them, too.
    """
    now = load()
    return now is not None and now > BUSY * threads


def _names(folder: Path, beginning: str) -> list[str]:
    """
    The names in a folder that are this word and a number.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    return sorted(name for name in names if name.startswith(beginning) and name[len(beginning) :].isdecimal())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""


def _numbers(text: str) -> frozenset[int]:
    """
    The numbers of a kernel's list of processors: ``0-3,8``.
    """
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal() and (last or first).isdecimal() and len(part) <= _MOST_DIGITS:
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)


def _size(text: str) -> int:
    """
    A size of a cache: ``16384K``.
    """
    digits, unit = text[:-1], _UNITS.get(text[-1:])
    return int(digits) * unit if unit and digits.isdecimal() and len(digits) <= _MOST_DIGITS else 0
