"""
The nodes of a machine's memory: which have processors, and what each has free.

A machine with one node is asked nothing more. https://docs.kernel.org/admin-guide/mm/numaperf.html

Questions, in order:

    read:/sys/devices/system/node/has_memory
    read:/sys/devices/system/node/has_cpu              where more than one node has memory, and so the next
    read:/sys/devices/system/node/node<N>/meminfo      of each with memory
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.host import HostMemory, Numa, NumaNode
from llmprobe.facts.machine import Probed, SystemFacts
from llmprobe.machine.asking import Asker
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.machine.host_ram import NODES, parse_node_meminfo

NAME = "numa"
PLATFORMS = frozenset({"linux"})


def probe(source: Source) -> Probed:
    """
    The nodes of a machine that has several.
    """
    ask = Asker(source)
    with_memory = parse_cpu_list(ask.text(f"{NODES}/has_memory") or "")
    if len(with_memory) < 2:
        return ask.probed(found=bool(with_memory))
    with_processors = parse_cpu_list(ask.text(f"{NODES}/has_cpu") or "")
    nodes = []
    evidence = [f"read:{NODES}/has_memory", f"read:{NODES}/has_cpu"]
    for node in with_memory:
        path = f"{NODES}/node{node}/meminfo"
        fields = parse_node_meminfo(ask.text(path) or "")
        evidence.append(f"read:{path}")
        nodes.append(
            NumaNode(
                number=node,
                has_processors=node in with_processors,
                total_bytes=fields.get("MemTotal"),
                free_bytes=fields.get("MemFree"),
            )
        )
    numa = Numa(nodes=tuple(nodes), evidence=tuple(evidence))
    return ask.probed(found=True, host=SystemFacts(memory=HostMemory(numa=numa)))
