"""
The parts of an AMD GPU that is divided: MI300 and later lend their dies and their memory to several devices.

A GPU in the mode SPX is one device; DPX, TPX, QPX and CPX make 2, 3, 4 and up to 8 of it (compute partitions), and
NPS1, 2, 4 and 8 say how its memory is shared out (memory partitions). Each part is a node of KFD's topology with a
file in /dev/dri, and allocates its share of the memory: Linux, amdgpu_amdkfd.c, ``amdgpu_amdkfd_xcp_memory_size``.
https://instinct.docs.amd.com/projects/amdgpu-docs/en/latest/gpu-partitioning/mi300x/overview.html

Questions, in order, of a divided GPU only:

    read:<pci>/current_compute_partition
    read:<pci>/current_memory_partition
"""

import msgspec

from llmprobe.facts.machine import Holder, Partition
from llmprobe.machine.asking import Asker
from llmprobe.machine.drm_clients import together
from llmprobe.machine.probes.amd.memory import Memory
from llmprobe.machine.probes.amd.topology import Node

_COMPUTE, _MEMORY = "current_compute_partition", "current_memory_partition"
_PART = 0.75
"""A GPU whose nodes have less than this share of its memory is divided: the smallest division halves it."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """
    How many parts a GPU is divided into, 1 for one that is whole, which programs compute on each of its nodes, and
    which ones hold memory of it by any interface.
    """

    count: int = 1
    holders: dict[str, tuple[Holder, ...]] = {}
    drawing: tuple[Holder, ...] = ()

    def on(self, node: Node | None) -> tuple[Holder, ...]:
        """
        The programs that use one node, with the memory that they hold.
        """
        computing = self.holders.get(node.number, ()) if node is not None else ()
        return together(computing, self.drawing) if self.drawing else computing

    def share(self, memory: Memory, node: Node | None) -> Memory:
        """
        The memory of one part: its heap, what its programs hold, and its share of what else is in use. Of a whole GPU
        all of it.
        """
        if self.count == 1 or memory.vram_total is None:
            return memory
        heap = node.heap_bytes if node is not None and node.heap_bytes else memory.vram_total // self.count
        used = memory.vram_used
        evidence = (*memory.evidence, *(node.evidence if node is not None else ()))
        return msgspec.structs.replace(
            memory,
            vram_total=heap,
            vram_used=None if used is None else min(self._held(node) + self._rest(used), heap),
            evidence=evidence,
        )

    def _held(self, node: Node | None) -> int:
        return sum(holder.used_bytes or 0 for holder in self.on(node))

    def _rest(self, used: int) -> int:
        held = sum(holder.used_bytes or 0 for holders in self.holders.values() for holder in holders)
        return max(0, used - held) // self.count


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """
    One part with its name, and the answers that tell how the whole is divided.
    """

    name: str
    partition: Partition
    evidence: tuple[str, ...] = ()


def parts_of(
    memory: Memory,
    nodes: tuple[Node, ...],
    holders: dict[str, tuple[Holder, ...]],
    drawing: tuple[Holder, ...] = (),
) -> Parts:
    """
    The division of a GPU with these nodes: by their number, or, where only some were given to a container, their size.
    """
    total = memory.vram_total
    heaps = [node.heap_bytes for node in nodes if node.heap_bytes]
    by_size = round(total / heaps[0]) if total and heaps and heaps[0] < _PART * total else 1
    count = max(1, len(nodes), by_size)
    # What programs hold of a whole GPU is not told of its parts.
    return Parts(count=count, holders=holders, drawing=drawing if count == 1 else ())


def part_of(ask: Asker, path: str, node: Node, parts: Parts, name: str) -> Part | None:
    """
    What one node of a device is a part of; None where the device is whole.
    """
    if parts.count == 1:
        return None
    modes = [(ask.text(f"{path}/{file}") or "").strip() for file in (_COMPUTE, _MEMORY)]
    profile = "/".join(mode for mode in modes if mode) or None
    return Part(
        name=f"{name} (part {node.number})",
        partition=Partition(
            kind="xcp",
            profile=profile,
            parent_name=name,
            instance_id=int(node.number) if node.number.isdecimal() else None,
        ),
        evidence=tuple(
            f"read:{path}/{file}" for file, mode in zip((_COMPUTE, _MEMORY), modes, strict=True) if mode
        ),
    )
