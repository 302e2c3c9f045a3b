"""
Phi 3.5 with experts: biases on all but the experts, longrope factors.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("phimoe",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        inventory.qkv(bias=True)
        inventory.attn_output(bias=True)
        inventory.norm("ffn_norm", bias=True)
        inventory.experts()
    inventory.output(bias=True)
    inventory.bias("output", inventory.sizes.n_vocab)
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
