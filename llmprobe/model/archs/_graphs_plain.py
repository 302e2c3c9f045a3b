"""
Graphs of models whose feed-forward parts are dense, by architecture. Sources: llama.cpp b11549, src/models/.
"""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import (
    decoder,
    heads,
    is_full,
    parallel_layer,
    scaled_routing,
)
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts


def granite(g: Builder, *, scaled: bool = False) -> None:
    """
    Build Granite: embeddings, residuals and logits are multiplied by constants, ``scaled`` even if none are told.
    """
    get = g.hparams.get
    decoder(
        g,
        scale_input=scaled and not get("embedding_scale"),
        rope=get("rope.scaling.finetuned") is not False,
        factors=True,
        scale_residual=scaled or bool(get("residual_scale")),
        scale_logits=True,
        moe={"scale": scaled_routing(g)},
        shared="plain",
    )


def granite_swa(g: Builder) -> None:
    """
    Build Granite with windows: sinks, merged matrices, positions on the layers that have them.
    """
    get = g.hparams.get
    pattern = get("rope.pattern")
    decoder(
        g,
        factors=True,
        sinks=True,
        no_rope=(lambda _, il: not pattern[il]) if isinstance(pattern, list | tuple) else None,
        scale_residual=bool(get("residual_scale")),
        scale_logits=True,
        moe={"scale": scaled_routing(g)},
        shared="plain",
        shared_activation="swiglu*",
    )


def command_r(g: Builder) -> None:
    """
    Build Command R: both parts read the same norm.
    """
    decoder(
        g,
        layer=parallel_layer,
        norm="norm",
        optional_head_norms=True,
        scale_logits=bool(g.hparams.get("logit_scale")),
    )


def cohere2(g: Builder) -> None:
    """
    Build Command R7B: layers that see everything know no positions.
    """
    decoder(
        g,
        layer=parallel_layer,
        norm="norm",
        factors=True,
        no_rope=is_full,
        scale_logits=bool(g.hparams.get("logit_scale")),
    )


def gptneox(g: Builder) -> None:
    """
    Build GPT-NeoX: both parts read the same input, each through a norm of its own.
    """
    if g.hparams.get("use_parallel_residual", True):
        decoder(g, layer=parallel_layer, norm="norm", own_norm="ffn_norm", activation="gelu")
    else:
        decoder(g, norm="norm", activation="gelu")


def stablelm_layer(g: Builder, il: int, x: Node, *, norm: str) -> Node:
    """
    Build a layer of StableLM, whose feed-forward part reads the attention's norm where it has none of its own.
    """
    residual = x
    x = normed = g.norm(x, "attn_norm", il, kind=norm)
    normed_heads = g.weight(il, "attn_q_norm.weight") is not None
    q, k, v = heads(g, il, x, norm=norm, head_norms="before" if normed_heads else "")
    x, residual, normed = g.crop(il, g.attention(il, q, k, v), residual, normed)
    between = ops.like("add", x, residual)
    own = g.weight(il, "ffn_norm.weight") is not None
    x = g.ffn(il, g.norm(between, "ffn_norm", il, kind=norm) if own else normed)
    return ops.like("add", x, between)


def smollm3(g: Builder) -> None:
    """
    Build SmolLM 3: every fourth layer knows no positions.
    """
    decoder(g, no_rope=lambda _, il: (il + 1) % 4 == 0)


def qwen3vl(g: Builder) -> None:
    """
    Build Qwen 3 with vision: the first layers add image features.
    """
    decoder(
        g,
        per_token=4,
        head_norms="before",
        moe={"scale": scaled_routing(g)},
        deepstack=int(g.hparams.get("n_deepstack_layers") or 0),
    )


def mistral3(g: Builder) -> None:
    """
    Build Mistral 3: queries are scaled with the position where the metadata says so.
    """
    decoder(
        g,
        factors=True,
        temperature=bool(g.hparams.get("attention.temperature_scale")),
        moe={"scale": scaled_routing(g)},
    )


def glm4(g: Builder) -> None:
    """
    Build GLM-4: norms before and after each part.
    """
    decoder(
        g,
        per_token=4 if g.hparams.get("rope.dimension_sections") else 1,
        activation="swiglu*",
        post_attention_norm="post_attention_norm",
        post_ffn_norm="post_ffw_norm",
        pin_post_ffn_norm=True,
    )


_AFTER: dict[str, Any] = {
    "attn_norm": "",
    "ffn_norm": "",
    "post_attention_norm": "post_attention_norm",
    "post_ffn_norm": "post_ffw_norm",
}

GRAPHS: dict[str, Callable[[Builder], None]] = {
    "llama": partial(decoder, factors=True, moe={}),
    "qwen2": decoder,
    "qwen2vl": partial(decoder, per_token=4),
    "qwen3": partial(decoder, head_norms="before"),
    "qwen3vl": qwen3vl,
    "qwen3vlmoe": qwen3vl,
    "mistral3": mistral3,
    "ernie4_5": decoder,
    "internlm2": decoder,
    "exaone": partial(decoder, factors=True),
    "exaone4": partial(decoder, factors=True, head_norms="before", no_rope=is_full, **_AFTER),
    "olmo": partial(decoder, norm="norm"),
    "olmo2": partial(decoder, head_norms="whole", **_AFTER),
    "seed_oss": partial(decoder, ffn_norm="post_attention_norm"),
    "smollm3": smollm3,
    "hunyuan-dense": partial(decoder, factors=True, head_norms="after"),
    "granite": granite,
    "granitemoe": granite,
    "granite_swa": granite_swa,
    "minicpm": partial(granite, scaled=True),
    "phi2": partial(
        decoder,
        layer=parallel_layer,
        norm="norm",
        activation="gelu",
        scale_q=True,
        order="attention ffn input",
    ),
    "phi3": partial(decoder, factors=True, scale_q=True, activation="swiglu*", residual_first=True),
    "phimoe": partial(decoder, factors=True, scale_q=True, residual_first=True, moe={}),
    "falcon": partial(
        decoder, layer=parallel_layer, norm="norm", activation="gelu", order="ffn attention input"
    ),
    "command-r": command_r,
    "cohere2": cohere2,
    "gptneox": gptneox,
    "stablelm": partial(decoder, layer=stablelm_layer, norm="norm"),
    "chatglm": partial(decoder, activation="swiglu*"),
    "glm4": glm4,
    "starcoder": partial(decoder, norm="norm", activation="gelu", rope=False, learned_positions=True),
    "gpt2": partial(decoder, norm="norm", activation="gelu", rope=False, learned_positions=True),
    "starcoder2": partial(decoder, norm="norm", activation="gelu"),
    "bloom": partial(decoder, norm="norm", activation="gelu", rope=False, embedding_norm=True, alibi=True),
    "nemotron": partial(decoder, norm="norm", activation="relu_sqr"),
    "apertus": partial(decoder, factors=True, head_norms="before", activation="xielu"),
    "arcee": partial(decoder, factors=True, activation="relu_sqr"),
}
"""Each architecture's function."""


def _deepstack(parts: Parts, il: int) -> Hashable:
    return il < int(parts.hparams.get("n_deepstack_layers") or 0)


def _rope_pattern(parts: Parts, il: int) -> Hashable:
    pattern = parts.hparams.get("rope.pattern")
    return bool(pattern[il]) if isinstance(pattern, list | tuple) else True


VARIANTS: dict[str, Callable[[Parts, int], Hashable]] = {
    "qwen3vl": _deepstack,
    "qwen3vlmoe": _deepstack,
    "granite_swa": _rope_pattern,
    "smollm3": lambda _, il: (il + 1) % 4 == 0,
}
"""What tells two layers apart that have the same tensors and caches."""
