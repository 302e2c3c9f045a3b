"""
Several processors with a GPU on one board (MI300A): each GPU has the memory of its own socket, which the kernel counts
as RAM.

Its driver reports no VRAM, and its compute driver how much of the socket's memory ROCm may have: the limit of TTM over
the number of sockets, half of it or, with AMD's own driver, three quarters (96 of 128 GiB). Linux, amdgpu_amdkfd.c,
``amdgpu_amdkfd_xcp_memory_size``; https://rocm.docs.amd.com (MI300A system optimization). A single one shares RAM as
graphics do.

Questions, in order, of each where there are several:

    read:<pci>/numa_node
    read:/sys/devices/system/node/node<N>/meminfo
"""

from collections.abc import Mapping, Sequence

from llmprobe.facts.machine import Limit, MemoryPool
from llmprobe.machine.asking import Asker, as_int
from llmprobe.machine.host_ram import NODES, free_or_droppable, parse_node_meminfo
from llmprobe.machine.pci_bus import PciDevice
from llmprobe.machine.probes.amd.memory import Memory
from llmprobe.machine.probes.amd.topology import Node
from llmprobe.words.message import message

WITHOUT_OWN_MEMORY = frozenset({"0x74a0"})
"""MI300A: what its driver calls VRAM is the memory of the host, which the kernel counts already."""


def sockets(
    ask: Asker, devices: Sequence[PciDevice], by_device: Mapping[str, tuple[Node, ...]]
) -> dict[str, Memory]:
    """
    What each of several such GPUs may have, by address; none where there is only one.
    """
    apus = [device for device in devices if device.device in WITHOUT_OWN_MEMORY]
    if len(apus) < 2:
        return {}
    return {device.address: _memory(ask, device, by_device.get(device.address, ())) for device in apus}


def counted_there(pools: Sequence[MemoryPool]) -> tuple[tuple[str, Limit], ...]:
    """
    What is free of these GPUs is no memory for the processors beside that.
    """
    free = sum(pool.free_bytes or 0 for pool in pools)
    detail = message("limit.apu-sockets")
    return (("ram", Limit(by="accelerators", bytes=free, detail=detail)),) if free else ()


def _memory(ask: Asker, device: PciDevice, nodes: tuple[Node, ...]) -> Memory:
    heaps = [node.heap_bytes for node in nodes if node.heap_bytes]
    if not heaps:
        return Memory()
    total = sum(heaps)
    socket = as_int(ask.text(f"{device.path}/numa_node"))
    path = f"{NODES}/node{socket}/meminfo"
    left = None if socket is None else free_or_droppable(parse_node_meminfo(ask.text(path) or ""))
    evidence = tuple(name for node in nodes for name in node.evidence)
    return Memory(
        vram_total=total,
        vram_used=None if left is None else total - min(total, left),
        evidence=(*evidence, *((f"read:{path}",) if left is not None else ())),
    )
