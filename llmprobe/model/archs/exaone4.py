"""
EXAONE 4: norms after each part only, a norm over each head; the large ones have windows.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.windows import windowed_cache

ARCHITECTURES = ("exaone4",)

PERIOD = 4


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("post_attention_norm")
        query_key_norms(inventory)
        inventory.ffn()
        inventory.norm("post_ffw_norm")
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches where there is a window, which every fourth layer does not have, else one.
    """
    return windowed_cache(hparams, PERIOD)
