"""
The first Qwen: queries, keys and values in one matrix; the metadata counts gate and up together.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("qwen",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv(bias=True)
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn(width=inventory.sizes.ff(layer) // 2)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
