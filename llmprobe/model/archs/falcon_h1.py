"""
Falcon H1: attention and Mamba 2 side by side in every layer.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.recurrent import hybrid_cache, mamba2, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("falcon-h1",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; the converter leaves the ending off the norm of the feed-forward part.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        mamba2(inventory, normed=False)
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_norm")
        inventory.add("ffn_norm", inventory.sizes.n_embd)
        inventory.ffn()
    if not inventory.sizes.tied:
        inventory.weight("output", inventory.sizes.n_embd, inventory.sizes.n_vocab)
    inventory.norm("output_norm")
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache and the state of every layer.
    """
    sizes = Sizes(hparams)
    return hybrid_cache(hparams, sizes.trunk, ssm_state(sizes, sizes.trunk))
