"""
SmallThinker: a mixture of experts, the first of every four layers sees the whole context.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("smallthinker",)

PERIOD = 4
WINDOW = 4096


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.experts()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return two caches where there is a window, whose size llama.cpp does not read.
    """
    if not hparams.get("attention.sliding_window"):
        return attention_cache(hparams)
    return sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD, first=True), WINDOW)
