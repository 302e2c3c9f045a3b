"""
The allocations of a whole model from those of a few of its layers.

Layers that repeat ask the allocator for the same again, each in terms of what the one before it left. So what the
second of them takes and gives back is repeated as often as layers were left out, each time with the sizes of that
layer's weights where they are copied to a device: quantizations change types from layer to layer.
"""

from collections.abc import Callable, Hashable, Sequence

import msgspec

from llmprobe.estimation.compute.allocator import (
    ALLOCATE,
    FREE,
    Apart,
    PiecedSpace,
    Played,
    Space,
    State,
    apart,
    space,
)
from llmprobe.estimation.compute.layers import Repeat
from llmprobe.estimation.compute.lifetimes import Lifetimes

Copy = tuple[int, str, bool]
"""A weight that is copied: of which of the built layers (-1: of none), its name, and whether to the host."""
CopiedBytes = Callable[[str, bool], Sequence[int]]
"""The bytes of a weight on a device, or on the host: by layer, and last of what belongs to none."""
_Early = list[list[int]]
"""Where the blocks lie that groups of layers have from the beginning, group by group."""
_Left = tuple[tuple[int, ...], State]
"""Where the blocks of a buffer lie that live on, and what is free of it."""


class _Repetition(msgspec.Struct, frozen=True, gc=False):
    """
    What is repeated after ``stop`` events: events, how many blocks they take, which blocks of the layers before
    they give back, and of which copied weights the layers change: their numbers, which of the built layers they
    belong to, and by how many layers they are behind at first. Events and blocks before are told by buffer.

    ``early`` are the blocks that a group has from the beginning, before everything else, ``earlier`` those of the group
    before it. Where the next group, which was compared, does nothing else it is repeated, too: ``end`` is where it
    ends, else ``stop``.
    """

    stop: int
    end: int
    early: range
    earlier: range
    events: Apart
    taken: int
    before: dict[int, tuple[int, ...]]
    changing: tuple[tuple[int, int, int], ...]

    def times(self, repeat: Repeat) -> int:
        """
        How often the group is played, the first time among them.
        """
        return repeat.left_out + (2 if self.end > self.stop else 1)


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
        # The buffers that weights are copied to. What the others need is the same for all quantizations.
        self._copied_to = frozenset(buffer for buffer, _, at, _ in found.events if at < 0)
        self._known: dict[Hashable, int] = {}

    def peaks(
        self,
        repeats: tuple[Repeat, ...],
        layers: Sequence[int],
        inputs: tuple[int, ...],
        sizes: Sequence[int],
        copied_bytes: CopiedBytes,
        pieces: Sequence[int | None],
    ) -> tuple[int, ...] | None:
        """
        The bytes that each buffer needs, None where the layers that were left out cannot be told from these.

        ``layers`` are those that the built ones stand for, ``sizes`` those of blocks for these ``inputs`` of the tape,
        ``pieces`` the bytes of a piece of each buffer.
        """
        again: list[_Repetition] = []
        for repeat in repeats:
            one = self._repetition_of(repeat)
            if one is None:
                return None
            again.append(one)
        nothing: list[list[tuple[int, ...]]] = [
            [()] * one.times(repeat) for repeat, one in zip(repeats, again, strict=True)
        ]
        columns = [copied_bytes(name, host) for _, name, host in self._copies]
        found = []
        for buffer, piece in enumerate(pieces):
            if buffer in self._copied_to:
                copied = [
                    column[at if at < 0 else layers[at]]
                    for (at, _, _), column in zip(self._copies, columns, strict=True)
                ]
                own = [
                    self._changing(repeat, one, layers, columns)
                    for repeat, one in zip(repeats, again, strict=True)
                ]
                every = [*sizes, *reversed(copied)]
                found.append(self._peak(buffer, piece, again, own, every))
                continue
            key = (buffer, piece, repeats, inputs)
            peak = self._known.get(key)
            if peak is None:
                peak = self._known[key] = self._peak(buffer, piece, again, nothing, list(sizes))
            found.append(peak)
        return tuple(found)

    def _changing(
        self, repeat: Repeat, one: _Repetition, layers: Sequence[int], columns: Sequence[Sequence[int]]
    ) -> list[tuple[int, ...]]:
        """
        The bytes of the copied weights that change, each time that a group is played.
        """
        times = one.times(repeat)
        if not one.changing:
            return [()] * times
        return list(
            zip(
                *(
                    columns[number][layers[at] - behind :: repeat.length][:times]
                    for number, at, behind in one.changing
                ),
                strict=True,
            )
        )

    def _peak(
        self,
        buffer: int,
        piece: int | None,
        again: Sequence[_Repetition],
        own: Sequence[list[tuple[int, ...]]],
        sizes: list[int],
    ) -> int:
        """
        The bytes that one buffer needs; ``own`` are those of the weights that change, for each repetition.
        """
        found = self._found
        room, places = space(piece), [0] * found.blocks
        done, early = self._begin(buffer, again, own, places, room, sizes)
        for one, mine, before in zip(again, own, early, strict=True):
            for (number, _, _), size in zip(one.changing, mine[0], strict=False):
                sizes[~number] = size
            room.play(self._between(buffer, done, one.stop), places, sizes)
            _repeat(one, buffer, mine, before, places, room, sizes)
            done = one.end
        room.play(self._between(buffer, done, len(found.events)), places, sizes)
        return room.peak

    def _between(self, buffer: int, start: int, stop: int) -> Sequence[Played]:
        """
        Some of the events, those of a buffer.
        """
        found = self._apart.get((start, stop))
        if found is None:
            found = self._apart[start, stop] = apart(self._found.events[start:stop])
        return found.get(buffer, ())

    def _begin(
        self,
        buffer: int,
        again: Sequence[_Repetition],
        own: Sequence[list[tuple[int, ...]]],
        places: list[int],
        room: Space | PiecedSpace,
        sizes: list[int],
    ) -> tuple[int, list[_Early]]:
        """
        Place what comes before everything else, that of the layers left out among it; say how many events that were.
        """
        done = 0
        early: list[_Early] = []
        for one, times in zip(again, own, strict=True):
            mine: _Early = []
            if one.early:
                stop = one.early.stop
                room.play(self._between(buffer, done, stop), places, sizes)
                done = stop
                mine = [places[one.early.start : stop]]
                for _ in times[1:]:
                    room.play(self._between(buffer, one.early.start, stop), places, sizes)
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
        before = [event for event in events if event[1] < first and event[1] not in owned]
        changing = tuple(
            (number, copy[0], repeat.left_out * length if copy[0] >= behind else 0)
            for number, copy in enumerate(self._copies)
            if at - length <= copy[0] < at + length
        )
        return _Repetition(
            stop,
            end if len(others) == end - stop and not mine else stop,
            early[1],
            early[0],
            apart(events),
            taken,
            {
                buffer: tuple(sorted({event[1] for event in before if event[0] == buffer}))
                for buffer in {event[0] for event in before}
            },
            changing,
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
    buffer: int,
    own: Sequence[tuple[int, ...]],
    early: _Early,
    places: list[int],
    room: Space | PiecedSpace,
    sizes: list[int],
) -> None:
    """
    Play a group for each but the first of ``own``, the bytes of its weights.

    Groups soon find what others found before them: what they then leave is remembered. ``early`` says where that lies
    which the first of the groups has from the beginning, and each of the others.
    """
    events, blocks = one.events.get(buffer, ()), one.before.get(buffer, ())

    def left() -> _Left:
        return tuple([places[block + one.taken] for block in blocks]), room.state

    def put(state: _Left) -> None:
        for block, place in zip(blocks, state[0], strict=True):
            places[block + one.taken] = place
        room.restore(state[1])

    known: dict[tuple[object, ...], _Left] = {}
    state = current = left()
    for number, mine in enumerate(own[1:] if events else ()):
        if early:
            if one.earlier:
                places[one.earlier.start : one.earlier.stop] = early[number]
            places[one.early.start : one.early.stop] = early[number + 1]
        # What a group has from the beginning lies elsewhere for each, so that none finds what another found.
        after = None if early else known.get((state, mine))
        if after is None:
            if state is not current:
                put(state)
            for block in blocks:
                places[block] = places[block + one.taken]
            for (weight, _, _), size in zip(one.changing, mine, strict=False):
                sizes[~weight] = size
            room.play(events, places, sizes)
            after = current = known[state, mine] = left()
        state = after
    put(state)
    if one.end > one.stop:
        # What follows gives back the blocks of the group that was compared.
        for block in blocks:
            places[block + 2 * one.taken] = places[block + one.taken]
    for (weight, _, _), size in zip(one.changing, own[-1], strict=False):
        sizes[~weight] = size
