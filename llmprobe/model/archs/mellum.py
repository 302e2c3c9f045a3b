"""
Mellum 2: a mixture of experts, a norm over each head, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("mellum",)

PERIOD = 4


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
    Return two caches where there is a window, which every fourth layer does not have, else one.
    """
    return windowed_cache(hparams, PERIOD)
