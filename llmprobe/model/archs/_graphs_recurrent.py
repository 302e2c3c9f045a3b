"""
Graphs of models with recurrent layers, by architecture. Sources: llama.cpp b11549, src/models/.
"""

from collections.abc import Callable
from functools import partial

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import decoder, feed_forward, heads, routing, scaled_routing
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.state import (
    convolve,
    delta_net,
    load,
    mamba1,
    mamba2,
    roll,
    states,
)


def mamba_layer(g: Builder, il: int, x: Node, *, mixer: Callable[..., Node], **_: object) -> Node:
    """
    Build a layer that is a mixer only.
    """
    mixed = mixer(g, il, g.norm(x, "attn_norm", il))
    mixed, x = g.crop(il, mixed, x)
    return ops.like("add", mixed, x)


def jamba_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Jamba: Mamba or attention without positions.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    x = mamba1(g, il, x) if il in g.parts.state_of else g.attention(il, *heads(g, il, x, rope=False))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", residual, x)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, moe={"norm": False, "scale": scaled_routing(g)})
    return ops.like("add", between, x)


def granite_hybrid_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Granite 4: Mamba or attention, and a mixture or a dense part.
    """
    get = g.hparams.get
    residual = x
    x = g.norm(x, "attn_norm", il)
    if il in g.parts.state_of:
        x = mamba2(g, il, x)
    else:
        rope = get("rope.scaling.finetuned") is not False
        x = g.attention(il, *heads(g, il, x, rope=rope, factors=True))
    x, residual = g.crop(il, x, residual)
    scaled = bool(get("residual_scale"))
    x = ops.like("scale", x) if scaled else x
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, moe={"scale": scaled_routing(g)}, shared="plain")
    x = ops.like("scale", x) if scaled else x
    return ops.like("add", x, between)


def granite_hybrid(g: Builder) -> None:
    """
    Build Granite 4.
    """
    decoder(g, layer=granite_hybrid_layer, scale_logits=bool(g.hparams.get("logit_scale")))


def nemotron_h_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Nemotron H: a mixer, attention without positions, or a feed-forward part.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    if il in g.parts.state_of:
        x = mamba2(g, il, x)
    elif g.weight(il, "attn_q.weight") is not None:
        x = g.attention(il, *heads(g, il, x, rope=False))
    elif g.weight(il, "ffn_gate_inp.weight") is None:
        x = g.ffn(il, x, "relu_sqr")
    else:
        x = _latent_mixture(g, il, x)
    x, residual = g.crop(il, x, residual)
    return ops.like("add", x, residual)


def _latent_mixture(g: Builder, il: int, x: Node) -> Node:
    inner = g.mm(il, "ffn_latent_down", x) if g.weight(il, "ffn_latent_down.weight") is not None else x
    scores = g.mm(il, "ffn_gate_inp", x)
    options = {**routing(g), "gating": "sigmoid"}
    routed = g.moe(il, inner, scores=scores, activation="relu_sqr", **options)
    if g.weight(il, "ffn_latent_up.weight") is not None:
        routed = g.mm(il, "ffn_latent_up", routed)
    return ops.like("add", routed, g.ffn(il, x, "relu_sqr", suffix="_shexp"))


def falcon_h1_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Falcon H1: attention and Mamba side by side.
    """
    residual = x
    attended = g.attention(il, *heads(g, il, g.norm(x, "attn_norm", il)))
    mixed = mamba2(g, il, g.norm(x, "attn_norm", il))
    x = ops.like("add", attended, mixed)
    between = ops.like("add", x, residual)
    if il == g.last:
        x, between = g.crop(il, x, between)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    return ops.like("add", x, between)


def lfm2_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of LFM 2: a short convolution or attention.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    if il in g.parts.state_of:
        x = _short_convolution(g, il, x)
    else:
        x = g.attention(il, *heads(g, il, x, head_norms="before"))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", residual, x)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", between, feed_forward(g, il, x, moe=routing(g, norm=True)))


def _short_convolution(g: Builder, il: int, x: Node) -> Node:
    count = g.run.sequences
    steps, width = g.tokens // count, g.sizes.n_embd
    kept = int(g.hparams["shortconv.l_cache"]) - 1
    mixed = g.mm(il, "shortconv.in_proj", ops.reshape(x, x.ne[0], steps, count))
    rows = (mixed.nb[1], mixed.nb[2])
    b, c, x = (ops.view(mixed, (width, steps, count), rows) for _ in range(3))
    bx = ops.transpose(ops.like("mul", b, x))
    rolling, _ = states(g, il)
    window = ops.concat(ops.reshape(load(g, rolling), kept, width, count), bx, 0)
    last = ops.view(window, (kept, window.ne[1], window.ne[2]), (window.nb[1], window.nb[2]))
    g.graph.expand(ops.cpy(last, ops.view(rolling, (kept * width, count), (rolling.nb[1],))))
    y = ops.like("mul", c, convolve(g, il, window, "shortconv.conv.weight"))
    y = g.mm(il, "shortconv.out_proj", y)
    return ops.reshape(y, y.ne[0], steps * count)


def qwen_hybrid_layer(g: Builder, il: int, x: Node, *, per_token: int = 1, **_: object) -> Node:
    """
    Build a layer of Qwen 3 Next or 3.5: a gated delta net, or attention behind a gate.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    g.graph.expand(x)
    x = _linear(g, il, x) if il in g.parts.state_of else _gated_attention(g, il, x, per_token)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "post_attention_norm", il)
    x = feed_forward(g, il, x, moe={"scale": scaled_routing(g)}, shared="sigmoid")
    return ops.like("add", x, between)


def _gated_attention(g: Builder, il: int, x: Node, per_token: int) -> Node:
    head, count, tokens = g.sizes.head_k(), g.sizes.heads(il), g.tokens
    kv_heads = g.sizes.kv_heads(il)
    full, k, v = g.qkv_rows(il, x, 2 * head * count, head * kv_heads, head * kv_heads)
    four = per_token == 1
    if four:
        full = ops.reshape(full, 2 * head, count, tokens)
    rows = (8 * head, 8 * head * count)
    q = g.norm(ops.view(full, (head, count, tokens), rows), "attn_q_norm", il)
    gate = ops.view(full, (head, count, tokens), rows)
    k = g.norm(ops.reshape(k, head, kv_heads, tokens), "attn_k_norm", il)
    v = ops.reshape(v, head, kv_heads, tokens)
    q, k = g.rope(q, per_token=per_token), g.rope(k, per_token=per_token)
    x = g.attention(il, q, k, v, output="")
    gate = ops.unary("sigmoid", ops.cont(gate, head * count, tokens))
    return g.mm(il, "attn_output", ops.like("mul", x, gate))


def _linear(g: Builder, il: int, x: Node) -> Node:
    get, count = g.hparams.get, g.run.sequences
    steps = g.tokens // count
    inner, width = int(get("ssm.inner_size") or 0), int(get("ssm.state_size") or 0)
    groups, number = int(get("ssm.group_count") or 0), int(get("ssm.time_step_rank") or 0)
    value = inner // number
    mixed = g.mm(il, "attn_qkv", x)
    mixed = ops.reshape(mixed, mixed.ne[0], steps, count)
    z = g.mm(il, "attn_gate", x)
    beta, gate = _gates(g, il, x, groups, number)
    kernel = g.need(il, "ssm_conv1d.weight").ne[0]
    channels = inner + 2 * groups * width
    rolling, state = states(g, il)
    window = roll(g, rolling, mixed, kernel, channels)
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
    x = ops.like("mul", g.norm(x, "ssm_norm", il), ops.unary("silu", z))
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


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "mamba": partial(decoder, layer=partial(mamba_layer, mixer=mamba1)),
    "mamba2": partial(decoder, layer=partial(mamba_layer, mixer=mamba2)),
    "jamba": partial(decoder, layer=jamba_layer),
    "granitehybrid": granite_hybrid,
    "nemotron_h": partial(decoder, layer=nemotron_h_layer),
    "nemotron_h_moe": partial(decoder, layer=nemotron_h_layer),
    "falcon-h1": partial(decoder, layer=falcon_h1_layer),
    "lfm2": partial(decoder, layer=lfm2_layer),
    "lfm2moe": partial(decoder, layer=lfm2_layer),
    "qwen3next": partial(decoder, layer=qwen_hybrid_layer),
    "qwen35": partial(decoder, layer=qwen_hybrid_layer, per_token=4),
    "qwen35moe": partial(decoder, layer=qwen_hybrid_layer, per_token=4),
}
"""Each architecture's function."""
