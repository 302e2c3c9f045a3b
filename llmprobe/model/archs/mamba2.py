"""
Mamba 2: state-space layers with heads and nothing else.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("mamba2",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        mamba2(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the state of every layer; there is no cache that grows.
    """
    sizes = Sizes(hparams)
    return CacheLayout(state=ssm_state(sizes, sizes.trunk))
