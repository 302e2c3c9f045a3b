"""
What the CUDA backend computes together: the choice of experts and the sum of their results, and nothing like them.
"""

from collections.abc import Callable

import pytest

from llmprobe.estimation.compute.cuda_fusion import optimize
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, Graph, Node

EXPERTS, USED, TOKENS = 64, 4, 3
BARE = 5
"""Scores, their other shape, the order, its beginning, and the chosen scores."""


def choice(
    first: str = "soft_max",
    *,
    bias: bool = False,
    norm: bool = True,
    scale: bool = False,
    experts: int = EXPERTS,
) -> list[Node]:
    """
    The nodes that choose experts by their scores, and one that multiplies by the result.
    """
    logits = ops.leaf(F32, experts, TOKENS)
    scores = ops.like("soft_max", logits) if first == "soft_max" else ops.unary(first, logits)
    if first == "softplus":
        scores = ops.like("sqrt", scores)
    flat = ops.reshape(scores, 1, experts, TOKENS)
    sorted_from = ops.like("add", scores, ops.leaf(F32, experts)) if bias else scores
    ids = ops.top_k(sorted_from, USED)
    weights = ops.get_rows(flat, ids)
    if norm:
        rows = ops.reshape(weights, USED, TOKENS)
        share = ops.like("div", rows, ops.like("clamp", ops.sum_rows(rows)))
        weights = ops.reshape(share, 1, USED, TOKENS)
    if scale:
        weights = ops.like("scale", weights)
    graph = Graph()
    graph.expand(ops.like("mul", ops.leaf(F32, 8, USED, TOKENS), weights))
    return graph.nodes


def fused(nodes: list[Node]) -> int:
    """
    How many nodes, from the first one on, stay alive until the next one.
    """
    kept: list[tuple[Node, Node]] = []
    optimize(nodes, 0, len(nodes), lambda node, last: kept.append((node, last)))
    alive = [node for node in nodes if any(node is one for one, _ in kept)]
    assert all(last is nodes[len(alive)] for _, last in kept)
    assert alive == nodes[: len(alive)]
    return len(alive)


@pytest.mark.parametrize(
    ("nodes", "count"),
    [
        (choice(norm=False), BARE),
        (choice(), BARE + 5),
        (choice(scale=True), BARE + 6),
        (choice(norm=False, scale=True), BARE + 1),
        (choice(bias=True), BARE + 6),
        (choice("sigmoid"), BARE + 5),
        (choice("sigmoid", bias=True, scale=True), BARE + 7),
        (choice("softplus"), BARE + 6),
        (choice("softplus", bias=True, scale=True), BARE + 8),
        (choice("silu"), 0),
        (choice(experts=512), BARE + 5),
        (choice(experts=1024), 0),
        (choice(experts=96), 0),
        (choice(experts=288), BARE + 5),
        (choice(experts=576), BARE + 5),
    ],
)
def test_experts_are_chosen_at_once(nodes: list[Node], count: int) -> None:
    """
    By one of three functions, with a bias, a norm and a factor, of a power of two up to 512 or of 288 and 576 experts.
    """
    assert fused(nodes) == count


def test_softplus_without_its_root_is_another_function() -> None:
    """
    Only both together are one that is fused.
    """
    logits = ops.leaf(F32, EXPERTS, TOKENS)
    scores = ops.unary("softplus", logits)
    weights = ops.get_rows(ops.reshape(scores, 1, EXPERTS, TOKENS), ops.top_k(scores, USED))
    graph = Graph()
    graph.expand(ops.like("mul", ops.leaf(F32, 8, USED, TOKENS), weights))

    assert fused(graph.nodes) == 0


def _elsewhere(node: Node) -> None:
    node.src = (ops.leaf(node.src[0].kind, *node.src[0].ne), *node.src[1:])


def _other_order(node: Node) -> None:
    node.src = (*node.src[:1], ops.leaf(node.src[1].kind, *node.src[1].ne))


def _named(node: Node) -> None:
    node.op = "other"


def _output(node: Node) -> None:
    node.output = True


def _used(node: Node) -> None:
    node.uses += 1


@pytest.mark.parametrize("spoil", [_named, _output, _used])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_choice_that_another_node_needs_is_not_hidden(spoil: Callable[[Node], None], at: int) -> None:
    """
    Nor one of other operations: of the scores, their other shape, and their order.
    """
    nodes = choice()
    spoil(nodes[at])

    assert fused(nodes) == 0


@pytest.mark.parametrize("spoil", [_output, _used])
def test_the_chosen_experts_may_be_read_by_others(spoil: Callable[[Node], None]) -> None:
    """
    They and the last result are outputs.
    """
    nodes = choice()
    spoil(nodes[3])
    spoil(nodes[BARE + 4])

    assert fused(nodes) == BARE + 5


@pytest.mark.parametrize(
    ("at", "spoil"), [(1, _elsewhere), (2, _elsewhere), (3, _elsewhere), (4, _elsewhere), (4, _other_order)]
)
def test_scores_of_something_else_are_not_chosen_by(at: int, spoil: Callable[[Node], None]) -> None:
    """
    Each node reads the one before it.
    """
    nodes = choice()
    spoil(nodes[at])

    assert fused(nodes) == 0


@pytest.mark.parametrize(
    ("at", "spoil"),
    [
        *((BARE + at, _elsewhere) for at in range(5)),
        (BARE + 3, _other_order),
        *((BARE + at, _named) for at in range(5)),
    ],
)
def test_a_norm_of_something_else_is_left_out(at: int, spoil: Callable[[Node], None]) -> None:
    """
    What goes before it is fused by itself.
    """
    nodes = choice()
    spoil(nodes[at])

    assert fused(nodes) == BARE


@pytest.mark.parametrize("norm", [True, False])
def test_a_factor_of_something_else_is_left_out(norm: bool) -> None:
    """
    The choice without it is fused.
    """
    nodes = choice(norm=norm, scale=True)
    at = BARE + 5 * norm
    assert nodes[at].op == "scale"
    _elsewhere(nodes[at])

    assert fused(nodes) == at


def test_scores_with_a_mask_or_with_gaps_are_not_fused() -> None:
    """
    The kernel has room for neither.
    """
    masked, gaps, result = choice(), choice(), choice()
    masked[0].src = (*masked[0].src, ops.leaf(F32, EXPERTS, TOKENS))
    gaps[0].src[0].nb = (4, 8 * EXPERTS, 8 * EXPERTS * TOKENS, 8 * EXPERTS * TOKENS)
    last = result[BARE + 4]
    last.nb = (4, 8, 8 * USED, 8 * USED * TOKENS)

    assert (fused(masked), fused(gaps), fused(result)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("bias", "end", "count"),
    [(False, 4, 0), (False, 5, 5), (True, 5, 0), (True, 6, 6)],
)
def test_only_nodes_of_one_split_are_fused(bias: bool, end: int, count: int) -> None:
    """
    What lies behind its end is another's.
    """
    nodes = choice(bias=bias, norm=False)
    kept: set[int] = set()
    optimize(nodes, 0, end, lambda node, _: kept.update(at for at, one in enumerate(nodes) if one is node))

    assert len(kept) == count


def added(used: int = USED, *, scaled: bool = False, swapped: bool = False) -> list[Node]:
    """
    The nodes that add up the results of experts, each times its weight, after what computes them.
    """
    results = ops.mul_mat_id(
        ops.leaf(F16, 32, 16, 8), ops.leaf(F32, 32, 1, TOKENS), ops.leaf(ops.I32, used, TOKENS)
    )
    weights = ops.leaf(F32, 1, used, TOKENS)
    if scaled:
        results = ops.like("mul", results, ops.leaf(F32, 1, used, TOKENS))
    weighted = ops.like("mul", *((weights, results) if swapped else (results, weights)))
    if swapped:
        weighted.ne, weighted.nb = results.ne, results.nb
    row = weighted.nb[2]
    strides = (4, row, row * TOKENS, row * TOKENS)
    parts = [ops.view_of("view", weighted, (16, TOKENS, 1, 1), strides, weighted) for _ in range(used)]
    total = parts[0]
    for part in parts[1:]:
        total = ops.like("add", total, part)
    graph = Graph()
    graph.expand(ops.unary("silu", total))
    return graph.nodes


def sums(nodes: list[Node]) -> list[tuple[str, str]]:
    """
    Which nodes stay alive until which, by their operations; empty for a leaf.
    """
    kept: list[tuple[str, str]] = []
    optimize(nodes, 0, len(nodes), lambda node, last: kept.append((node.op, last.op)))
    return kept


@pytest.mark.parametrize(
    ("nodes", "kept"),
    [
        (added(), ["mul_mat_id", ""]),
        (added(swapped=True), ["mul_mat_id", ""]),
        (added(2), ["mul_mat_id", ""]),
        (added(15), ["mul_mat_id", ""]),
        (added(16), []),
        (added(1), []),
        (added(scaled=True), ["mul_mat_id", "", ""]),
    ],
)
def test_results_of_experts_are_added_at_once(nodes: list[Node], kept: list[str]) -> None:
    """
    Two to fifteen of them: they and their weights stay alive until the sum, and so does a factor of each.
    """
    assert sums(nodes) == [(op, "add") for op in kept]


def _place(nodes: list[Node], op: str, number: int = 0) -> Node:
    return [node for node in nodes if node.op == op][number]


def _other_kind(node: Node) -> None:
    node.kind = F16


def _gaps(node: Node) -> None:
    node.nb = (node.nb[0], 2 * node.nb[1], 2 * node.nb[2], 2 * node.nb[3])


def _other_shape(node: Node) -> None:
    node.ne = (node.ne[0], node.ne[1] + 1, node.ne[2], node.ne[3])


def _other_root(node: Node) -> None:
    node.root = ops.leaf(F32, 16, USED, TOKENS)


@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize(
    ("op", "number", "spoil"),
    [
        ("mul", -1, _output),
        ("mul", -1, _used),
        ("mul", -1, _other_kind),
        ("mul", -1, _gaps),
        ("view", 0, _other_root),
        ("view", 1, _elsewhere),
        ("view", 1, _other_shape),
        ("view", 0, _gaps),
        ("view", 0, _used),
        ("view", 1, _output),
        ("add", 0, _elsewhere),
        ("add", 0, _other_order),
        ("add", 1, _other_order),
        ("add", 1, _elsewhere),
        ("add", 0, _output),
        ("add", 0, _named),
        ("add", 0, _used),
    ],
)
def test_sums_of_something_else_are_not_hidden(
    op: str, number: int, spoil: Callable[[Node], None], *, scaled: bool
) -> None:
    """
    Of another kind, with gaps, of other parts, or with parts that another node needs.
    """
    nodes = added(scaled=scaled)
    spoil(_place(nodes, op, number))

    assert sums(nodes) == []


@pytest.mark.parametrize("spoil", [_other_kind, _gaps])
def test_weights_of_another_kind_or_with_gaps_are_not_fused(spoil: Callable[[Node], None]) -> None:
    """
    The kernel reads both as they are.
    """
    nodes = added()
    spoil(_place(nodes, "mul").src[1])

    assert sums(nodes) == []


def test_a_sum_may_be_read_by_others() -> None:
    """
    It is the output.
    """
    nodes = added()
    total = _place(nodes, "add", -1)
    total.output = True
    total.uses += 1

    assert sums(nodes) == [("mul_mat_id", "add"), ("", "add")]
