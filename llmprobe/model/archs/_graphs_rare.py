"""
Graphs of architectures that are seldom met, by architecture.

Sources: llama.cpp b11549, src/models/. Small made-up models that it loaded on a CPU had these nodes and buffers;
the same on devices follows from the rules alone. Step 3.5's clamped activations are built as plain ones, which take
no less.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import (
    decoder,
    decoder_layer,
    feed_forward,
    heads,
    is_full,
    parallel_layer,
    routing,
    scaled_routing,
    slides,
)
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._graphs_encoders import bert
from llmprobe.model.archs._graphs_mixtures import afmoe_layer

_BAICHUAN_TURNED = 32
_BAICHUAN_BIASED = 40
_PERIOD = 4
_MODERN_BERT_PERIOD = 3


def minimax_m2(g: Builder) -> None:
    """
    Build MiniMax M2.
    """
    decoder(g, head_norms="whole", moe=routing(g, norm=True))


def dots1(g: Builder) -> None:
    """
    Build dots.llm1.
    """
    decoder(g, head_norms="before", moe=routing(g), shared="plain")


def hy_v3(g: Builder) -> None:
    """
    Build Hy 3.
    """
    decoder(g, factors=True, head_norms="before", moe=routing(g), shared="plain")


def exaone_moe(g: Builder) -> None:
    """
    Build EXAONE with experts: layers that see everything know no positions.
    """
    decoder(g, factors=True, head_norms="before", no_rope=is_full, moe=routing(g), shared="plain")


def bailingmoe(g: Builder) -> None:
    """
    Build Ling.
    """
    norm = bool(g.hparams.get("expert_weights_norm"))
    decoder(g, factors=True, moe={"norm": norm, "scale": scaled_routing(g)}, shared="plain")


def olmoe(g: Builder, *, head_norms: str = "whole", norm: bool = False) -> None:
    """
    Build OLMoE, or a mixture like it: ``norm`` lets the chosen experts' weights add up to one.
    """
    decoder(g, head_norms=head_norms, moe={"norm": norm, "scale": scaled_routing(g)})


def baichuan(g: Builder) -> None:
    """
    Build Baichuan: with 32 layers it has rotary positions, with 40 biases by distance.
    """
    count = len(g.parts.sizes.trunk)
    decoder(g, rope=count == _BAICHUAN_TURNED, alibi=count == _BAICHUAN_BIASED)


def mpt(g: Builder) -> None:
    """
    Build MPT: biases by distance, learned positions where the model has them.
    """
    learned = g.weight(-1, "position_embd.weight") is not None
    alibi = bool(g.hparams.get("attention.max_alibi_bias"))
    decoder(g, norm="norm", activation="gelu", rope=False, learned_positions=learned, alibi=alibi)


def hunyuan_vl(g: Builder) -> None:
    """
    Build Hunyuan with vision.
    """
    sections = g.hparams.get("rope.dimension_sections")
    several = isinstance(sections, list | tuple) and bool(sections[0] and sections[1])
    decoder(g, factors=True, head_norms="after", per_token=4 if several else 1)


def muse_glimmer(g: Builder) -> None:
    """
    Build Muse Glimmer: embeddings are normed, attention is multiplied by a gate.
    """
    x = ops.like("rms_norm", g.embed())
    for il in g.layers():
        x = afmoe_layer(g, il, x)
    g.finish(x, scale=True, cap=bool(g.hparams.get("final_logit_softcapping")))


def bitnet(g: Builder) -> None:
    """
    Build BitNet: a norm before the last matrix of each part; logits come from the embedding on the host.
    """
    x = g.embed()
    for il in g.layers():
        residual = x
        q, k, v = heads(g, il, g.norm(x, "attn_norm", il))
        x = g.norm(g.attention(il, q, k, v, output=""), "attn_sub_norm", il)
        x, residual = g.crop(il, g.biased(il, "attn_output", x, scaled=True), residual)
        between = ops.like("add", x, residual)
        x = g.norm(between, "ffn_norm", il)
        up = g.biased(il, "ffn_up", x, scaled=True)
        x = ops.glu("swiglu", g.biased(il, "ffn_gate", x, scaled=True), up)
        x = g.biased(il, "ffn_down", g.norm(x, "ffn_sub_norm", il), scaled=True)
        x = ops.like("add", x, between)
    x = g.norm(x, "output_norm")
    x.output = True
    table = g.copy("token_embd.weight", g.run.host)
    assert table is not None
    x = ops.mul_mat(table, x)
    x.output = True
    g.graph.expand(x)


def arctic_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Arctic: the mixture reads what came in, beside attention and a dense part.
    """
    residual = x
    q, k, v = heads(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", x, residual)
    dense = ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)
    x = g.moe(il, g.norm(residual, "ffn_norm_exps", il), scale=scaled_routing(g))
    return ops.like("add", x, dense)


def smallthinker_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of SmallThinker: experts are chosen before the attention.
    """
    residual = x
    scores = g.mm(il, "ffn_gate_inp", x)
    q, k, v = heads(g, il, g.norm(x, "attn_norm", il), rope=_smallthinker_turns(g.parts, il))
    x, residual, scores = g.crop(il, g.attention(il, q, k, v), residual, scores)
    between = ops.like("add", x, residual)
    options = routing(g, norm=True)
    x = g.moe(il, g.norm(between, "ffn_norm", il), scores=scores, activation="reglu", **options)
    return ops.like("add", x, between)


def _smallthinker_turns(parts: Parts, il: int) -> bool:
    return not parts.hparams.get("attention.sliding_window") or il % _PERIOD != 0


def cohere2moe_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Command A with experts: both parts read the same norm, the shared expert is averaged in.
    """
    kind = "rms_norm" if g.hparams.get("attention.layer_norm_rms_epsilon") else "norm"
    residual = x
    x = normed = g.norm(x, "attn_norm", il, kind=kind)
    dense = il < int(g.hparams.get("leading_dense_block_count") or 0)
    q, k, v = heads(g, il, x, factors=True, rope=dense or slides(g, il))
    x, residual, normed = g.crop(il, g.attention(il, q, k, v), residual, normed)
    inner = feed_forward(g, il, normed, moe=routing(g), shared="plain")
    if g.weight(il, "ffn_up_shexp.weight") is not None:
        inner = ops.like("scale", inner)
    return ops.like("add", ops.like("add", inner, residual), x)


def cohere2moe(g: Builder) -> None:
    """
    Build Command A with experts.
    """
    kind = "rms_norm" if g.hparams.get("attention.layer_norm_rms_epsilon") else "norm"
    scale = bool(g.hparams.get("logit_scale"))
    decoder(g, layer=cohere2moe_layer, norm=kind, scale_logits=scale)


def step35_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Step 3.5: each head of the attention is multiplied by a gate.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il)
    head_norms = "before" if g.weight(il, "attn_q_norm.weight") is not None else ""
    q, k, v = heads(g, il, x, head_norms=head_norms, factors=not slides(g, il))
    x = g.attention(il, q, k, v, output="")
    if g.weight(il, "attn_gate.weight") is not None:
        width, count = x.ne[0], g.sizes.heads(il)
        gate = ops.unary("sigmoid", g.mm(il, "attn_gate", normed))
        x = ops.reshape(x, width // count, count, g.tokens)
        x = ops.like("mul", x, ops.reshape(gate, 1, count, g.tokens))
        x = ops.reshape(x, width, g.tokens)
    x, residual = g.crop(il, g.mm(il, "attn_output", x), residual)
    between = ops.like("add", x, residual)
    x = feed_forward(g, il, g.norm(between, "ffn_norm", il), moe=routing(g), shared="plain")
    return ops.like("add", x, between)


def openelm_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of OpenELM: the merged matrix's result is cut into heads before queries, keys and values.
    """
    sizes = g.sizes
    residual = x
    x = g.mm(il, "attn_qkv", g.norm(x, "attn_norm", il))
    count, kv_count, width = sizes.heads(il), sizes.kv_heads(il), sizes.head_k()
    x = ops.reshape(x, width, count + 2 * kv_count, g.tokens)
    q, k, v = (ops.view(x, (width, some, g.tokens), x.nb[1:3]) for some in (count, kv_count, kv_count))
    q, k = g.rope(g.norm(q, "attn_q_norm", il)), g.rope(g.norm(k, "attn_k_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", residual, x)
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)


def grok(g: Builder) -> None:
    """
    Build Grok: embeddings and logits are scaled even where the metadata does not say so.
    """
    get = g.hparams.get
    decoder(
        g,
        layer=grok_layer,
        scale_input=not get("embedding_scale"),
        scale_logits=True,
        cap_logits=bool(get("final_logit_softcapping")),
    )


def grok_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Grok: where the model has a dense part, it is averaged with the mixture.
    """
    residual = x
    q, k, v = heads(g, il, g.norm(x, "attn_norm", il))
    x, residual = g.crop(il, g.attention(il, q, k, v, cap=True), residual)
    between = ops.like("add", g.norm(x, "attn_output_norm", il), residual)
    inner = g.norm(between, "ffn_norm", il)
    x = g.moe(il, inner, activation="geglu", scale=scaled_routing(g))
    if g.weight(il, "ffn_up.weight") is not None:
        x = ops.like("scale", ops.like("add", g.ffn(il, inner, "geglu"), x))
    last = "layer_output_norm" if g.weight(il, "layer_output_norm.weight") else "post_ffw_norm"
    return ops.like("add", g.norm(x, last, il), between)


def deci_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of DeciLM: attention may be one matrix or missing, and so may be the feed-forward part.
    """
    sizes = g.sizes
    residual = x
    attends = bool(sizes.heads(il))
    if attends:
        x = g.norm(x, "attn_norm", il)
        if sizes.kv_heads(il):
            q, k, v = heads(g, il, x, factors=True)
            x = g.attention(il, q, k, v)
        else:
            x = g.mm(il, "attn_output", x)
    if not sizes.ff(il):
        return residual
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual) if attends else x
    return ops.like("add", g.ffn(il, g.norm(between, "ffn_norm", il)), between)


def encoder(g: Builder, *, last_norm: str = "output_norm", **options: Any) -> None:
    """
    Build an encoder of Llama's layers: no cache and no logits.
    """
    x = g.embed()
    for il in g.layers():
        x = decoder_layer(g, il, x, **options)
    g.finish_hidden(g.norm(x, last_norm))


def modern_bert(g: Builder) -> None:
    """
    Build ModernBERT: two of three layers see a window; the first layer's input was normed already.
    """
    kind = "norm"
    activation = "swiglu*" if g.hparams.get("hidden_activation") in ("silu", "swiglu") else "geglu*"
    x = g.norm(g.embed(), "token_embd_norm", kind=kind, first=True)
    for il in g.layers():
        residual = x
        if g.weight(il, "attn_norm.weight") is not None:
            x = g.norm(x, "attn_norm", il, kind=kind)
        q, k, v = heads(g, il, x)
        x = g.attention(il, q, k, v, window=_modern_bert_slides(g.parts, il))
        x, residual = g.crop(il, x, residual)
        between = ops.like("add", x, residual)
        x = g.ffn(il, g.norm(between, "ffn_norm", il, kind=kind), activation)
        x = ops.like("add", x, between)
    g.finish_hidden(g.norm(x, "output_norm", kind=kind))


def _modern_bert_slides(parts: Parts, il: int) -> bool:
    get = parts.hparams.get
    if not get("attention.sliding_window"):
        return False
    pattern = get("attention.sliding_window_pattern", _MODERN_BERT_PERIOD)
    if isinstance(pattern, list | tuple):
        return bool(pattern[il])
    return il % int(pattern) != 0


_PLAIN: dict[str, Callable[[Builder], None]] = {
    "qwen": decoder,
    "xverse": decoder,
    "orion": partial(decoder, norm="norm"),
    "codeshell": partial(decoder, norm="norm", activation="gelu"),
    "refact": partial(decoder, rope=False, alibi=True),
    "jais": partial(decoder, norm="norm", rope=False, alibi=True),
    "maincoder": partial(decoder, head_norms="after"),
    "baichuan": baichuan,
    "mpt": mpt,
    "hunyuan_vl": hunyuan_vl,
    "plamo": partial(decoder, layer=parallel_layer, norm="rms_norm", order="ffn attention input"),
    "plamo3": partial(
        decoder,
        head_norms="before",
        activation="swiglu*",
        post_attention_norm="post_attention_norm",
        post_ffn_norm="post_ffw_norm",
        pin_post_ffn_norm=True,
    ),
    "bitnet": bitnet,
    "openelm": partial(decoder, layer=openelm_layer),
    "deci": partial(decoder, layer=deci_layer),
    "muse-glimmer": muse_glimmer,
}

GRAPHS: dict[str, Callable[[Builder], None]] = {
    **_PLAIN,
    "olmoe": olmoe,
    "llada-moe": partial(olmoe, head_norms="before"),
    "rnd1": partial(olmoe, head_norms="before", norm=True),
    "minimax-m2": minimax_m2,
    "bailingmoe": bailingmoe,
    "dots1": dots1,
    "hy_v3": hy_v3,
    "exaone-moe": exaone_moe,
    "dbrx": partial(decoder, norm="norm", ffn_norm="attn_output_norm", moe={}),
    "arctic": partial(decoder, layer=arctic_layer),
    "smallthinker": partial(decoder, layer=smallthinker_layer),
    "cohere2moe": cohere2moe,
    "grok": grok,
    "step35": partial(decoder, layer=step35_layer, hidden_output=True),
    "eurobert": encoder,
    "neo-bert": partial(encoder, activation="swiglu*", last_norm="enc.output_norm"),
    "modern-bert": modern_bert,
    "jina-bert-v3": partial(bert, rope=True, positions=False),
}
"""Each architecture's function."""

VARIANTS: dict[str, Callable[[Parts, int], Hashable]] = {
    "smallthinker": _smallthinker_turns,
    "modern-bert": _modern_bert_slides,
    "cohere2moe": lambda parts, il: il < int(parts.hparams.get("leading_dense_block_count") or 0),
}
"""What tells two layers apart that have the same tensors and caches."""
