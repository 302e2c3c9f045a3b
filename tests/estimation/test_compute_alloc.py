"""
The graph allocator gives places away again, tightest gap first, and writes over inputs where ggml does.
"""

from collections.abc import Sequence

from llmprobe.estimation.compute.allocator import Space, apart, simulate
from llmprobe.estimation.compute.lifetimes import lifetimes
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, Node

KIB = 256
"""Elements of f32 in a KiB."""


def allocate(nodes: Sequence[Node], homes: Sequence[int], aligns: tuple[int, ...]) -> list[int]:
    """
    Return the peak of each buffer for nodes that lie in these.
    """
    sizes: list[int] = []

    def number(size: int) -> int:
        sizes.append(size)
        return len(sizes) - 1

    steps = list(zip(nodes, homes, strict=True))
    found = lifetimes(steps, [], aligns, [lambda node: node.nbytes] * len(aligns), number)
    spaces = [Space() for _ in aligns]
    simulate(apart(found.events), [0] * found.blocks, spaces, sizes)
    return [space.peak for space in spaces]


def _bytes(*nodes: Node) -> int:
    """The peak of one buffer for nodes whose leafs lie elsewhere."""
    return allocate(nodes, [0] * len(nodes), (128,))[0]


def _weight(elements: int) -> Node:
    node = ops.leaf(F32, elements)
    node.buffer = 0
    return node


def test_the_tightest_gap_is_taken() -> None:
    """
    Of gaps of 512 and 256 bytes a block of 256 takes the second.
    """
    space = Space()
    blocks = [space.allocate(size) for size in (512, 128, 256, 128)]
    space.free(blocks[0], 512)
    space.free(blocks[2], 256)
    assert space.allocate(256) == blocks[2]


def test_of_two_equal_gaps_the_later_is_taken() -> None:
    """
    The search keeps the last gap that is as tight.
    """
    space = Space()
    blocks = [space.allocate(size) for size in (256, 128, 256, 128)]
    space.free(blocks[0], 256)
    space.free(blocks[2], 256)
    assert space.allocate(256) == blocks[2]


def test_gaps_are_joined() -> None:
    """
    Three neighbours given back in any order are one gap.
    """
    space = Space()
    blocks = [space.allocate(128) for _ in range(4)]
    for at in (0, 2, 1):
        space.free(blocks[at], 128)
    assert (space.allocate(384), space.peak) == (0, 512)


def test_the_end_is_given_back_too() -> None:
    """
    A block at the end that is given back leaves no gap: the next one starts there, and the peak stays.
    """
    space = Space()
    space.free(space.allocate(1024), 1024)
    assert (space.allocate(2048), space.peak) == (0, 2048)


def test_an_operation_writes_over_an_input_that_nothing_else_needs() -> None:
    """
    A chain of scalings needs the place of one tensor.
    """
    first = ops.mul_mat(_weight(KIB), _weight(KIB))
    second = ops.cont(first, KIB)
    third = ops.like("scale", second)
    assert _bytes(first, second, third, ops.like("scale", third)) == 128 + 1024


def test_an_operation_keeps_an_input_that_is_needed_later() -> None:
    """
    The input of a scaling that is added afterwards takes a place of its own.
    """
    first = ops.cont(_weight(KIB))
    second = ops.like("scale", first)
    assert _bytes(first, second, ops.like("add", second, first)) == 2 * 1024


def test_an_operation_keeps_an_input_of_another_type() -> None:
    """
    A sum of an f16 and an f32 tensor goes over the f32 one only if that is what its own type is.
    """
    half = ops.cast(_weight(KIB), F16)
    total = ops.make("add", F32, half.ne, half)
    assert _bytes(half, total) == 512 + 1024


def test_an_output_is_never_given_away() -> None:
    """
    What is read after the graph keeps its place until the end.
    """
    first = ops.cont(_weight(KIB))
    second = ops.cont(first)
    first.output = True
    assert _bytes(first, second, ops.cont(second)) == 3 * 1024


def test_what_nothing_needs_any_more_is_given_away() -> None:
    """
    Of a chain of copies two are alive at a time.
    """
    first = ops.cont(_weight(KIB))
    second = ops.cont(first)
    assert _bytes(first, second, ops.cont(second)) == 2 * 1024


def test_a_view_keeps_the_tensor_it_lies_in() -> None:
    """
    A tensor is given back after the last use of its last view.
    """
    first = ops.cont(_weight(KIB))
    window = ops.view(first, (KIB // 2,))
    second, third = ops.cont(_weight(KIB)), ops.cont(window)
    assert _bytes(first, window, second, third, ops.cont(_weight(KIB))) == 1024 + 1024 + 512


def test_sizes_are_rounded_to_the_alignment_of_the_buffer() -> None:
    """
    Four bytes take 128 on a device.
    """
    one, other = ops.cont(_weight(1)), ops.cont(_weight(1))
    one.output = other.output = True
    assert _bytes(one, other) == 256


def test_buffers_are_separate() -> None:
    """
    Each node counts where it is computed.
    """
    first = ops.cont(_weight(KIB))
    second = ops.cont(first)
    assert allocate([first, second], [0, 1], (128, 32)) == [1024, 1024]


def test_a_block_goes_before_the_first_that_lies_behind_it() -> None:
    """
    An empty block inside a free one leaves the list out of order; ggml looks through it from the start all the same.
    """
    space = Space()
    space.restore(((0, 30, 20, 100), (5, 0, 5, 1 << 62)))
    space.free(26, 2)
    assert space.starts == [0, 26, 30, 20, 100]
    assert space.sizes == [5, 2, 0, 5, 1 << 62]
