"""
The indexer of sparse attention over a latent: its tensors, and the keys that it keeps.

Source: llama.cpp b11549, src/models/deepseek32.cpp, hy-v4.cpp, dots3note.cpp, glm5-next.cpp.
"""

from collections.abc import Iterable

from llmprobe.model.archs._shared.caches import KvCache, KvLayer
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.sizes import Sizes


def indexer_tensors(inventory: Inventory) -> None:
    """
    Append the indexer of one layer: its key and the norm of it, the weights of its heads, and its queries.
    """
    sizes = inventory.sizes
    heads, key = (
        sizes.number("attention.indexer.head_count", 0),
        sizes.number("attention.indexer.key_length", 0),
    )
    inventory.norm("indexer.k_norm", key, bias=True)
    inventory.weight("indexer.proj", sizes.n_embd, heads)
    inventory.weight("indexer.attn_k", sizes.n_embd, key)
    inventory.weight("indexer.attn_q_b", sizes.number("attention.q_lora_rank", 0), heads * key)


def indexer_cache(sizes: Sizes, layers: Iterable[int], *, rows: int = 1) -> KvCache:
    """
    What the indexers of these layers keep for each token: ``rows`` vectors of the size of a key.
    """
    width = rows * sizes.number("attention.indexer.key_length", 0)
    kept = tuple(KvLayer(layer=layer, k=width, v=0, head_k=width, head_v=0) for layer in layers)
    return KvCache(kept, name="indexer")
