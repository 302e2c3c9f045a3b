"""
The language part of Qwen 2, 2.5 and 3 with vision; the tower is a file of its own and not counted here.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._caches import CacheLayout, attention_cache
from llmprobe.model.archs._inventory import Inventory

ARCHITECTURES = ("qwen2vl", "qwen3vl", "qwen3vlmoe")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.

    From 3 on, told by the layers that take image features (``n_deepstack_layers``), head norms replace the biases.
    """
    inventory = Inventory(hparams)
    normed = "n_deepstack_layers" in hparams
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=not normed)
        inventory.attn_output()
        if normed:
            inventory.head_norms()
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            inventory.experts()
        else:
            inventory.ffn()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
