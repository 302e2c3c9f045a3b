"""
LFM 2, dense and mixture of experts: short convolutions, with attention on some layers.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, query_key_norms, router, router_bias
from llmprobe.model.archs._shared.recurrent import attention_layers, hybrid_cache, uniform_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("lfm2", "lfm2moe")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; the norm after the last layer has the name of the embedding's.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    kernel = sizes.number("shortconv.l_cache", 0)
    inventory.embedding()
    inventory.norm("token_embd_norm")
    for layer in inventory.layers():
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory)
            expert_matrices(inventory)
            router_bias(inventory)
        inventory.norm("attn_norm")
        if sizes.kv_heads(layer):
            query_key_norms(inventory)
            inventory.qkv()
            inventory.attn_output()
        else:
            inventory.weight("shortconv.conv", kernel, sizes.n_embd)
            inventory.weight("shortconv.in_proj", sizes.n_embd, 3 * sizes.n_embd)
            inventory.weight("shortconv.out_proj", sizes.n_embd, sizes.n_embd)
    if not sizes.tied:
        inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the attention layers, and what the convolutions of the others remember.

    With a window in the metadata all attention layers have it.
    """
    sizes = Sizes(hparams)
    attention = attention_layers(sizes)
    rolling = sizes.n_embd * (sizes.number("shortconv.l_cache", 1) - 1)
    state = uniform_state((layer for layer in sizes.trunk if layer not in attention), rolling, 0)
    if sizes.number("attention.sliding_window", 0):
        slides = tuple(layer in attention for layer in sizes.layers)
        near = sliding_cache(hparams, slides).kv[1]
        return CacheLayout(kv=(near,), state=state)
    return hybrid_cache(hparams, attention, state)
