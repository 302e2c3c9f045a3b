"""
LLaDA with experts and RND1: mixtures of experts that write by diffusion.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, no_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("llada-moe", "rnd1")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.head_norms()
        inventory.norm("ffn_norm")
        inventory.experts()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return no cache: every step sees the whole text.
    """
    return no_cache(hparams)
