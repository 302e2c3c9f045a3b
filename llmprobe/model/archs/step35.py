"""
Step 3.5: a mixture of experts, a gate per head, more heads on the layers with a window.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    is_dense,
    next_token,
    query_key_norms,
    router,
    router_bias,
    shared_expert,
)
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("step35",)

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
        query_key_norms(inventory)
        inventory.qkv()
        inventory.attn_output()
        inventory.weight("attn_gate", sizes.n_embd, sizes.heads(layer))
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer) or layer not in sizes.trunk:
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            router_bias(inventory)
            shared_expert(inventory, "gate up down")
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches: the first of every four layers sees the whole context, the others a window.
    """
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD, first=True))
