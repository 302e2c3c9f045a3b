"""
GPT-2 and StarCoder: biases everywhere, learned positions, no gate in the feed-forward part.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.classic import classic_layer
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("gpt2", "starcoder")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; positions are learned.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for _ in inventory.layers():
        classic_layer(inventory)
    inventory.weight("position_embd", sizes.n_embd, sizes.number("context_length", 0))
    inventory.output(bias=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
