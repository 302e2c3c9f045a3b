"""
What the small Gemmas share: an embedding for every layer, and late layers that read the caches of earlier ones.
"""

from llmprobe.model.archs._shared.caches import CacheLayout, KvCache
from llmprobe.model.archs._shared.inventory import Inventory


def layer_embedding(inventory: Inventory) -> None:
    """
    Append how a layer takes in its own embedding, nothing where the model has none.
    """
    n_embd, width = inventory.sizes.n_embd, _width(inventory)
    if not width:
        return
    inventory.weight("inp_gate", n_embd, width)
    inventory.weight("proj", width, n_embd)
    inventory.norm("post_norm")


def model_embeddings(inventory: Inventory) -> None:
    """
    Append the embeddings of all layers in one table, and their projection.
    """
    sizes, width = inventory.sizes, _width(inventory)
    if not width:
        return
    inventory.weight("per_layer_token_embd", width * sizes.n_layer, sizes.n_vocab)
    inventory.weight("per_layer_model_proj", sizes.n_embd, width * sizes.n_layer)
    inventory.norm("per_layer_proj_norm", width)


def own_cache_only(layout: CacheLayout, count: int) -> CacheLayout:
    """
    The caches of the first ``count`` layers; the later ones read what those keep.
    """
    return CacheLayout(
        kv=tuple(
            KvCache(
                layers=tuple(layer for layer in cache.layers if layer.layer < count),
                window=cache.window,
                name=cache.name,
            )
            for cache in layout.kv
        )
    )


def _width(inventory: Inventory) -> int:
    return inventory.sizes.number("embedding_length_per_layer_input", 0)
