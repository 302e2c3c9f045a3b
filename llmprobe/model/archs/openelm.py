"""
OpenELM: heads and feed-forward width of every layer its own, tied embeddings.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms

ARCHITECTURES = ("openelm",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        query_key_norms(inventory)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output(always_tied=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
