"""
Attention whose scores carry a bias for the distance of two tokens, as T5 has it.

Source: llama.cpp b11549, src/llama-graph.cpp (``build_pos_bias``), src/models/t5.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node


def projected(g: Builder, il: int, name: str, x: Node, other: Node | None = None) -> tuple[Node, Node, Node]:
    """
    Queries of one input, keys and values of the same or of the ``other``, by head.
    """
    sizes, source = g.sizes, x if other is None else other
    q, k, v = g.mm(il, f"{name}_q", x), g.mm(il, f"{name}_k", source), g.mm(il, f"{name}_v", source)
    return (
        ops.reshape(q, sizes.head_k(), sizes.heads(il), x.ne[1]),
        ops.reshape(k, sizes.head_k(), sizes.kv_heads(il), source.ne[1]),
        ops.reshape(v, sizes.head_v(), sizes.kv_heads(il), source.ne[1]),
    )


def position_bias(g: Builder, il: int, part: str, buckets: Node) -> Node:
    """
    The biases of all pairs of positions, from a layer's table or from the first layer's.
    """
    name = f"{part}attn_rel_b.weight"
    table = g.need(il if g.weight(il, name) is not None else 0, name)
    rows = ops.get_rows(table, ops.reshape(buckets, buckets.ne[0] * buckets.ne[1]))
    rows = ops.reshape(rows, rows.ne[0], buckets.ne[0], buckets.ne[1])
    return ops.cont(ops.permute(rows, 2, 0, 1, 3))


def feed_forward(g: Builder, il: int, part: str, x: Node) -> Node:
    """
    The feed-forward part after its norm, added to what came in.
    """
    gated = g.weight(il, f"{part}ffn_gate.weight") is not None
    inner = g.ffn(il, g.norm(x, f"{part}ffn_norm", il), "geglu" if gated else "relu", part=part)
    return ops.like("add", inner, x)
