"""
The layer that most families share: norm, attention, norm, feed-forward part, each added to what came in.
"""

from collections.abc import Mapping
from typing import Any

from llmprobe.model import graph as ops
from llmprobe.model.archs._graph_builder import Builder
from llmprobe.model.graph import Node


def decoder(
    g: Builder,
    *,
    scale_input: bool = False,
    scale_rows: bool = False,
    norm: str = "rms_norm",
    cap_logits: bool = False,
    scale_logits: bool = False,
    hidden_output: bool = False,
    **layer: Any,
) -> None:
    """
    Build a whole model of equal layers. ``hidden_output`` keeps the last hidden state for a draft head.
    """
    x = g.embed(scaled=scale_rows)
    if scale_input:
        x = ops.like("scale", x)
    for il in g.layers():
        x = decoder_layer(g, il, x, norm=norm, **layer)
    if hidden_output:
        x.output = True
    g.finish(x, norm=norm, cap=cap_logits, scale=scale_logits)


def decoder_layer(
    g: Builder,
    il: int,
    x: Node,
    *,
    norm: str = "rms_norm",
    attn_norm: str = "attn_norm",
    ffn_norm: str = "ffn_norm",
    head_norms: bool = False,
    rope: bool = True,
    factors: bool = False,
    per_token: int = 1,
    scale_q: bool = False,
    sinks: bool = False,
    cap: bool = False,
    head: int = 0,
    post_attention_norm: str = "",
    post_ffn_norm: str = "",
    residual_first: bool = False,
    scale_residual: bool = False,
    activation: str = "swiglu",
    moe: Mapping[str, Any] | None = None,
) -> Node:
    """
    Build one layer. ``moe`` are the options of the mixture where the layer has a router.

    ``residual_first`` is the order of the last addition, which decides whose memory the sum takes.
    """
    residual = x
    x = g.norm(x, attn_norm, il, kind=norm)
    q, k, v = g.qkv(il, x, head_k=head)
    turn = g.rope_factors(il) if factors else None
    if head_norms:
        q = g.norm(q, "attn_q_norm", il, kind=norm)
    if rope:
        q = g.rope(q, turn, per_token=per_token)
    if head_norms:
        k = g.norm(k, "attn_k_norm", il, kind=norm)
    if rope:
        k = g.rope(k, turn, per_token=per_token)
    if scale_q:
        q = ops.like("scale", q)
    x = g.attention(il, q, k, v, sinks=g.weight(il, "attn_sinks.weight") if sinks else None, cap=cap)
    x, residual = g.crop(il, x, residual)
    if post_attention_norm:
        x = g.norm(x, post_attention_norm, il, kind=norm)
    if scale_residual:
        x = ops.like("scale", x)
    x = between = ops.like("add", x, residual)
    x = g.norm(x, ffn_norm, il, kind=norm)
    if moe is not None and g.weight(il, "ffn_gate_inp.weight") is not None:
        x = g.moe(il, x, **moe)
    else:
        x = g.ffn(il, x, activation)
    if post_ffn_norm:
        x = g.norm(x, post_ffn_norm, il, kind=norm, pin=False)
    if scale_residual:
        x = ops.like("scale", x)
    return ops.like("add", between, x) if residual_first else ops.like("add", x, between)
