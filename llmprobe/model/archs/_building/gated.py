"""
Layers whose attention is multiplied by a gate before its last matrix.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import FeedForward, Heads, feed_forward, heads, is_full
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node

ROUTED = FeedForward(mixture=Mixture(gating=None, norm=None), shared="plain")
"""A mixture that the metadata describes, with a shared expert."""


def gated_layer(g: Builder, il: int, x: Node) -> Node:
    """
    Build a layer with a gate for each value, normalized on both sides of each part; layers that see everything know
    no positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    q, k, v = heads(g, il, x, Heads(norms="before", rope=not is_full(g, il)))
    gate = g.mm(il, "attn_gate", x)
    x = g.attention(il, q, k, v, output="")
    x = g.mm(il, "attn_output", ops.like("mul", x, ops.unary("sigmoid", gate)))
    x = g.norm(x, "post_attention_norm", il)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = feed_forward(g, il, g.norm(between, "ffn_norm", il), ROUTED)
    return ops.like("add", g.norm(x, "post_ffw_norm", il), between)


def gate_heads(g: Builder, il: int, x: Node, gate: Node) -> Node:
    """
    The attention with each head multiplied by its gate.
    """
    width, count = x.ne[0], g.sizes.heads(il)
    x = ops.reshape(x, width // count, count, g.tokens)
    x = ops.like("mul", x, ops.reshape(gate, 1, count, g.tokens))
    return ops.reshape(x, width, g.tokens)
