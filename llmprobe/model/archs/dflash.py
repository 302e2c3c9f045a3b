"""
DFlash and DSpark heads: a few layers that draft a whole block of words at once from what the model saw.

The head injects the model's features into a cache of its own, and reads the model's embedding and output matrix. DSpark
adds a small matrix that lets each word of a block depend on the one before. Source: llama.cpp b11549,
src/models/dflash.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.draft_head import scores, words
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import KEY

ARCHITECTURES = ("dflash",)
HF_CLASSES: dict[str, str] = {}
NO_OUTPUT = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of a DFlash head.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.weight("fc", sizes.n_embd * len(hparams.get("target_layers") or (0,)), sizes.n_embd)
    inventory.norm("enc.output_norm")
    inventory.norm("output_norm")
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.norm("ffn_norm")
        inventory.ffn()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    One cache over all cells of the model, or two where some layers look back over a window.
    """
    slides = Sizes(hparams).flags(KEY)
    if not hparams.get("attention.sliding_window") or slides is None:
        return attention_cache(hparams)
    return sliding_cache(hparams, slides)


def graph(g: Builder) -> None:
    """
    Build the block's layers; each row of the micro-batch is scored, and each of a block sampled.
    """
    x = words(g)
    if g.hparams.get("embedding_scale"):
        x = ops.like("scale", x)
    for il in g.layers():
        x = _layer(g, il, x)
    x = g.norm(x, "output_norm")
    x.output = True
    scores(g, x, chains=max(g.run.outputs // g.run.sequences, 1))


from_config = None


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    q, k, v = g.qkv(il, g.norm(x, "attn_norm", il))
    q, k = g.norm(q, "attn_q_norm", il), g.norm(k, "attn_k_norm", il)
    per_token = 4 if g.hparams.get("rope.dimension_sections") else 1
    x = g.attention(
        il,
        g.rope(q, per_token=per_token),
        g.rope(k, per_token=per_token),
        v,
        sinks=g.weight(il, "attn_sinks.weight"),
    )
    if g.hparams.get("attention.value_scale"):
        x = ops.like("scale", x)
    if g.weight(il, "post_attention_norm.weight") is not None:
        x = g.norm(x, "post_attention_norm", il)
    between = ops.like("add", x, residual)
    x = g.ffn(il, g.norm(between, "ffn_norm", il))
    if g.weight(il, "post_ffw_norm.weight") is not None:
        x = g.norm(x, "post_ffw_norm", il)
    x = ops.like("add", x, between)
    scale = g.weight(il, "layer_output_scale.weight")
    return x if scale is None else ops.like("mul", x, scale)
