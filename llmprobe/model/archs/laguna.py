"""
Laguna: a mixture of experts, a gate per head, more heads on the layers with a window.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("laguna",)

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer))
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn("gate up down")
        else:
            mixture(inventory, "gate up down", biased=True)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches where there is a window: the first of every four layers sees the whole context.
    """
    return windowed_cache(hparams, PERIOD, first=True)
