"""
MiMo 2: a mixture of experts, windows with attention sinks, other heads of K and V on them.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, next_token, router, router_bias
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("mimo2",)

PERIOD = 6


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    slides = sliding_layers(sizes, PERIOD)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_norm")
        if slides[layer]:
            inventory.weight("attn_sinks", sizes.heads(layer))
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer) or layer not in sizes.trunk:
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            router_bias(inventory)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches: the layers that see the whole context, and those with a window.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD))
