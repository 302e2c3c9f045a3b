"""
BLOOM: GPT-2's layer, a norm over the embedding, positions as a bias on the attention.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.classic import classic_layer
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("bloom",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    inventory.norm("token_embd_norm", bias=True)
    for _ in inventory.layers():
        classic_layer(inventory)
    inventory.output(bias=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
