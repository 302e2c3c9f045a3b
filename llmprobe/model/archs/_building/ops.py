"""
The nodes of a computation as ggml sees them: shapes, strides, sources, views. No bytes are placed here.

Operations have ggml's names and make the node that ggml would make. ``Graph.expand`` orders nodes the way
ggml's depth-first walk does. Source: llama.cpp b11549, ggml/src/ggml.c.
"""

from __future__ import annotations

from collections.abc import Callable

from llmprobe.model.quants.types import TYPES, GgmlType

F32 = TYPES["f32"]
F16 = TYPES["f16"]
I32 = TYPES["i32"]
I64 = TYPES["i64"]

REPACKED = "repacked"
"""The mark of a weight that the processor keeps in another order."""
HADAMARD = "hadamard"
"""The mark of a product with a rotation, which is computed without a multiplication."""

_STATE = "state "


def state_tag(layer: int, number: int) -> str:
    """
    The mark of a state: in the order of these marks states lie behind each other.
    """
    return f"{_STATE}{layer:06} {number}"


def is_state(node: Node) -> bool:
    """
    Whether a node is a state of a recurrent layer.
    """
    return node.tag.startswith(_STATE)


VIEW_OPS = frozenset({"view", "reshape", "permute", "transpose"})

Shape = tuple[int, int, int, int]
Origin = tuple[int, str]
"""A layer (-1: of none) and the name of one of its weights."""


class Node:
    """
    One tensor: an operation on ``src``, a view of ``root``, or a leaf (``op`` empty).

    ``ne`` counts elements and ``nb`` strides in bytes, as in ggml. ``buffer`` is the backend whose memory holds a
    weight or a cache already, ``backend`` the one that computes the node (-1: not decided). ``origin`` names the
    weight that a node is, or is a copy of. ``bound`` is how many cells a mask leaves at the most, and an attention
    reads then (0: nobody knows). ``live`` and ``seen`` belong to the graph's walk, ``uses`` counts edges of
    the graph; the rest is the allocator's.
    """

    __slots__ = (
        "backend",
        "block",
        "bound",
        "buffer",
        "children",
        "input",
        "kind",
        "live",
        "nb",
        "ne",
        "op",
        "origin",
        "output",
        "owned",
        "place",
        "root",
        "seen",
        "size",
        "size_at",
        "src",
        "tag",
        "uses",
        "views",
        "weight",
    )

    def __init__(self, op: str, kind: GgmlType, ne: Shape, nb: Shape, src: tuple[Node, ...]) -> None:
        self.op = op
        self.kind = kind
        self.ne = ne
        self.nb = nb
        self.src = src
        self.root: Node | None = None
        self.tag = ""
        self.bound = 0
        self.input = False
        self.output = False
        self.weight = False
        self.origin: Origin | None = None
        self.buffer = -1
        self.backend = -1
        self.seen = False
        self.live = False
        self.uses = 0
        self.children = 0
        self.views = 0
        self.owned = False
        self.place = -1
        self.block = -1
        self.size = 0
        self.size_at = 0

    @property
    def nbytes(self) -> int:
        """The bytes from the first to the last element; what an operation fills has no gaps."""
        ne, nb = self.ne, self.nb
        if self.op and self.root is None:
            return ne[3] * nb[3]
        if not (ne[0] and ne[1] and ne[2] and ne[3]):
            return 0
        rest = (ne[1] - 1) * nb[1] + (ne[2] - 1) * nb[2] + (ne[3] - 1) * nb[3]
        if self.kind.block == 1:
            return self.kind.block_bytes + (ne[0] - 1) * nb[0] + rest
        return ne[0] * nb[0] // self.kind.block + rest

    @property
    def elements(self) -> int:
        ne = self.ne
        return ne[0] * ne[1] * ne[2] * ne[3]

    def contiguous(self, dims: int = 0) -> bool:
        """Say whether elements follow each other; ``dims`` is how many leading dimensions may be strided."""
        if self.op and self.root is None:
            return True
        kind, ne, nb = self.kind, self.ne, self.nb
        expected = kind.block_bytes
        if ne[0] != kind.block and nb[0] != expected:
            return False
        expected *= ne[0] // kind.block
        for i in (1, 2, 3):
            if i > dims:
                if ne[i] != 1 and nb[i] != expected:
                    return False
                expected *= ne[i]
            else:
                expected = ne[i] * nb[i]
        return True

    def contiguous_rows(self) -> bool:
        """Say whether the elements of each row follow each other."""
        return self.ne[0] == self.kind.block or self.nb[0] == self.kind.block_bytes


def strides(kind: GgmlType, ne: Shape) -> Shape:
    """
    The strides of a contiguous tensor.
    """
    nb0 = kind.block_bytes
    nb1 = nb0 * (ne[0] // kind.block)
    nb2 = nb1 * ne[1]
    return (nb0, nb1, nb2, nb2 * ne[2])


def row_size(kind: GgmlType, ne0: int) -> int:
    """
    The bytes of a row.
    """
    return kind.block_bytes * ne0 // kind.block


def four(shape: tuple[int, ...]) -> Shape:
    """
    A shape of four dimensions, the missing ones 1.
    """
    count = len(shape)
    return (
        shape[0],
        shape[1] if count > 1 else 1,
        shape[2] if count > 2 else 1,
        shape[3] if count > 3 else 1,
    )


def make(op: str, kind: GgmlType, ne: Shape, *src: Node) -> Node:
    """
    A new contiguous tensor that an operation fills.
    """
    return Node(op, kind, ne, strides(kind, ne), src)


def leaf(kind: GgmlType, *shape: int) -> Node:
    """
    A tensor that nothing computes.
    """
    ne = four(shape)
    node = Node("", kind, ne, strides(kind, ne), ())
    node.live = True
    return node


def view_of(op: str, source: Node, ne: Shape, nb: Shape, *src: Node) -> Node:
    """
    A tensor that lies in ``source``'s memory.
    """
    node = Node(op, source.kind, ne, nb, src or (source,))
    node.root = source.root or source
    node.bound = source.bound
    return node


def like(op: str, *src: Node) -> Node:
    """
    A contiguous tensor of the first source's shape and type.
    """
    first = src[0]
    # What is no view has no gaps.
    nb = first.nb if first.root is None else strides(first.kind, first.ne)
    return Node(op, first.kind, first.ne, nb, src)


def mul_mat(weight: Node, x: Node) -> Node:
    """The product of a matrix and columns."""
    return make("mul_mat", F32, (weight.ne[1], x.ne[1], x.ne[2], x.ne[3]), weight, x)


def mul_mat_id(experts: Node, x: Node, ids: Node) -> Node:
    """The products with the experts that ``ids`` names per token."""
    return make("mul_mat_id", F32, (experts.ne[1], ids.ne[0], x.ne[2], 1), experts, x, ids)


def get_rows(table: Node, ids: Node) -> Node:
    """The rows that ``ids`` names."""
    kind = I32 if table.kind is I32 else F32
    return make("get_rows", kind, (table.ne[0], ids.ne[0], ids.ne[1], ids.ne[2]), table, ids)


def set_rows(target: Node, rows: Node, ids: Node) -> Node:
    """Return ``target`` after rows were written into it."""
    return view_of("set_rows", target, target.ne, target.nb, rows, ids, target)


def cpy(source: Node, target: Node) -> Node:
    """Return ``target`` after it was overwritten."""
    return view_of("cpy", target, target.ne, target.nb, source, target)


def cast(x: Node, kind: GgmlType) -> Node:
    """A copy in another type. Its second source is itself, as in ggml."""
    node = make("cpy", kind, x.ne, x)
    node.src = (x, node)
    return node


def cont(x: Node, *shape: int) -> Node:
    """A contiguous copy, of another shape if one is given."""
    return make("cont", x.kind, four(shape) if shape else x.ne, x)


def reshape(x: Node, *shape: int) -> Node:
    """The same elements in another shape."""
    ne = four(shape)
    return view_of("reshape", x, ne, strides(x.kind, ne))


def view(x: Node, shape: tuple[int, ...], row_strides: tuple[int, ...] = ()) -> Node:
    """A window; ``row_strides`` are nb1, nb2, nb3 as far as given, the rest is contiguous."""
    ne = four(shape)
    nb0 = x.kind.block_bytes
    given = len(row_strides)
    nb1 = row_strides[0] if given > 0 else nb0 * (ne[0] // x.kind.block)
    nb2 = row_strides[1] if given > 1 else nb1 * ne[1]
    nb3 = row_strides[2] if given > 2 else nb2 * ne[2]
    return view_of("view", x, ne, (nb0, nb1, nb2, nb3))


def permute(x: Node, a: int, b: int, c: int, d: int) -> Node:
    """The same elements with dimension 0 as dimension ``a``, 1 as ``b``, 2 as ``c``, 3 as ``d``."""
    ne, nb = [0] * 4, [0] * 4
    for i, axis in enumerate((a, b, c, d)):
        ne[axis], nb[axis] = x.ne[i], x.nb[i]
    return view_of("permute", x, (ne[0], ne[1], ne[2], ne[3]), (nb[0], nb[1], nb[2], nb[3]))


def transpose(x: Node) -> Node:
    """The same elements with rows and columns exchanged."""
    ne, nb = x.ne, x.nb
    return view_of("transpose", x, (ne[1], ne[0], ne[2], ne[3]), (nb[1], nb[0], nb[2], nb[3]))


def sum_rows(x: Node) -> Node:
    """The sum of each row."""
    return make("sum_rows", F32, (1, x.ne[1], x.ne[2], x.ne[3]), x)


def top_k(x: Node, count: int) -> Node:
    """The indices of the largest values of each row: a view of the sorted indices."""
    order = make("argsort", I32, x.ne, x)
    return view(order, (count, *x.ne[1:]), order.nb[1:])


def concat(a: Node, b: Node, dim: int) -> Node:
    """Two tensors joined along a dimension."""
    ne = list(a.ne)
    ne[dim] += b.ne[dim]
    return make("concat", a.kind, (ne[0], ne[1], ne[2], ne[3]), a, b)


def glu(name: str, gate: Node, up: Node | None = None) -> Node:
    """A gated activation: of two tensors, or of the halves of one; ``situ`` is several operations."""
    if up is not None and name.startswith("situ"):
        return _situ(gate, up, linear=name != "situ")
    if up is not None:
        node = make("glu", gate.kind, gate.ne, gate, up)
    else:
        node = make("glu", gate.kind, (gate.ne[0] // 2, *gate.ne[1:]), gate)
    node.tag = name
    return node


def _situ(gate: Node, up: Node, *, linear: bool) -> Node:
    """
    A gate bounded by a tangent, times its sigmoid; ``linear`` bounds the other part too.

    Source: llama.cpp b11549, src/models/kimi-k3.cpp.
    """
    first = like("mul", _bounded(gate), unary("sigmoid", gate))
    return like("mul", first, _bounded(up) if linear else up)


def _bounded(x: Node) -> Node:
    return like("scale", unary("tanh", like("scale", x)))


def unary(name: str, x: Node) -> Node:
    """An activation of each element."""
    node = like("unary", x)
    node.tag = name
    return node


def flash_attn(
    q: Node, k: Node, v: Node, mask: Node, sinks: Node | None, *, alibi: bool = False, capped: bool = False
) -> Node:
    """The attention in one operation; ``capped`` bounds its scores."""
    src = (q, k, v, mask) if sinks is None else (q, k, v, mask, sinks)
    node = make("flash_attn_ext", F32, (v.ne[0], q.ne[2], q.ne[1], q.ne[3]), *src)
    node.tag = "alibi" if alibi else "capped" if capped else ""
    node.bound = mask.bound
    return node


class Graph:
    """
    Nodes in the order in which they are computed, and leafs in the order in which they were met.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.leafs: list[Node] = []

    def rewind(self) -> Callable[[], None]:
        """
        What makes the graph again what it is now, once it was given to backends and its blocks were placed.
        """
        nodes, leafs = self.nodes.copy(), self.leafs
        before = [(node, node.src, node.backend, node.output) for node in (*nodes, *leafs)]

        def again() -> None:
            self.nodes = nodes
            for node, src, backend, output in before:
                node.src = src
                node.backend = backend
                node.output = output
                node.children = node.views = 0
                node.owned = False
                node.place = node.block = -1

        return again

    def expand(self, node: Node, *, live: bool = True) -> None:
        """
        Append a node after everything that it needs. ``live`` False is for branches that are not taken.
        """
        if node.seen:
            if not live or node.live:
                return
            node.live = True
            for source in node.src:
                self.expand(source)
            return
        node.seen = True
        if live:
            node.live = True
        for source in node.src:
            if not source.seen or (live and not source.live):
                self.expand(source, live=live)
            source.uses += 1
        if node.op:
            self.nodes.append(node)
        else:
            self.leafs.append(node)
