"""
Qwen's layers from 3 Next on in a graph: gated delta nets, with gated attention between them.

Sources: llama.cpp b11549, src/models/qwen3next.cpp, qwen35.cpp, qwen35moe.cpp.
"""

from collections.abc import Callable

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import FeedForward, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.state import convolve, delta_net, load, roll, states

_ROUTED = FeedForward(mixture=Mixture(), shared="sigmoid")


def delta_net_layer(g: Builder, il: int, x: Node, *, per_token: int = 1) -> Node:
    """
    Build a layer of Qwen 3 Next or 3.5: a gated delta net, or attention behind a gate. ``per_token`` counts positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = linear(g, il, x) if il in g.parts.state_of else gated_attention(g, il, x, per_token)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "post_attention_norm", il)
    x = feed_forward(g, il, x, _ROUTED)
    return ops.like("add", x, between)


def gated_attention(
    g: Builder, il: int, x: Node, per_token: int, narrow: Callable[[Node], Node] | None = None
) -> Node:
    """
    Build attention whose queries carry a gate of their own size. ``narrow`` makes a mask of its own from that of the
    cache.
    """
    head, count, tokens = g.sizes.head_k(), g.sizes.heads(il), g.tokens
    kv_heads = g.sizes.kv_heads(il)
    full, k, v = g.qkv_rows(il, x, 2 * head * count, head * kv_heads, head * kv_heads)
    if per_token == 1:
        full = ops.reshape(full, 2 * head, count, tokens)
    rows = (8 * head, 8 * head * count)
    q = g.norm(ops.view(full, (head, count, tokens), rows), "attn_q_norm", il)
    gate = ops.view(full, (head, count, tokens), rows)
    k = g.norm(ops.reshape(k, head, kv_heads, tokens), "attn_k_norm", il)
    v = ops.reshape(v, head, kv_heads, tokens)
    q, k = g.rope(q, per_token=per_token), g.rope(k, per_token=per_token)
    x = g.attention(il, q, k, v, output="", narrow=narrow)
    gate = ops.unary("sigmoid", ops.cont(gate, head * count, tokens))
    return g.mm(il, "attn_output", ops.like("mul", x, gate))


def linear(g: Builder, il: int, x: Node, *, gated: str = "silu", copied: bool = False) -> Node:
    """
    Build a gated delta net. ``gated`` is the activation of its output's gate, ``copied`` remembers tokens through a
    copy.
    """
    count = g.run.sequences
    steps = g.tokens // count
    inner, width = g.sizes.positive("ssm.inner_size"), g.sizes.positive("ssm.state_size")
    groups, number = g.sizes.positive("ssm.group_count"), g.sizes.positive("ssm.time_step_rank")
    value = inner // number
    mixed = g.mm(il, "attn_qkv", x)
    mixed = ops.reshape(mixed, mixed.ne[0], steps, count)
    z = g.mm(il, "attn_gate", x)
    beta, gate = _gates(g, il, x, groups, number)
    kernel = g.need(il, "ssm_conv1d.weight").ne[0]
    channels = inner + 2 * groups * width
    rolling, state = states(g, il)
    window = roll(g, rolling, mixed, kernel, channels, copied=copied)
    kept = ops.reshape(load(g, state), value, value, number, count)
    mixed = ops.unary("silu", convolve(g, il, window))
    row = 4 * (2 * width * groups + value * number)
    q, k = (ops.view(mixed, (width, groups, steps, count), (4 * width, row, row * steps)) for _ in range(2))
    v = ops.view(mixed, (value, number, steps, count), (4 * value, row, row * steps))
    q, k = (ops.like("scale", ops.like("rms_norm", part)) for part in (q, k))
    if groups != number and g.weight(il, "ssm_ba.weight") is not None:
        q, k = (_spread(part, number // groups) for part in (q, k))
    x = delta_net(g, state, q, k, v, gate, beta, kept)
    z = ops.reshape(z, value, number, steps, count)
    x = ops.like("mul", g.norm(x, "ssm_norm", il), ops.unary(gated, z))
    x = g.mm(il, "ssm_out", ops.reshape(x, value * number, steps, count))
    return ops.reshape(x, g.sizes.n_embd, steps * count)


def _gates(g: Builder, il: int, x: Node, groups: int, number: int) -> tuple[Node, Node]:
    count = g.run.sequences
    steps = g.tokens // count
    if g.weight(il, "ssm_ba.weight") is None:
        beta = ops.reshape(g.mm(il, "ssm_beta", x), 1, number, steps, count)
        beta = ops.unary("sigmoid", beta)
        alpha = ops.reshape(g.mm(il, "ssm_alpha", x), number, steps, count)
    else:
        share = number // groups
        both = ops.reshape(g.mm(il, "ssm_ba", x), 2 * share, groups, steps, count)
        b, a = (ops.view(both, (share, groups, steps, count), both.nb[1:]) for _ in range(2))
        beta = ops.unary("sigmoid", ops.cont(b))
        alpha = ops.cont(a, number, steps, count)
    alpha = ops.unary("softplus", ops.like("add", alpha, g.need(il, "ssm_dt.bias")))
    gate = ops.like("mul", alpha, g.need(il, "ssm_a"))
    if g.weight(il, "ssm_ba.weight") is not None:
        beta = ops.reshape(beta, 1, number, steps, count)
    return beta, ops.reshape(gate, 1, number, steps, count)


def _spread(x: Node, times: int) -> Node:
    width, groups, steps, count = x.ne
    x = ops.reshape(x, width, 1, groups, steps * count)
    x = ops.make("repeat", x.kind, (width, times, groups, steps * count), x)
    return ops.reshape(x, width, groups * times, steps, count)
