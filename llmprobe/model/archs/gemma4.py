"""
Gemma 4: two sizes of heads, layers that share a cache, embeddings per layer in the small ones, experts in one.

Source: llama.cpp b11549, src/models/gemma4.cpp, src/llama-model.cpp (create_memory).
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_width
from llmprobe.model.archs._shared.per_layer import layer_embedding, model_embeddings, own_cache_only
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gemma4",)
OUTPUT_FIRST = True

PERIOD = 6


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model.

    Layers that share a cache have no keys and values of their own unless the file keeps them all the same
    (``kv_weights_in_shared_layers``); with ``attention_k_eq_v`` full layers take keys for values.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    slides = sliding_layers(sizes, PERIOD)
    own = sizes.n_layer - sizes.number("attention.shared_kv_layers", 0)
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        _attention(
            inventory,
            slides=slides[layer],
            keys=layer < own or bool(hparams.get("kv_weights_in_shared_layers")),
            values=slides[layer] or not hparams.get("attention_k_eq_v"),
        )
        inventory.norm("post_attention_norm")
        inventory.weight("layer_output_scale", 1)
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
        inventory.norm("post_ffw_norm")
        if sizes.n_expert:
            _experts(inventory)
        layer_embedding(inventory)
    model_embeddings(inventory)
    inventory.output(always_tied=True)
    inventory.weight("rope_freqs", sizes.head_k() // 2)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the cache of the layers that see the whole context and that of the sliding ones.

    The last ``attention.shared_kv_layers`` layers read what earlier ones keep.
    """
    sizes = Sizes(hparams)
    shared = sizes.number("attention.shared_kv_layers", 0)
    return own_cache_only(sliding_cache(hparams, sliding_layers(sizes, PERIOD)), sizes.n_layer - shared)


def rope_layers(hparams: Hparams) -> tuple[int, ...]:
    """
    Return the layers that use the rotary factors: those that see the whole context.
    """
    slides = sliding_layers(Sizes(hparams), PERIOD)
    return tuple(layer for layer, sliding in enumerate(slides) if not sliding)


def _attention(inventory: Inventory, *, slides: bool, keys: bool, values: bool) -> None:
    sizes, layer = inventory.sizes, inventory.layer or 0
    head_k, head_v = sizes.head_k(slides=slides), sizes.head_v(slides=slides)
    inventory.weight("attn_q", sizes.n_embd, sizes.heads(layer) * head_k)
    if keys:
        inventory.weight("attn_k", sizes.n_embd, sizes.kv_heads(layer) * head_k)
    if keys and values:
        inventory.weight("attn_v", sizes.n_embd, sizes.kv_heads(layer) * head_v)
    inventory.attn_output(slides=slides)
    inventory.norm("attn_q_norm", head_k)
    if keys:
        inventory.norm("attn_k_norm", head_k)


def _experts(inventory: Inventory) -> None:
    sizes = inventory.sizes
    width = expert_width(sizes)
    inventory.weight("ffn_gate_inp", sizes.n_embd, sizes.n_expert)
    inventory.add("ffn_gate_inp.scale", sizes.n_embd)
    inventory.norm("pre_ffw_norm_2")
    inventory.norm("post_ffw_norm_1")
    inventory.norm("post_ffw_norm_2")
    inventory.weight("ffn_gate_up_exps", sizes.n_embd, 2 * width, sizes.n_expert)
    inventory.weight("ffn_down_exps", width, sizes.n_embd, sizes.n_expert)
    inventory.add("ffn_down_exps.scale", sizes.n_expert)
