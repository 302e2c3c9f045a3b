"""
What a backend computes of an encoder's graph, and how much memory it wants for it.
"""

from collections.abc import Callable
from functools import cache

from llmprobe.estimation.compute.cuda import HOST_ALIGN, CudaRules
from llmprobe.estimation.compute.scheduler import Rules
from llmprobe.estimation.projector.metal import MetalRules
from llmprobe.estimation.projector.vulkan import VulkanRules
from llmprobe.model.archs._building.ops import Graph

EXACT = frozenset({"host", "cuda", "metal", "vulkan"})
"""Backends whose own rules are known; ``host`` is the processor."""

_RULES: dict[str, Callable[[], Rules]] = {"metal": MetalRules, "vulkan": VulkanRules}


@cache
def rules_of(backend: str) -> Rules:
    """
    The rules of a backend; where none of its own are known, those of CUDA.
    """
    found = _RULES.get(backend)
    return CudaRules(1) if found is None else found()


def alignment(backend: str) -> int:
    """
    The multiple of bytes at which a tensor begins in a buffer.
    """
    return HOST_ALIGN if backend == "host" else rules_of(backend).device_align


def has_flash(graph: Graph, backend: str) -> bool:
    """
    Whether a backend has a kernel for every attention of a graph; the processor has.
    """
    if backend == "host":
        return True
    rules = rules_of(backend)
    return all(rules.supports(node, 0) for node in graph.nodes if node.op == "flash_attn_ext")
