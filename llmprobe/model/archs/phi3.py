"""
Phi 3, 3.5 and 4, dense: queries, keys and values in one matrix, gate and up in another.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("phi3",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; ``ffn_up`` holds gate and up.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("down")
        inventory.ffn("up", width=2 * inventory.sizes.ff(layer))
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context, sliding window or not, as llama.cpp keeps it.
    """
    return attention_cache(hparams)
