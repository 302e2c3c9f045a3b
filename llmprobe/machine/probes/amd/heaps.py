"""
How much of shared memory each backend can allocate for graphics in an AMD processor.

Vulkan's driver (RADV) allocates from the carve-out and from RAM that the GPU may map (GTT). ROCm allocates from one of
the two only. The topology says how large that is, and so which. Where it doesn't, the kernel's version does:
before 6.10 the carve-out; from 6.10 GTT; with 6.16.9 the larger of both, which 6.14 began.
Linux, amdgpu_amdkfd.c (``amdgpu_amdkfd_get_local_mem_info``) and amdgpu_ttm.c (``apu_prefer_gtt``); Mesa,
radv_physical_device.c.
"""

from typing import Literal

import msgspec

from llmprobe.facts.machine import Basis, Limit
from llmprobe.machine.host_ram import HostRam
from llmprobe.machine.kernel_release import kernel_version
from llmprobe.machine.probes.amd.memory import Memory, mappable
from llmprobe.machine.probes.amd.topology import Node
from llmprobe.words.message import message

_GTT_SINCE = (6, 10)
_MAYBE_LARGER_SINCE = (6, 14)
_LARGER_SINCE = (6, 16, 9)
_SAME = 0.02
_WORTH_ANOTHER = 1.0625
"""Vulkan is chosen where it reaches a sixteenth more: below that it is no reason to change."""


class Heap(msgspec.Struct, frozen=True, kw_only=True):
    """
    The memory that ROCm allocates from: its size, and what of it is free now; None where that is unknown.
    """

    where: Literal["carve-out", "gtt"]
    total_bytes: int
    free_bytes: int | None
    basis: Basis = "measured"


class Heaps(msgspec.Struct, frozen=True, kw_only=True):
    """
    What ROCm and Vulkan can allocate now, and which is chosen. An unknown figure is None.
    """

    rocm: Heap
    vulkan_bytes: int | None
    chosen: Literal["rocm", "vulkan"]
    evidence: tuple[str, ...] = ()

    def cap(self) -> Limit | None:
        """
        The most that ROCm may take now, where it is chosen.
        """
        if self.chosen != "rocm" or self.rocm.free_bytes is None:
            return None
        detail = message(f"limit.rocm-{self.rocm.where}", heap_bytes=self.rocm.total_bytes)
        return Limit(by="working-set", bytes=self.rocm.free_bytes, detail=detail, basis=self.rocm.basis)


def heaps_of(memory: Memory, node: Node | None, ram: HostRam, release: str | None) -> Heaps | None:
    """
    What each backend can allocate of the memory of integrated graphics; None where ROCm's part is unknown.
    """
    heap = rocm_heap(memory, node, ram, release)
    if heap is None:
        return None
    mapped = mappable(memory, ram)
    carve_out = memory.vram_free
    reach = None if mapped is None else mapped + (carve_out or 0)
    more = heap.free_bytes is not None and reach is not None and reach > heap.free_bytes * _WORTH_ANOTHER
    return Heaps(
        rocm=heap,
        vulkan_bytes=reach,
        chosen="vulkan" if more else "rocm",
        evidence=(*memory.evidence, *(node.evidence if node is not None else ())),
    )


def rocm_heap(memory: Memory, node: Node | None, ram: HostRam, release: str | None) -> Heap | None:
    """
    The memory that ROCm allocates from, by the topology or else by the kernel.
    """
    carve_out, gtt = memory.vram_total, memory.gtt_total
    size = node.heap_bytes if node is not None else None
    if size is not None:
        if carve_out is not None and abs(size - carve_out) <= _SAME * carve_out:
            return _carved(memory, size, "measured")
        return _mapped(memory, ram, size, "measured")
    version = kernel_version(release)
    if carve_out is None or gtt is None or version is None:
        return None
    if version < _GTT_SINCE:
        return _carved(memory, carve_out, "derived")
    if version >= _LARGER_SINCE and carve_out >= gtt:
        return _carved(memory, carve_out, "derived")
    unsure = _MAYBE_LARGER_SINCE <= version < _LARGER_SINCE and carve_out > gtt
    return _mapped(memory, ram, gtt, "assumed" if unsure else "derived")


def _carved(memory: Memory, size: int, basis: Basis) -> Heap:
    free = memory.vram_free
    return Heap(
        where="carve-out", total_bytes=size, free_bytes=None if free is None else min(free, size), basis=basis
    )


def _mapped(memory: Memory, ram: HostRam, size: int, basis: Basis) -> Heap:
    """
    A heap in RAM: no larger than what the GPU may map, and than what is available.
    """
    limited = msgspec.structs.replace(
        memory, gtt_total=size if memory.gtt_total is None else min(size, memory.gtt_total)
    )
    return Heap(
        where="gtt",
        total_bytes=limited.gtt_total or size,
        free_bytes=mappable(limited, ram),
        basis=basis,
    )
