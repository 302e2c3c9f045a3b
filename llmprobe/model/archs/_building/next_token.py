"""
The graph of a layer that predicts one token more (MTP), in a context of its own that drafts for the model.

It reads the word that was chosen and the model's last hidden state, and ends as the model does, in scores of all words.
Source: llama.cpp b11549, src/models/qwen35.cpp and its neighbours (``graph_mtp``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Step
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node


def next_token_graph(
    g: Builder, layer: Step, *, norm: str = "rms_norm", crop_first: bool = False, norm_first: bool = True
) -> None:
    """
    Build the whole graph: the layer is the first of those that are left in ``g``.

    ``crop_first`` keeps the rows of the output before the feed-forward part already, where the family's layer crops.
    ``norm_first`` normalizes all rows before those of the output are kept; they are the hidden state that the next
    draft starts from. ``norm`` is the kind of that norm.
    """
    il = g.run.built[0]
    if not crop_first:
        g.last = -1
    x = layer(g, il, entered(g, il))
    if not norm_first:
        x = _rows(g, x)
        x.output = True
    x = normed(g, il, x, norm)
    if norm_first:
        x.output = True
        if not crop_first:
            x = _rows(g, x)
    head = g.weight(il, "nextn.shared_head_head.weight")
    x = g.logits(x) if head is None else ops.mul_mat(head, x)
    x.output = True
    g.graph.expand(x)


def entered(g: Builder, il: int) -> Node:
    """
    The embedding of the chosen word and the last hidden state, normalized and joined by a matrix.
    """
    table = g.weight(il, "nextn.embed_tokens.weight") or g.copy("token_embd.weight", g.run.host)
    assert table is not None
    words = ops.get_rows(table, g.input("tokens", I32, g.tokens))
    state = g.norm(g.input("hidden state", F32, g.sizes.n_embd, g.tokens), "nextn.hnorm", il)
    return g.mm(il, "nextn.eh_proj", ops.concat(g.norm(words, "nextn.enorm", il), state, 0))


def entered_streams(g: Builder, il: int, count: int) -> Node:
    """
    The same for a model with several streams: the word beside each of them.
    """
    width, tokens = g.sizes.n_embd, g.tokens
    table = g.weight(il, "nextn.embed_tokens.weight") or g.copy("token_embd.weight", g.run.host)
    assert table is not None
    word = g.norm(ops.get_rows(table, g.input("tokens", I32, tokens)), "nextn.enorm", il)
    word = ops.make("repeat", F32, (width, count, tokens, 1), ops.reshape(word, width, 1, tokens))
    state = ops.reshape(g.input("hidden state", F32, width * count, tokens), width, count, tokens)
    return g.mm(il, "nextn.eh_proj", ops.concat(word, g.norm(state, "nextn.hnorm", il), 0))


def normed(g: Builder, il: int, x: Node, kind: str) -> Node:
    """
    The norm before the scores: the layer's own, or the model's.
    """
    if g.weight(il, "nextn.shared_head_norm.weight") is not None:
        return ops.like("mul", ops.like(kind, x), g.need(il, "nextn.shared_head_norm.weight"))
    return g.norm(x, "output_norm", kind=kind)


def _rows(g: Builder, x: Node) -> Node:
    return ops.get_rows(x, g.input("output ids", I32, g.run.outputs))
