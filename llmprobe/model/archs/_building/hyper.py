"""
Hyper-connections in a graph: several residual streams, which each part of a layer mixes into one and out again.

Source: llama.cpp b11549, src/models/deepseek4.cpp (``build_hc_pre``, ``build_hc_post``, ``build_hc_head``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node


def spread(g: Builder, x: Node) -> Node:
    """
    The input in every stream: ``n_embd`` x streams x tokens.
    """
    width, tokens = x.ne[0], x.ne[1]
    return ops.make("repeat", F32, (width, _count(g), tokens, 1), ops.reshape(x, width, 1, tokens))


def mixed(g: Builder, il: int, x: Node, name: str) -> tuple[Node, Node, Node]:
    """
    The streams mixed into one, and how the result of the layer's part goes back: a weight for each stream, and a
    matrix of streams by streams.
    """
    count = _count(g)
    flat = ops.reshape(x, x.ne[0] * count, x.ne[2])
    mixes = g.mm(il, f"{name}_fn", ops.like("rms_norm", flat))
    scale, base = g.need(il, f"{name}_scale.weight"), g.need(il, f"{name}_base.weight")
    before, after = (_affine(mixes, scale, base, count) for _ in range(2))
    matrix = ops.make("dsv4_hc_comb", F32, (count, count, x.ne[2], 1), mixes, scale, base)
    into = ops.make("dsv4_hc_pre", F32, (x.ne[0], x.ne[2], 1, 1), x, before)
    return into, after, matrix


def back(g: Builder, il: int, x: Node, streams: Node, after: Node, matrix: Node) -> Node:
    """
    The streams after the result of a layer's part went back into them: in one operation, or in many where some layer's
    would be computed on the device of another.
    """
    if "dsv4_hc_post" not in g.run.apart:
        node = ops.make("dsv4_hc_post", F32, streams.ne, x, streams, after, matrix)
        g.together.append((node, g.run.places[il]))
        return node
    width, count, tokens = streams.ne[:3]
    total: Node | None = None
    for _ in range(count):
        part = ops.like("mul", x, ops.view(after, (1, tokens), (after.nb[1],)))
        for _ in range(count):
            stream = ops.view(streams, (width, tokens), (streams.nb[2],))
            weight = ops.view(matrix, (1, tokens), (matrix.nb[2],))
            part = ops.like("add", part, ops.like("mul", stream, weight))
        part = ops.reshape(part, width, 1, tokens)
        total = part if total is None else ops.concat(total, part, 1)
    assert total is not None
    return total


def mean(x: Node) -> Node:
    """
    The mean of all streams.
    """
    width, count, rows = x.ne[:3]
    total = ops.view(x, (width, rows), (x.nb[2],))
    for _ in range(count - 1):
        total = ops.like("add", total, ops.view(x, (width, rows), (x.nb[2],)))
    return ops.like("scale", total)


def head(g: Builder, x: Node, name: str) -> Node:
    """
    The streams added up after the last layer, each with a weight of its own.
    """
    count, width, rows = _count(g), x.ne[0], x.ne[2]
    mixes = g.mm(-1, f"{name}_fn", ops.like("rms_norm", ops.reshape(x, width * count, rows)))
    weights = ops.like("mul", mixes, g.need(-1, f"{name}_scale.weight"))
    weights = ops.like("add", weights, g.need(-1, f"{name}_base.weight"))
    weights = ops.like("scale", ops.unary("sigmoid", weights))
    total: Node | None = None
    for _ in range(count):
        stream = ops.view(x, (width, rows), (x.nb[2],))
        part = ops.like("mul", stream, ops.view(weights, (1, rows), (weights.nb[1],)))
        total = part if total is None else ops.like("add", total, part)
    assert total is not None
    return total


def _count(g: Builder) -> int:
    return g.sizes.positive("hyper_connection.count")


def _affine(mixes: Node, scale: Node, base: Node, count: int) -> Node:
    part = ops.view(mixes, (count, mixes.ne[1]), (mixes.nb[1],))
    part = ops.like("mul", part, ops.view(scale, (1,)))
    part = ops.like("add", part, ops.view(base, (count,)))
    return ops.like("scale", ops.unary("sigmoid", part))
