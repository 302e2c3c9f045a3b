"""
Encoders: the whole text at once, no cache, hidden states instead of logits.

Source: llama.cpp b11549, src/models/bert.cpp.
"""

import msgspec

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Layer, decoder_layer
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node

_LAYER = Layer()
_MIXTURE = Mixture(activation="gelu", norm=False, scale=False)


class Bert(msgspec.Struct, frozen=True, kw_only=True):
    """
    An encoder of BERT's kind: with rotary positions (``rope``) or with learned ones where the model has them.
    """

    rope: bool = False
    positions: bool = True
    activation: str = "gelu"


def bert(g: Builder, how: Bert) -> None:
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
    if how.positions and table is not None:
        table.buffer = host
        x = ops.like("add", ops.get_rows(table, g.positions()), x)
    x = g.norm(x, "token_embd_norm", kind="norm", first=True)
    for il in g.layers():
        x = _bert_layer(g, il, x, how)
    g.finish_hidden(x)


def _bert_layer(g: Builder, il: int, x: Node, how: Bert) -> Node:
    residual = x
    q, k, v = g.qkv(il, x)
    if g.weight(il, "attn_q_norm.weight") is not None:
        q, k = (_whole(g, il, part, f"attn_{name}_norm") for part, name in ((q, "q"), (k, "k")))
    if how.rope:
        q, k = g.rope(q), g.rope(k)
    x = g.attention(il, q, k, v, alibi=not how.rope and g.weight(-1, "position_embd.weight") is None)
    x, residual = g.crop(il, x, residual)
    x = g.norm(ops.like("add", x, residual), "attn_output_norm", il, kind="norm")
    if g.weight(il, "attn_norm_2.weight") is not None:
        x = g.norm(ops.like("add", x, residual), "attn_norm_2", il, kind="norm")
    between = x
    if g.weight(il, "ffn_gate_inp.weight") is not None:
        x = g.moe(il, x, _MIXTURE)
    elif how.activation == "geglu" and g.weight(il, "ffn_gate.weight") is None:
        merged = g.need(il, "ffn_up.weight").ne[1] != g.sizes.ff(il)
        x = g.ffn(il, x, "geglu*" if merged else "gelu")
    else:
        x = g.ffn(il, x, how.activation)
    return g.norm(ops.like("add", x, between), "layer_output_norm", il, kind="norm")


def _whole(g: Builder, il: int, x: Node, name: str) -> Node:
    flat = ops.reshape(x, x.ne[0] * x.ne[1], g.tokens)
    return ops.reshape(g.norm(flat, name, il, kind="norm"), *x.ne[:3])


def encoder(g: Builder, layer: Layer = _LAYER, last_norm: str = "output_norm") -> None:
    """
    Build an encoder of Llama's layers: no cache and no logits.
    """
    x = g.embed()
    for il in g.layers():
        x = decoder_layer(g, il, x, layer)
    g.finish_hidden(g.norm(x, last_norm))
