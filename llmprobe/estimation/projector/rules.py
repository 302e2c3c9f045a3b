"""
What a backend computes of an encoder's graph, and how much memory it wants for it.
"""

from llmprobe.estimation.compute.assignment import Rules
from llmprobe.estimation.compute.rules import rules_of
from llmprobe.estimation.placement import HOST
from llmprobe.facts.backends import backend_of
from llmprobe.model.archs._building.ops import Graph


def rules_on(kind: str) -> Rules:
    """
    The rules of one device of a kind; for the processor those of any, which it never asks.
    """
    return rules_of("cuda" if kind == HOST else kind, 1)[0]


def known(kind: str) -> bool:
    """
    Whether buffers of projectors were compared with measured ones on a kind of device, or on the processor.
    """
    return kind == HOST or backend_of(kind).encoders


def has_flash(graph: Graph, kind: str) -> bool:
    """
    Whether a kind of device has a kernel for every attention of a graph; the processor has.
    """
    if kind == HOST:
        return True
    rules = rules_on(kind)
    return all(rules.supports(node, 0) for node in graph.nodes if node.op == "flash_attn_ext")
