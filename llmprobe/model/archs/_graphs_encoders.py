"""
Graphs of models without a cache, by architecture: encoders, and models that write by diffusion.

Sources: llama.cpp b11549, src/models/bert.cpp and others.
"""

from collections.abc import Callable, Hashable
from functools import partial

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import decoder, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._building.run import Parts

_GEMMA_PERIOD = 6


def bert(g: Builder, *, rope: bool = False, positions: bool = True, activation: str = "gelu") -> None:
    """
    Build an encoder of BERT's kind: norms after each part, no logits.
    """
    host = g.run.host
    x = g.embed()
    kinds = g.weight(-1, "token_types.weight")
    if kinds is not None:
        kinds.buffer = host
        x = ops.like("add", x, ops.view(kinds, (g.sizes.n_embd,)))
    table = g.weight(-1, "position_embd.weight")
    if positions and table is not None:
        table.buffer = host
        x = ops.like("add", ops.get_rows(table, g.positions()), x)
    x = g.norm(x, "token_embd_norm", kind="norm", first=True)
    for il in g.layers():
        x = _bert_layer(g, il, x, rope=rope, activation=activation)
    g.finish_hidden(x)


def _bert_layer(g: Builder, il: int, x: Node, *, rope: bool, activation: str) -> Node:
    residual = x
    q, k, v = g.qkv(il, x)
    if g.weight(il, "attn_q_norm.weight") is not None:
        q, k = (_whole(g, il, part, f"attn_{name}_norm") for part, name in ((q, "q"), (k, "k")))
    if rope:
        q, k = g.rope(q), g.rope(k)
    x = g.attention(il, q, k, v, alibi=not rope and g.weight(-1, "position_embd.weight") is None)
    x, residual = g.crop(il, x, residual)
    x = g.norm(ops.like("add", x, residual), "attn_output_norm", il, kind="norm")
    if g.weight(il, "attn_norm_2.weight") is not None:
        x = g.norm(ops.like("add", x, residual), "attn_norm_2", il, kind="norm")
    between = x
    if g.weight(il, "ffn_gate_inp.weight") is not None:
        x = g.moe(il, x, activation="gelu", norm=False)
    elif activation == "geglu" and g.weight(il, "ffn_gate.weight") is None:
        merged = g.need(il, "ffn_up.weight").ne[1] != g.sizes.ff(il)
        x = g.ffn(il, x, "geglu*" if merged else "gelu")
    else:
        x = g.ffn(il, x, activation)
    return g.norm(ops.like("add", x, between), "layer_output_norm", il, kind="norm")


def _whole(g: Builder, il: int, x: Node, name: str) -> Node:
    flat = ops.reshape(x, x.ne[0] * x.ne[1], g.tokens)
    return ops.reshape(g.norm(flat, name, il, kind="norm"), *x.ne[:3])


def gemma_embedding(g: Builder) -> None:
    """
    Build the Gemma that makes embeddings: its layers see a window or everything, in both directions.
    """
    x = g.embed(scaled=True)
    for il in g.layers():
        residual = x
        x = g.norm(x, "attn_norm", il)
        q, k, v = heads(g, il, x, head_norms="before", scale_q=True)
        x = g.attention(il, q, k, v, window=_slides(g.parts, il))
        x, residual = g.crop(il, x, residual)
        between = ops.like("add", g.norm(x, "post_attention_norm", il), residual)
        x = g.ffn(il, g.norm(between, "ffn_norm", il), "geglu")
        x = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), between)
    g.finish_hidden(g.norm(x, "output_norm"))


def _slides(parts: Parts, il: int) -> bool:
    pattern = parts.hparams.get("attention.sliding_window_pattern", _GEMMA_PERIOD)
    if isinstance(pattern, list | tuple):
        return bool(pattern[il])
    return il % int(pattern) < int(pattern) - 1


GRAPHS: dict[str, Callable[[Builder], None]] = {
    "bert": bert,
    "nomic-bert": partial(bert, rope=True, positions=False, activation="swiglu"),
    "nomic-bert-moe": partial(bert, rope=True, positions=False),
    "jina-bert-v2": partial(bert, positions=False, activation="geglu"),
    "gemma-embedding": gemma_embedding,
    "llada": decoder,
    "dream": decoder,
}
"""Each architecture's function."""

VARIANTS: dict[str, Callable[[Parts, int], Hashable]] = {"gemma-embedding": _slides}
"""What tells two layers apart that have the same tensors and caches."""
