"""
RWKV in a graph: what a token sees of the one before it, and the state that grows with none.

Sources: llama.cpp b11549, src/models/rwkv6-base.cpp, rwkv7-base.cpp, src/llama-graph.cpp.
"""

from collections.abc import Callable

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._building.state import load, states

Mix = Callable[[Node, Node], Node]
_MIXED = 5
"""Inputs that the token before shifts in RWKV 6: decay, key, value, receptance and gate."""


def layer(g: Builder, il: int, x: Node, mix: Mix, channels: Mix) -> Node:
    """
    Build a layer: ``mix`` mixes tokens and ``channels`` their channels, each from the normed tokens and those before.
    """
    x = per_sequence(g, x)
    shift, rolling = last_tokens(g, il)
    before_mix, before_channel = one_of(g, shift), one_of(g, shift)
    normed = g.norm(x, "attn_norm", il, kind="norm")
    between = ops.like("add", mix(normed, shifted(before_mix, normed)), x)
    inner = g.norm(between, "attn_norm_2", il, kind="norm")
    before = shifted(before_channel, inner)
    remember(g, rolling, ops.concat(final(normed), final(inner), 1))
    between, inner, before = (flat(g, part) for part in (between, inner, before))
    between, inner, before = g.crop(il, between, inner, before)
    return ops.like("add", channels(inner, before), between)


def first_norm(g: Builder, x: Node) -> Node:
    """
    The norm of the embedding, which lies with the first layer and stays there.
    """
    for kind in ("weight", "bias"):
        g.need(-1, f"token_embd_norm.{kind}").buffer = g.run.places[0]
    return g.outer_norm(x, "token_embd_norm", 0, kind="norm")


def per_sequence(g: Builder, x: Node) -> Node:
    """
    The tokens of each sequence apart: width, tokens, sequences.
    """
    return ops.reshape(x, x.ne[0], g.tokens // g.run.sequences, g.run.sequences)


def flat(g: Builder, x: Node) -> Node:
    """
    The tokens of all sequences in a row.
    """
    return ops.reshape(x, x.ne[0], g.tokens)


def last_tokens(g: Builder, il: int) -> tuple[Node, Node]:
    """
    The last token of each sequence that a layer remembers: width, how many of its parts remember one, sequences.

    The cache that they came from is returned too.
    """
    rolling, _ = states(g, il)
    width = g.sizes.n_embd
    return ops.reshape(load(g, rolling), width, rolling.ne[0] // width, g.run.sequences), rolling


def one_of(g: Builder, shift: Node) -> Node:
    """
    What one of a layer's parts remembers.
    """
    return ops.view(shift, (shift.ne[0], 1, g.run.sequences), (shift.nb[1], shift.nb[2]))


def shifted(before: Node, x: Node) -> Node:
    """
    For each token the one before it.
    """
    steps = x.ne[1]
    return ops.concat(before, ops.view(x, (x.ne[0], steps - 1, x.ne[2]), (x.nb[1], x.nb[2])), 1)


def final(x: Node) -> Node:
    """
    The last token of each sequence.
    """
    return ops.view(x, (x.ne[0], 1, x.ne[2]), (x.nb[1], x.nb[2]))


def remember(g: Builder, rolling: Node, x: Node) -> None:
    """
    Write the last token of each sequence into the cache.
    """
    count = rolling.ne[0] * g.run.sequences
    g.graph.expand(ops.cpy(ops.view(x, (count,)), ops.view(rolling, (count,))))


def time_mix_6(g: Builder, il: int, x: Node, before: Node) -> Node:
    """
    The attention of RWKV 6, or without ``time_mix_first`` that of a Qwen made into one.
    """
    tokens, width, head = g.tokens, g.sizes.n_embd, g.sizes.positive("wkv.head_size")
    count, shared = width // head, g.sizes.kv_heads(il)
    first = g.weight(il, "time_mix_first.weight")
    difference = flat(g, ops.like("sub", before, x))
    x = flat(g, x)
    decay, key, value, receptance, gate = _mixed_inputs(g, il, x, difference)
    r = g.biased(il, "time_mix_receptance", receptance)
    k = g.biased(il, "time_mix_key", key)
    v = g.biased(il, "time_mix_value", value)
    gate = ops.unary("silu" if first is not None else "sigmoid", g.mm(il, "time_mix_gate", gate))
    if shared and shared != count:
        k, v = (
            ops.make(
                "repeat",
                F32,
                (head, count // shared, shared, tokens),
                ops.reshape(part, head, 1, shared, tokens),
            )
            for part in (k, v)
        )
    k, v, r = (ops.reshape(part, head, count, tokens) for part in (k, v, r))
    w = g.mm(il, "time_mix_decay_w2", ops.unary("tanh", g.mm(il, "time_mix_decay_w1", decay)))
    w = ops.like("add", w, g.need(il, "time_mix_decay.weight"))
    w = ops.unary("exp", ops.unary("neg", ops.unary("exp", w)))
    w = ops.reshape(w, head, count, tokens)
    if first is None:
        k = ops.like("sub", k, ops.like("mul", k, w))
    _, state = states(g, il)
    kept = load(g, state)
    if first is None:
        x = _scanned(g, state, "gated_linear_attn", k, v, r, w, kept)
        x = ops.reshape(x, width, tokens)
    else:
        x = _scanned(g, state, "rwkv_wkv6", k, v, r, first, w, kept)
        x = _normed(g, il, x, count)
    x = g.mm(il, "time_mix_output", ops.like("mul", x, gate))
    return per_sequence(g, x)


def time_mix_7(g: Builder, il: int, x: Node, before: Node, first_value: Node | None) -> tuple[Node, Node]:
    """
    The attention of RWKV 7, and the values of the first layer, which all others mix into their own.
    """
    tokens, width, head = g.tokens, g.sizes.n_embd, g.sizes.positive("wkv.head_size")
    count, gated = width // head, g.weight(il, "time_mix_g1.weight") is not None
    fused = g.need(il, "time_mix_lerp_fused.weight")
    difference = ops.like("sub", before, x)
    difference = ops.make("repeat", F32, (width, x.ne[1], x.ne[2], 6 if gated else 5), difference)
    mixed = ops.like("add", ops.like("mul", difference, fused), x)
    receptance, decay, key, value, rate, gate = (
        ops.view(mixed, (width, tokens), (mixed.nb[1],)) for _ in range(6)
    )
    r = g.mm(il, "time_mix_receptance", receptance)
    w = g.mm(il, "time_mix_w2", ops.unary("tanh", g.mm(il, "time_mix_w1", decay)))
    w = ops.unary("sigmoid", ops.like("add", w, g.need(il, "time_mix_w0.weight")))
    w = ops.unary("exp", ops.like("scale", w))
    k, v = g.mm(il, "time_mix_key", key), g.mm(il, "time_mix_value", value)
    if first_value is None:
        first_value = v
    else:
        share = g.mm(il, "time_mix_v2", g.mm(il, "time_mix_v1", value))
        share = ops.unary("sigmoid", ops.like("add", share, g.need(il, "time_mix_v0.weight")))
        v = ops.like("add", v, ops.like("mul", ops.like("sub", first_value, v), share))
    if gated:
        gate = g.mm(il, "time_mix_g2", ops.unary("sigmoid", g.mm(il, "time_mix_g1", gate)))
    a = g.mm(il, "time_mix_a2", g.mm(il, "time_mix_a1", rate))
    a = ops.unary("sigmoid", ops.like("add", a, g.need(il, "time_mix_a0.weight")))
    kk = ops.reshape(ops.like("mul", k, g.need(il, "time_mix_k_k.weight")), head, count, tokens)
    kk = ops.like("l2_norm", kk)
    ka = ops.like("mul", k, g.need(il, "time_mix_k_a.weight"))
    k = ops.like("add", k, ops.like("sub", ops.like("mul", a, ka), ka))
    r, w, k, v_heads, a = (ops.reshape(part, head, count, tokens) for part in (r, w, k, v, a))
    _, state = states(g, il)
    kept = load(g, state)
    negative, forgotten = ops.unary("neg", kk), ops.like("mul", kk, a)
    x = _scanned(g, state, "rwkv_wkv7", r, w, k, v_heads, negative, forgotten, kept)
    if g.weight(il, "time_mix_ln.weight") is not None and g.weight(il, "time_mix_ln.bias") is not None:
        x = _normed(g, il, x, count)
    else:
        x = ops.reshape(x, width, tokens)
    weight = ops.reshape(g.need(il, "time_mix_r_k.weight"), head, count)
    rk = ops.sum_rows(ops.like("mul", ops.like("mul", k, r), weight))
    x = ops.like("add", x, ops.reshape(ops.like("mul", v_heads, rk), width, tokens))
    if gated:
        x = ops.like("mul", x, gate)
    return per_sequence(g, g.mm(il, "time_mix_output", x)), first_value


def _mixed_inputs(g: Builder, il: int, x: Node, difference: Node) -> tuple[Node, ...]:
    """
    The five inputs of RWKV 6, each moved towards the token before by shares that depend on the token.
    """
    tokens, width = g.tokens, g.sizes.n_embd
    mixed = ops.like("add", ops.like("mul", difference, g.need(il, "time_mix_lerp_x.weight")), x)
    narrow, wide = g.need(il, "time_mix_w1.weight"), g.need(il, "time_mix_w2.weight")
    mixed = ops.unary("tanh", ops.mul_mat(narrow, mixed))
    mixed = ops.reshape(mixed, narrow.ne[1] // _MIXED, 1, _MIXED, tokens)
    mixed = ops.cont(ops.permute(mixed, 0, 1, 3, 2))
    mixed = ops.mul_mat(ops.reshape(wide, wide.ne[0], wide.ne[1], 1, _MIXED), mixed)
    fused = g.weight(il, "time_mix_lerp_fused.weight")
    if fused is not None:
        difference, x = ops.reshape(difference, width, 1, tokens), ops.reshape(x, width, 1, tokens)
        mixed = ops.like("add", ops.like("mul", ops.like("add", mixed, fused), difference), x)
        return tuple(ops.view(mixed, (width, tokens), (mixed.nb[1],)) for _ in range(_MIXED))
    parts = []
    for name in "wkvrg":
        part = ops.view(mixed, (width, tokens), (mixed.nb[1],))
        part = ops.like("add", part, g.need(il, f"time_mix_lerp_{name}.weight"))
        parts.append(ops.like("add", ops.like("mul", part, difference), x))
    return tuple(parts)


def _scanned(g: Builder, state: Node, op: str, *src: Node) -> Node:
    """
    The output of a scan over the tokens; its new state is written back.
    """
    head, count, tokens = src[0].ne[:3]
    width, sequences = head * count, g.run.sequences
    result = ops.make(op, F32, (width, tokens + head * sequences, 1, 1), *src)
    out = ops.view(result, (width * tokens,))
    size = width * head * sequences
    g.graph.expand(ops.cpy(ops.view(result, (size,)), ops.view(state, (size,))))
    return out


def _normed(g: Builder, il: int, x: Node, count: int) -> Node:
    """
    The output normalized head by head.
    """
    width = g.sizes.n_embd
    x = ops.like("norm", ops.reshape(x, width // count, count, g.tokens))
    x = ops.like("mul", ops.reshape(x, width, g.tokens), g.need(il, "time_mix_ln.weight"))
    return ops.like("add", x, g.need(il, "time_mix_ln.bias"))
