"""
Phi 1.5 and 2: attention and feed-forward part side by side behind one norm, biases everywhere.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("phi2",)


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
        inventory.ffn("down up", bias=True)
    inventory.output(bias=True)
    inventory.bias("output", inventory.sizes.n_vocab)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
