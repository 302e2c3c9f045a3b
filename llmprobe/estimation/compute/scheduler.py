"""
Which device computes which node, and what is copied between devices.

Nodes go where their weights are; what has none follows its neighbours. A graph falls into splits, one after the
other on one device each; what a split needs from elsewhere is copied in first.
Source: llama.cpp b11549, ggml/src/ggml-backend.cpp (``ggml_backend_sched_split_graph``).
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from llmprobe.estimation.compute.allocator import Copied, Count, Lifetimes, lifetimes, simulate, space
from llmprobe.model.archs._building.ops import F32, HADAMARD, REPACKED, VIEW_OPS, Graph, Node

HOST_ALIGN = 32
_FOLLOWS_NO_WEIGHT = frozenset({"rope", "flash_attn_ext"})
_SOURCES_PER_NODE = 10
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


class Reserved(msgspec.Struct, frozen=True, gc=False):
    """
    The bytes per backend (devices in order, the host last), and how many splits the graph has.
    """

    sizes: tuple[int, ...]
    splits: int


class Schedule(msgspec.Struct, frozen=True, gc=False):
    """
    The blocks that a graph takes and gives back on its backends, and how many splits it has.

    ``fixed`` says that a part of a quantized weight is copied, whose size stands for one quantization only.
    ``kept`` are the numbers of the nodes that first read a copy that is kept, as all are with pipelining.
    """

    lifetimes: Lifetimes
    splits: int
    fixed: bool = False
    kept: tuple[int, ...] = ()


class _Split:
    __slots__ = ("backend", "end", "inputs", "start")

    def __init__(self, backend: int, start: int) -> None:
        self.backend = backend
        self.start = start
        self.end = start
        self.inputs: list[Node] = []


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


def reserve(graph: Graph, rules: Sequence[Rules], *, op_offload: bool, copies: int) -> Reserved:
    """
    What a graph needs per backend beside plain memory of the host. ``copies`` is 4 with pipelining, else 1.
    """
    sizes: list[int] = []

    def number(size: int) -> int:
        sizes.append(size)
        return len(sizes) - 1

    planned = schedule(graph, rules, number, op_offload=op_offload, copies=copies, host_align=HOST_ALIGN)
    spaces = [*(space(one.pieces) for one in rules), space(None)]
    simulate(planned.lifetimes.events, [0] * planned.lifetimes.blocks, spaces, sizes, ())
    return Reserved(tuple(one.peak for one in spaces), planned.splits)


def schedule(
    graph: Graph,
    rules: Sequence[Rules],
    number: Count,
    copied: Copied | None = None,
    *,
    op_offload: bool,
    copies: int,
    starts: Sequence[int] = (),
    leaf_starts: Sequence[int] = (),
    host_align: int | None = None,
) -> Schedule:
    """
    Which blocks of memory a graph takes and gives back on devices with these rules.

    ``number`` tells where a size is kept, ``copied`` where that of a copied weight is. ``starts`` counts the nodes
    before each layer, ``leaf_starts`` the leafs. ``host_align`` is for host memory that is not what the devices offer.
    """
    n_devices = len(rules)
    if not n_devices:
        steps = [(node, 0) for node in graph.nodes]
        leafs = [(leaf, 0) for leaf in graph.leafs]
        found = lifetimes(steps, leafs, (HOST_ALIGN,), _host_size, number, copied, starts, leaf_starts)
        return Schedule(found, 1)
    _assign(graph, rules, op_offload=op_offload)
    splits, duplicates, firsts = _cut(graph, copies, n_devices)
    kept: dict[Node, list[Node]] = {}

    def keep(node: Node, until: Node) -> None:
        held = kept.setdefault(until, [])
        if not any(node is other for other in held):
            held.append(node)

    for split in splits:
        if split.backend < n_devices:
            rules[split.backend].optimize(graph.nodes, split.start, split.end, keep)

    steps = []
    marks: list[int] = []
    waiting = iter((*starts, -1))
    start = next(waiting)
    for split in splits:
        while split.start == start:
            marks.append(len(steps))
            start = next(waiting)
        # What the library for products computes lies in the host's memory, too.
        own = min(split.backend, n_devices)
        for source in split.inputs:
            steps.append((_dependency([source]), min(source.backend, n_devices)))
            steps.append((duplicates[source, split.backend][0], own))
        for i in range(split.start, split.end):
            while i == start:
                marks.append(len(steps))
                start = next(waiting)
            node = graph.nodes[i]
            steps.append((node, min(node.backend, n_devices)))
            held = kept.get(node, ()) if kept else ()
            for j in range(0, len(held), _SOURCES_PER_NODE):
                steps.append((_dependency(held[j : j + _SOURCES_PER_NODE]), own))
    order = _leaf_order(graph, splits, duplicates, copies)
    leafs = [(leaf, min(buffer, n_devices)) for leaf, buffer in order]

    def size_of(node: Node, buffer: int) -> int:
        return rules[buffer].alloc_size(node) if buffer < n_devices else node.nbytes

    # The first device alone is asked for host memory.
    aligns = (*(one.device_align for one in rules), host_align or rules[0].host_align)
    marks += [len(steps)] * (len(starts) - len(marks))
    fixed = any(
        source.root is not None and source.root.weight and source.kind.block > 1 for source, _ in duplicates
    )
    leaf_marks = [len(leafs) - len(graph.leafs) + count for count in leaf_starts]
    found = lifetimes(steps, leafs, aligns, size_of, number, copied, marks, leaf_marks)
    return Schedule(found, len(splits), fixed, tuple(firsts) if copies > 1 else ())


def reserve_places(graph: Graph, rules: Sequence[Rules], *, op_offload: bool) -> None:
    """
    Give every node its backend without allocating anything.
    """
    _assign(graph, rules, op_offload=op_offload)


def _host_size(node: Node, _: int) -> int:
    return node.nbytes


def _dependency(sources: Sequence[Node]) -> Node:
    first = sources[0]
    node = Node("", first.kind, first.ne, first.nb, tuple(sources))
    node.root = first.root or first
    return node


def _assign(graph: Graph, rules: Sequence[Rules], *, op_offload: bool) -> None:
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
                    count = sum(_lies_on(source, backend, host) for source in node.src)
                    if count > best:
                        best, node.backend = count, backend
        elif (
            blas
            and node.backend == host
            and blas_supports(node)
            and all(_lies_on(source, library, host) for source in node.src)
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


def _lies_on(node: Node, backend: int, host: int) -> bool:
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


def _cut(
    graph: Graph, copies: int, host: int
) -> tuple[list[_Split], dict[tuple[Node, int], list[Node]], list[int]]:
    """
    Cut the graph into splits, and let nodes read copies of what lies elsewhere; say which nodes first read one.
    """
    firsts: list[int] = []
    nodes = graph.nodes
    duplicates: dict[tuple[Node, int], list[Node]] = {}
    first = next((i for i, node in enumerate(nodes) if node.op not in VIEW_OPS), 0)
    current = nodes[first].backend
    split = _Split(current, 0)
    splits = [split]
    for i in range(first, len(nodes)):
        node = nodes[i]
        if node.op in VIEW_OPS:
            continue
        if node.backend != current or (split.inputs and _weights_elsewhere(node, current, host)):
            split.end = i
            current = node.backend
            split = _Split(current, i)
            splits.append(split)
        for j, source in enumerate(node.src):
            if source.backend == current or _lies_on(source, current, host):
                continue
            made = duplicates.get((source, current))
            if made is None:
                made = [_duplicate(source, kept=copies > 1) for _ in range(copies)]
                duplicates[source, current] = made
                firsts.append(i)
                split.inputs.append(source)
            node.src = (*node.src[:j], made[0], *node.src[j + 1 :])
    split.end = len(nodes)
    return splits, duplicates, firsts


def _weights_elsewhere(node: Node, backend: int, host: int) -> list[Node]:
    return [
        source
        for source in node.src
        if source.weight and source.backend != backend and not _lies_on(source, backend, host)
    ]


def _duplicate(source: Node, *, kept: bool) -> Node:
    node = Node("", source.kind, source.ne, source.nb, ())
    node.live = True
    node.input = node.output = kept
    node.origin = source.origin
    return node


def _leaf_order(
    graph: Graph,
    splits: list[_Split],
    duplicates: dict[tuple[Node, int], list[Node]],
    copies: int,
) -> list[tuple[Node, int]]:
    """
    What is allocated before everything else: with pipelining all copies of the inputs, then the leafs.
    """
    order: list[tuple[Node, int]] = []
    if copies > 1:
        for leaf in graph.leafs:
            if leaf.input:
                made = duplicates.get((leaf, leaf.backend))
                if made is None:
                    leaf.output = True
                    made = [leaf, *(_duplicate(leaf, kept=True) for _ in range(copies - 1))]
                    duplicates[leaf, leaf.backend] = made
                order += [(node, leaf.backend) for node in made]
        for split in splits:
            for source in split.inputs:
                order += [(node, split.backend) for node in duplicates[source, split.backend]]
    order += [(leaf, leaf.backend) for leaf in graph.leafs]
    return order
