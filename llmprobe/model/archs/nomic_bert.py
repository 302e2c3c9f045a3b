"""
Nomic Embed: BERT with rotary positions; version 1 has a gate and no biases, version 2 experts on every other layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, no_cache
from llmprobe.model.archs._shared.encoder import encoder_embedding, token_types
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, router

ARCHITECTURES = ("nomic-bert", "nomic-bert-moe")
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; ``moe_every_n_layers`` says which layers have experts.
    """
    inventory = Inventory(hparams)
    period = inventory.sizes.number("moe_every_n_layers", 0)
    biased = bool(inventory.sizes.n_expert)
    encoder_embedding(inventory)
    for layer in inventory.layers():
        inventory.fused_qkv()
        inventory.attn_output(bias=biased)
        inventory.norm("attn_output_norm", bias=True)
        if period and layer % period == 1:
            expert_matrices(inventory, "up down")
            router(inventory)
        elif biased:
            inventory.ffn("up down", bias=True)
        else:
            inventory.ffn("up down gate")
        inventory.norm("layer_output_norm", bias=True)
        if biased:
            inventory.bias("attn_qkv", 3 * inventory.sizes.n_embd)
    token_types(inventory)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return no cache: an encoder sees the whole text at once.
    """
    return no_cache(hparams)
