"""
Graphs of mixtures of experts with ordinary attention, by architecture. Sources: llama.cpp b11549, src/models/.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import (
    decoder,
    decoder_layer,
    feed_forward,
    heads,
    is_full,
    routing,
    scaled_routing,
)
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, Node


def qwen3moe(g: Builder) -> None:
    """
    Build Qwen 3 with experts.
    """
    decoder(g, head_norms="before", moe={"scale": scaled_routing(g)})


def gpt_oss(g: Builder) -> None:
    """
    Build gpt-oss: the weights of the chosen experts are a softmax over these only.
    """
    decoder(
        g,
        head=g.sizes.n_rot,
        sinks=True,
        ffn_norm="post_attention_norm",
        moe={
            "gating": "softmax after",
            "activation": "swiglu_oai",
            "norm": False,
            "scale": scaled_routing(g),
        },
        hidden_output=True,
    )


def qwen2moe(g: Builder) -> None:
    """
    Build Qwen 2 with experts: the shared ones behind a gate.
    """
    decoder(g, moe={"norm": False, "scale": scaled_routing(g)}, shared="gated")


def glm4moe(g: Builder) -> None:
    """
    Build GLM-4.5: head norms where the model has them.
    """
    normed = g.weight(0, "attn_q_norm.weight") is not None
    decoder(
        g,
        per_token=4 if g.hparams.get("rope.dimension_sections") else 1,
        head_norms="before" if normed else "",
        ffn_norm="post_attention_norm",
        moe=routing(g),
        shared="plain",
    )


def deepseek(g: Builder) -> None:
    """
    Build the first DeepSeek with experts.
    """
    decoder(g, factors=True, moe={"norm": False, "scale": scaled_routing(g)}, shared="plain")


def bailingmoe2(g: Builder) -> None:
    """
    Build Ling 2.
    """
    decoder(g, head_norms="before", moe=routing(g), shared="plain")


def ernie4_5_moe(g: Builder) -> None:
    """
    Build ERNIE 4.5 with experts.
    """
    decoder(g, moe={"scale": scaled_routing(g)}, shared="plain")


def hunyuan_moe(g: Builder) -> None:
    """
    Build Hunyuan with experts: keys and queries are normed after their positions.
    """
    decoder(g, factors=True, head_norms="after", moe={"scale": scaled_routing(g)}, shared="plain")


def mellum(g: Builder) -> None:
    """
    Build Mellum 2.
    """
    decoder(g, head_norms="before", moe={"scale": scaled_routing(g)})


def mimo2(g: Builder) -> None:
    """
    Build MiMo 2: keys and values differ in size, and layers in their number of heads.
    """
    decoder(
        g,
        layer=mimo2_layer,
        moe={"gating": "sigmoid", "scale": scaled_routing(g)},
        scale_attention=bool(g.hparams.get("attention.value_scale")),
        hidden_output=True,
    )


def mimo2_layer(g: Builder, il: int, x: Node, **options: Any) -> Node:
    """
    Build one layer with the head sizes of its own cache.
    """
    number, position = g.parts.cache_of[il]
    cached = g.parts.layout.kv[number].layers[position]
    return decoder_layer(g, il, x, sinks=True, head=cached.head_k, head_v=cached.head_v, **options)


def afmoe_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Trinity: the attention is multiplied by a gate, and each part is normed on both sides.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    q, k, v = heads(g, il, x, head_norms="before", rope=not is_full(g, il))
    gate = g.mm(il, "attn_gate", x)
    x = g.attention(il, q, k, v, output="")
    x = g.mm(il, "attn_output", ops.like("mul", x, ops.unary("sigmoid", gate)))
    x = g.norm(x, "post_attention_norm", il)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    x = feed_forward(g, il, x, moe=routing(g), shared="plain")
    return ops.like("add", g.norm(x, "post_ffw_norm", il), between)


def laguna_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Laguna: each head of the attention, or each value, is multiplied by a gate.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    q, k, v = heads(g, il, x, head_norms="before")
    gate = g.mm(il, "attn_gate", x)
    x = g.attention(il, q, k, v, output="")
    gate = ops.unary("softplus", gate)
    count = g.sizes.heads(il)
    if gate.ne[0] == count:
        width = x.ne[0]
        x = ops.reshape(x, width // count, count, g.tokens)
        x = ops.like("mul", x, ops.reshape(gate, 1, count, g.tokens))
        x = ops.reshape(x, width, g.tokens)
    else:
        x = ops.like("mul", x, gate)
    x, residual = g.crop(il, g.mm(il, "attn_output", x), residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, moe=routing(g), shared="plain"), between)


def llama4_layer(g: Builder, il: int, x: Node, **_: object) -> Node:
    """
    Build a layer of Llama 4: chunked layers have positions, the others a temperature.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    full = is_full(g, il)
    q, k, v = heads(g, il, x, rope=not full, factors=True)
    if full:
        q = ops.like("mul", q, g.input("temperature", F32, 1, 1, g.tokens))
    elif g.sizes.n_expert != 128:
        q, k = ops.like("rms_norm", q), ops.like("rms_norm", k)
    x, residual = g.crop(il, g.attention(il, q, k, v), residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    options = {"gating": "sigmoid", "norm": False, "weigh_first": True, "scale": scaled_routing(g)}
    return ops.like("add", feed_forward(g, il, x, moe=options, shared="plain"), between)


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "qwen3moe": qwen3moe,
    "gpt-oss": gpt_oss,
    "qwen2moe": qwen2moe,
    "glm4moe": glm4moe,
    "deepseek": deepseek,
    "bailingmoe2": bailingmoe2,
    "ernie4_5-moe": ernie4_5_moe,
    "hunyuan-moe": hunyuan_moe,
    "mellum": mellum,
    "mimo2": mimo2,
    "afmoe": partial(decoder, layer=afmoe_layer, scale_input=True),
    "laguna": partial(decoder, layer=laguna_layer),
    "llama4": partial(decoder, layer=llama4_layer),
}
"""Each architecture's function."""
