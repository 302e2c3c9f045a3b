"""
Falcon 1 and 2: attention and feed-forward part side by side, queries, keys and values in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("falcon",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; with ``num_ln_in_parallel_attn`` 2 each of the two parts has its own norm.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        if hparams.get("num_ln_in_parallel_attn") == 2:
            inventory.norm("attn_norm_2", bias=True)
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.ffn("down up")
    inventory.output(bias=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
