"""
The addresses of a buffer, against an allocator that knows every byte, and what may be written over.
"""

import random
from collections.abc import Callable

import pytest

from llmprobe.estimation.compute.allocator import ALLOCATE, FREE, Space
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, Node
from tests.estimation.test_compute_alloc import KIB, allocate

BYTES = 400


class Map:
    """
    Every byte of a buffer by itself: taken or free.
    """

    def __init__(self) -> None:
        self.taken = [False] * BYTES

    def gaps(self) -> list[tuple[int, int]]:
        """
        Start and size of what is free, the endless rest last.
        """
        found, start = [], None
        for at, taken in enumerate([*self.taken, True]):
            if not taken and start is None:
                start = at
            elif taken and start is not None:
                found.append((start, at - start))
                start = None
        return found

    def allocate(self, size: int) -> int:
        *inner, last = self.gaps()
        fitting = [(free, -start) for start, free in inner if free >= size]
        start = -min(fitting)[1] if fitting else last[0]
        self.taken[start : start + size] = [True] * size
        return start

    def free(self, start: int, size: int) -> None:
        self.taken[start : start + size] = [False] * size


@pytest.mark.parametrize("seed", range(40))
def test_addresses_are_those_of_an_allocator_that_knows_every_byte(seed: int) -> None:
    """
    The tightest gap, the later of equal ones, else the end; what is given back is joined with what is free beside it.
    """
    chance = random.Random(seed)
    space, known = Space(), Map()
    blocks: list[tuple[int, int]] = []
    peak = 0
    for _ in range(60):
        if blocks and chance.random() < 0.5:
            block = blocks.pop(chance.randrange(len(blocks)))
            space.free(*block)
            known.free(*block)
        elif sum(size for _, size in blocks) < 60:
            size = chance.choice((1, 2, 2, 3, 4, 7))
            expected = known.allocate(size)
            blocks.append((expected, size))
            peak = max(peak, expected + size)

            assert space.allocate(size) == expected
        assert list(zip(space.starts, space.sizes, strict=True))[:-1] == known.gaps()[:-1]
        assert space.starts[-1] == known.gaps()[-1][0]
    assert space.peak == peak


@pytest.mark.parametrize("empty", [False, True])
@pytest.mark.parametrize("seed", range(20))
def test_blocks_that_are_played_lie_where_single_ones_do(seed: int, *, empty: bool) -> None:
    """
    Blocks given back whole or but for their beginning, where ``empty`` with some of no bytes among them.
    """
    chance = random.Random(seed)
    sizes = [0, 1, 2, 3, 4, 7] if empty else [1, 2, 3, 4, 7]
    events: list[tuple[int, int, int]] = []
    single = Space()
    expected: list[int] = []
    live: dict[int, int] = {}
    for _ in range(120):
        if live and chance.random() < 0.5:
            block = chance.choice(list(live))
            at = live.pop(block)
            less = [number for number, size in enumerate(sizes) if 0 < sizes[at] - size < sizes[at]]
            if less and chance.random() < 0.3:
                kept = chance.choice(less)
                rest = sizes[at] - sizes[kept]
                if rest in sizes:
                    events.append((block, sizes.index(rest), kept))
                    single.free(expected[block] + sizes[kept], rest)
                    live[block] = kept
                    continue
            events.append((block, at, FREE))
            single.free(expected[block], sizes[at])
        else:
            at = chance.randrange(len(sizes))
            live[len(expected)] = at
            events.append((len(expected), at, ALLOCATE))
            expected.append(single.allocate(sizes[at]))
    space, places = Space(), [0] * len(expected)

    space.play(events, places, sizes)

    assert (places, space.peak, space.state) == (expected, single.peak, single.state)


def _two(spoil: Callable[[Node, Node], None]) -> int:
    """
    The KiB for a product of 4 and a function of it, one of both changed before.
    """
    weight = ops.leaf(F32, KIB)
    weight.buffer = 0
    first = ops.like("cont", weight)
    first.ne, first.nb = ops.four((KIB, 4)), (4, 1024, 4096, 4096)
    second = ops.like("sqr", first)
    spoil(first, second)
    return allocate([first, second], [0, 0], (128,))[0] // 1024


def _nothing(_first: Node, _second: Node) -> None:
    return


def _kept(first: Node, _second: Node) -> None:
    first.output = True


def _not_in_place(_first: Node, second: Node) -> None:
    second.op = "cont"


def _of_another_shape(_first: Node, second: Node) -> None:
    second.ne = (2 * KIB, 2, 1, 1)


def _of_other_strides(_first: Node, second: Node) -> None:
    second.nb = (4, 2048, 4096, 4096)


def _of_another_type(_first: Node, second: Node) -> None:
    second.kind = F16


@pytest.mark.parametrize(
    ("spoil", "size"),
    [
        (_nothing, 4),
        (_kept, 8),
        (_not_in_place, 8),
        (_of_another_shape, 8),
        (_of_other_strides, 8),
        (_of_another_type, 8),
    ],
)
def test_a_result_is_written_over_its_equal(spoil: Callable[[Node, Node], None], size: int) -> None:
    """
    Of the same shape, strides and type, where nobody else needs it and the operation allows it.
    """
    assert _two(spoil) == size


def test_what_another_node_or_a_view_still_reads_is_not_written_over() -> None:
    """
    Neither a source that a later node has too, nor one that a view lies in.
    """
    weight = ops.leaf(F32, KIB)
    weight.buffer = 0

    def made() -> Node:
        return ops.like("cont", weight)

    first = made()
    later = [first, ops.like("sqr", first)]
    later.append(ops.like("add", later[1], first))
    seen = made()
    window = ops.view(seen, (KIB,))
    viewed = [seen, window, ops.like("sqr", seen), ops.like("cont", window)]

    assert allocate(later, [0] * 3, (128,))[0] == 2 * 1024
    assert allocate(viewed, [0] * 4, (128,))[0] == 3 * 1024


@pytest.mark.parametrize(("align", "size"), [(128, 1152), (32, 1056), (4, 1028)])
def test_each_block_is_rounded_up(align: int, size: int) -> None:
    """
    To the buffer's alignment.
    """
    weight = ops.leaf(F32, KIB + 1)
    weight.buffer = 0

    assert allocate([ops.like("cont", weight)], [0], (align,)) == [size]
