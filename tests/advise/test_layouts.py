"""
Layouts of a ledger's sums: what each takes, how long it takes, and that the best of them is found.
"""

import random
from itertools import product
from math import inf
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from llmprobe.advise.search.layouts import REFUTED, Layout, Layouts, Rooms
from llmprobe.advise.search.ledger import Side

LAYERS = 5


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """
    What each layer takes on one device, and how long, written out.
    """

    held: list[int]
    experts: list[int]
    held_s: list[float]
    experts_s: list[float]
    output: int
    output_s: float

    def side(self) -> Side:
        """
        The same as running sums.
        """

        def sums(values: Any) -> tuple[Any, ...]:
            return tuple(sum(values[:at]) for at in range(len(values) + 1))

        return Side(
            held=sums(self.held),
            experts=sums(self.experts),
            whole=sums([a + b for a, b in zip(self.held, self.experts, strict=True)]),
            held_s=sums(self.held_s),
            experts_s=sums(self.experts_s),
            output=self.output,
            output_s=self.output_s,
        )


def table(chance: random.Random, *, slower: float = 1.0) -> Table:
    """
    Layers of random sizes whose experts are larger than what else they have.
    """
    return Table(
        held=[chance.randint(1, 9) for _ in range(LAYERS)],
        experts=[chance.randint(5, 30) for _ in range(LAYERS)],
        held_s=[slower * chance.randint(1, 9) for _ in range(LAYERS)],
        experts_s=[slower * chance.randint(1, 9) for _ in range(LAYERS)],
        output=chance.randint(1, 12),
        output_s=slower * chance.randint(1, 9),
    )


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """
    A host, devices with rooms, and what a layer costs more whose experts or cache are the host's.
    """

    host: Table
    devices: tuple[Table, ...]
    rooms: Rooms
    switch_s: float
    away_s: list[float]

    def layouts(self, **more: Any) -> Layouts:
        ledger: Any = SimpleNamespace(
            n_layer=LAYERS,
            host=self.host.side(),
            devices=tuple(one.side() for one in self.devices),
            switch_s=self.switch_s,
            away_s=tuple(sum(self.away_s[:at]) for at in range(LAYERS + 1)),
        )
        return Layouts(ledger, self.rooms, **more)


def case(seed: int, devices: int) -> Case:
    """
    A random case, the same for a seed; a device has room for some layers of five.
    """
    chance = random.Random(seed)
    some = tuple(chance.randint(-5, 90) for _ in range(devices))
    return Case(
        host=table(chance, slower=4.0),
        devices=tuple(table(chance) for _ in range(devices)),
        rooms=Rooms(
            some,
            tuple(room + chance.randint(0, 6) for room in some),
            tuple(room + chance.randint(3, 9) for room in some),
        ),
        switch_s=float(chance.randint(0, 3)),
        away_s=[float(chance.randint(0, 2)) for _ in range(LAYERS)],
    )


def measured(asked: Case, counts: tuple[int, ...], fewest: tuple[int, ...], *, keep: bool) -> dict[str, Any]:
    """
    A layout computed layer by layer: what is the host's, then what each device has of its own layers.
    """
    start = LAYERS + 1 - sum(counts)
    seconds = sum(
        asked.host.held_s[layer] + asked.host.experts_s[layer] for layer in range(min(start, LAYERS))
    )
    seconds += asked.host.output_s if start == LAYERS + 1 else 0.0
    excess, fullest, everything = 0, 0.0, 0
    left, away = [], set()
    for at, (one, count) in enumerate(zip(asked.devices, counts, strict=True)):
        layers = [layer for layer in range(start, start + count) if layer < LAYERS]
        has_output = count > 0 and start + count == LAYERS + 1
        start += count
        base = sum(one.held[layer] for layer in layers) + (one.output if has_output else 0)
        room = (asked.rooms.alone if count == 1 else asked.rooms.all)[at]
        gone = 0
        if count and keep and (fewest[at] or base + sum(one.experts[layer] for layer in layers) > room):
            room = (asked.rooms.alone if count == 1 else asked.rooms.some)[at]
            gone = next(
                (
                    gone
                    for gone in range(min(fewest[at], len(layers)), len(layers) + 1)
                    if sum(one.experts[layer] for layer in layers[gone:]) <= max(0, room - base)
                ),
                len(layers),
            )
        left.append(gone)
        away.update(layers[:gone])
        seconds += sum(one.held_s[layer] + asked.away_s[layer] for layer in layers)
        seconds += sum(asked.host.experts_s[layer] + asked.switch_s for layer in layers[:gone])
        seconds += sum(one.experts_s[layer] for layer in layers[gone:]) + (
            one.output_s if has_output else 0.0
        )
        taken = base + sum(one.experts[layer] for layer in layers[gone:])
        everything += taken
        if count:
            excess += max(0, taken - room)
            fullest = max(fullest, taken / room if room > 0 else inf)
    first = LAYERS + 1 - sum(counts)
    return {
        "left": tuple(left),
        "away": away,
        "seconds": seconds,
        "excess": excess,
        "fullest": fullest,
        "on_devices": everything,
        "plain": away == set(range(first, first + len(away))),
    }


def said(layout: Layout) -> dict[str, Any]:
    """
    The same of a layout.
    """
    return {
        "left": layout.left,
        "away": {layer for run in layout.kept for layer in run},
        "seconds": pytest.approx(layout.seconds),
        "excess": layout.excess,
        "fullest": pytest.approx(layout.fullest),
        "on_devices": layout.on_devices,
        "plain": layout.plain,
    }


def all_counts(devices: int) -> list[tuple[int, ...]]:
    return [counts for counts in product(range(LAYERS + 2), repeat=devices) if sum(counts) <= LAYERS + 1]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("keep", [False, True])
def test_a_layout_takes_what_its_layers_take(seed: int, *, keep: bool) -> None:
    """
    Bytes, seconds and experts left of every layout of two devices are those of a sum layer by layer.
    """
    asked = case(seed, 2)
    layouts = asked.layouts(keep=keep)
    for counts in all_counts(2):
        if keep and sum(counts) == LAYERS + 1:
            continue
        assert said(layouts.of(counts)) == measured(asked, counts, (0, 0), keep=keep), counts


@pytest.mark.parametrize("seed", range(12))
def test_with_all_layers_on_devices_some_device_leaves_experts(seed: int) -> None:
    """
    Where experts may be left everything on the devices is another kind, so that the best way to leave some is taken.
    """
    asked = case(seed, 2)
    layouts = asked.layouts(keep=True)
    for first in range(LAYERS + 2):
        counts = (first, LAYERS + 1 - first)
        found = layouts.of(counts)
        plain = measured(asked, counts, (0, 0), keep=True)
        if plain["away"]:
            assert said(found) == plain
            continue
        ways = [measured(asked, counts, fewest, keep=True) for fewest in ((1, 0), (0, 1))]
        ways = [one for one in ways if one["away"]] or ways
        best = min(one["excess"] for one in ways)
        assert found.excess == best
        assert said(found) in ways


@pytest.mark.parametrize("seed", range(6))
def test_as_many_experts_are_left_as_exact_figures_say(seed: int) -> None:
    """
    Of layers shared out like this at least so many, also where sums would say less.
    """
    asked = case(seed, 2)
    fewest = {(2, 2): (1, 2), (1, 3): (0, 1)}
    layouts = asked.layouts(keep=True, fewest=fewest)

    for counts, told in fewest.items():
        assert said(layouts.of(counts)) == measured(asked, counts, told, keep=True)
    assert said(layouts.of((2, 1))) == measured(asked, (2, 1), (0, 0), keep=True)


@pytest.mark.parametrize(("keep", "told"), [(True, None), (False, None), (False, (0, 1))])
def test_what_exact_figures_refute_does_not_fit(keep: bool, told: tuple[int, ...] | None) -> None:
    """
    Whatever the sums say: nothing makes it fit, or only experts left to the host where none may be.
    """
    wide = msgspec.structs.replace(case(1, 2), rooms=Rooms((999, 999), (999, 999), (999, 999)))
    layouts = wide.layouts(keep=keep, fewest={(2, 2): told})

    assert layouts.of((2, 2)).excess >= REFUTED
    assert layouts.of((2, 1)).excess == 0


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("even", [False, True])
def test_of_two_devices_the_best_layout_is_found(seed: int, *, keep: bool, even: bool) -> None:
    """
    None of all ways to share so many layers ranks before it.
    """
    layouts = case(seed, 2).layouts(keep=keep, even=even)
    for layers in range(LAYERS + 2):
        ways = [layouts.of((first, layers - first)) for first in range(layers + 1)]

        assert layouts.best(layers).rank(even=even) == min(one.rank(even=even) for one in ways)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("keep", [False, True])
def test_of_three_devices_a_layout_is_found_that_no_neighbour_beats(seed: int, *, keep: bool) -> None:
    """
    It has as many layers as were asked for, and moving one border between two devices makes it no better.
    """
    layouts = case(seed, 3).layouts(keep=keep)
    for layers in range(LAYERS + 2):
        found = layouts.best(layers)
        a, b, c = found.counts
        moved = [(first, a + b - first, c) for first in range(a + b + 1)]
        moved += [(a, first, b + c - first) for first in range(b + c + 1)]

        assert found.gpu_layers == layers
        assert found.rank() == min(layouts.of(counts).rank() for counts in moved)


@pytest.mark.parametrize("counts", [(0, 3), (3, 0), (0, 3, 0), (0, 0, 3)])
@pytest.mark.parametrize("keep", [False, True])
def test_a_device_without_any_room_is_left_alone(counts: tuple[int, ...], *, keep: bool) -> None:
    """
    Its own overhead is more than it has free: whatever there is goes to the one that has room for all.
    """
    rooms = tuple(999 if count else -3 for count in counts)
    asked = msgspec.structs.replace(case(1, len(counts)), rooms=Rooms(rooms, rooms, rooms))
    found = asked.layouts(keep=keep).best(3)

    assert (found.counts, found.excess) == (counts, 0)


def test_one_device_has_all_the_layers() -> None:
    """
    There is nothing to share.
    """
    assert case(3, 1).layouts(keep=False).best(4).counts == (4,)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("keep", [False, True])
def test_the_most_layers_fill_the_devices_from_the_last(seed: int, *, keep: bool) -> None:
    """
    Each device takes as many as its room holds, the output first; without experts where these may be left.
    """
    asked = case(seed, 2)
    expected = [0, 0]
    top = LAYERS + 1
    for at in (1, 0):
        one, room = asked.devices[at], asked.rooms.some[at]
        while top > 0:
            layer = top - 1
            size = one.output if layer == LAYERS else one.held[layer] + (0 if keep else one.experts[layer])
            if room < size:
                break
            room -= size
            top -= 1
            expected[at] += 1

    assert asked.layouts(keep=keep).most() == tuple(expected)


def layout(**fields: Any) -> Layout:
    usual: dict[str, Any] = {
        "counts": (3,),
        "left": (0,),
        "kept": (),
        "seconds": 1.0,
        "excess": 0,
        "fullest": 0.5,
        "on_devices": 10,
        "plain": True,
    }
    return Layout(**(usual | fields))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"excess": 0, "seconds": 9.0}, {"excess": 1}),
        ({"seconds": 0.9, "plain": False, "fullest": 0.9}, {}),
        ({"fullest": 0.6}, {"plain": False}),
        ({"fullest": 0.4}, {}),
        ({"seconds": 0.0}, {}),
        ({"seconds": 1.0009, "plain": True}, {"plain": False}),
    ],
)
def test_what_fits_goes_before_what_is_fast_plain_and_even(better: Any, worse: Any) -> None:
    """
    In this order; a thousandth of the time is no difference.
    """
    assert layout(**better).rank() < layout(**worse).rank()


def test_even_may_go_before_plain() -> None:
    """
    Where buffers are not known yet.
    """
    even, plain = layout(fullest=0.4, plain=False), layout()

    assert even.rank(even=True) < plain.rank(even=True)
    assert plain.rank() < even.rank()
    assert layout(seconds=0.9, fullest=0.9).rank(even=True) < layout().rank(even=True)
