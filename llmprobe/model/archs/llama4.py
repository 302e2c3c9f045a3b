"""
Llama 4: experts on every layer or every second, one shared; attention in chunks on three of four layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    expert_width,
    router,
    shared_expert,
    shared_width,
)
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("llama4",)

PERIOD = 4
CHUNK = 8192


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    step = sizes.number("interleave_moe_layer_step", 1)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        if sizes.n_expert and step and (layer + 1) % step == 0:
            router(inventory)
            expert_matrices(inventory)
            shared_expert(inventory, width=shared_width(sizes) or expert_width(sizes))
        else:
            inventory.ffn()
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches: a chunk counts as a window, of one size whatever the metadata says; 0 there means no chunks.
    """
    if hparams.get("attention.sliding_window") == 0:
        return attention_cache(hparams)
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD), CHUNK)
