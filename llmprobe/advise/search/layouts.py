"""
The layouts of a model on its devices, and the best of them by the sums of a ledger.

A layout says how many layers each device has, from the end of the model, and of how many of them the experts stay on
the host. For a given share of layers each device keeps as many experts as it has room for, from its last layer back.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from math import inf, log

import msgspec

from llmprobe.advise.search.ledger import Ledger

ALIKE = 0.002
"""Times per token that differ by less than this are the same; then what is simpler or more even is chosen."""

REFUTED = 1 << 60
"""The excess of a layout that does not fit by exact figures, whatever the sums say."""

_ROUNDS = 8

Counts = tuple[int, ...]
Measured = dict[tuple[Counts, Counts | None], "Layout"]
"""Layouts in the same rooms, by the layers of each device and of how many the experts must be left to the host."""


class Layout(msgspec.Struct, frozen=True):
    """
    ``counts`` are the layers of each device, the output among them, of which the experts of ``left`` are left to the
    host: those of the layers in ``kept``. ``excess`` is by how many bytes it does not fit, ``fullest`` the part that is
    taken of the fullest device, ``on_devices`` all bytes there. It is ``plain`` if the layers whose experts are the
    host's are the first ones, which ``--n-cpu-moe`` says.
    """

    counts: tuple[int, ...]
    left: tuple[int, ...]
    kept: tuple[range, ...]
    seconds: float
    excess: int
    fullest: float
    on_devices: int
    plain: bool

    @property
    def gpu_layers(self) -> int:
        return sum(self.counts)

    def rank(self, *, even: bool = False) -> tuple[float, ...]:
        """
        What layouts are sorted by: those that fit, the faster, the plain, the even; or even before plain.
        """
        pace = round(log(self.seconds) / ALIKE) if self.seconds else -inf
        if even:
            return self.excess, pace, self.fullest, not self.plain
        return self.excess, pace, not self.plain, self.fullest


class Rooms(msgspec.Struct, frozen=True):
    """
    The bytes that layers may take on each device: ``some`` where it leaves experts to the host, ``all`` where it does
    not, and ``alone`` for a single layer.
    """

    some: tuple[int, ...]
    all: tuple[int, ...]
    alone: tuple[int, ...]


class Layouts:
    """
    The layouts of one ledger on devices with these rooms. With ``keep`` the experts may stay on the host. ``even``
    prefers layouts that fill the devices evenly, which will fit the likeliest.
    ``fewest`` says, where exact figures are known of layers shared out like this, of how many the experts must be
    left to the host, None where nothing makes them fit. ``measured`` is what others found of the same rooms, and
    ``keep``.
    """

    def __init__(
        self,
        ledger: Ledger,
        rooms: Rooms,
        *,
        keep: bool,
        even: bool = False,
        fewest: Mapping[Counts, Counts | None] | None = None,
        measured: Measured | None = None,
    ) -> None:
        self._even = even
        self._fewest = fewest or {}
        self._ledger = ledger
        self._rooms = rooms
        self._keep = keep
        self._known: dict[Counts, Layout] = {}
        self._measured: Measured = {} if measured is None else measured
        self._largest = tuple(map(max, zip(rooms.some, rooms.all, rooms.alone, strict=True)))

    def of(self, counts: Counts) -> Layout:
        """
        The layout with these layers on each device.
        """
        found = self._known.get(counts)
        if found is None:
            none = (0,) * len(counts)
            found = self._measure(counts, self._fewest.get(counts, none))
            if self._keep and not found.kept and sum(counts) > self._ledger.n_layer:
                # With everything on the devices the rooms are others: here some device leaves a layer's experts.
                leaving = ((*none[:at], 1, *none[at + 1 :]) for at, count in enumerate(counts) if count)
                found = min((self._measure(counts, fewest) for fewest in leaving), key=self._rank)
            self._known[counts] = found
        return found

    def _measure(self, counts: Counts, fewest: Counts | None) -> Layout:
        found = self._measured.get((counts, fewest))
        if found is None:
            found = self._measured[counts, fewest] = self._summed(counts, fewest)
        return found

    def _summed(self, counts: Counts, fewest: Counts | None) -> Layout:
        ledger, keep, rooms = self._ledger, self._keep, self._rooms
        host, last_layer, away_s = ledger.host, ledger.n_layer, ledger.away_s
        start = bottom = last_layer + 1 - sum(counts)
        seconds = host.seconds(0, min(start, last_layer)) + (host.output_s if start > last_layer else 0.0)
        kept: list[range] = []
        left: list[int] = []
        excess = REFUTED if fewest is None or (not keep and any(fewest)) else 0
        taken = 0
        fullest = 0.0
        for at, count in enumerate(counts):
            if not count:
                left.append(0)
                continue
            side = ledger.devices[at]
            sums, experts, experts_s = side.held, side.experts, side.experts_s
            stop = start + count
            room = (rooms.alone if count == 1 else rooms.all)[at]
            if stop > last_layer:
                stop = last_layer
                held = sums[stop] - sums[start] + side.output
                seconds = seconds + (side.held_s[stop] - side.held_s[start]) + side.output_s
            else:
                held = sums[stop] - sums[start]
                seconds += side.held_s[stop] - side.held_s[start]
            first = start
            least = fewest[at] if fewest else 0
            if keep and (least or held + experts[stop] - experts[start] > room):
                if count > 1:
                    room = rooms.some[at]
                free = room - held if room > held else 0
                first = bisect_left(experts, experts[stop] - free, start, stop)
                if first < start + least:
                    first = min(stop, start + least)
            left.append(first - start)
            if first > start:
                seconds += host.experts_s[first] - host.experts_s[start] + (first - start) * ledger.switch_s
                kept.append(range(start, first))
            seconds += experts_s[stop] - experts_s[first]
            seconds += away_s[stop] - away_s[start]
            held += experts[stop] - experts[first]
            taken += held
            if held > room:
                excess += held - room
            full = held / room if room > 0 else inf
            if full > fullest:
                fullest = full
            start += count
        runs = _joined(kept) if len(kept) > 1 else tuple(kept)
        plain = not runs or (len(runs) == 1 and runs[0].start == bottom)
        return Layout(counts, tuple(left), runs, seconds, excess, fullest, taken, plain)

    def _rank(self, layout: Layout) -> tuple[float, ...]:
        return layout.rank(even=self._even)

    def most(self) -> tuple[int, ...]:
        """
        The counts that put the most layers on the devices, filled from the last one on.
        """
        ledger = self._ledger
        counts = [0] * len(ledger.devices)
        top = ledger.n_layer + 1
        for at in reversed(range(len(ledger.devices))):
            side, room = ledger.devices[at], self._rooms.some[at]
            stop = min(top, ledger.n_layer)
            if top > stop:
                room -= side.output
            if room < 0:
                continue
            sums = side.held if self._keep else side.whole
            start = bisect_left(sums, sums[stop] - room, 0, stop)
            counts[at] = top - start
            top = start
        return tuple(counts)

    def best(self, layers: int) -> Layout:
        """
        The best layout with this many layers on all devices together.
        """
        count = len(self._rooms.some)
        if count == 1:
            return self.of((layers,))
        if count == 2:
            # What cannot have room is measured where nothing has: then the least excess counts.
            found = self._first_of(self._moved((0, layers), 0, self._firsts((0, layers), 0)))
            if found is None or found.excess:
                found = self._first_of(self._moved((0, layers), 0, range(layers + 1)))
                assert found is not None
            return found
        return min(map(self._descended, self._beginnings(layers)), key=self._rank)

    def _first_of(self, layouts: Iterable[Layout]) -> Layout | None:
        """
        The best of some layouts, None of none; only those that fit, or lack the least, and are as fast are ranked.
        """
        found = list(layouts)
        least = min((one.excess for one in found), default=0)
        found = [one for one in found if one.excess == least]
        enough = min((one.seconds for one in found), default=0.0) * (1 + 2 * ALIKE)
        return min((one for one in found if one.seconds <= enough), key=self._rank, default=None)

    def _firsts(self, counts: Counts, at: int) -> range:
        """
        Of the layers of two neighbours those that the first may have, so that either may have room for its own without
        their experts, where those may stay on the host.
        """
        both = counts[at] + counts[at + 1]
        start = self._ledger.n_layer + 1 - sum(counts[at:])
        most, rest = (
            # No layers always have room.
            max(0, bisect_right(range(both + 1), self._largest[one], key=held) - 1)
            for one, held in (
                (at, lambda count: self._held(at, start, count)),
                (at + 1, lambda count: self._held(at + 1, start + both - count, count)),
            )
        )
        return range(both - rest, most + 1)

    def _held(self, at: int, start: int, count: int) -> int:
        """
        The bytes of so many layers on a device, without their experts where those may stay on the host.
        """
        if not count:
            return 0
        side, last_layer = self._ledger.devices[at], self._ledger.n_layer
        sums = side.held if self._keep else side.whole
        output = side.output if start + count > last_layer else 0
        return sums[min(start + count, last_layer)] - sums[start] + output

    def spread(self, layers: int) -> Layout:
        """
        The layout that fills all devices alike: what lacks the least where nothing fits.
        """
        return self.of(_proportional(layers, [max(0, room) for room in self._rooms.all]))

    def _beginnings(self, layers: int) -> Iterator[tuple[int, ...]]:
        """
        Yield where a descent over three devices and more begins: in proportion to the rooms, the fastest filled first.
        """
        rooms = [max(0, room) for room in self._rooms.some]
        yield _proportional(layers, rooms)
        ledger = self._ledger
        by_speed = sorted(range(len(rooms)), key=lambda at: ledger.devices[at].held_s[-1])
        for order in (by_speed, by_speed[::-1]):
            counts = [0] * len(rooms)
            left = layers
            for at in order:
                side = ledger.devices[at]
                each = max(1, side.whole[-1] // max(1, ledger.n_layer))
                counts[at] = min(left, rooms[at] // each)
                left -= counts[at]
            counts[order[-1]] += left
            yield tuple(counts)

    def _descended(self, counts: tuple[int, ...]) -> Layout:
        """
        The best layout that is reached by moving one border between neighbours at a time.
        """
        found = self.of(counts)
        for _ in range(_ROUNDS):
            before = found
            for at in range(len(counts) - 1):
                both = found.counts[at] + found.counts[at + 1]
                # Beside one that fits, what cannot have room is not measured.
                firsts = range(both + 1) if found.excess else self._firsts(found.counts, at)
                found = self._first_of(self._moved(found.counts, at, firsts)) or found
            if found == before:
                break
        return found

    def _moved(self, counts: Counts, at: int, firsts: Iterable[int]) -> Iterator[Layout]:
        both = counts[at] + counts[at + 1]
        for first in firsts:
            yield self.of((*counts[:at], first, both - first, *counts[at + 2 :]))


def _proportional(layers: int, weights: list[int]) -> tuple[int, ...]:
    if not any(weights):
        weights = [1] * len(weights)
    total = sum(weights)
    counts = [layers * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda at: -(layers * weights[at] % total))
    for at in by_remainder[: layers - sum(counts)]:
        counts[at] += 1
    return tuple(counts)


def _joined(runs: Iterable[range]) -> tuple[range, ...]:
    """
    Runs of layers with neighbours made one.
    """
    joined: list[range] = []
    for run in runs:
        if joined and joined[-1].stop == run.start:
            joined[-1] = range(joined[-1].start, run.stop)
        else:
            joined.append(run)
    return tuple(joined)
