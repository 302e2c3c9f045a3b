"""
DeepSeek 2 to 3.1 and what is built like it: latent attention, many small experts beside a few shared ones.

Kimi K2, GLM 4.7 Flash and Mistral Large 3 come as ``deepseek2``, Mistral Small 4 as ``mistral4``.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, next_token, router, shared_expert

ARCHITECTURES = ("deepseek2", "mistral4")

SIGMOID = 2
"""The gating function that goes with a bias on the choice of experts (``expert_gating_func``)."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model, in the newer or the older form of the attention.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        latent_attention(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory, biased=hparams.get("expert_gating_func") == SIGMOID)
            expert_matrices(inventory, "down")
            shared_expert(inventory)
            expert_matrices(inventory, "gate up")
        if layer not in sizes.trunk:
            next_token(inventory, embedding=True)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the latent, or of unfolded keys and values where the file has the older form.
    """
    return latent_cache(hparams)
