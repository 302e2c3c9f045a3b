"""
The memory of the host: the pool ``ram``, what is in use, and swap.

Limits that a container or macOS sets on top are not here: see ``cgroup`` and ``apple``.

Questions, in order:

    psutil:virtual_memory
    read:/proc/meminfo                                 on Linux
    psutil:swap_memory
    read:/proc/swaps                                   on Linux
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Limit, MemoryPool, Observation, Probed
from llmprobe.machine.asking import Asker, as_int, fields_of
from llmprobe.machine.host_ram import host_ram

NAME = "memory"
PLATFORMS = frozenset({"linux", "darwin", "win32"})

SWAPS = "/proc/swaps"


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
