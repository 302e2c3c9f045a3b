"""
Granite 4 H: Mamba 2 layers with attention on a few, dense or mixture of experts with a shared one.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router, shared_expert, shared_width
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("granitehybrid",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
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
            mamba2(inventory)
        inventory.norm("ffn_norm")
        if sizes.n_expert:
            router(inventory)
            expert_matrices(inventory)
            if shared_width(sizes):
                shared_expert(inventory, "gate up down")
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
