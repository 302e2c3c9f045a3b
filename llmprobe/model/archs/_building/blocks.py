"""
The layers that most families share: norm, attention, norm, feed-forward part, each added to what came in.
"""

from collections.abc import Callable, Mapping
from typing import Any

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node

_GATING = {1: "softmax", 2: "sigmoid", 3: "softmax after"}


def decoder(
    g: Builder,
    *,
    layer: Callable[..., Node] | None = None,
    scale_input: bool = False,
    scale_rows: bool = False,
    norm: str = "rms_norm",
    learned_positions: bool = False,
    embedding_norm: bool = False,
    cap_logits: bool = False,
    scale_logits: bool = False,
    scale_hidden: bool = False,
    hidden_output: bool = False,
    deepstack: int = 0,
    **options: Any,
) -> None:
    """
    Build a whole model of equal layers.

    ``hidden_output`` keeps the last hidden state for a draft head. The first ``deepstack`` layers add image features
    that come with the embeddings.
    """
    step = layer or decoder_layer
    width = g.sizes.n_embd
    x = entered = g.embed(scaled=scale_rows, wide=width * (1 + deepstack) if deepstack else 0)
    if scale_input:
        x = ops.like("scale", x)
    if learned_positions:
        table = g.need(-1, "position_embd.weight")
        table.buffer = g.run.host
        x = ops.like("add", x, ops.get_rows(table, g.positions()))
    if embedding_norm:
        x = g.norm(x, "token_embd_norm", kind=norm, first=True)
    for il in g.layers():
        x = step(g, il, x, norm=norm, **options)
        if il < deepstack:
            x = ops.like("add", x, ops.view(entered, (width, g.tokens), (entered.nb[1],)))
    if hidden_output:
        x.output = True
    g.finish(x, norm=norm, cap=cap_logits, scale=scale_logits, scale_hidden=scale_hidden)


def heads(
    g: Builder,
    il: int,
    x: Node,
    *,
    norm: str = "rms_norm",
    head: int = 0,
    head_v: int = 0,
    head_norms: str = "",
    rope: bool = True,
    factors: bool = False,
    per_token: int = 1,
    scale_q: bool = False,
    temperature: bool = False,
) -> tuple[Node, Node, Node]:
    """
    Return queries, keys and values with positions.

    ``head_norms`` is where queries and keys are normed: ``before`` or ``after`` the positions, or over the
    ``whole`` row. ``temperature`` scales queries with the position.
    """
    if head_norms == "whole":
        q, k, v = whole_heads(g, il, x, norm=norm)
    else:
        q, k, v = g.qkv(il, x, head_k=head, head_v=head_v)
    if head_norms == "before":
        q, k = g.norm(q, "attn_q_norm", il, kind=norm), g.norm(k, "attn_k_norm", il, kind=norm)
    if rope:
        turn = g.rope_factors(il) if factors else None
        q, k = g.rope(q, turn, per_token=per_token), g.rope(k, turn, per_token=per_token)
    if head_norms == "after":
        q, k = g.norm(q, "attn_q_norm", il, kind=norm), g.norm(k, "attn_k_norm", il, kind=norm)
    if temperature:
        q = ops.like("mul", q, g.input("temperature", F32, 1, 1, g.tokens))
    return (ops.like("scale", q) if scale_q else q), k, v


def whole_heads(g: Builder, il: int, x: Node, *, norm: str) -> tuple[Node, Node, Node]:
    """
    Return queries, keys and values that were normed before they were cut into heads.
    """
    sizes, tokens = g.sizes, g.tokens
    key, value = sizes.head_k() * sizes.kv_heads(il), sizes.head_v() * sizes.kv_heads(il)
    q, k, v = g.qkv_rows(il, x, sizes.head_k() * sizes.heads(il), key, value)
    q = g.norm(q, "attn_q_norm", il, kind=norm)
    k = g.norm(k, "attn_k_norm", il, kind=norm)
    return (
        ops.reshape(q, sizes.head_k(), sizes.heads(il), tokens),
        ops.reshape(k, sizes.head_k(), sizes.kv_heads(il), tokens),
        ops.reshape(v, sizes.head_v(), sizes.kv_heads(il), tokens),
    )


def decoder_layer(
    g: Builder,
    il: int,
    x: Node,
    *,
    norm: str = "rms_norm",
    attn_norm: str = "attn_norm",
    ffn_norm: str = "ffn_norm",
    sinks: bool = False,
    cap: bool = False,
    alibi: bool = False,
    scale_attention: bool = False,
    post_attention_norm: str = "",
    post_ffn_norm: str = "",
    pin_post_ffn_norm: bool = False,
    residual_first: bool = False,
    scale_residual: bool = False,
    activation: str = "swiglu",
    moe: Mapping[str, Any] | None = None,
    shared: str = "",
    shared_activation: str = "swiglu",
    no_rope: Callable[[Builder, int], bool] | None = None,
    **attention: Any,
) -> Node:
    """
    Build one layer. ``moe`` are the options of the mixture where the layer has a router.

    ``shared`` is how a shared expert is added: ``plain`` or ``gated``. An empty name of a norm leaves it out.
    ``residual_first`` is the order of the last addition, which decides whose memory the sum takes.
    """
    residual = x
    if attn_norm:
        x = g.norm(x, attn_norm, il, kind=norm)
    if no_rope is not None and no_rope(g, il):
        attention = {**attention, "rope": False}
    q, k, v = heads(g, il, x, norm=norm, **attention)
    kept = g.weight(il, "attn_sinks.weight") if sinks else None
    x = g.attention(il, q, k, v, sinks=kept, cap=cap, alibi=alibi)
    if scale_attention:
        x = ops.like("scale", x)
    x, residual = g.crop(il, x, residual)
    if post_attention_norm:
        x = g.norm(x, post_attention_norm, il, kind=norm)
    if scale_residual:
        x = ops.like("scale", x)
    x = between = ops.like("add", x, residual)
    if ffn_norm:
        x = g.norm(x, ffn_norm, il, kind=norm)
    x = feed_forward(g, il, x, activation, moe, shared, shared_activation)
    if post_ffn_norm:
        x = g.norm(x, post_ffn_norm, il, kind=norm, pin=pin_post_ffn_norm)
    if scale_residual:
        x = ops.like("scale", x)
    return ops.like("add", between, x) if residual_first else ops.like("add", x, between)


def feed_forward(
    g: Builder,
    il: int,
    x: Node,
    activation: str = "swiglu",
    moe: Mapping[str, Any] | None = None,
    shared: str = "",
    shared_activation: str = "swiglu",
) -> Node:
    """
    Build the feed-forward part: dense, or a mixture where the layer has a router, with a shared expert or without.
    """
    if moe is None or g.weight(il, "ffn_gate_inp.weight") is None:
        return g.ffn(il, x, activation)
    routed = g.moe(il, x, **moe)
    if not shared or g.weight(il, "ffn_up_shexp.weight") is None:
        return routed
    extra = g.ffn(il, x, shared_activation, suffix="_shexp", scaled=shared == "sigmoid")
    if shared == "gated":
        gate = g.mm(il, "ffn_gate_inp_shexp", x)
        extra = ops.like("mul", extra, ops.like("div", ops.unary("silu", gate), gate))
    elif shared == "sigmoid":
        gate = ops.unary("sigmoid", g.mm(il, "ffn_gate_inp_shexp", x))
        extra = ops.like("mul", extra, gate)
    return ops.like("add", routed, extra)


def routing(g: Builder, *, otherwise: str = "sigmoid", norm: bool | None = None) -> dict[str, Any]:
    """
    Return the options of a mixture that the metadata says; ``otherwise`` is the function of an older file.
    """
    get = g.hparams.get
    return {
        "gating": _GATING.get(int(get("expert_gating_func") or 0), otherwise),
        "norm": bool(get("expert_weights_norm")) if norm is None else norm,
        "scale": scaled_routing(g),
    }


def scaled_routing(g: Builder) -> bool:
    """
    Return whether the weights of the experts are multiplied by a constant.
    """
    return g.hparams.get("expert_weights_scale") not in (None, 0, 1)


def slides(g: Builder, il: int) -> bool:
    """
    Return whether a layer looks back over a window only.
    """
    return g.parts.layout.kv[g.parts.cache_of[il][0]].window is not None


def is_full(g: Builder, il: int) -> bool:
    """
    Return whether a layer looks back over everything while others do not.
    """
    return len(g.parts.layout.kv) > 1 and not slides(g, il)


def parallel_layer(
    g: Builder,
    il: int,
    x: Node,
    *,
    norm: str = "norm",
    own_norm: str = "",
    activation: str = "swiglu",
    order: str = "ffn input attention",
    optional_head_norms: bool = False,
    no_rope: Callable[[Builder, int], bool] | None = None,
    **attention: Any,
) -> Node:
    """
    Build a layer whose two parts read the same input. ``order`` is that of the three summands.

    ``own_norm`` is the norm of the feed-forward part where it has one of its own.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il, kind=norm)
    if g.weight(il, "attn_norm_2.weight") is not None:
        x = g.norm(residual, "attn_norm_2", il, kind=norm)
    if optional_head_norms and g.weight(il, "attn_q_norm.weight") is not None:
        attention = {**attention, "head_norms": "before"}
    if no_rope is not None and no_rope(g, il):
        attention = {**attention, "rope": False}
    q, k, v = heads(g, il, x, norm=norm, **attention)
    x = g.attention(il, q, k, v)
    if own_norm:
        x, residual = g.crop(il, x, residual)
        inner = g.norm(residual, own_norm, il, kind=norm)
    else:
        x, residual, inner = g.crop(il, x, residual, normed)
    parts = {"ffn": g.ffn(il, inner, activation), "input": residual, "attention": x}
    first, second, third = (parts[name] for name in order.split())
    return ops.like("add", ops.like("add", first, second), third)
