"""
Which blocks of memory a graph takes and gives back, in order.

Tensors are freed after their last use; some operations write over their input. Source: llama.cpp b11549,
ggml/src/ggml-alloc.c.
"""

from collections.abc import Callable, Sequence

import msgspec

from llmprobe.estimation.compute.allocator import ALLOCATE, FREE, Event
from llmprobe.estimation.compute.tape import rounded_up
from llmprobe.model.archs._building.ops import F32, Node

IN_PLACE = frozenset(
    {
        "fill",
        "scale",
        "diag_mask_inf",
        "add",
        "add_id",
        "sub",
        "mul",
        "div",
        "sqr",
        "sqrt",
        "log",
        "unary",
        "rope",
        "rope_back",
        "rms_norm",
        "clamp",
        "soft_max",
    }
)
"""Operations that may write their result over one of their sources."""

Count = Callable[[int], int]
Copied = Callable[[Node, int], int]
SizeOf = Callable[[Node], int]


class Lifetimes(msgspec.Struct, frozen=True, gc=False):
    """
    Which blocks a graph takes and gives back, in order; how many blocks there are; and how many events come before
    each mark.

    The first events take a block each for what is placed before everything else. ``leafs`` says how many come before
    each mark of these.
    """

    events: list[Event]
    blocks: int
    marks: list[int]
    leafs: list[int] = []


def _equal(one: Sequence[int], other: Sequence[int]) -> bool:
    """
    Whether two shapes are equal. Where constants differ that is known without comparing sizes on a tape by accident.
    """
    if one is other:
        return True
    for a, b in zip(one, other, strict=True):
        if type(a) is int and type(b) is int and a != b:
            return False
    return one == other


def _overwritten(node: Node) -> Node | None:
    """
    The source that a node may write its result over: of its shape, and needed by nothing else.
    """
    for parent in node.src:
        if (
            parent.owned
            and parent.children == 1
            and not parent.views
            and not parent.output
            and parent.kind is node.kind
            and _equal(parent.ne, node.ne)
            and parent.nb == node.nb
        ):
            return parent
    return None


class _Blocks:
    """
    The blocks of a graph and what happens to them, in order. ``lifetimes`` says what the arguments are.
    """

    __slots__ = ("_aligns", "_copied", "_number", "_size_of", "count", "events")

    def __init__(
        self, aligns: Sequence[int], size_of: Sequence[SizeOf], number: Count, copied: Copied | None
    ) -> None:
        self._aligns = aligns
        self._size_of = size_of
        self._number = number
        self._copied = copied
        self.count = 0
        self.events: list[Event] = []

    def take(self, node: Node, buffer: int) -> None:
        """
        Place a node: over one of its sources, or in a block of its own.
        """
        node.owned = True
        parent = _overwritten(node) if node.op in IN_PLACE else None
        if parent is not None:
            node.place = buffer = parent.place
            node.block = parent.block
            node.size = size = rounded_up(self._size_of[buffer](node), self._aligns[buffer])
            node.size_at = self._number(size)
            parent.owned = False
            if parent.size > size:
                self.events.append((buffer, node.block, self._number(parent.size - size), node.size_at))
            return
        node.place = buffer
        node.size = size = rounded_up(self._size_of[buffer](node), self._aligns[buffer])
        if self._copied is not None and node.origin is not None and node.kind is not F32:
            at = self._copied(node, buffer)
        else:
            at = self._number(size)
        node.size_at = at
        node.block = self.count
        self.count += 1
        self.events.append((buffer, node.block, at, ALLOCATE))

    def give_back(self, source: Node) -> None:
        """
        Free the block of what no node will read again, unless it is a view of what others will.
        """
        owner = source.root
        if owner is None:
            owner = source
        else:
            owner.views -= 1
            if owner.views or owner.children:
                return
        if owner.owned and not owner.output:
            self.events.append((owner.place, owner.block, owner.size_at, FREE))
            owner.owned = False


def lifetimes(
    steps: Sequence[tuple[Node, int]],
    leafs: Sequence[tuple[Node, int]],
    aligns: Sequence[int],
    size_of: Sequence[SizeOf],
    number: Count,
    copied: Copied | None = None,
    marks: Sequence[int] = (),
    leaf_marks: Sequence[int] = (),
) -> Lifetimes:
    """
    Which blocks a graph takes and gives back, in order.

    ``steps`` are the nodes in order and the buffer that each goes to, ``leafs`` what is allocated before. A node
    without operation is a dependency: it only keeps its sources alive until then. ``aligns`` and ``size_of`` are by
    buffer. ``number`` tells where a size is kept, for ``play``, and ``copied`` where that of a copied weight is.
    ``marks`` are counts of steps, ``leaf_marks`` of leafs.
    """
    blocks = _Blocks(aligns, size_of, number, copied)
    events, take, give_back = blocks.events, blocks.take, blocks.give_back
    at_leaf = [0]
    for node, buffer in leafs:
        if not node.owned and node.buffer < 0 and node.root is None:
            take(node, buffer)
        at_leaf.append(len(events))
    for node, buffer in steps:
        root = node.root
        if root is None:
            if node.input and not node.owned:
                take(node, buffer)
        elif node.op:
            root.views += 1
        for source in node.src:
            source.children += 1
    counts: list[int] = []
    starts = iter((*marks, -1))
    start = next(starts)
    for step, (node, buffer) in enumerate(steps):
        while step == start:
            counts.append(len(events))
            start = next(starts)
        for source in node.src:
            if source.place < 0 and source.root is None and source.buffer < 0 and not source.owned:
                take(source, buffer)
        if node.place < 0 and node.root is None and node.buffer < 0 and not node.owned:
            take(node, buffer)
        for source in node.src:
            source.children -= 1
            if not (source.children or source.views):
                give_back(source)
    counts += [len(events)] * (len(marks) - len(counts))
    return Lifetimes(events, blocks.count, counts, [at_leaf[count] for count in leaf_marks])
