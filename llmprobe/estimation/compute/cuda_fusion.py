"""
Which nodes the CUDA backend computes together: their inputs stay alive until the last of them.

Source: llama.cpp b11549, ggml/src/ggml-cuda/ggml-cuda.cu (``ggml_backend_cuda_graph_optimize``) and topk-moe.cu.
"""

from collections.abc import Callable, Sequence

from llmprobe.model.archs._building.ops import Node

Keep = Callable[[Node, Node], None]

_MOST_EXPERTS_ADDED = 15
_ROUTED = ["mul_mat_id", "mul_mat_id", "glu"]
_SHARED = ["mul_mat", "mul_mat", "glu"]
_PRODUCTS = frozenset({"mul_mat", "mul_mat_id"})
_GLU = frozenset({"swiglu", "geglu", "swiglu_oai", "swiglu_clamp"})


def optimize(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
    """
    Move the shared expert beside the routed ones where both are computed at once, and keep what fused nodes read.
    """
    _join_shared_experts(nodes, start, end, keep)
    i = start
    while i < end:
        op = nodes[i].op
        # What is weighed is looked at by views, behind a second factor where there is one.
        if op == "mul" and i + 1 < end and nodes[i + 1].op in ("view", "mul"):
            count = _weighted_sum(nodes, i, end, keep)
            if count:
                i += count - 1
                op = nodes[i].op
        if op in ("unary", "soft_max", "argsort"):
            count = _top_k(nodes, i, end)
            if count:
                last = nodes[i + count]
                for node in nodes[i : i + count]:
                    keep(node, last)
                    for source in node.src:
                        keep(source, last)
                i += count - 1
        i += 1


def fusable(nodes: Sequence[Node], ops: Sequence[str], outputs: Sequence[Node]) -> bool:
    """
    Whether these nodes have these operations, and none but the outputs is used by another node.
    """
    for i, node in enumerate(nodes):
        if node.op != ops[i] or not node.live:
            return False
    inside: dict[Node, int] = {}
    for node in nodes:
        for source in node.src:
            inside[source] = inside.get(source, 0) + 1
    for node in nodes:
        if any(node is output for output in outputs):
            continue
        if node.output or inside.get(node, 0) != node.uses:
            return False
        root = node.root
        if root is not None and not root.weight and not any(root is other for other in nodes):
            return False
    return True


def _weighted_sum(nodes: list[Node], i: int, end: int, keep: Keep) -> int:
    """
    Match the experts' results times their weights, added up; return how many nodes that is.
    """
    first = nodes[i]
    if first.kind.name != "f32" or not first.contiguous():
        return 0
    weighted, muls = first, 1
    parts = None
    scale = None
    if i + 1 < end and nodes[i + 1].op == "mul" and nodes[i + 1].contiguous():
        outer, inner = _experts_and_weights(nodes[i + 1]), _experts_and_weights(first)
        if outer is not None and outer[0] is first and inner is not None:
            weighted, muls = nodes[i + 1], 2
            parts, scale = (inner[0], outer[1]), inner[1]
    if parts is None:
        parts = _experts_and_weights(first)
    if parts is None:
        return 0
    used = weighted.ne[1]
    tokens = weighted.ne[2] * weighted.ne[3]
    count = 2 * used + muls - 1
    if not 2 <= used <= _MOST_EXPERTS_ADDED or i + count > end:
        return 0
    window = nodes[i : i + count]
    views: list[Node] = []
    total: Node | None = None
    adds = 0
    for node in window[muls:]:
        if node.op == "view":
            if len(views) >= used or node.root is not weighted or node.src[0] is not weighted:
                return 0
            if node.ne != (weighted.ne[0], tokens, 1, 1) or node.nb[1] != weighted.nb[2]:
                return 0
            views.append(node)
            continue
        if node.op != "add" or len(views) < 2 or adds + 1 >= len(views):
            return 0
        if node.src[0] is not (total or views[0]) or node.src[1] is not views[adds + 1]:
            return 0
        total = node
        adds += 1
    if len(views) != used or adds != used - 1 or total is None:
        return 0
    if not fusable(window, [node.op for node in window], (total,)):
        return 0
    keep(parts[0], total)
    keep(parts[1], total)
    if scale is not None:
        keep(scale, total)
    return count


def _experts_and_weights(node: Node) -> tuple[Node, Node] | None:
    for experts, weights in (node.src, node.src[::-1]):
        if (
            experts.ne == node.ne
            and experts.contiguous()
            and weights.ne == (1, *node.ne[1:])
            and weights.contiguous()
            and experts.kind is weights.kind is node.kind
        ):
            return experts, weights
    return None


def _top_k(nodes: list[Node], i: int, end: int) -> int:
    """
    Match the choice of experts from their scores on; return how many nodes that is.
    """
    first = nodes[i]
    ops = [first.op]
    at = i
    if first.op == "unary":
        if first.tag == "softplus" and at + 1 < end and nodes[at + 1].op == "sqrt":
            at += 1
            ops.append("sqrt")
        elif first.tag != "sigmoid":
            return 0
    elif first.op == "argsort":
        return 0
    scores = nodes[at]
    if at + 4 >= end:
        return 0
    flat = nodes[at + 1]
    if flat.op != "reshape" or flat.src[0] is not scores:
        return 0
    ops.append("reshape")
    at += 2
    sorted_from = scores
    if nodes[at].op == "add" and nodes[at].src[0] is scores:
        ops.append("add")
        sorted_from = nodes[at]
        at += 1
    if nodes[at].op != "argsort" or nodes[at].src[0] is not sorted_from:
        return 0
    if at + 2 >= end or nodes[at + 1].op != "view" or nodes[at + 1].src[0] is not nodes[at]:
        return 0
    ids = nodes[at + 1]
    rows = nodes[at + 2]
    if rows.op != "get_rows" or rows.src[0] is not flat or rows.src[1] is not ids:
        return 0
    ops += ["argsort", "view", "get_rows"]
    at += 3
    norm = ("reshape", "sum_rows", "clamp", "div", "reshape")
    if at + 5 <= end and _is_norm(nodes[at - 1 : at + 5]):
        ops += norm
        at += 5
        if at < end and nodes[at].op == "scale" and nodes[at].src[0] is nodes[at - 1]:
            ops.append("scale")
    elif at < end and nodes[at].op == "scale" and nodes[at].src[0] is rows:
        ops.append("scale")
    window = nodes[i : i + len(ops)]
    experts = ids.nb[1] // ids.nb[0]
    if (experts & (experts - 1) or experts > 512) and experts not in (288, 576):
        return 0
    if first.op == "soft_max" and len(first.src) > 1:
        return 0
    if not first.src[0].contiguous() or not window[-1].contiguous():
        return 0
    return len(ops) if fusable(window, ops, (ids, window[-1])) else 0


def _is_norm(nodes: Sequence[Node]) -> bool:
    rows, flat, total, bounded, share, back = nodes
    return (
        flat.op == "reshape"
        and flat.src[0] is rows
        and total.op == "sum_rows"
        and total.src[0] is flat
        and bounded.op == "clamp"
        and bounded.src[0] is total
        and share.op == "div"
        and share.src[0] is flat
        and share.src[1] is bounded
        and back.op == "reshape"
        and back.src[0] is share
    )


def _join_shared_experts(nodes: list[Node], start: int, end: int, keep: Keep) -> None:
    i = start
    while i + 5 < end:
        if nodes[i].op == "mul_mat_id" and [node.op for node in nodes[i : i + 3]] == _ROUTED:
            for j in range(i + 3, end - 2):
                op = nodes[j].op
                # Of a large graph most nodes are no product, which decides the most cheaply.
                if op not in _PRODUCTS:
                    continue
                if op == nodes[j + 1].op == "mul_mat_id":
                    break
                if [node.op for node in nodes[j : j + 3]] == _SHARED and _same_experts(nodes, i, j):
                    nodes[i + 3 : j + 3] = [*nodes[j : j + 3], *nodes[i + 3 : j]]
                    up = nodes[i + 2].src[1]
                    keep(up.src[1], nodes[i + 5])
                    keep(up.src[2], nodes[i + 5])
                    i += 5
                    break
        i += 1


def _same_experts(nodes: list[Node], i: int, j: int) -> bool:
    """
    Whether the shared expert has the routed experts' shape, types and activation.
    """
    window = [*nodes[i : i + 3], *nodes[j : j + 3]]
    routed, shared = window[2], window[5]
    if (
        not fusable(window, (*_ROUTED, *_SHARED), (routed, shared))
        or len(routed.src) != 2
        or len(shared.src) != 2
    ):
        return False
    gate, up = routed.src
    shared_gate, shared_up = shared.src
    if {gate, up} != set(window[:2]) or {shared_gate, shared_up} != set(window[3:5]):
        return False
    if not _one_input(up, gate, routed) or not _one_input(shared_up, shared_gate, shared):
        return False
    weight, other, x = up.src[0], shared_up.src[0], up.src[1]
    return (
        weight.buffer >= 0
        and weight.kind.block > 1
        and x.op == "reshape"
        and x.src[0] is shared_up.src[1]
        and x.ne[1] == 1
        and x.ne[3] == 1
        and x.contiguous()
        and shared_up.src[1].contiguous()
        and weight.kind is other.kind
        and weight.ne[:2] == other.ne[:2]
        and other.weight
        and shared_gate.src[0].weight
        and routed.tag == shared.tag
    )


def _one_input(up: Node, gate: Node, activation: Node) -> bool:
    return (
        activation.tag in _GLU
        and up.src[0].kind is gate.src[0].kind
        and up.src[0].ne == gate.src[0].ne
        and up.src[1] is gate.src[1]
        and up.src[2:] == gate.src[2:]
    )
