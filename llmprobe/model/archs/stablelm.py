"""
StableLM: norms with biases; the 12B runs attention and feed-forward part side by side.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("stablelm",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; ``use_qkv_bias`` and ``qk_layernorm`` are as in its configuration.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm", bias=True)
        inventory.qkv(bias=bool(hparams.get("use_qkv_bias")))
        inventory.attn_output()
        if hparams.get("qk_layernorm"):
            inventory.weight("attn_q_norm", sizes.head_k(), sizes.heads(layer))
            inventory.weight("attn_k_norm", sizes.head_k(), sizes.kv_heads(layer))
        if not hparams.get("use_parallel_residual"):
            inventory.norm("ffn_norm", bias=True)
        inventory.ffn()
    inventory.bias("output_norm", sizes.n_embd)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context.
    """
    return attention_cache(hparams)
