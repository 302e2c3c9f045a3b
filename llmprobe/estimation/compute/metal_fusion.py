"""
Which nodes llama.cpp's Metal backend computes as one.

Source: llama.cpp b11549, ggml/src/ggml-metal/ggml-metal-fusion.cpp (the table ``ggml_metal_fusions`` and its checks).
"""

from collections.abc import Sequence
from itertools import pairwise

import msgspec

from llmprobe.estimation.compute.cuda_fusion import fusable
from llmprobe.model.archs._building.ops import VIEW_OPS, Node

Ops = tuple[str, ...]

LONGEST = 16
_MOST_EXPERTS = 1024
_ROUTED = ("soft_max", "reshape", "argsort", "view", "get_rows")
_NORMED = (*_ROUTED, "reshape", "sum_rows", "clamp", "div", "reshape")
_ROUTES = (_ROUTED, (*_ROUTED, "scale"), _NORMED, (*_NORMED, "scale"))
_SUMS = tuple(("mul", *("view",) * used, *("add",) * (used - 1)) for used in range(2, 9))
_NORMS = tuple(
    (norm, *rest) for norm in ("norm", "rms_norm") for rest in (("mul",), ("mul", "add"), ("scale",))
)
_ADDS = tuple(("add",) * count for count in range(2, 8))
_CONVOLVED = ("ssm_conv", "unary")
_PRODUCT = ("mul_mat", "add")
_WRITTEN = ("gated_delta_net", "cpy")
_SNAKE = ("mul", "sin", "sqr", "mul", "add")


class Pattern(msgspec.Struct, frozen=True):
    """
    Operations that may be computed as one: all of them, and those of them that compute.
    """

    every: Ops
    computing: Ops


_ALL = tuple(
    Pattern(ops, tuple(op for op in ops if op not in VIEW_OPS))
    for ops in (*_NORMS, *_ADDS, _SNAKE, _WRITTEN, *_ROUTES, *_SUMS, _CONVOLVED, _PRODUCT)
)
_BY_FIRST: dict[str, tuple[Pattern, ...]] = {
    op: tuple(pattern for pattern in _ALL if pattern.every[0] == op)
    for op in {pattern.every[0] for pattern in _ALL}
}


def longest_match(nodes: Sequence[Node], i: int, end: int) -> int:
    """
    How many nodes from here on have the operations of a pattern, whatever they read; 0 for none.
    """
    best = 0
    for pattern in _BY_FIRST.get(nodes[i].op, ()):
        count = len(pattern.every)
        if count > best and _have(nodes, i, end, pattern.every):
            best = count
    return best


def _have(nodes: Sequence[Node], i: int, end: int, ops: Ops) -> bool:
    return i + len(ops) <= end and all(nodes[i + j].op == op for j, op in enumerate(ops))


def fused(nodes: list[Node], i: int, end: int) -> int:
    """
    How many nodes from here on are computed as one, with the views between them.
    """
    if nodes[i].op not in _BY_FIRST:
        return 1
    real: list[int] = []
    for j in range(i, end):
        if len(real) == LONGEST:
            break
        if nodes[j].op not in VIEW_OPS:
            real.append(j)
    done = 0
    while done < len(real):
        longest = 1
        for pattern in _BY_FIRST.get(nodes[real[done]].op, ()):
            count = len(pattern.computing)
            if count <= longest or done + count > len(real):
                continue
            places = real[done : done + count]
            if all(nodes[j].op == op for j, op in zip(places, pattern.computing, strict=True)) and _fuses(
                nodes, places, end, pattern
            ):
                longest = count
        if longest == 1 or done + longest > LONGEST:
            break
        done += longest
    return min(LONGEST, real[done - 1] - i + 1) if done else 1


def _fuses(nodes: list[Node], places: list[int], end: int, pattern: Pattern) -> bool:
    chain = [nodes[j] for j in places]
    ops = pattern.every
    if ops == _WRITTEN:
        return _writes_state(*chain)
    if ops in _ROUTES or ops in _SUMS:
        first = places[0]
        if not _have(nodes, first, end, ops):
            return False
        whole = nodes[first : first + len(ops)]
        # The last view of a norm is not among the nodes that compute.
        if whole[-1] is not chain[-1] and whole[-2] is not chain[-1]:
            return False
        return _routes(whole, ops) if ops in _ROUTES else _sums(whole, ops)
    for before, node in pairwise(chain):
        if not any(source is before for source in node.src[:2]) or node.ne != before.ne:
            return False
    return fusable(chain, ops, chain[-1:]) and _chains(chain, ops)


def _chains(chain: list[Node], ops: Ops) -> bool:
    first, others = chain[0], chain[1:]
    if ops == _PRODUCT:
        return _adds_no_weight(first, others[0])
    if ops == _CONVOLVED:
        return others[0].src[0] is first and others[0].tag == "silu" and others[0].contiguous_rows()
    if ops == _SNAKE:
        return False
    if any(node.src[0] is not before for before, node in pairwise(chain)):
        return False
    if ops[-1] == "scale":
        return others[0].kind.name == "f32"
    if ops[0] == "add":
        return all(_alike(before.src[1], node.src[1]) for before, node in pairwise(chain))
    return all(
        node.src[1].ne[0] == first.ne[0] and node.src[1].contiguous_rows() and node.kind.name == "f32"
        for node in others
    )


def _alike(one: Node, other: Node) -> bool:
    return one.kind is other.kind and one.ne == other.ne and one.nb == other.nb


def _adds_no_weight(product: Node, added: Node) -> bool:
    if (added.src[0] is product) == (added.src[1] is product):
        return False
    other = added.src[1] if added.src[0] is product else added.src[0]
    floats = other.kind.name == added.kind.name == product.src[1].kind.name == "f32"
    return floats and not (other.root or other).weight


def _writes_state(net: Node, copy: Node) -> bool:
    """
    Whether a delta net writes its new states into the cache itself, as the copy behind it would.
    """
    if net.output or copy.output or len(copy.src) < 2:
        return False
    source, target = copy.src[:2]
    head, heads, _, sequences = net.src[2].ne
    size = head * head * heads
    return (
        source.op == "view"
        and source.root is net
        and source.contiguous()
        and target.kind.name == "f32"
        and target.ne[0] == size
        and target.ne[1] == sequences
        and target.ne[3] == 1
        and target.nb[1] == 4 * size
    )


def _routes(nodes: list[Node], ops: Ops) -> bool:
    """
    Whether one kernel chooses the experts.
    """
    chosen, flat, order, ids, rows = nodes[:5]
    last = nodes[-1]
    scores = chosen.src[0]
    if len(chosen.src) > 1 or scores.ne[2] != 1 or scores.ne[3] != 1 or scores.ne[0] > _MOST_EXPERTS:
        return False
    if not (scores.contiguous() and last.contiguous() and ids.nb[1] == 4 * scores.ne[0]):
        return False
    reads = [(flat, chosen), (order, chosen), (ids, order), (rows, flat)]
    if len(ops) >= len(_NORMED):
        weights, total, bounded, share, back = nodes[5:10]
        reads += [(weights, rows), (total, weights), (bounded, total), (share, weights), (back, share)]
        if share.src[1] is not bounded:
            return False
    if ops[-1] == "scale":
        reads.append((last, nodes[-2]))
    if any(node.src[0] is not source for node, source in reads) or rows.src[1] is not ids:
        return False
    return fusable(nodes, ops, (ids, last))


def _sums(nodes: list[Node], ops: Ops) -> bool:
    """
    Whether one kernel adds the results of the experts, each times its weight.
    """
    used = len(ops) // 2
    weighed, parts, sums = nodes[0], nodes[1 : used + 1], nodes[used + 1 :]
    experts, weights = weighed.src[:2]
    if any(one.kind.name != "f32" for one in (weighed, experts, weights)):
        return False
    tokens = experts.ne[2]
    if experts.ne[1] != used or experts.ne[3] != 1 or weights.ne != (1, used, tokens, 1):
        return False
    if not (experts.contiguous() and weights.contiguous()):
        return False
    for part in parts:
        if part.root is not weighed or part.src[0] is not weighed:
            return False
        if part.ne[0] != experts.ne[0] or part.ne[1] != tokens or part.nb[1] != weighed.nb[2]:
            return False
    total = parts[0]
    for part, node in zip(parts[1:], sums, strict=True):
        if node.src[0] is not total or node.src[1] is not part:
            return False
        total = node
    return fusable(nodes, ops, nodes[-1:])
