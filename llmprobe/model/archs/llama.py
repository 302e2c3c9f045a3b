"""
The Llama family and what is built like it: Llama 1 to 3, Mistral, Mixtral, Yi, TinyLlama, SmolLM 2, Falcon 3.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("llama",)


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; with ``expert_count`` the feed-forward part is a mixture (Mixtral).

    With ``attention_bias`` and ``mlp_bias`` the matrices carry biases (Granite Code).
    """
    inventory = Inventory(hparams)
    biased = bool(hparams.get("attention_bias"))
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv(bias=biased)
        inventory.attn_output(bias=biased)
        inventory.norm("ffn_norm")
        if inventory.sizes.n_expert:
            inventory.experts()
        else:
            inventory.ffn(bias=bool(hparams.get("mlp_bias")))
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return one cache over the whole context: llama.cpp ignores Mistral's sliding window here.
    """
    return attention_cache(hparams)
