"""
MiniMax Text 01 and M1: lightning attention, with ordinary attention on every eighth layer, and experts.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_width
from llmprobe.model.archs._shared.recurrent import hybrid_cache, recurrent_layers, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("minimax-01",)

INTERVAL = 8


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    recurrent = frozenset(recurrent_layers(sizes, INTERVAL))
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if layer in recurrent:
            _lightning(inventory)
        elif hparams.get("fuse_qkv"):
            inventory.fused_qkv()
        else:
            inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.experts(width=expert_width(sizes))
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the attention layers and the state of the others.
    """
    sizes = Sizes(hparams)
    recurrent = recurrent_layers(sizes, INTERVAL)
    state = uniform_state(recurrent, 0, sizes.heads() * sizes.head_k() ** 2)
    return hybrid_cache(hparams, (layer for layer in sizes.trunk if layer not in recurrent), state)


def _lightning(inventory: Inventory) -> None:
    sizes = inventory.sizes
    inner = sizes.heads(inventory.layer or 0) * sizes.head_k()
    inventory.norm("attn_norm_2", inner)
    inventory.weight("attn_qkv", sizes.n_embd, 3 * inner)
    inventory.weight("attn_gate", sizes.n_embd, inner)
