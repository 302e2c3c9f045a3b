"""
What a graph whose nodes have their devices takes and gives back, and what is copied between devices.

A graph falls into splits, one after the other on one device each; what a split needs from elsewhere is copied in first.
Source: llama.cpp b11549, ggml/src/ggml-backend.cpp (``ggml_backend_sched_split_graph``).
"""

from collections.abc import Sequence

import msgspec

from llmprobe.estimation.compute.allocator import apart, simulate, space
from llmprobe.estimation.compute.assignment import Rules, assign, lies_on
from llmprobe.estimation.compute.lifetimes import Copied, Count, Lifetimes, lifetimes
from llmprobe.model.archs._building.ops import VIEW_OPS, Graph, Node

HOST_ALIGN = 32
_SOURCES_PER_NODE = 10


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


def reserve(graph: Graph, rules: Sequence[Rules], *, op_offload: bool, copies: int) -> Reserved:
    """
    What a graph needs per backend beside plain memory of the host. ``copies`` is 4 with pipelining, else 1.
    """
    sizes: list[int] = []

    def number(size: int) -> int:
        sizes.append(size)
        return len(sizes) - 1

    if rules:
        assign(graph, rules, op_offload=op_offload)
    planned = schedule(graph, rules, number, copies=copies, host_align=HOST_ALIGN)
    spaces = [*(space(one.pieces) for one in rules), space(None)]
    simulate(apart(planned.lifetimes.events), [0] * planned.lifetimes.blocks, spaces, sizes)
    return Reserved(tuple(one.peak for one in spaces), planned.splits)


def schedule(
    graph: Graph,
    rules: Sequence[Rules],
    number: Count,
    copied: Copied | None = None,
    *,
    copies: int,
    starts: Sequence[int] = (),
    leaf_starts: Sequence[int] = (),
    host_align: int | None = None,
) -> Schedule:
    """
    Which blocks of memory a graph takes and gives back on devices with these rules, to which it was assigned.

    ``number`` tells where a size is kept, ``copied`` where that of a copied weight is. ``starts`` counts the nodes
    before each layer, ``leaf_starts`` the leafs. ``host_align`` is for host memory that is not what the devices offer.
    """
    n_devices = len(rules)
    if not n_devices:
        steps = [(node, 0) for node in graph.nodes]
        leafs = [(leaf, 0) for leaf in graph.leafs]
        found = lifetimes(steps, leafs, (HOST_ALIGN,), (_host_size,), number, copied, starts, leaf_starts)
        return Schedule(found, 1)
    splits, duplicates, firsts = _cut(graph, copies, n_devices)
    kept: dict[Node, dict[Node, None]] = {}

    def keep(node: Node, until: Node) -> None:
        kept.setdefault(until, {})[node] = None

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
            steps.append((node, own if node.backend == split.backend else min(node.backend, n_devices)))
            if node in kept:
                held = tuple(kept[node])
                for j in range(0, len(held), _SOURCES_PER_NODE):
                    steps.append((_dependency(held[j : j + _SOURCES_PER_NODE]), own))
    order = _leaf_order(graph, splits, duplicates, copies)
    leafs = [(leaf, min(buffer, n_devices)) for leaf, buffer in order]
    # The first device alone is asked for host memory.
    aligns = (*(one.device_align for one in rules), host_align or rules[0].host_align)
    marks += [len(steps)] * (len(starts) - len(marks))
    fixed = any(
        source.root is not None and source.root.weight and source.kind.block > 1 for source, _ in duplicates
    )
    leaf_marks = [len(leafs) - len(graph.leafs) + count for count in leaf_starts]
    size_of = (*(one.alloc_size for one in rules), _host_size)
    found = lifetimes(steps, leafs, aligns, size_of, number, copied, marks, leaf_marks)
    return Schedule(found, len(splits), fixed, tuple(firsts) if copies > 1 else ())


def _host_size(node: Node) -> int:
    return node.nbytes


def _dependency(sources: Sequence[Node]) -> Node:
    first = sources[0]
    node = Node("", first.kind, first.ne, first.nb, tuple(sources))
    node.root = first.root or first
    return node


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
        if node.backend != current or (split.inputs and _reads_weights_elsewhere(node, current, host)):
            split.end = i
            current = node.backend
            split = _Split(current, i)
            splits.append(split)
        for j, source in enumerate(node.src):
            if source.backend == current or lies_on(source, current, host):
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


def _reads_weights_elsewhere(node: Node, backend: int, host: int) -> bool:
    for source in node.src:
        if source.weight and source.backend != backend and not lies_on(source, backend, host):
            return True
    return False


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
