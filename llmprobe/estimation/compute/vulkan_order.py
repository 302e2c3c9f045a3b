"""
In which order llama.cpp's Vulkan backend computes the nodes of a split, and what it keeps until when.

Nodes that wait for nothing move up; those that one kernel computes stay together. Source: llama.cpp b11549,
ggml/src/ggml-vulkan/ggml-vulkan.cpp (``ggml_vk_graph_optimize``), ggml-vulkan-types.h (the patterns).
"""

from collections.abc import Callable

from llmprobe.estimation.compute.assignment import Keep
from llmprobe.estimation.compute.cuda_fusion import fusable
from llmprobe.model.archs._building.ops import VIEW_OPS, Node

Ops = tuple[str, ...]

_LOOK_AHEAD = 20
_FOLLOWERS = 15
_CHOSEN = ("argsort", "view", "get_rows")
_NORMED = ("reshape", "sum_rows", "clamp", "div", "reshape")
_ROUTED: tuple[Ops, ...] = (
    ("soft_max", "reshape", *_CHOSEN, *_NORMED),
    ("unary", "reshape", "add", *_CHOSEN, *_NORMED),
    ("unary", "sqrt", "reshape", "add", *_CHOSEN, *_NORMED),
    ("soft_max", "reshape", *_CHOSEN),
    (*_CHOSEN, "reshape", "soft_max", "reshape"),
)
"""How experts are chosen: what these read is kept until the last of them, or until the scale behind it."""
_GATED_STREAMS = ("scale", "unary", "scale", "dsv4_hc_post")
_INDEXED = ("get_rows", "permute", "cont", "cpy", "reshape", "add", "top_k")
_KEPT: tuple[Ops, ...] = (
    ("mul", "sin", "sqr", "mul", "add"),
    _INDEXED,
    ("rms_norm", "mul", "add", "mul"),
    ("rms_norm", "mul", "add"),
    ("rms_norm", "mul", "rope", "view", "set_rows"),
    ("rms_norm", "view", "set_rows"),
    ("rope", "view", "set_rows"),
)
"""Operations that stay together, the longer patterns before the shorter ones."""
_NEVER_LATER = (*_ROUTED, *_KEPT, _GATED_STREAMS)
_PAIRS_NEAR = frozenset({("rms_norm", "mul"), ("unary", "mul")})
_PAIRS_NEXT = frozenset(
    {
        ("mul_mat", "add"),
        ("mul_mat_id", "add_id"),
        ("mul_mat_id", "mul"),
        ("add", "add"),
        ("ssm_conv", "add"),
        ("ssm_conv", "unary"),
    }
)
_MULTIPLIED = frozenset({"gelu", "sigmoid", "silu", "softplus"})
"""Activations that are computed with the product behind them (``ggml_vk_unary_mul_op_index``)."""


def optimize(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
    """
    Bring the nodes of a split into the order in which they are computed.
    """
    nodes[start:end] = _Order(nodes[start:end], keep).found()


class _Order:
    """
    The nodes of a split in the order in which they are computed.
    """

    def __init__(self, nodes: list[Node], keep: Keep) -> None:
        self._nodes = nodes
        self._keep = keep
        self._used = [False] * len(nodes)
        self._done: set[int] = set()
        self._order: list[Node] = []
        self._first = 0

    def found(self) -> list[Node]:
        while self._first < len(self._nodes):
            if not self._keeps_pattern():
                self._take(self._next_set())
        return self._order

    def _take(self, numbers: list[int]) -> None:
        for i in numbers:
            self._order.append(self._nodes[i])
            self._done.add(id(self._nodes[i]))
            self._used[i] = True
        while self._first < len(self._nodes) and self._used[self._first]:
            self._first += 1

    def _matches(self, ops: Ops, i: int) -> bool:
        if i + len(ops) > len(self._nodes):
            return False
        nodes, used = self._nodes, self._used
        return all(nodes[i + j].op == op and not used[i + j] for j, op in enumerate(ops))

    def _starts_pattern(self, i: int) -> bool:
        op = self._nodes[i].op
        if any(ops[0] == op and self._matches(ops, i) for ops in _NEVER_LATER):
            return True
        return op in _INDEXED and any(
            i >= back and self._matches(_INDEXED, i - back) for back in range(1, len(_INDEXED))
        )

    def _keeps_pattern(self) -> bool:
        first = self._first
        for ops in _ROUTED:
            if self._matches(ops, first):
                last = first + len(ops) - 1
                scaled = last + 1 < len(self._nodes) and self._nodes[last + 1].op == "scale"
                self._keep_read(ops, self._nodes[last + scaled])
                self._take(list(range(first, first + len(ops))))
                return True
        for ops in (*_KEPT, _GATED_STREAMS):
            if self._matches(ops, first):
                if ops is _GATED_STREAMS:
                    self._keep_read(ops, self._nodes[first + len(ops) - 1])
                self._take(list(range(first, first + len(ops))))
                return True
        return False

    def _keep_read(self, ops: Ops, until: Node) -> None:
        """
        Keep what a pattern at the first node reads from outside until a node was computed.
        """
        seen: set[int] = set()
        for node in self._nodes[self._first : self._first + len(ops)]:
            for source in node.src:
                if id(source) not in seen:
                    seen.add(id(source))
                    self._keep(source, until)
            seen.add(id(node))

    def _next_set(self) -> list[int]:
        """
        The first node that is left, with those after it that wait for nothing: computing nodes first, then views.
        """
        nodes, used, first = self._nodes, self._used, self._first
        chosen = [first]
        last = min(first + _LOOK_AHEAD, len(nodes))
        for j in range(first + 1, last):
            if used[j] or nodes[j].op in VIEW_OPS or self._starts_pattern(j):
                continue
            if not any(
                not used[c] and _needs(nodes[j], nodes[c]) and not self._is_pair(c, j, chosen[-1])
                for c in range(first, j)
            ):
                chosen.append(j)
                self._pull(j, chosen)
        if nodes[chosen[-1]].op != "add":
            for j in range(first + 1, last):
                if used[j] or nodes[j].op not in VIEW_OPS:
                    continue
                if not any(
                    not used[c] and c not in chosen and _needs(nodes[j], nodes[c]) for c in range(first, j)
                ):
                    chosen.append(j)
        return chosen

    def _is_pair(self, c: int, j: int, last: int) -> bool:
        """
        Whether two nodes are computed as one, so that one may follow the other at once.
        """
        if c != last:
            return False
        pair = (self._nodes[c].op, self._nodes[j].op)
        if pair in _PAIRS_NEAR:
            return all(self._used[v] or self._nodes[v].op in VIEW_OPS for v in range(c + 1, j))
        return j == c + 1 and pair in _PAIRS_NEXT

    def _pull(self, j: int, chosen: list[int]) -> None:
        """
        Take with a node those that are computed with it and a node before it.
        """
        node, before = self._nodes[j], self._nodes[j - 1].op
        turned = j
        if node.op == "mul" and before == "rms_norm":
            found = self._pull_first(j, chosen, lambda other: other.op == "rope" and _turns(other, node))
            turned = j if found is None else found
        if self._nodes[turned].op in ("rope", "rms_norm"):
            self._pull_stored(turned, chosen)
        if node.op == "add_id" and before == "mul_mat_id":
            self._pull_first(j, chosen, lambda other: other.op == "mul" and self._follows(other, node))
        if node.op == "add" and before == "mul_mat":
            self._pull_first(j, chosen, lambda other: other.op == "add" and self._follows(other, node))
        if node.op == "add" and before == "ssm_conv":
            self._pull_first(j, chosen, lambda other: other.op == "unary" and other.src[0] is node)
        if node.op == "unary":
            self._pull_first(j, chosen, lambda other: other.op == "mul" and self._gates(other, node))

    def _pull_first(self, j: int, chosen: list[int], fits: Callable[[Node], bool]) -> int | None:
        for k in range(j + 1, min(j + _FOLLOWERS, len(self._nodes))):
            if fits(self._nodes[k]):
                chosen.append(k)
                self._used[k] = True
                return k
        return None

    def _pull_stored(self, at: int, chosen: list[int]) -> None:
        """
        Take with a node its view and what writes that into a cache, where nothing else reads or waits for them.
        """
        nodes, used = self._nodes, self._used
        view = None
        for k in range(at + 1, min(at + _FOLLOWERS, len(nodes))):
            if used[k]:
                continue
            if view is None:
                if nodes[k].op == "view" and nodes[k].src[0] is nodes[at]:
                    view = k
            elif nodes[k].op == "set_rows" and nodes[k].src[0] is nodes[view]:
                inside = [nodes[at], nodes[view], nodes[k]]
                waits = any(
                    not used[c] and c != view and nodes[c].op not in VIEW_OPS and _needs(nodes[k], nodes[c])
                    for c in range(at + 1, k)
                )
                if fusable(inside, [one.op for one in inside], inside[-1:]) and not waits:
                    chosen += (view, k)
                    used[view] = used[k] = True
                return

    def _follows(self, other: Node, node: Node) -> bool:
        return other.src[0] is node and self._is_ready(other.src[1])

    def _is_ready(self, node: Node) -> bool:
        return not node.op or id(node) in self._done

    def _gates(self, product: Node, unary: Node) -> bool:
        a, b = product.src[:2]
        if (a is not unary and b is not unary) or unary.tag not in _MULTIPLIED:
            return False
        other = b if a is unary else a
        same = other.kind is unary.kind is product.kind and unary.kind.name in ("f32", "f16")
        rows = other.contiguous(1) and unary.src[0].contiguous(1)
        return self._is_ready(other) and same and rows and _repeats(b, a)


def _turns(rope: Node, node: Node) -> bool:
    return rope.src[0] is node and not any(source.op for source in rope.src[1:])


def _repeats(small: Node, large: Node) -> bool:
    return all(there % here == 0 for here, there in zip(small.ne, large.ne, strict=True))


def _needs(node: Node, other: Node) -> bool:
    """
    Whether a node must come after another: it reads it, or they share memory.
    """
    sources = node.src
    for source in sources:
        if source is other:
            return True
    here, there = node.root or node, other.root or other
    if node.op not in VIEW_OPS and other.op not in VIEW_OPS:
        for source in sources:
            if (source.root or source) is there:
                return True
        for source in other.src:
            if (source.root or source) is here:
                return True
    return here is there
