"""
Where ggml's graph allocator puts each tensor, and so how large the buffers must be.

Places that were given back are given away again, best fit first. Source: llama.cpp b11549, ggml/src/ggml-alloc.c.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

_ENDLESS = 1 << 62
_PIECE = 1 << 63
_MOST_PIECES = 16

ALLOCATE, FREE = -2, -1
Event = tuple[int, int, int, int]
"""
A buffer, a block, where its size is kept, and what happens: ``ALLOCATE``, ``FREE``, or that only the end is given back,
and where the size is kept that stays. Sizes of copied weights are kept at negative places, from the end.
"""
Played = tuple[int, int, int]
"""An event of a buffer: a block, where its size is kept, and what happens."""
Apart = dict[int, list[Played]]
"""Events by buffer, as none depends on another."""

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
        """The address of a new block."""
        places = [0]
        self.play(((0, 0, ALLOCATE),), places, (size,))
        return places[0]

    def play(self, events: Iterable[Played], places: list[int], sizes: Sequence[int]) -> None:
        """
        Take blocks and give them back; much of the time of a search goes by here.

        A new block goes to the tightest gap, the later of two equal ones, else to the end. Until an empty block is
        given back the free ones stand in order and none touches another, so that ``free`` comes to what is done here.
        """
        starts, gaps, peak = self.starts, self.sizes, self.peak
        for block, at, what in events:
            size = sizes[at]
            if what == ALLOCATE:
                best, tightest = -1, _ENDLESS
                # The end is the loosest of all.
                for i, gap in enumerate(gaps):
                    if size <= gap <= tightest:
                        best, tightest = i, gap
                places[block] = start = starts[best]
                end = start + size
                if tightest == size:
                    del starts[best], gaps[best]
                else:
                    starts[best] = end
                    gaps[best] = tightest - size
                if end > peak:
                    peak = end
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
        self.peak = peak

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

    def play(self, events: Iterable[Played], places: list[int], sizes: Sequence[int]) -> None:
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
    found: Apart = {}
    for buffer, block, at, what in events:
        found.setdefault(buffer, []).append((block, at, what))
    return found


def simulate(
    events: Apart, places: list[int], spaces: Sequence[Space | PiecedSpace], sizes: Sequence[int]
) -> None:
    """
    Take blocks of these sizes and give them back. ``places`` says where each block lies; the bytes of copied weights
    stand at the end of the ``sizes``, the first last.
    """
    for buffer, own in events.items():
        spaces[buffer].play(own, places, sizes)
