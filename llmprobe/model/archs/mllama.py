"""
Llama 3.2 Vision, which Ollama's own engine runs and llama.cpp does not: some layers look at the image only.

Source: ollama/ollama, model/models/mllama/model_text.go.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, kv_layer
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("mllama",)
HF_CLASSES: dict[str, str] = {}

IMAGE_TOKENS = 8
"""Rows of the embedding beyond the vocabulary, for the places of images."""
FIRST, PERIOD = 3, 5
"""Without a list in the metadata these layers look at the image: the first, and each one a period later."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the language part.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    crossing = _crossing(sizes)
    inventory.weight("token_embd", sizes.n_embd, sizes.n_vocab + IMAGE_TOKENS)
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        if layer in crossing:
            _cross_attention(inventory)
        else:
            inventory.qkv()
            inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output()
    inventory.rope_factors()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    One cache over the whole context of the layers that look at the text.
    """
    sizes = Sizes(hparams)
    crossing = _crossing(sizes)
    kept = tuple(kv_layer(sizes, layer) for layer in sizes.trunk if layer not in crossing)
    return CacheLayout(kv=(KvCache(layers=kept),))


def _crossing(sizes: Sizes) -> frozenset[int]:
    told = sizes.hparams.get("attention.cross_attention_layers")
    return frozenset(told if isinstance(told, list | tuple) else range(FIRST, sizes.n_layer, PERIOD))


def _cross_attention(inventory: Inventory) -> None:
    sizes, layer = inventory.sizes, inventory.layer or 0
    query, key = sizes.heads(layer) * sizes.head_k(), sizes.kv_heads(layer) * sizes.head_k()
    inventory.weight("cross_attn_q_proj", sizes.n_embd, query)
    inventory.weight("cross_attn_k_proj", sizes.n_embd, key)
    inventory.weight("cross_attn_v_proj", sizes.n_embd, key)
    inventory.weight("cross_attn_o_proj", query, sizes.n_embd)
    inventory.norm("cross_attn_q_norm", sizes.head_k())
    inventory.norm("cross_attn_k_norm", sizes.head_k())
    inventory.add("cross_attn_attn_gate", 1)
    inventory.add("cross_attn_mlp_gate", 1)


graph = None


from_config = None
