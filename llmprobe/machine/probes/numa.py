"""
The nodes of a machine's memory: which have processors, and what each has free.

A machine with one node is asked nothing more. A group of processes may be kept to some nodes
(cpuset.mems): what the others have is not theirs to take. https://docs.kernel.org/admin-guide/mm/numaperf.html

Questions, in order:

    read:/sys/devices/system/node/has_memory
    read:/sys/devices/system/node/has_cpu              where more than one node has memory, and so the next
    read:/sys/devices/system/node/node<N>/meminfo      of each with memory
    read:/proc/self/cgroup                             and the rest of what control_groups.memory_nodes asks
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.host import HostMemory, Numa, NumaNode
from llmprobe.facts.machine import Limit, Probed, SystemFacts
from llmprobe.machine.asking import Asker
from llmprobe.machine.control_groups import memory_nodes
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.machine.host_ram import NODES, free_or_droppable, parse_node_meminfo
from llmprobe.words.message import message

NAME = "numa"
PLATFORMS = frozenset({"linux"})


def probe(source: Source) -> Probed:
    """
    The nodes of a machine that has several, and what a process that is kept to some of them may take.
    """
    ask = Asker(source)
    with_memory = parse_cpu_list(ask.text(f"{NODES}/has_memory") or "")
    if len(with_memory) < 2:
        return ask.probed(found=bool(with_memory))
    with_processors = parse_cpu_list(ask.text(f"{NODES}/has_cpu") or "")
    nodes = []
    free: dict[int, int | None] = {}
    evidence = [f"read:{NODES}/has_memory", f"read:{NODES}/has_cpu"]
    for node in with_memory:
        path = f"{NODES}/node{node}/meminfo"
        fields = parse_node_meminfo(ask.text(path) or "")
        evidence.append(f"read:{path}")
        free[node] = free_or_droppable(fields)
        nodes.append(
            NumaNode(
                number=node,
                has_processors=node in with_processors,
                total_bytes=fields.get("MemTotal"),
                free_bytes=fields.get("MemFree"),
            )
        )
    caps: tuple[tuple[str, Limit], ...] = ()
    kept = None
    allowed = memory_nodes(ask)
    if allowed is not None and 0 < len(mine := [node for node in with_memory if node in allowed[0]]) < len(
        nodes
    ):
        kept = tuple(mine)
        evidence.append(f"read:{allowed[1]}")
        sizes = [size for node in kept if (size := free[node]) is not None]
        if len(sizes) == len(kept):
            detail = message("limit.memory-nodes", allowed=len(kept), nodes=len(with_memory))
            caps = (("ram", Limit(by="memory-nodes", bytes=sum(sizes), detail=detail)),)
    numa = Numa(nodes=tuple(nodes), allowed=kept, evidence=tuple(evidence))
    return ask.probed(found=True, host=SystemFacts(memory=HostMemory(numa=numa)), caps=caps)
