"""
OLMo 2 and 3: norms after each part only, and over all heads together; 3 has windows.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("olmo2",)

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(
            inventory, sizes.heads(layer) * sizes.head_k(), sizes.kv_heads(layer) * sizes.head_k()
        )
        inventory.norm("post_attention_norm")
        inventory.ffn("gate up down")
        inventory.norm("post_ffw_norm")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches where there is a window, which every fourth layer does not have, else one.
    """
    return windowed_cache(hparams, PERIOD)
