"""
Gemma 3n: several streams of activations that alternate, low-rank residuals, embeddings per layer, shared caches.

Source: llama.cpp b11549, src/models/gemma3n.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.per_layer import layer_embedding, model_embeddings, own_cache_only
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gemma3n",)
OUTPUT_FIRST = True

PERIOD = 5
LAUREL_RANK = 64
"""The rank of the residual matrices; no key holds it."""
OWN_CACHES = 20
"""So many layers keep a cache of their own, whatever the metadata says: llama.cpp has no other models."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Return every tensor of the model; layers that share a cache hold their unused keys and values all the same.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    streams = sizes.number("altup.num_inputs", 4)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        query_key_norms(inventory)
        inventory.norm("post_attention_norm")
        inventory.norm("ffn_norm")
        inventory.ffn("gate up down")
        inventory.norm("post_ffw_norm")
        layer_embedding(inventory)
        inventory.weight("altup_correct_coef", streams, streams)
        inventory.norm("altup_correct_scale")
        inventory.weight("altup_predict_coef", streams, streams * streams)
        inventory.weight("altup_router", sizes.n_embd, streams)
        inventory.norm("altup_router_norm")
        inventory.weight("laurel_l", sizes.n_embd, LAUREL_RANK)
        inventory.weight("laurel_r", LAUREL_RANK, sizes.n_embd)
        inventory.norm("laurel_post_norm")
    inventory.weight("altup_proj", sizes.n_embd, sizes.n_embd, streams - 1)
    inventory.weight("altup_unembd_proj", sizes.n_embd, sizes.n_embd, streams - 1)
    model_embeddings(inventory)
    inventory.output(always_tied=True)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    Return the caches of the first layers: one in five sees the whole context, the others a window.
    """
    return own_cache_only(sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD)), OWN_CACHES)
