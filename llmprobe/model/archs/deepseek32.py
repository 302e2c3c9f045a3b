"""
DeepSeek 3.2 and GLM 5: latent attention that an indexer restricts to the tokens that matter.

Source: llama.cpp b11549, src/models/deepseek32.cpp, src/models/glm-dsa.cpp, src/llama-kv-cache-dsa.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("deepseek32", "glm-dsa")

SHARED_FROM_CONTEXT = 1 << 20
"""From this trained context on llama.cpp takes it that layers share a choice, where the file does not say."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; layers that use another layer's choice of tokens carry no indexer.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        latent_attention(inventory)
        inventory.norm("ffn_norm")
        if _chooses(sizes, layer):
            _indexer(inventory)
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
        if layer not in sizes.trunk:
            next_token(inventory, embedding=True)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the latent, and the indexer's keys of the layers that choose for themselves.
    """
    sizes = Sizes(hparams)
    latent = latent_cache(hparams)
    width = sizes.number("attention.indexer.key_length", 0)
    keys = tuple(
        KvLayer(layer=layer, k=width, v=0, head_k=width, head_v=0)
        for layer in sizes.trunk
        if _chooses(sizes, layer)
    )
    return CacheLayout(kv=(*latent.kv, KvCache(layers=keys, name="indexer")), latent=latent.latent)


def _chooses(sizes: Sizes, layer: int) -> bool:
    types = sizes.hparams.get("attention.indexer.types")
    if isinstance(types, list | tuple):
        return layer >= len(types) or bool(types[layer])
    if sizes.number("context_length", 0) < SHARED_FROM_CONTEXT:
        return True
    return layer < 2 or layer % 4 == 2


def _indexer(inventory: Inventory) -> None:
    sizes = inventory.sizes
    heads, key = (
        sizes.number("attention.indexer.head_count", 0),
        sizes.number("attention.indexer.key_length", 0),
    )
    inventory.norm("indexer.k_norm", key, bias=True)
    inventory.weight("indexer.proj", sizes.n_embd, heads)
    inventory.weight("indexer.attn_k", sizes.n_embd, key)
    inventory.weight("indexer.attn_q_b", sizes.number("attention.q_lora_rank", 0), heads * key)
