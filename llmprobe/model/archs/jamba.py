"""
Jamba: Mamba layers, attention on one in eight, experts on every second.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import mixture
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, mamba1, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("jamba",)

PERIOD = 2
OFFSET = 1


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; where experts are has no key, all released models have them on odd layers.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            inventory.qkv()
            inventory.attn_output()
        else:
            mamba1(inventory, normed=True)
        inventory.norm("ffn_norm")
        if sizes.n_expert and layer % PERIOD == OFFSET:
            mixture(inventory)
        else:
            inventory.ffn()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the attention layers and the state of the others.
    """
    sizes = Sizes(hparams)
    recurrent = (layer for layer in sizes.trunk if not sizes.kv_heads(layer))
    return hybrid_cache(hparams, attention_layers(sizes), ssm_state(sizes, recurrent))
