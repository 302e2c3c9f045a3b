"""
Nodes go where their weights are, and what lies elsewhere is copied in.
"""

from llmprobe.estimation.compute.cuda import CudaRules
from llmprobe.estimation.compute.scheduler import Reserved, reserve
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Graph, Node

WIDTH = 1024
ROWS = 64


def _weight(place: int) -> Node:
    node = ops.leaf(F16, WIDTH, WIDTH)
    node.weight, node.buffer = True, place
    return node


def _input() -> Node:
    node = ops.leaf(F32, WIDTH, ROWS)
    node.input = True
    return node


def _chain(*places: int) -> tuple[Graph, list[Node]]:
    """One product after the other, with weights in these places."""
    graph, x, products = Graph(), _input(), []
    for place in places:
        x = ops.mul_mat(_weight(place), x)
        products.append(x)
    graph.expand(x)
    return graph, products


def _reserve(graph: Graph, devices: int, *, op_offload: bool = False, copies: int = 1) -> Reserved:
    rules = CudaRules(tuple(range(devices)))
    return reserve(graph, (rules,) * devices, op_offload=op_offload, copies=copies)


def test_products_are_computed_where_their_weights_are() -> None:
    """
    Weights on two devices and the host make each compute its own.
    """
    graph, products = _chain(2, 0, 1)
    _reserve(graph, 2)
    assert [node.backend for node in products] == [2, 0, 1]


def test_each_change_of_device_is_a_split() -> None:
    """
    Host, first device twice, second device: three splits.
    """
    graph, _ = _chain(2, 0, 0, 1)
    assert _reserve(graph, 2).splits == 3


def test_the_host_alone_computes_all_in_one_split() -> None:
    """
    Nothing is cut, and one buffer holds the input and a result: the input's place is free for the next.
    """
    graph, _ = _chain(0, 0, 0)
    reserved = _reserve(graph, 0)
    assert (reserved.splits, reserved.sizes) == (1, (2 * 4 * WIDTH * ROWS,))


def test_a_large_batch_takes_weights_of_the_host_to_the_device() -> None:
    """
    With 64 rows the device computes a product whose weights are on the host, in a place for their copy.
    """
    graph, products = _chain(1)
    reserved = _reserve(graph, 1, op_offload=True)
    assert (products[0].backend, reserved.sizes[0]) == (0, 2 * WIDTH * WIDTH + 2 * 4 * WIDTH * ROWS)


def test_without_op_offload_the_host_computes_with_its_weights() -> None:
    """
    Nothing is left for the device.
    """
    graph, products = _chain(1)
    reserved = _reserve(graph, 1)
    assert (products[0].backend, reserved.sizes[0]) == (1, 0)


def test_pipelining_keeps_four_copies_of_what_a_split_reads() -> None:
    """
    A device whose input comes from another holds it four times, beside its result.
    """
    rows = 4 * WIDTH * ROWS
    graph, _ = _chain(0, 1)
    assert _reserve(graph, 2, copies=4).sizes[1] == 5 * rows


def test_what_a_device_cannot_compute_is_left_to_the_host() -> None:
    """
    Rows of indices are read on the host, since the table lies there.
    """
    table, ids = ops.leaf(I32, 8, 16), ops.leaf(I32, ROWS)
    table.weight, table.buffer, ids.input = True, 1, True
    graph, rows = Graph(), ops.get_rows(table, ids)
    graph.expand(rows)
    _reserve(graph, 1, op_offload=True)
    assert rows.backend == 1


def test_an_indexer_runs_on_the_device_for_the_head_counts_it_knows() -> None:
    """
    The kernel is there for keys of 128 values and for 4, 32 and 64 heads; others are left to the host.
    """
    rules = CudaRules((0,))

    def supported(width: int, heads: int) -> bool:
        q, k = ops.leaf(F32, width, heads, ROWS), ops.leaf(F16, width, 1, WIDTH)
        weights, mask = ops.leaf(F32, heads, ROWS), ops.leaf(F16, WIDTH, ROWS)
        node = ops.make("lightning_indexer", F32, (WIDTH, ROWS, 1, 1), q, k, weights, mask)
        return rules.supports(node, 0)

    assert [heads for heads in (2, 4, 8, 16, 32, 64) if supported(128, heads)] == [4, 32, 64]
    assert not supported(64, 32)
