"""
The layers that most families share: norm, attention, norm, feed-forward part, each added to what came in.

A record says how a block is built. Where a choice in it is None, the model's metadata decides.
"""

from collections.abc import Callable

import msgspec

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.archs._shared.adapters import DIRECTION

Step = Callable[[Builder, int, Node], Node]
"""Builds one layer: takes its number and its input, and returns its output."""


class Heads(msgspec.Struct, frozen=True, kw_only=True):
    """
    How queries, keys and values are made.

    ``norms`` is where queries and keys are normalized: ``before`` or ``after`` the positions, over the ``whole`` row,
    or nowhere (empty). ``factors`` uses the frequency factors, ``per_token`` counts the positions of a token,
    ``temperature`` scales queries with the position. ``key`` and ``value`` are head sizes other than the metadata's.
    """

    norms: str = ""
    rope: bool = True
    factors: bool = False
    per_token: int = 1
    scale_q: bool = False
    temperature: bool | None = False
    key: int = 0
    value: int = 0


class FeedForward(msgspec.Struct, frozen=True, kw_only=True):
    """
    A dense feed-forward part, or a mixture in layers with a router.

    ``shared`` is how the shared expert is added to the routed ones: ``plain``, ``gated`` or ``sigmoid`` (by a gate of
    its own), or not at all (empty).
    """

    activation: str = "swiglu"
    mixture: Mixture | None = None
    shared: str = ""
    shared_activation: str = "swiglu"


_HEADS = Heads()
_DENSE = FeedForward()


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """
    A layer whose feed-forward part reads what the attention left. An empty name of a norm leaves that norm out.

    ``residual_first`` is the order of the last addition, which decides whose memory the sum takes. ``no_rope`` tells
    the layers without positions. Without ``cached`` the batch alone is seen, whatever the model keeps.
    """

    heads: Heads = _HEADS
    ffn: FeedForward = _DENSE
    attn_norm: str = "attn_norm"
    ffn_norm: str = "ffn_norm"
    post_attention_norm: str = ""
    post_ffn_norm: str = ""
    pin_post_ffn_norm: bool = False
    sinks: bool = False
    cap: bool = False
    alibi: bool = False
    scale_attention: bool = False
    scale_residual: bool | None = False
    residual_first: bool = False
    cached: bool = True
    no_rope: Callable[[Builder, int], bool] | None = None


class Parallel(msgspec.Struct, frozen=True, kw_only=True):
    """
    A layer whose two parts read the same input. ``order`` is that of the three summands.

    ``own_norm`` is the norm of the feed-forward part where it has one of its own. ``optional_head_norms`` normalizes
    queries and keys where the model has the weights for it.
    """

    heads: Heads = _HEADS
    activation: str = "swiglu"
    own_norm: str = ""
    order: tuple[str, str, str] = ("ffn", "input", "attention")
    optional_head_norms: bool = False
    no_rope: Callable[[Builder, int], bool] | None = None


class Decoder(msgspec.Struct, frozen=True, kw_only=True):
    """
    A model of equal layers, and what comes before and after them.

    ``hidden_output`` keeps the last hidden state for a draft head. The first ``deepstack`` layers add image features
    that come with the embeddings.
    """

    layer: Layer | Parallel | Step = Layer()
    norm: str = "rms_norm"
    scale_input: bool = False
    scale_rows: bool = False
    learned_positions: bool = False
    embedding_norm: bool = False
    cap_logits: bool | None = False
    scale_logits: bool | None = False
    scale_hidden: bool = False
    hidden_output: bool = False
    deepstack: int = 0


def mixer_only(mixer: Step) -> Step:
    """
    A layer that is a norm and a mixer, and has no feed-forward part.
    """

    def layer(g: Builder, il: int, x: Node) -> Node:
        mixed = mixer(g, il, g.norm(x, "attn_norm", il))
        mixed, x = g.crop(il, mixed, x)
        return ops.like("add", mixed, x)

    return layer


def decoder(g: Builder, plan: Decoder) -> None:
    """
    Build a whole model of equal layers.
    """
    get, width, deepstack = g.hparams.get, g.sizes.n_embd, plan.deepstack
    x = entered = g.embed(scaled=plan.scale_rows, wide=width * (1 + deepstack) if deepstack else 0)
    if plan.scale_input:
        x = ops.like("scale", x)
    if plan.learned_positions:
        table = g.need(-1, "position_embd.weight")
        table.buffer = g.run.host
        x = ops.like("add", x, ops.get_rows(table, g.positions()))
    if plan.embedding_norm:
        x = g.norm(x, "token_embd_norm", kind=plan.norm, first=True)
    for il in g.layers():
        if il in g.run.read_layers:
            x.output = True
        x = _layer(g, il, x, plan)
        direction = g.weight(il, DIRECTION)
        if direction is not None:
            x = ops.like("add", x, direction)
        if il < deepstack:
            x = ops.like("add", x, ops.view(entered, (width, g.tokens), (entered.nb[1],)))
    if plan.hidden_output:
        x.output = True
    cap, scale = plan.cap_logits, plan.scale_logits
    g.finish(
        x,
        norm=plan.norm,
        cap=bool(get("final_logit_softcapping")) if cap is None else cap,
        scale=bool(get("logit_scale")) if scale is None else scale,
        scale_hidden=plan.scale_hidden,
    )


def _layer(g: Builder, il: int, x: Node, plan: Decoder) -> Node:
    layer = plan.layer
    if isinstance(layer, Layer):
        return decoder_layer(g, il, x, layer, plan.norm)
    if isinstance(layer, Parallel):
        return parallel_layer(g, il, x, layer, plan.norm)
    return layer(g, il, x)


def heads(
    g: Builder, il: int, x: Node, how: Heads = _HEADS, norm: str = "rms_norm"
) -> tuple[Node, Node, Node]:
    """
    Queries, keys and values with positions.
    """
    if how.norms == "whole":
        q, k, v = whole_heads(g, il, x, norm=norm)
    else:
        q, k, v = g.qkv(il, x, head_k=how.key, head_v=how.value)
    if how.norms == "before":
        q, k = g.norm(q, "attn_q_norm", il, kind=norm), g.norm(k, "attn_k_norm", il, kind=norm)
    if how.rope:
        turn = g.rope_factors(il) if how.factors else None
        q, k = g.rope(q, turn, per_token=how.per_token), g.rope(k, turn, per_token=how.per_token)
    if how.norms == "after":
        q, k = g.norm(q, "attn_q_norm", il, kind=norm), g.norm(k, "attn_k_norm", il, kind=norm)
    temperature = how.temperature
    if temperature is None:
        temperature = bool(g.hparams.get("attention.temperature_scale"))
    if temperature:
        q = ops.like("mul", q, g.input("temperature", F32, 1, 1, g.tokens))
    return (ops.like("scale", q) if how.scale_q else q), k, v


def whole_heads(g: Builder, il: int, x: Node, *, norm: str) -> tuple[Node, Node, Node]:
    """
    Queries, keys and values that were normalized before they were cut into heads.
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


def decoder_layer(g: Builder, il: int, x: Node, layer: Layer, norm: str = "rms_norm") -> Node:
    """
    Build one layer whose feed-forward part follows its attention.
    """
    residual = x
    if layer.attn_norm:
        x = g.norm(x, layer.attn_norm, il, kind=norm)
    q, k, v = heads(g, il, x, _turned(g, il, layer), norm)
    kept = g.weight(il, "attn_sinks.weight") if layer.sinks else None
    x = g.attention(il, q, k, v, sinks=kept, cap=layer.cap, alibi=layer.alibi, cached=layer.cached)
    if layer.scale_attention:
        x = ops.like("scale", x)
    x, residual = g.crop(il, x, residual)
    if layer.post_attention_norm:
        x = g.norm(x, layer.post_attention_norm, il, kind=norm)
    scaled = layer.scale_residual
    if scaled is None:
        scaled = bool(g.hparams.get("residual_scale"))
    if scaled:
        x = ops.like("scale", x)
    x = between = ops.like("add", x, residual)
    if layer.ffn_norm:
        x = g.norm(x, layer.ffn_norm, il, kind=norm)
    x = feed_forward(g, il, x, layer.ffn)
    if layer.post_ffn_norm:
        x = g.norm(x, layer.post_ffn_norm, il, kind=norm, pin=layer.pin_post_ffn_norm)
    if scaled:
        x = ops.like("scale", x)
    return ops.like("add", between, x) if layer.residual_first else ops.like("add", x, between)


def feed_forward(g: Builder, il: int, x: Node, how: FeedForward = _DENSE) -> Node:
    """
    Build the feed-forward part: dense, or a mixture where the layer has a router, with a shared expert or without.
    """
    if how.mixture is None or g.weight(il, "ffn_gate_inp.weight") is None:
        return g.ffn(il, x, how.activation)
    routed = g.moe(il, x, how.mixture)
    if not how.shared or g.weight(il, "ffn_up_shexp.weight") is None:
        return routed
    extra = g.ffn(il, x, how.shared_activation, suffix="_shexp", scaled=how.shared == "sigmoid")
    if how.shared == "gated":
        gate = g.mm(il, "ffn_gate_inp_shexp", x)
        extra = ops.like("mul", extra, ops.like("div", ops.unary("silu", gate), gate))
    elif how.shared == "sigmoid":
        gate = ops.unary("sigmoid", g.mm(il, "ffn_gate_inp_shexp", x))
        extra = ops.like("mul", extra, gate)
    return ops.like("add", routed, extra)


def slides(g: Builder, il: int) -> bool:
    """
    Say whether a layer looks back over a window only.
    """
    return g.parts.layout.kv[g.parts.cache_of[il][0]].window is not None


def is_full(g: Builder, il: int) -> bool:
    """
    Say whether a layer looks back over everything while others do not.
    """
    return len(g.parts.layout.kv) > 1 and not slides(g, il)


def parallel_layer(g: Builder, il: int, x: Node, layer: Parallel, norm: str = "norm") -> Node:
    """
    Build one layer whose two parts read the same input.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il, kind=norm)
    if g.weight(il, "attn_norm_2.weight") is not None:
        x = g.norm(residual, "attn_norm_2", il, kind=norm)
    how = _turned(g, il, layer)
    if layer.optional_head_norms and g.weight(il, "attn_q_norm.weight") is not None:
        how = msgspec.structs.replace(how, norms="before")
    q, k, v = heads(g, il, x, how, norm)
    x = g.attention(il, q, k, v)
    if layer.own_norm:
        x, residual = g.crop(il, x, residual)
        inner = g.norm(residual, layer.own_norm, il, kind=norm)
    else:
        x, residual, inner = g.crop(il, x, residual, normed)
    summands = {"ffn": g.ffn(il, inner, layer.activation), "input": residual, "attention": x}
    first, second, third = (summands[name] for name in layer.order)
    return ops.like("add", ops.like("add", first, second), third)


def _turned(g: Builder, il: int, layer: Layer | Parallel) -> Heads:
    if layer.no_rope is not None and layer.no_rope(g, il):
        return msgspec.structs.replace(layer.heads, rope=False)
    return layer.heads
