"""
Where ggml's graph allocator puts each tensor, and so how large the buffers must be.

Tensors are freed after their last use and their places given away again, best fit first; some operations write
over their input. Source: llama.cpp b11549, ggml/src/ggml-alloc.c.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

import msgspec

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

_ENDLESS = 1 << 62
_PIECE = 1 << 63
_MOST_PIECES = 16

ALLOCATE, FREE = -2, -1
Event = tuple[int, int, int, int]
"""
A buffer, a block, where its size is kept, and what happens: ``ALLOCATE``, ``FREE``, or that only the end is given back,
and where the size is kept that stays. Sizes of copied weights are kept at negative places, from the end.
"""
Apart = tuple[tuple[int, list[tuple[int, int, int]]], ...]
"""Events by buffer, as none depends on another: a block, where its size is kept, and what happens."""
Count = Callable[[int], int]
Copied = Callable[[Node, int], int]


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


State = tuple[tuple[int, ...], ...]
"""The free blocks of a buffer: where they begin and what they have, piece by piece."""


class Space:
    """
    The addresses of one buffer: free blocks in order, the last of them endless unless a ``size`` is given.
    """

    __slots__ = ("_empty", "peak", "sizes", "starts")

    def __init__(self, size: int = _ENDLESS) -> None:
        self.starts = [0]
        self.sizes = [size]
        self.peak = 0
        # Whether an empty block was given back.
        self._empty = False

    @property
    def state(self) -> State:
        """What is free."""
        return tuple(self.starts), tuple(self.sizes)

    def restore(self, state: State) -> None:
        """Let that be free which was."""
        self.starts, self.sizes = list(state[0]), list(state[1])

    def allocate(self, size: int) -> int:
        """The address of a new block: the tightest gap, the later of two equal ones, else the end."""
        starts, sizes = self.starts, self.sizes
        best, tightest = -1, _ENDLESS
        # The end is the loosest of all.
        for i, free in enumerate(sizes):
            if size <= free <= tightest:
                best, tightest = i, free
        start = starts[best]
        end = start + size
        if tightest == size:
            del starts[best], sizes[best]
        else:
            starts[best] = end
            sizes[best] = tightest - size
        if end > self.peak:
            self.peak = end
        return start

    def play(self, events: Iterable[tuple[int, int, int]], places: list[int], sizes: Sequence[int]) -> None:
        """
        Take blocks and give them back; most of the time of a search goes by here.

        Until an empty block is given back the free ones stand in order and none touches another, so that ``free`` comes
        to what is done here.
        """
        starts, gaps, allocate = self.starts, self.sizes, self.allocate
        for block, at, what in events:
            size = sizes[at]
            if what == ALLOCATE:
                places[block] = allocate(size)
                continue
            start = places[block] if what == FREE else places[block] + sizes[what]
            if self._empty or not size:
                self.free(start, size)
                continue
            behind = bisect_left(starts, start)
            before = behind - 1
            if behind < len(starts) and starts[behind] == start + size:
                if behind and starts[before] + gaps[before] == start:
                    gaps[before] += size + gaps[behind]
                    del starts[behind], gaps[behind]
                else:
                    starts[behind] = start
                    gaps[behind] += size
            elif behind and starts[before] + gaps[before] == start:
                gaps[before] += size
            else:
                starts.insert(behind, start)
                gaps.insert(behind, size)

    def free(self, start: int, size: int) -> None:
        """
        Take a block back and join it with the neighbour that is met first, and that one with the next.

        The order is ggml's: an empty block may come to lie inside a free one and keep two of them apart, and blocks
        may stand out of order after it. A block goes before the first that lies behind it.
        """
        self._empty |= not size
        starts, sizes = self.starts, self.sizes
        end = start + size
        for at, (other, free) in enumerate(zip(starts, sizes, strict=True)):
            if other + free == start:
                sizes[at] += size
                after = at + 1
                if after < len(starts) and starts[after] == end:
                    sizes[at] += sizes[after]
                    del starts[after], sizes[after]
                return
            if other == end:
                starts[at] = start
                sizes[at] += size
                return
        at = next((at for at, other in enumerate(starts) if other >= start), len(starts))
        starts.insert(at, start)
        sizes.insert(at, size)


class PiecedSpace:
    """
    The addresses of a buffer that is made of pieces, each of ``most`` bytes unless one block needs more.

    A block lies in one piece: its address counts from ``_PIECE`` times the piece's number. The last piece that there
    can be is endless. Source: ggml/src/ggml-alloc.c (``ggml_dyn_tallocr_alloc``).
    """

    __slots__ = ("_most", "_pieces")

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[Space] = []

    @property
    def peak(self) -> int:
        """The bytes of all pieces."""
        return sum(piece.peak for piece in self._pieces)

    @property
    def state(self) -> State:
        """What is free, and how large each piece has become, on which it depends what is taken next."""
        grown = tuple(piece.peak for piece in self._pieces)
        return (grown, *(part for piece in self._pieces for part in piece.state))

    def restore(self, state: State) -> None:
        """Let that be free which was."""
        while len(self._pieces) < len(state[0]):
            self._pieces.append(Space())
        for number, piece in enumerate(self._pieces):
            piece.peak = max(piece.peak, state[0][number])
            piece.restore(state[2 * number + 1 : 2 * number + 3])

    def allocate(self, size: int) -> int:
        """The address of a new block: the tightest gap, else the end of the piece that has to grow the least."""
        found = self._gap(size)
        if found is None:
            found = self._end(size)
        if found is None:
            most = _ENDLESS if len(self._pieces) == _MOST_PIECES - 1 else max(size, self._most)
            self._pieces.append(Space(most))
            found = len(self._pieces) - 1, 0
        number, at = found
        piece = self._pieces[number]
        start = piece.starts[at]
        if piece.sizes[at] == size:
            del piece.starts[at], piece.sizes[at]
        else:
            piece.starts[at] += size
            piece.sizes[at] -= size
        piece.peak = max(piece.peak, start + size)
        return number * _PIECE + start

    def _gap(self, size: int) -> tuple[int, int] | None:
        """The tightest gap of the last piece that has one."""
        found = None
        for number, piece in enumerate(self._pieces):
            tightest = _ENDLESS
            for at in range(len(piece.sizes) - 1):
                free = piece.sizes[at]
                if size <= free <= tightest:
                    found, tightest = (number, at), free
        return found

    def _end(self, size: int) -> tuple[int, int] | None:
        """The last block of the piece that has to grow the least, or has the least to spare."""
        found, best = None, -_ENDLESS
        for number, piece in enumerate(self._pieces):
            at = len(piece.sizes) - 1
            if at < 0 or piece.sizes[at] < size:
                continue
            spare = piece.peak - piece.starts[at] - size
            if (best < 0 and spare > best) or 0 <= spare < best:
                found, best = (number, at), spare
        return found

    def play(self, events: Iterable[tuple[int, int, int]], places: list[int], sizes: Sequence[int]) -> None:
        """Take blocks and give them back."""
        for block, at, what in events:
            if what == ALLOCATE:
                places[block] = self.allocate(sizes[at])
            else:
                self.free(places[block] + (0 if what == FREE else sizes[what]), sizes[at])

    def free(self, start: int, size: int) -> None:
        """Take a block back."""
        number, start = divmod(start, _PIECE)
        self._pieces[number].free(start, size)


def space(pieces: int | None) -> "Space | PiecedSpace":
    """
    The addresses of a buffer in pieces of so many bytes, or in one.
    """
    return Space() if pieces is None else PiecedSpace(pieces)


def apart(events: Iterable[Event]) -> Apart:
    """
    Events by buffer.
    """
    found: dict[int, list[tuple[int, int, int]]] = {}
    for buffer, block, at, what in events:
        found.setdefault(buffer, []).append((block, at, what))
    return tuple(found.items())


def simulate(
    events: Apart, places: list[int], spaces: Sequence[Space | PiecedSpace], sizes: Sequence[int]
) -> None:
    """
    Take blocks of these sizes and give them back. ``places`` says where each block lies; the bytes of copied weights
    stand at the end of the ``sizes``, the first last.
    """
    for buffer, own in events:
        spaces[buffer].play(own, places, sizes)


def _equal(one: Sequence[int], other: Sequence[int]) -> bool:
    """
    Whether two shapes are equal. Where constants differ that is known without comparing sizes on a tape by accident.
    """
    for a, b in zip(one, other, strict=True):
        if type(a) is int and type(b) is int and a != b:
            return False
    return one == other


def lifetimes(
    steps: Sequence[tuple[Node, int]],
    leafs: Sequence[tuple[Node, int]],
    aligns: Sequence[int],
    size_of: Callable[[Node, int], int],
    number: Count,
    copied: Copied | None = None,
    marks: Sequence[int] = (),
    leaf_marks: Sequence[int] = (),
) -> Lifetimes:
    """
    Which blocks a graph takes and gives back, in order.

    ``steps`` are the nodes in order and the buffer that each goes to, ``leafs`` what is allocated before. A node
    without operation is a dependency: it only keeps its sources alive until then. ``number`` tells where a size is
    kept, for ``play``, and ``copied`` where that of a copied weight is. ``marks`` are counts of steps, ``leaf_marks``
    of leafs.
    """
    events: list[Event] = []
    blocks = 0

    def place(node: Node, buffer: int) -> None:
        nonlocal blocks
        node.owned = True
        if node.op in IN_PLACE:
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
                    node.place = parent.place
                    node.block = parent.block
                    node.size = rounded_up(size_of(node, node.place), aligns[node.place])
                    node.size_at = number(node.size)
                    parent.owned = False
                    if parent.size > node.size:
                        rest = parent.size - node.size
                        events.append((node.place, node.block, number(rest), node.size_at))
                    return
        node.place = buffer
        node.size = rounded_up(size_of(node, buffer), aligns[buffer])
        if copied is not None and node.origin is not None and node.kind is not F32:
            node.size_at = copied(node, buffer)
        else:
            node.size_at = number(node.size)
        node.block = blocks
        blocks += 1
        events.append((buffer, node.block, node.size_at, ALLOCATE))

    at_leaf = [0]
    for node, buffer in leafs:
        if not node.owned and node.buffer < 0 and node.root is None:
            place(node, buffer)
        at_leaf.append(len(events))
    for node, buffer in steps:
        if node.root is not None and node.op:
            node.root.views += 1
        if node.input and not node.owned and node.root is None:
            place(node, buffer)
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
            if not source.owned and source.root is None and source.buffer < 0 and source.place < 0:
                place(source, buffer)
        if not node.owned and node.root is None and node.buffer < 0 and node.place < 0:
            place(node, buffer)
        for source in node.src:
            source.children -= 1
            if source.children or source.views:
                continue
            owner = source.root
            if owner is None:
                owner = source
            else:
                owner.views -= 1
                if owner.views or owner.children:
                    continue
            if owner.owned and not owner.output:
                events.append((owner.place, owner.block, owner.size_at, FREE))
                owner.owned = False
    counts += [len(events)] * (len(marks) - len(counts))
    return Lifetimes(events, blocks, counts, [at_leaf[count] for count in leaf_marks])
