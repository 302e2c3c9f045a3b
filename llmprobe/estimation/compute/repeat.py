"""
The allocations of a whole model from those of a few of its layers.

Layers that repeat ask the allocator for the same again, each in terms of what the one before it left. So what the
second of them takes and gives back is repeated as often as layers were left out, each time with the sizes of that
layer's weights where they are copied to a device: quantizations change types from layer to layer.
"""

from collections.abc import Callable, Sequence

import msgspec

from llmprobe.estimation.compute.allocator import (
    ALLOCATE,
    FREE,
    Apart,
    Lifetimes,
    PiecedSpace,
    Space,
    State,
    apart,
    simulate,
    space,
)
from llmprobe.estimation.compute.layers import Repeat

Copy = tuple[int, str, bool]
"""A weight that is copied: of which of the built layers (-1: of none), its name, and whether to the host."""
CopiedBytes = Callable[[str, bool], Sequence[int]]
"""The bytes of a weight on a device, or on the host: by layer, and last of what belongs to none."""
_Early = list[list[int]]
"""Where the blocks lie that groups of layers have from the beginning, group by group."""
_Left = tuple[tuple[int, ...], *tuple[State, ...]]
"""Where the blocks lie that live on, and what is free of each buffer."""


class _Repetition(msgspec.Struct, frozen=True, gc=False):
    """
    What is repeated after ``stop`` events: events, how many blocks they take, which blocks of the layers before
    they give back, and of which copied weights the layers change: their numbers, which of the built layers they
    belong to, and by how many layers they are behind at first.

    ``early`` are the blocks that a group has from the beginning, before everything else, ``earlier`` those of the group
    before it.
    """

    stop: int
    early: range
    earlier: range
    events: Apart
    taken: int
    before: tuple[int, ...]
    changing: tuple[tuple[int, int, int], ...]


class AllocationPlan:
    """
    The allocations of ``built`` layers. ``copies`` are the weights that are copied for them, ``kept_in`` the layers
    for which something is copied and kept.
    """

    def __init__(
        self, found: Lifetimes, built: int, copies: tuple[Copy, ...], kept_in: frozenset[int]
    ) -> None:
        self._found = found
        self._built = built
        self._copies = copies
        self._kept_in = kept_in
        self._again: dict[Repeat, _Repetition | None] = {}
        self._apart: dict[tuple[int, int], Apart] = {}

    def peaks(
        self,
        repeats: Sequence[Repeat],
        layers: Sequence[int],
        sizes: Sequence[int],
        copied_bytes: CopiedBytes,
        pieces: Sequence[int | None],
    ) -> tuple[int, ...] | None:
        """
        The bytes that each buffer needs, None where the layers that were left out cannot be told from these.

        ``layers`` are those that the built ones stand for, ``pieces`` the bytes of a piece of each buffer.
        """
        again = [self._repetition_of(repeat) for repeat in repeats]
        if None in again:
            return None
        found = self._found
        spaces = [space(one) for one in pieces]
        places = [0] * found.blocks
        columns = [copied_bytes(name, host) for _, name, host in self._copies]
        copied = [
            column[at if at < 0 else layers[at]]
            for (at, _, _), column in zip(self._copies, columns, strict=True)
        ]
        sizes = [*sizes, *reversed(copied)]
        done, early = self._begin(repeats, again, places, spaces, sizes)
        for repeat, one, before in zip(repeats, again, early, strict=True):
            assert one is not None
            own = list(
                zip(
                    *(
                        columns[number][layers[at] - behind :: repeat.length][: repeat.left_out + 1]
                        for number, at, behind in one.changing
                    ),
                    strict=True,
                )
            ) or [()] * (repeat.left_out + 1)
            for (number, _, _), size in zip(one.changing, own[0], strict=True):
                sizes[~number] = size
            simulate(self._between(done, one.stop), places, spaces, sizes)
            _repeat(one, own, before, places, spaces, sizes)
            done = one.stop
        simulate(self._between(done, len(found.events)), places, spaces, sizes)
        return tuple(one.peak for one in spaces)

    def _between(self, start: int, stop: int) -> Apart:
        """
        Some of the events, by buffer.
        """
        found = self._apart.get((start, stop))
        if found is None:
            found = self._apart[start, stop] = apart(self._found.events[start:stop])
        return found

    def _begin(
        self,
        repeats: Sequence[Repeat],
        again: Sequence[_Repetition | None],
        places: list[int],
        spaces: Sequence[Space | PiecedSpace],
        sizes: Sequence[int],
    ) -> tuple[int, list[_Early]]:
        """
        Place what comes before everything else, that of the layers left out among it; say how many events that were.
        """
        done = 0
        early: list[_Early] = []
        for repeat, one in zip(repeats, again, strict=True):
            assert one is not None
            mine: _Early = []
            if one.early:
                stop = one.early.stop
                simulate(self._between(done, stop), places, spaces, sizes)
                done = stop
                mine = [places[one.early.start : stop]]
                for _ in range(repeat.left_out):
                    simulate(self._between(one.early.start, stop), places, spaces, sizes)
                    mine.append(places[one.early.start : stop])
                places[one.early.start : stop] = mine[0]
            early.append(mine)
        return done, early

    def _repetition_of(self, repeat: Repeat) -> _Repetition | None:
        if repeat not in self._again:
            self._again[repeat] = self._compared(repeat, 1) or self._compared(repeat, 2)
        return self._again[repeat]

    def _compared(self, repeat: Repeat, which: int) -> _Repetition | None:
        """
        What the second or third group does if the group after it does the same, and it leaves as much as it
        found.

        What lived for longer may be given back by the last group, which is the last that needs it.
        """
        length = repeat.length
        at = repeat.first + which * length
        marks = self._found.marks
        if len(marks) != self._built + 1 or which + 2 > repeat.kept:
            return None
        if not self._kept_in.isdisjoint(range(at, at + length)):
            # All copies that are kept are placed before everything else, so that each layer's would count there.
            return None
        start, stop, end = marks[at], marks[at + length], marks[at + 2 * length]
        earlier, mine, theirs = (self._early(at + length * further, length) for further in (-1, 0, 1))
        if not self._same_early(mine, theirs, length):
            return None
        # The first layers have what all of them share, too: then nothing of these may be used by those after them.
        early = (earlier if self._same_early(earlier, mine, length) else range(0), mine, theirs)
        events, others = self._found.events[start:stop], self._found.events[stop:end]
        firsts = [event[1] for event in events if event[3] == ALLOCATE]
        taken = len(firsts)
        if not taken:
            return None
        first = firsts[0]
        # Which group has a block from the beginning, and which of its blocks it is.
        owned = {
            block: (number, block - group.start) for number, group in enumerate(early) for block in group
        }
        others = [
            event
            for event in others
            if event[1] >= first or event[3] != FREE or owned.get(event[1], (0, 0))[0]
        ]
        freed = [event[1] in owned for event in events if event[3] == FREE]
        if len(others) != len(events) or len(freed) - sum(freed) != taken or sum(freed) != len(mine):
            return None
        for one, other in zip(events, others, strict=True):
            if one[0] != other[0] or one[3] != other[3] or not self._same_size(one[2], other[2], length):
                return None
            if one[1] in owned:
                group, number = owned[one[1]]
                if owned.get(other[1]) != (group + 1, number):
                    return None
            elif other[1] != one[1] + taken or one[1] < first - taken:
                return None
        behind = repeat.first + 2 * length
        before = {event[1] for event in events if event[1] < first and event[1] not in owned}
        return _Repetition(
            stop,
            early[1],
            early[0],
            apart(events),
            taken,
            tuple(sorted(before)),
            tuple(
                (number, copy[0], repeat.left_out * length if copy[0] >= behind else 0)
                for number, copy in enumerate(self._copies)
                if at - length <= copy[0] < at + length
            ),
        )

    def _early(self, at: int, length: int) -> range:
        """
        The blocks that are placed before everything else for a group of layers.
        """
        leafs = self._found.leafs
        return range(leafs[at], leafs[at + length]) if leafs else range(0)

    def _same_early(self, one: range, other: range, length: int) -> bool:
        """
        Whether two neighbouring groups have the same placed before everything else.
        """
        events = self._found.events
        return len(one) == len(other) and all(
            events[block][0] == events[after][0]
            and self._same_size(events[block][2], events[after][2], length)
            for block, after in zip(one, other, strict=True)
        )

    def _same_size(self, one: int, other: int, length: int) -> bool:
        """
        Whether two sizes are kept at the same place, or are those of the same weight one group apart.
        """
        if one >= 0 or other >= 0:
            return one == other
        layer, name, host = self._copies[~one]
        return self._copies[~other] == (layer if layer < 0 else layer + length, name, host)


def _repeat(
    one: _Repetition,
    own: Sequence[tuple[int, ...]],
    early: _Early,
    places: list[int],
    spaces: Sequence[Space | PiecedSpace],
    sizes: list[int],
) -> None:
    """
    Play a group for each but the first of ``own``, the bytes of its weights.

    Groups soon find what others found before them: what they then leave is remembered. ``early`` says where that lies
    which the first of the groups has from the beginning, and each of the others.
    """

    def left() -> _Left:
        live = tuple(places[block + one.taken] for block in one.before)
        return live, *(space.state for space in spaces)

    known: dict[tuple[object, ...], _Left] = {}
    state = current = left()
    for number, mine in enumerate(own[1:]):
        if early:
            if one.earlier:
                places[one.earlier.start : one.earlier.stop] = early[number]
            places[one.early.start : one.early.stop] = early[number + 1]
        # What a group has from the beginning lies elsewhere for each, so that none finds what another found.
        after = None if early else known.get((state, mine))
        if after is None:
            if state is not current:
                _restore(state, one, places, spaces)
            for block in one.before:
                places[block] = places[block + one.taken]
            for (weight, _, _), size in zip(one.changing, mine, strict=True):
                sizes[~weight] = size
            simulate(one.events, places, spaces, sizes)
            after = current = known[state, mine] = left()
        state = after
    _restore(state, one, places, spaces)
    for (weight, _, _), size in zip(one.changing, own[-1], strict=True):
        sizes[~weight] = size


def _restore(
    state: _Left, one: _Repetition, places: list[int], spaces: Sequence[Space | PiecedSpace]
) -> None:
    for block, place in zip(one.before, state[0], strict=True):
        places[block + one.taken] = place
    for buffer, free in zip(spaces, state[1:], strict=True):
        buffer.restore(free)
