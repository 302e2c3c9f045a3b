"""
EAGLE-3 heads: one layer that reads a word and what three layers of the model saw, and drafts the next word.

The head keeps a cache of its own. Without an embedding it uses the model's; with fewer words than the model it says
which of the model's words its own are. Source: llama.cpp b11549, src/models/eagle3.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.draft_head import scores, words
from llmprobe.model.archs._building.ops import F32
from llmprobe.model.archs._shared.caches import attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("eagle3",)
HF_CLASSES: dict[str, str] = {}
NO_OUTPUT = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of a head with the model's words and embedding.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    features = sizes.number("target_hidden_size", sizes.n_embd) * len(
        hparams.get("target_layers") or (0, 1, 2)
    )
    inventory.weight("fc", features, sizes.n_embd)
    inventory.norm("output_norm")
    inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.norm("attn_norm_2")
        inventory.weight("attn_q", 2 * sizes.n_embd, sizes.heads() * sizes.head_k())
        inventory.weight("attn_k", 2 * sizes.n_embd, sizes.kv_heads() * sizes.head_k())
        inventory.weight("attn_v", 2 * sizes.n_embd, sizes.kv_heads() * sizes.head_v())
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
    return inventory.done()


caches = attention_cache


def graph(g: Builder) -> None:
    """
    Build the head's one layer: a word and a feature side by side, attention, and a feed-forward part.
    """
    il = g.run.built[0]
    feature = g.input("vectors", F32, g.sizes.n_embd, g.tokens)
    word = g.norm(words(g), "attn_norm", il)
    weight = g.need(il, "attn_norm_2.weight")
    normed = ops.like("mul", ops.like("rms_norm", feature), weight)
    residual = normed if g.hparams.get("norm_before_residual") else feature
    q, k, v = g.qkv(il, ops.concat(word, normed, 0))
    factors = g.weight(il, "rope_freqs.weight")
    x = g.attention(il, g.rope(q, factors), g.rope(k, factors), v)
    between = ops.like("add", x, residual)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    x = ops.like("add", x, between)
    x.output = True
    scores(g, g.norm(x, "output_norm"), chains=1)


from_config = None
