"""
Nodes have the shapes, strides and order that ggml gives them.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, Graph, Node
from llmprobe.model.quants.types import TYPES


def _names(graph: Graph) -> list[str]:
    return [node.op for node in graph.nodes]


def test_strides_count_blocks_of_quantized_rows() -> None:
    """
    A row of 64 q8_0 values is two blocks of 34 bytes.
    """
    assert ops.strides(TYPES["q8_0"], (64, 3, 2, 1)) == (34, 68, 204, 408)


def test_the_bytes_of_a_window_reach_to_its_last_element() -> None:
    """
    A window of 2 columns of 4 values in rows of 10 spans 10 + 4 values.
    """
    window = ops.view(ops.leaf(F32, 10, 5), (4, 2), (40,))
    assert window.nbytes == 4 * 14


def test_a_tensor_without_elements_has_no_bytes() -> None:
    """
    A dimension of 0 leaves nothing, whatever the strides are.
    """
    assert ops.leaf(F32, 8, 0, 4).nbytes == 0


def test_a_window_is_not_contiguous_but_its_rows_are() -> None:
    """
    Rows cut out of longer rows have gaps between them, not within.
    """
    window = ops.view(ops.leaf(F32, 10, 5), (4, 2), (40,))
    assert (window.contiguous(), window.contiguous_rows()) == (False, True)


def test_a_transposed_tensor_has_no_contiguous_rows() -> None:
    """
    Elements of a row that was a column lie a row apart.
    """
    assert ops.transpose(ops.leaf(F32, 10, 5)).contiguous_rows() is False


def test_a_view_of_a_view_lies_in_the_first_tensor() -> None:
    """
    Views of views are views of what owns the memory.
    """
    base = ops.leaf(F32, 8, 4)
    assert ops.transpose(ops.reshape(base, 4, 8)).root is base


def test_permute_says_where_each_dimension_goes() -> None:
    """
    Dimension 1 of (64, 8, 5) goes to place 2 and dimension 2 to place 1.
    """
    swapped = ops.permute(ops.leaf(F32, 64, 8, 5), 0, 2, 1, 3)
    assert (swapped.ne, swapped.nb) == ((64, 5, 8, 1), (4, 2048, 256, 10240))


def test_a_product_has_the_rows_of_the_matrix_and_the_columns_of_the_input() -> None:
    """
    A 32 × 100 matrix turns 7 columns of 32 into 7 of 100, in f32.
    """
    product = ops.mul_mat(ops.leaf(F16, 32, 100), ops.leaf(F32, 32, 7))
    assert (product.ne, product.kind) == ((100, 7, 1, 1), F32)


def test_half_of_a_merged_gate_is_left() -> None:
    """
    A gated activation of one tensor multiplies its halves.
    """
    assert ops.glu("swiglu", ops.leaf(F32, 200, 7)).ne == (100, 7, 1, 1)


def test_a_cast_reads_itself() -> None:
    """
    The result is its own second source, which counts as a child.
    """
    node = ops.cast(ops.leaf(F32, 8), F16)
    assert node.src[1] is node


def test_expand_puts_sources_first_in_their_order() -> None:
    """
    The walk goes down the first source before the second, and meets each node once.
    """
    x = ops.leaf(F32, 8)
    squared, scaled = ops.like("sqr", x), ops.like("scale", x)
    graph = Graph()
    graph.expand(ops.like("add", ops.like("mul", squared, scaled), squared))
    assert _names(graph) == ["sqr", "scale", "mul", "add"]


def test_leafs_are_kept_in_the_order_in_which_they_are_met() -> None:
    """
    The second source's leaf comes second, even if it was made first.
    """
    second, first = ops.leaf(F32, 8), ops.leaf(F32, 8)
    graph = Graph()
    graph.expand(ops.like("add", first, second))
    assert graph.leafs == [first, second]


def test_every_edge_is_one_use() -> None:
    """
    A tensor that is added to itself is used twice.
    """
    x = ops.like("sqr", ops.leaf(F32, 8))
    graph = Graph()
    graph.expand(ops.like("add", x, x))
    assert x.uses == 2


def test_a_branch_not_taken_is_in_the_graph_but_not_live() -> None:
    """
    What only a branch needs that is not taken stays dead until something else needs it.
    """
    graph = Graph()
    kept = ops.like("sqr", ops.leaf(F32, 8))
    left: Node = ops.like("scale", kept)
    graph.expand(left, live=False)
    before = (kept.live, left.live)
    graph.expand(ops.like("log", kept))
    assert (before, (kept.live, left.live)) == ((False, False), (True, False))
