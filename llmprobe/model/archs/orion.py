"""
Orion: Llama's layer with biases on the norms.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("orion",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm", bias=True)
        inventory.ffn()
    inventory.output(bias=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
