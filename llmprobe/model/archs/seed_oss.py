"""
Seed OSS: Llama's layer with biases on queries, keys and values.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("seed_oss",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; the norm after the attention is the one before the feed-forward part.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.qkv(bias=True)
        inventory.attn_output()
        inventory.norm("attn_norm")
        inventory.norm("post_attention_norm")
        inventory.ffn("gate up down")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
