"""
Families with Llama's attention and a feed-forward part of two matrices: Arcee, Apertus, Nemotron.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._caches import CacheLayout, attention_cache
from llmprobe.model.archs._inventory import Inventory
from llmprobe.model.archs._parts import query_key_norms

ARCHITECTURES = ("apertus", "arcee", "nemotron")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.

    Norms have biases where they subtract the mean (Nemotron); with the constants of xIELU (Apertus) queries and
    keys are normed head by head.
    """
    inventory = Inventory(hparams)
    centred = "attention.layer_norm_rms_epsilon" not in hparams
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm", bias=centred)
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm", bias=centred)
        inventory.ffn("down up")
        if any(key.startswith("xielu.") for key in hparams):
            query_key_norms(inventory)
    inventory.output(bias=centred)
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
