"""
The devices that a rule looks at, each physical device once.
"""

from collections.abc import Iterator

from llmprobe.facts.machine import Accelerator, MemoryPool, Snapshot
from llmprobe.facts.windows import UncountedAdapter

LIBRARY_NOT_FOUND = 12
"""NVML_ERROR_LIBRARY_NOT_FOUND."""


def physical(snapshot: Snapshot) -> Iterator[Accelerator]:
    """
    One accelerator of each physical device: of the instances of a divided one the first.
    """
    seen = set()
    for each in snapshot.accelerators:
        whole = (
            (each.vendor, each.partition.parent_uuid or each.pci or each.index) if each.partition else each.id
        )
        if whole not in seen:
            seen.add(whole)
            yield each


def whole_name(accelerator: Accelerator) -> str:
    """
    The name of the physical device that an accelerator is, or is an instance of.
    """
    parent = accelerator.partition.parent_name if accelerator.partition is not None else None
    return parent or accelerator.name


def called(snapshot: Snapshot, accelerator: Accelerator) -> str:
    """
    The name of an accelerator for a person, behind its id where another has the same name.
    """
    alike = [each for each in snapshot.accelerators if each.name == accelerator.name]
    return f"{accelerator.id} {accelerator.name}" if len(alike) > 1 else accelerator.name


def whole_called(snapshot: Snapshot, accelerator: Accelerator) -> str:
    """
    The same of the physical device that an accelerator is an instance of.
    """
    return called(snapshot, accelerator) if accelerator.partition is None else whole_name(accelerator)


def pools_of(snapshot: Snapshot, accelerator: Accelerator) -> tuple[MemoryPool, ...]:
    """
    The pools that an accelerator allocates from.
    """
    return tuple(pool for pool in map(snapshot.pool, accelerator.pools) if pool is not None)


def memory_of(snapshot: Snapshot, accelerator: Accelerator) -> int | None:
    """
    The size in bytes of all memory that an accelerator allocates from, None where it is unknown.
    """
    sizes = [pool.total_bytes for pool in pools_of(snapshot, accelerator) if pool.total_bytes is not None]
    return sum(sizes) if sizes else None


def uncounted(snapshot: Snapshot) -> tuple[UncountedAdapter, ...]:
    """
    The adapters that no model is put on, of Windows or of a chip under Linux.
    """
    of_windows = snapshot.windows.uncounted if snapshot.windows is not None else ()
    return (*of_windows, *(snapshot.uncounted or ()))


def on_basic_driver(snapshot: Snapshot) -> tuple[UncountedAdapter, ...]:
    """
    Displays of real hardware that have only the driver of Windows itself: a GPU may be behind each.
    """
    if snapshot.windows is None or snapshot.host.environment == "vm":
        return ()
    return tuple(each for each in snapshot.windows.uncounted if each.kind == "basic")


def lent_by_windows(snapshot: Snapshot) -> bool:
    """
    Whether Windows lends WSL a GPU that NVIDIA's library does not describe: that of another maker.
    """
    start = snapshot.nvidia.start if snapshot.nvidia is not None else None
    without_library = start is not None and start.value.code == LIBRARY_NOT_FOUND
    return bool(snapshot.host.wsl_gpu) and without_library and not snapshot.accelerators
