"""
EmbeddingGemma: Gemma 3 as an encoder.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Heads, heads
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import no_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("gemma-embedding",)
HF_CLASSES: dict[str, str] = {
    "Gemma3TextModel": "gemma-embedding",
}

PERIOD = 6


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("post_attention_norm")
        inventory.head_norms()
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
        inventory.norm("post_ffw_norm")
    inventory.output(always_tied=True)
    return inventory.done()


caches = no_cache


def graph(g: Builder) -> None:
    """
    Build the Gemma that makes embeddings: its layers see a window or everything, in both directions.
    """
    x = g.embed(scaled=True)
    for il in g.layers():
        residual = x
        x = g.norm(x, "attn_norm", il)
        q, k, v = heads(g, il, x, Heads(norms="before", scale_q=True))
        x = g.attention(il, q, k, v, window=layer_variant(g.parts, il))
        x, residual = g.crop(il, x, residual)
        between = ops.like("add", g.norm(x, "post_attention_norm", il), residual)
        x = g.ffn(il, g.norm(between, "ffn_norm", il), "geglu")
        x = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), between)
    g.finish_hidden(g.norm(x, "output_norm"))


from_config = rules.gemma3


def layer_variant(parts: Parts, il: int) -> bool:
    """
    Say whether a layer sees a window only.
    """
    pattern = parts.hparams.get("attention.sliding_window_pattern", PERIOD)
    if isinstance(pattern, list | tuple):
        return bool(pattern[il])
    return il % int(pattern) < int(pattern) - 1
