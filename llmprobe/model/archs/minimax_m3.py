"""
MiniMax M3: a mixture of experts beside shared ones, attention that an indexer restricts to blocks.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, attention_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, query_key_norms
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("minimax-m3",)
HF_CLASSES: dict[str, str] = {}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("attn_norm")
        query_key_norms(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            mixture(inventory, biased=True)
            _indexer(inventory)
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of all layers, and the indexer's of those with experts: one head, of which V is never read.
    """
    sizes = Sizes(hparams)
    width = sizes.number("attention.indexer.key_length", 0)
    keys = tuple(
        KvLayer(layer=layer, k=width, v=sizes.head_v(), head_k=width, head_v=sizes.head_v())
        for layer in sizes.trunk[sizes.number("leading_dense_block_count", 0) :]
    )
    return CacheLayout(kv=(*attention_cache(hparams).kv, KvCache(layers=keys, name="indexer")))


def _indexer(inventory: Inventory) -> None:
    sizes = inventory.sizes
    heads, key = (
        sizes.number("attention.indexer.head_count", 0),
        sizes.number("attention.indexer.key_length", 0),
    )
    inventory.weight("indexer.q_proj", sizes.n_embd, heads * key)
    inventory.weight("indexer.k_proj", sizes.n_embd, key)
    inventory.norm("indexer.q_norm", key)
    inventory.norm("indexer.k_norm", key)


graph = None


from_config = None
