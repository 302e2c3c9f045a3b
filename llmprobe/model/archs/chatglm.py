"""
ChatGLM 3, GLM 4 of 2024 and CodeGeeX 4: fused queries, keys and values with a bias, gate and up in one matrix.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("chatglm",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        inventory.fused_qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn("up", width=2 * sizes.ff(layer))
        inventory.ffn("down")
        inventory.bias(
            "attn_qkv", sizes.heads(layer) * sizes.head_k() + 2 * sizes.kv_heads(layer) * sizes.head_k()
        )
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
