"""
In which order llama.cpp's Metal backend computes the nodes of a split, and what it keeps until when.

Source: llama.cpp b11549, ggml/src/ggml-metal/ggml-metal-common.cpp (``ggml_graph_optimize``,
``ggml_metal_graph_optimize_reorder``) and ggml-metal-fusion.cpp (``ggml_metal_fusion_add_alloc_deps``).
"""

from collections.abc import Hashable
from itertools import pairwise

from llmprobe.estimation.compute.assignment import Keep
from llmprobe.estimation.compute.metal_fusion import fused, longest_match
from llmprobe.model.archs._building.ops import VIEW_OPS, Node, is_state

_LOOK_AHEAD = 64
_ALIGN = 32
_ORDERED = VIEW_OPS | {
    "mul_mat",
    "mul_mat_id",
    "rope",
    "norm",
    "rms_norm",
    "group_norm",
    "l2_norm",
    "sum_rows",
    "ssm_conv",
    "ssm_scan",
    "clamp",
    "tri",
    "diag",
    "mul",
    "add",
    "sub",
    "div",
    "glu",
    "scale",
    "unary",
    "get_rows",
    "set_rows",
    "set",
    "cpy",
    "cont",
    "repeat",
}
"""Operations across which others may move."""


def optimize(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
    """
    Keep what fused nodes read, then move nodes before others that they don't depend on.
    """
    _keep_patterns(nodes, start, end, keep)
    nodes[start:end] = _reordered(_packed(nodes, start, end))


def _keep_patterns(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
    """
    Keep what the longest pattern of operations at each node reads until its last one.
    """
    i = start
    while i < end:
        count = longest_match(nodes, i, end)
        seen: set[int] = set()
        for node in nodes[i : i + count]:
            for source in node.src:
                if id(source) not in seen:
                    seen.add(id(source))
                    keep(source, nodes[i + count - 1])
            seen.add(id(node))
        i += max(1, count)


_Places = set[Hashable]


class _Group:
    """
    Nodes that are computed as one: the memory that they read from outside and write, and the same with what begins
    where that ends (``behind``): to the backend that is no memory apart.
    """

    __slots__ = ("empty", "near_reads", "near_writes", "nodes", "ordered", "reads", "writes")

    def __init__(self, nodes: list[Node], behind: dict[Hashable, str]) -> None:
        self.nodes = nodes
        self.empty = nodes[0].op in VIEW_OPS
        self.ordered = nodes[0].op in _ORDERED
        inside = {id(node) for node in nodes}
        self.reads = {_memory(source) for node in nodes for source in node.src if id(source) not in inside}
        self.writes = {_memory(node) for node in nodes}
        self.near_reads, self.near_writes = self.reads, self.writes
        if behind:
            self.near_reads = self.reads | {behind[one] for one in self.reads if one in behind}
            self.near_writes = self.writes | {behind[one] for one in self.writes if one in behind}


def _memory(node: Node) -> Hashable:
    """
    What a node shares memory with. While sizes are only measured a cache that grows has one place for all layers.
    """
    root = node.root or node
    return root.tag if root.buffer >= 0 and root.tag and not root.weight else id(root)


def _behind(nodes: list[Node], start: int, end: int) -> dict[Hashable, str]:
    """
    Of states, which have their places already, those that the next one follows without a gap.
    """
    states: dict[str, Node] = {}
    for node in nodes[start:end]:
        for one in (node, *node.src):
            root = one.root or one
            if root.buffer >= 0 and is_state(root):
                states[root.tag] = root
    tags = sorted(states)
    return {tag: after for tag, after in pairwise(tags) if states[tag].nbytes % _ALIGN == 0}


def _packed(nodes: list[Node], start: int, end: int) -> list[_Group]:
    groups = []
    behind = _behind(nodes, start, end)
    i = start
    while i < end:
        count = fused(nodes, i, end)
        groups.append(_Group(nodes[i : i + count], behind))
        i += count
    return groups


class _Together:
    """
    What groups that can be computed at the same time read and write.
    """

    __slots__ = ("read", "written")

    def __init__(self) -> None:
        self.read: _Places = set()
        self.written: _Places = set()

    def add(self, group: _Group) -> None:
        self.read |= group.reads
        self.written |= group.writes

    def takes(self, group: _Group) -> bool:
        return (
            self.written.isdisjoint(group.near_reads)
            and self.written.isdisjoint(group.near_writes)
            and self.read.isdisjoint(group.near_writes)
        )


def _reordered(groups: list[_Group]) -> list[Node]:
    """
    The nodes with each group moved to those that it can be computed with at the same time.
    """
    order: list[Node] = []
    used = [False] * len(groups)
    together = _Together()
    for i, group in enumerate(groups):
        if used[i]:
            continue
        if not group.empty and not together.takes(group):
            before = _Together()
            before.add(group)
            for j in range(i + 1, min(i + _LOOK_AHEAD, len(groups))):
                if used[j]:
                    continue
                other = groups[j]
                if not other.ordered:
                    break
                if (other.empty or together.takes(other)) and before.takes(other):
                    together.add(other)
                    order += other.nodes
                    used[j] = True
                else:
                    before.add(other)
            together = _Together()
        together.add(group)
        order += group.nodes
    return order
