"""
GLM 4.5 to 4.7 and Solar Open: a mixture of experts, and a last layer that predicts one token more.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token, query_key_norms

ARCHITECTURES = ("glm4moe",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; the norm after the attention is the one before the experts.

    Without ``attention_bias`` queries, keys and values have biases, as all of GLM's own models do.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=bool(hparams.get("attention_bias", True)))
        inventory.attn_output()
        if hparams.get("use_qk_norm"):
            query_key_norms(inventory)
        inventory.norm("post_attention_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory, embedding=True)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
