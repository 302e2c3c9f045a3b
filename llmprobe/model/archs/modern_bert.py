"""
ModernBERT: an encoder with rotary positions, gate and up in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, no_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("modern-bert",)
ENCODER = True


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    inventory.embedding()
    inventory.norm("token_embd_norm")
    for layer in inventory.layers():
        if layer:
            inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.ffn("up", width=2 * inventory.sizes.ff(layer))
        inventory.ffn("down")
        inventory.norm("ffn_norm")
    inventory.output(always_tied=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return no cache: an encoder sees the whole text at once.
    """
    return no_cache(hparams)
