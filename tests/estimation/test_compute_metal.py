"""
What Metal wants beside a node, what it moves, and what its processor's library for products takes over.
"""

import pytest

from llmprobe.estimation.compute import metal_order
from llmprobe.estimation.compute.assignment import blas_supports
from llmprobe.estimation.compute.metal import MetalRules
from llmprobe.facts.backends import DRIVERS
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Graph, Node
from llmprobe.model.quants.types import TYPES

RULES = MetalRules(DRIVERS["metal"])
OLD = MetalRules(DRIVERS["metal-old"])
Q8 = TYPES["q8_0"]


def attention(rows: int, *, head: int = 128, value: int | None = None, kind: str = "f16") -> Node:
    """Eight heads over 1,024 cells of two heads."""
    made = TYPES[kind]
    q = ops.leaf(F32, head, rows, 8, 1)
    k, v = ops.leaf(made, head, 1024, 2, 1), ops.leaf(made, value or head, 1024, 2, 1)
    return ops.flash_attn(q, k, v, ops.leaf(F16, 1024, rows), None)


def test_attention_has_room_for_f16_copies_of_the_whole_cache() -> None:
    """
    For 512 rows: the result of 4 x 128 x 8 x 512 bytes; 64 rows of K, V (512 bytes each over two heads) and of the mask
    (1,024); 64 blocks of queries by 16 of cells; 32 x 32 partial results of 130 values for 8 heads; K and V once more.
    """
    result = 4 * 128 * 8 * 512
    tail = 64 * (2 * 256 + 2 * 256 + 2 * 512)
    partial = 4 * 32 * 8 * 32 * (128 + 2)

    assert RULES.alloc_size(attention(512)) == result + tail + 64 * 16 + partial + 2 * (2 * 128 * 1024 * 2)


def test_a_quantized_cache_is_copied_too_and_its_tail_is_that_of_the_copy() -> None:
    """
    With 32 rows and more the tail has 2 bytes a value, with fewer the cache's own 34 for 32 of them.
    """
    many = RULES.alloc_size(attention(512, kind="q8_0"))
    few = RULES.alloc_size(attention(16, kind="q8_0")) - RULES.alloc_size(attention(16))

    assert many == RULES.alloc_size(attention(512))
    assert few == 64 * 4 * (4 * 34 - 256)


def test_experts_have_room_for_which_tokens_they_have() -> None:
    """
    8 experts and 64 tokens: 4 bytes an expert, 4 for each pair, and 1,032.
    """
    product = ops.mul_mat_id(ops.leaf(Q8, 256, 128, 8), ops.leaf(F32, 256, 1, 64), ops.leaf(I32, 2, 64))

    assert RULES.alloc_size(product) == 4 * 128 * 2 * 64 + 4 * 8 + 4 * 8 * 64 + 1032


def test_sorting_takes_twice_its_size() -> None:
    """
    The indices are merged from one half into the other.
    """
    order = ops.make("argsort", I32, (128, 16, 1, 1), ops.leaf(F32, 128, 16))

    assert RULES.alloc_size(order) == 2 * 4 * 128 * 16


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (attention(8), True),
        (attention(8, head=192, value=128), True),
        (attention(8, head=128, value=64), False),
        (attention(8, head=88), False),
        (attention(8, kind="iq4_nl"), False),
        (attention(8, kind="q5_1"), True),
    ],
)
def test_attention_has_kernels_for_some_heads_and_types(node: Node, expected: bool) -> None:
    """
    And none at all where a GPU has no matrix units.
    """
    assert RULES.attends(node) is expected
    assert not OLD.attends(node)


def _product(kind: str, rows: int, *, width: int = 256, height: int = 64) -> Node:
    return ops.mul_mat(ops.leaf(TYPES[kind], width, height), ops.leaf(F32, width, rows))


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (_product("q4_0", 32), True),
        (_product("q4_0", 31), False),
        (_product("q4_0", 64, height=31), False),
        (ops.mul_mat(ops.leaf(F16, 256, 64), ops.leaf(F16, 256, 64)), False),
        (ops.like("add", ops.leaf(F32, 64, 64), ops.leaf(F32, 64, 64)), False),
    ],
)
def test_the_library_takes_large_products_of_floats(node: Node, expected: bool) -> None:
    """
    32 rows and columns are enough, and both sides must lie without gaps.
    """
    assert blas_supports(node) is expected


def test_a_product_with_a_rotation_is_none() -> None:
    """
    The processor turns by additions.
    """
    node = _product("f32", 64)
    node.tag = ops.HADAMARD

    assert not blas_supports(node)


def test_what_waits_for_nothing_moves_up() -> None:
    """
    Of two chains of products the second begins beside the first: a, b, a', b' instead of a, a', b, b'.
    """
    x = ops.leaf(F32, 64, 8)
    chains = []
    graph = Graph()
    for _ in range(2):
        first = ops.mul_mat(ops.leaf(F16, 64, 64), x)
        second = ops.mul_mat(ops.leaf(F16, 64, 64), first)
        graph.expand(second)
        chains.append((first, second))
    nodes = graph.nodes
    metal_order.optimize(nodes, 0, len(nodes), lambda node, until: None)

    (a, a_then), (b, b_then) = chains
    assert nodes == [a, b, a_then, b_then]


def test_writes_to_one_cache_keep_their_order() -> None:
    """
    While sizes are measured a cache has one place for all layers: K is written before V, though V is ready first.
    """
    cached = []
    for _ in range(2):
        leaf = ops.leaf(F16, 64, 128)
        leaf.buffer, leaf.tag = 0, "cache 0"
        cached.append(leaf)
    ids = ops.leaf(I32, 8)
    x = ops.leaf(F32, 64, 8)
    graph = Graph()
    k = ops.set_rows(cached[0], ops.mul_mat(ops.leaf(F16, 64, 64), x), ids)
    v = ops.set_rows(cached[1], x, ids)
    graph.expand(k)
    graph.expand(v)
    nodes = graph.nodes
    metal_order.optimize(nodes, 0, len(nodes), lambda node, until: None)

    assert [node for node in nodes if node.op == "set_rows"] == [k, v]
