"""
Grok 1 and 2: a mixture of experts, norms before and after each part.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_width

ARCHITECTURES = ("grok",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.

    Where the experts' width is one of its own (Grok 2), a dense feed-forward part runs beside them.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_output_norm")
        inventory.norm("ffn_norm")
        if sizes.ff(layer) != expert_width(sizes, layer):
            inventory.ffn()
        inventory.experts()
        inventory.norm("layer_output_norm")
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
