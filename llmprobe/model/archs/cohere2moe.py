"""
Command A with experts: both parts side by side behind one norm, windows on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("cohere2moe",)

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
        if is_dense(sizes, layer) and layer in sizes.trunk:
            inventory.ffn()
        else:
            mixture(inventory)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches: the first of every four layers sees the whole context.
    """
    return windowed_cache(hparams, PERIOD, first=True)
