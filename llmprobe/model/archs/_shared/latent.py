"""
Multi-head latent attention: keys and values come from one small vector per token, and that is what is cached.

Files of before mid-2025 hold the matrix that unfolds it in one piece (``attn_kv_b``) and llama.cpp keeps the
unfolded keys and values for them. ``attention.key_length_mla`` tells the two forms apart.
Source: llama.cpp b11549, src/models/deepseek2.cpp, src/llama-hparams.cpp.
"""

from collections.abc import Iterable

from llmprobe.facts.model import Hparams
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes


def is_latent(hparams: Hparams) -> bool:
    """
    Whether the file has the form whose cache holds the latent.
    """
    return bool(hparams.get("attention.key_length_mla"))


def latent_attention(inventory: Inventory, *, gate: int = 0) -> None:
    """
    Append the attention of one layer, from the norms of the two small vectors to the output matrix. A matrix of
    ``gate`` rows before that one makes the gate of its input, where there is one.
    """
    sizes = inventory.sizes
    heads, n_rot = sizes.heads(inventory.layer or 0), sizes.n_rot
    kv_rank, q_rank = sizes.number("attention.kv_lora_rank", 0), sizes.number("attention.q_lora_rank", 0)
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    value = sizes.number("attention.value_length_mla", sizes.head_v())
    if q_rank:
        inventory.norm("attn_q_a_norm", q_rank)
    inventory.norm("attn_kv_a_norm", kv_rank)
    if q_rank:
        inventory.weight("attn_q_a", sizes.n_embd, q_rank)
        inventory.weight("attn_q_b", q_rank, heads * key)
    else:
        inventory.weight("attn_q", sizes.n_embd, heads * key)
    inventory.weight("attn_kv_a_mqa", sizes.n_embd, kv_rank + n_rot)
    if is_latent(sizes.hparams):
        inventory.weight("attn_k_b", key - n_rot, kv_rank, heads)
        inventory.weight("attn_v_b", kv_rank, value, heads)
    else:
        inventory.weight("attn_kv_b", kv_rank, heads * (key - n_rot + value))
    if gate:
        inventory.weight("attn_gate", sizes.n_embd, gate)
    inventory.weight("attn_output", heads * value, sizes.n_embd)


def latent_cache(hparams: Hparams, layers: Iterable[int] | None = None) -> CacheLayout:
    """
    The cache of the given layers, of all where none are given: the latent, or what older files unfold.
    """
    sizes = Sizes(hparams)
    if not is_latent(hparams):
        return attention_cache(hparams)
    width = sizes.head_k()
    kept = tuple(
        KvLayer(layer=layer, k=sizes.kv_heads(layer) * width, v=0, head_k=width, head_v=0)
        for layer in (sizes.trunk if layers is None else layers)
    )
    return CacheLayout(kv=(KvCache(layers=kept),), latent=True)
