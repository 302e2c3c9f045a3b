"""
Graphs of the Gemma family, by architecture. Sources: llama.cpp b11549, src/models/gemma*.cpp.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._building.run import Parts

_BOTH: dict[str, Any] = {"post_attention_norm": "post_attention_norm", "post_ffn_norm": "post_ffw_norm"}
_SPARSE_LAYERS = 10
_PERIOD_3N = 5
_STREAMS = 4


def gemma3(g: Builder) -> None:
    """
    Build Gemma 3: only embeddings of tokens are scaled, logits are capped where the metadata says so.
    """
    decoder(
        g,
        scale_rows=True,
        head_norms="before",
        scale_q=True,
        activation="geglu",
        cap_logits=bool(g.hparams.get("final_logit_softcapping")),
        **_BOTH,
    )


def per_layer(g: Builder, x: Node, rows: Node) -> Node:
    """
    Return the embeddings of all layers, joined with a projection of the model's own.
    """
    count, tokens = g.sizes.n_layer, g.tokens
    table = g.need(-1, "per_layer_model_proj.weight")
    table.buffer = g.run.places[0]
    width = table.ne[1] // count
    projected = ops.reshape(ops.like("scale", ops.mul_mat(table, x)), width, count, tokens)
    projected = g.norm(projected, "per_layer_proj_norm", first=True)
    joined = ops.like("scale", ops.like("add", projected, rows))
    return ops.cont(ops.permute(joined, 0, 2, 1, 3))


def layer_rows(g: Builder) -> Node:
    """
    Return the rows of the per-layer embedding table, which stays on the host.
    """
    table = g.need(-1, "per_layer_token_embd.weight")
    table.buffer = g.run.host
    return ops.get_rows(table, g.input("tokens of the layers", I32, g.tokens))


def plane(x: Node) -> Node:
    """
    Return one plane of a tensor with three dimensions.
    """
    return ops.view(x, (x.ne[0], x.ne[1]), (4 * x.ne[0],))


def shared_cache(g: Builder, il: int, *, slides: bool) -> int:
    """
    Return the layer whose cache a layer reads: its own, or the last of its kind that has one.
    """
    if il in g.parts.cache_of:
        return il
    own = max(g.parts.cache_of) + 1
    return own - 2 if slides else own - 1


def gemma4(g: Builder) -> None:
    """
    Build Gemma 4.
    """
    rows = None
    if "per_layer_token_embd.weight" in g.parts.outside:
        rows = layer_rows(g)
        g.graph.expand(rows)
    x = g.embed(scaled=True)
    if rows is not None:
        count = g.sizes.n_layer
        rows = ops.like("scale", rows)
        rows = per_layer(g, x, ops.reshape(rows, rows.ne[0] // count, count, g.tokens))
    for il in g.layers():
        x = _gemma4_layer(g, il, x, rows)
    g.finish(x, cap=bool(g.hparams.get("final_logit_softcapping")))


def _gemma4_layer(g: Builder, il: int, x: Node, rows: Node | None) -> Node:
    residual = x
    x = _gemma4_attention(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, x, residual)
    attended = ops.like("add", g.norm(x, "post_attention_norm", il), residual)
    if g.weight(il, "ffn_gate_inp.weight") is not None:
        x = _gemma4_mixture(g, il, attended)
    else:
        x = g.ffn(il, g.norm(attended, "ffn_norm", il), "geglu")
    x = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), attended)
    if rows is not None:
        entered = x
        x = ops.unary("gelu", g.mm(il, "inp_gate", x))
        (own,) = g.crop(il, plane(rows))
        x = g.mm(il, "proj", ops.like("mul", x, own))
        x = ops.like("add", entered, g.norm(x, "post_norm", il))
    scale = g.weight(il, "layer_output_scale.weight")
    return x if scale is None else ops.like("mul", x, scale)


def _gemma4_attention(g: Builder, il: int, x: Node) -> Node:
    tokens, sizes = g.tokens, g.sizes
    head = g.need(il, "attn_q_norm.weight").ne[0]
    count, kv_count = sizes.heads(il), sizes.kv_heads(il)
    slides = head == sizes.head_k(slides=True) != sizes.head_k()
    factors = None if slides else g.own(il, "rope_freqs.weight")
    source = shared_cache(g, il, slides=slides)
    fused = None
    if g.weight(il, "attn_qkv.weight") is not None:
        fused = g.mm(il, "attn_qkv", x)
        q = ops.cont(ops.view(fused, (head * count, tokens), (fused.nb[1],)))
    else:
        q = g.mm(il, "attn_q", x)
    q = g.rope(g.norm(ops.reshape(q, head, count, tokens), "attn_q_norm", il), factors)
    if source != il:
        return g.attention(il, q, None, None, cache=source)
    if fused is not None:
        k, v = (ops.cont(ops.view(fused, (head * kv_count, tokens), (fused.nb[1],))) for _ in range(2))
    else:
        k = g.mm(il, "attn_k", x)
        v = g.mm(il, "attn_v", x) if g.weight(il, "attn_v.weight") is not None else k
    k, v = (ops.reshape(part, head, kv_count, tokens) for part in (k, v))
    k = g.rope(g.norm(k, "attn_k_norm", il), factors)
    return g.attention(il, q, k, ops.like("rms_norm", v))


def _gemma4_mixture(g: Builder, il: int, x: Node) -> Node:
    dense = g.ffn(il, g.norm(x, "ffn_norm", il), "geglu")
    dense = g.norm(dense, "post_ffw_norm_1", il)
    entered = g.norm(x, "pre_ffw_norm_2", il)
    scores = ops.like("scale", ops.like("rms_norm", x))
    scores = ops.like("mul", scores, g.need(il, "ffn_gate_inp.scale"))
    scores = g.mm(il, "ffn_gate_inp", scores)
    routed = g.moe(il, entered, scores=scores, activation="geglu", expert_scales=True)
    return ops.like("add", dense, g.norm(routed, "post_ffw_norm_2", il))


def gemma3n(g: Builder) -> None:
    """
    Build Gemma 3n: several streams, one of which is computed and the others predicted and corrected.
    """
    tokens, width = g.tokens, g.sizes.n_embd
    streams = g.sizes.number("altup.num_inputs", _STREAMS)
    x = g.embed(scaled=True)
    rows = layer_rows(g)
    count = g.sizes.n_layer
    rows = ops.like("scale", ops.reshape(rows, rows.ne[0] // count, count, tokens))
    g.graph.expand(rows)
    rows = per_layer(g, x, rows)
    target = magnitude(x)
    others = ops.make("repeat", F32, (width, tokens, streams - 1, 1), x)
    others = ops.mul_mat(g.need(-1, "altup_proj.weight"), others)
    others = ops.like("div", ops.like("mul", others, target), magnitude(others))
    x = ops.concat(x, others, 2)
    for il in g.layers():
        x = _gemma3n_layer(g, il, x, rows, streams)
    target = magnitude(plane(x))
    rest = ops.view(x, (width, tokens, streams - 1), (4 * width, 4 * width * tokens))
    rest = ops.mul_mat(g.need(-1, "altup_unembd_proj.weight"), rest)
    rest = ops.like("div", ops.like("mul", rest, target), magnitude(rest))
    x = plane(x)
    for _ in range(streams - 1):
        x = ops.like("add", x, plane(rest))
    x = ops.like("scale", x)
    x = ops.get_rows(x, g.input("output ids", I32, g.run.outputs))
    g.finish(x, cap=True)


def magnitude(x: Node) -> Node:
    """
    Return the length of each row.
    """
    return ops.like("sqrt", ops.sum_rows(ops.like("sqr", x)))


def _gemma3n_layer(g: Builder, il: int, x: Node, rows: Node, streams: int) -> Node:
    width, tokens = g.sizes.n_embd, g.tokens
    predictions = _predict(g, il, x, streams)
    active = plane(predictions)
    x = g.norm(active, "attn_norm", il)
    low = g.norm(g.mm(il, "laurel_r", g.mm(il, "laurel_l", x)), "laurel_post_norm", il)
    laurel = ops.like("add", low, x)
    x = ops.like("add", g.norm(_gemma3n_attention(g, il, x), "post_attention_norm", il), active)
    between = ops.like("scale", ops.like("add", x, laurel))
    x = g.norm(between, "ffn_norm", il)
    up, gate = g.mm(il, "ffn_up", x), g.mm(il, "ffn_gate", x)
    if il < _SPARSE_LAYERS:
        gate = _sparse(gate)
    x = g.mm(il, "ffn_down", ops.like("mul", up, ops.unary("gelu", gate)))
    x = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), between)
    corrected = _correct(g, il, predictions, x, streams)
    first = ops.like("mul", plane(corrected), g.need(il, "altup_correct_scale.weight"))
    first = ops.unary("gelu", g.mm(il, "inp_gate", first))
    first = g.mm(il, "proj", ops.like("mul", first, plane(rows)))
    first = g.norm(first, "post_norm", il)
    rest = ops.view(corrected, (width, tokens, streams - 1), (4 * width, 4 * width * tokens))
    return ops.concat(plane(corrected), ops.like("add", rest, first), 2)


def _gemma3n_attention(g: Builder, il: int, x: Node) -> Node:
    source = shared_cache(g, il, slides=slides_3n(g.parts, il))
    if source == il:
        q, k, v = g.qkv(il, x)
        q, k = g.norm(q, "attn_q_norm", il), g.norm(k, "attn_k_norm", il)
        v = ops.like("rms_norm", v)
        return g.attention(il, g.rope(q), g.rope(k), v)
    head, count = g.sizes.head_k(), g.sizes.heads(il)
    if g.weight(il, "attn_qkv.weight") is not None:
        both = g.mm(il, "attn_qkv", x)
        q = ops.cont(ops.view(both, (head * count, g.tokens), (both.nb[1],)))
    else:
        q = g.mm(il, "attn_q", x)
    q = g.norm(ops.reshape(q, head, count, g.tokens), "attn_q_norm", il)
    return g.attention(il, g.rope(q), None, None, cache=source)


def slides_3n(parts: Parts, il: int) -> bool:
    """
    Return whether a layer of Gemma 3n looks back over a window only.
    """
    pattern = parts.hparams.get("attention.sliding_window_pattern", _PERIOD_3N)
    if isinstance(pattern, list | tuple):
        return bool(pattern[il])
    return il % int(pattern) < int(pattern) - 1


def _modalities(g: Builder, il: int, x: Node) -> Node:
    x = ops.like("scale", g.norm(x, "altup_router_norm", il))
    return ops.unary("tanh", g.mm(il, "altup_router", x))


def _predict(g: Builder, il: int, x: Node, streams: int) -> Node:
    modalities = _modalities(g, il, plane(x))
    factors = ops.reshape(g.mm(il, "altup_predict_coef", modalities), streams, streams, g.tokens)
    turned = ops.cont(ops.permute(x, 1, 2, 0, 3))
    predictions = ops.cont(ops.permute(ops.mul_mat(turned, factors), 0, 2, 1, 3))
    return ops.like("add", predictions, x)


def _correct(g: Builder, il: int, predictions: Node, x: Node, streams: int) -> Node:
    width, tokens = g.sizes.n_embd, g.tokens
    modalities = _modalities(g, il, x)
    news = ops.like("sub", x, plane(predictions))
    factors = ops.transpose(ops.like("scale", g.mm(il, "altup_correct_coef", modalities)))
    factors = ops.cont(factors, 1, tokens, streams)
    news = ops.make("repeat", F32, (width, tokens, streams, 1), news)
    return ops.like("add", ops.like("mul", news, factors), predictions)


def _sparse(x: Node) -> Node:
    mean = ops.make("mean", F32, (1, *x.ne[1:]), x)
    squares = ops.sum_rows(ops.like("sqr", ops.like("sub", x, mean)))
    spread = ops.like("sqrt", ops.like("scale", squares))
    bound = ops.like("add", mean, ops.like("scale", spread))
    return ops.unary("relu", ops.like("sub", x, bound))


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "gemma": partial(decoder, scale_input=True, scale_q=True, activation="geglu"),
    "gemma2": partial(
        decoder, scale_input=True, scale_q=True, activation="geglu", cap=True, cap_logits=True, **_BOTH
    ),
    "gemma3": gemma3,
    "gemma3n": gemma3n,
    "gemma4": gemma4,
}
"""Each architecture's function."""

VARIANTS: dict[str, Callable[[Parts, int], Hashable]] = {
    "gemma3n": lambda parts, il: (il < _SPARSE_LAYERS, slides_3n(parts, il)),
}
"""What tells two layers apart that have the same tensors and caches."""
