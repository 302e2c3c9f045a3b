"""
Which layers must be built so that the reserved buffers of the whole model can be told.

Of a group of layers that repeats a few are built, and what the allocator is asked for by the second of them is asked
for again by those that are left out (``compute_repeat``).
"""

from collections.abc import Callable, Hashable, Sequence

import msgspec

from llmprobe.model.archs._building.run import Moved, Parts

KEPT = 3
"""The first of a run, whose inputs come from elsewhere; what is repeated; and one to compare it with."""
_LONGEST_GROUP = 8
_NEIGHBOURS = 3
"""How many layers further what is around a layer decides where its nodes go."""


class Repeat(msgspec.Struct, frozen=True, gc=False):
    """
    A group of layers that comes again and again: where it stands first among the built ones, how many layers it has,
    and how often it is built, and left out after the second time.
    """

    first: int
    length: int
    kept: int
    left_out: int


def layer_kinds(
    parts: Parts,
    places: tuple[int, ...],
    *,
    host_experts: frozenset[int],
    moved: Moved = (),
    expert_slots: tuple[tuple[int, int], ...] = (),
    read: tuple[int, ...] = (),
) -> list[Hashable]:
    """
    For each layer what tells its part of the graph from another's; what goes into one that is ``read`` is kept.
    """
    elsewhere: dict[int, tuple[tuple[str, int], ...]] = {}
    for layer, name, place in moved:
        elsewhere[layer] = (*elsewhere.get(layer, ()), (name, place))
    slots = dict(expert_slots)
    kinds: list[Hashable] = [
        (place, layer in host_experts, parts.kind[layer], elsewhere.get(layer), slots.get(layer))
        for layer, place in enumerate(places[: len(parts.sizes.trunk)])
    ]
    for layer in read:
        for near in (layer - 1, layer):
            if 0 <= near < len(kinds):
                kinds[near] = (kinds[near], layer)
    return kinds


def shortened(kinds: Sequence[Hashable], least: int = KEPT) -> tuple[tuple[int, ...], tuple[Repeat, ...]]:
    """
    The positions to build, and what is left out.

    Of a group that is repeated in a row the first two are left and the last; and the one before where nothing of the
    group follows: the last layer before others may keep or copy something for them. The very last drops the tokens
    without output, which the one before it may notice too. At the ``least`` so many are built, one more than usual
    where the first leaves something else than the others do, so that the third is what is repeated.
    """

    def kept(length: int, *, begun: bool, last: bool) -> int:
        return max(least, KEPT + (not begun)) + (length == 1 and last)

    return _grouped(kinds, kept)


def neighbouring(kinds: Sequence[Hashable]) -> tuple[int, ...]:
    """
    The positions to build where all that counts is where nodes go: every layer that is left out stands between the same
    neighbours as one that is built, and the other way round.
    """

    def kept(length: int, **_: bool) -> int:
        return 1 - (-_NEIGHBOURS // length)

    return _grouped(kinds, kept)[0]


def _grouped(
    kinds: Sequence[Hashable], kept_of: Callable[..., int]
) -> tuple[tuple[int, ...], tuple[Repeat, ...]]:
    """
    The positions to build, where of groups in a row so many are kept: by their length, whether another one has
    ``begun`` after them, and whether they are the ``last`` layers.
    """
    numbers: dict[Hashable, int] = {}
    line = [numbers.setdefault(kind, len(numbers)) for kind in kinds]
    built: list[int] = []
    repeats: list[Repeat] = []
    position, count = 0, len(line)
    while position < count:
        best = Repeat(0, 1, 0, 0)
        for length in range(1, _LONGEST_GROUP + 1):
            end = _end(line, position, length)
            times, begun = divmod(end - position, length)
            kept = kept_of(length, begun=bool(begun), last=end == count)
            if (times - kept) * length > best.left_out * best.length:
                best = Repeat(len(built), length, kept, times - kept)
        if best.left_out:
            repeats.append(best)
            second = position + 2 * best.length
            built += range(position, second)
            position = second + best.left_out * best.length
            built += range(position, position + (best.kept - 2) * best.length)
            position += (best.kept - 2) * best.length
        else:
            built.append(position)
            position += 1
    return tuple(built), tuple(repeats)


def _end(line: Sequence[int], position: int, length: int) -> int:
    """
    Where a group stops to follow itself.
    """
    end = position + length
    while end < len(line) and line[end] == line[end - length]:
        end += 1
    return end
