"""
Which device computes which node.

Nodes go where their weights are; what has none follows its neighbours.
Source: llama.cpp b11549, ggml/src/ggml-backend.cpp (``ggml_backend_sched_split_graph``, its first passes).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from llmprobe.model.archs._building.ops import F32, HADAMARD, REPACKED, VIEW_OPS, Graph, Node

_FOLLOWS_NO_WEIGHT = frozenset({"rope", "flash_attn_ext"})
_BLAS_SIZE = 32

Keep = Callable[[Node, Node], None]


class Rules(Protocol):
    """
    What a device can compute and how much memory it wants for it, at places that are multiples of ``device_align``,
    or of ``host_align`` in the host memory that it offers. Buffers are in ``pieces`` of so many bytes, on both.
    ``blas`` says that the processor has a library for large products beside it, as on every Mac.
    """

    device_align: int
    host_align: int
    pieces: int | None
    blas: bool

    def supports(self, node: Node, device: int) -> bool:
        """Whether a device computes this node."""

    def attends(self, node: Node) -> bool:
        """Whether a device has a kernel for this attention of one token."""

    def wants(self, node: Node) -> bool:
        """Whether a node is worth copying its weights to the device."""

    def alloc_size(self, node: Node) -> int:
        """The bytes that a node takes on the device."""

    def optimize(self, nodes: list[Node], start: int, end: int, keep: Keep) -> None:
        """Reorder the nodes of a split, and say what is to be kept until when."""


def host_supports(node: Node) -> bool:
    """
    Whether the CPU computes a node; source: ggml/src/ggml-cpu/ggml-cpu.cpp.
    """
    if node.op == "mul_mat":
        kind = node.src[1].kind.name
        return kind == "f32" or kind == node.src[0].kind.name
    return True


def blas_supports(node: Node) -> bool:
    """
    Whether the library for products beside the processor computes a node; source: ggml/src/ggml-blas/ggml-blas.cpp.
    """
    if node.op != "mul_mat" or node.tag == HADAMARD:
        return False
    a, b = node.src[:2]
    return (
        b.kind is F32
        and node.ne[0] >= _BLAS_SIZE
        and node.ne[1] >= _BLAS_SIZE
        and b.ne[0] >= _BLAS_SIZE
        and a.contiguous()
        and b.contiguous()
    )


def assign(graph: Graph, rules: Sequence[Rules], *, op_offload: bool) -> None:
    """
    Give every node and leaf its backend: a device, the ``host``, or the number behind it for its library for products.
    """
    host = len(rules)
    library = host + 1
    blas = any(one.blas for one in rules)

    def supports(node: Node, backend: int) -> bool:
        if backend == host:
            return host_supports(node)
        return blas_supports(node) if backend == library else rules[backend].supports(node, backend)

    by_rank = (*range(host), library, host) if blas else range(host + 1)

    for leaf in graph.leafs:
        leaf.backend = leaf.buffer if leaf.buffer >= 0 else host if leaf.input else -1
    nodes = graph.nodes
    for node in nodes:
        if node.backend < 0:
            home = node.buffer if node.root is None else node.root.buffer
            if home >= 0:
                node.backend = home
            elif node.op not in _FOLLOWS_NO_WEIGHT:
                for source in node.src:
                    if source.weight:
                        node.backend = _with_weight(node, source, supports, rules, op_offload=op_offload)
                        break
    real = [node for node in nodes if node.op not in VIEW_OPS]
    backwards = real[::-1]
    for order, also_host in ((real, False), (backwards, False), (real, True), (backwards, True)):
        current = -1
        for node in order:
            if node.backend >= 0:
                current = node.backend if also_host or node.backend != host else -1
            elif current >= 0 and supports(node, current):
                node.backend = current
    for node in real:
        if node.backend < 0:
            best = -1
            for backend in by_rank:
                if supports(node, backend):
                    count = sum(lies_on(source, backend, host) for source in node.src)
                    if count > best:
                        best, node.backend = count, backend
        elif (
            blas
            and node.backend == host
            and blas_supports(node)
            and all(lies_on(source, library, host) for source in node.src)
        ):
            node.backend = library
    for node in nodes:
        if node.backend < 0 and node.root is not None:
            node.backend = node.root.backend
        for source in node.src:
            if source.backend < 0:
                source.backend = node.backend if source.root is None else source.root.backend
        if node.backend < 0:
            node.backend = next((b for b in by_rank if supports(node, b)), host)


def _with_weight(
    node: Node,
    weight: Node,
    supports: Callable[[Node, int], bool],
    rules: Sequence[Rules],
    *,
    op_offload: bool,
) -> int:
    """
    The backend that computes with a weight where that lies, or a device that it is worth copying to.
    """
    home, repacked, host = weight.buffer, weight.tag == REPACKED, len(rules)
    if any(one.blas for one in rules) and home == host and not repacked and blas_supports(node):
        return host + 1
    if not supports(node, home):
        return -1
    if op_offload and home == host and not repacked:
        for device in range(host):
            if rules[device].wants(node) and supports(node, device):
                return device
    return home


def lies_on(node: Node, backend: int, host: int) -> bool:
    """
    Whether a backend can read a tensor where it is.
    """
    if backend > host and node.tag == REPACKED:
        return False
    root = node.root
    home = root.buffer if root is not None else node.buffer
    if home < 0:
        home = node.backend
        if home < 0 and root is not None:
            home = root.backend
    return home >= 0 and min(home, host) == min(backend, host)
