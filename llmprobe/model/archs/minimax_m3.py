"""
MiniMax M3: a mixture of experts beside shared ones, attention that an indexer restricts to blocks.

Sources: llama.cpp b11549, src/models/minimax-m3.cpp, src/llama-kv-cache-msa.cpp, conversion/minimax.py.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import blockwise, ops
from llmprobe.model.archs._building.blocks import Decoder, FeedForward, Heads, decoder, feed_forward, heads
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import is_dense, mixture, query_key_norms
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("minimax-m3",)
HF_CLASSES: dict[str, str] = {
    "MiniMaxM3SparseForCausalLM": "minimax-m3",
    "MiniMaxM3SparseForConditionalGeneration": "minimax-m3",
}

_HEADS = Heads(norms="before")
_ACTIVATION = "swiglu_oai"
_FEED_FORWARD = FeedForward(
    activation=_ACTIVATION,
    mixture=Mixture(gating=None, norm=None, activation=_ACTIVATION),
    shared="plain",
    shared_activation=_ACTIVATION,
)


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
    indexer = KvCache(layers=keys, name="indexer", own_widths=True)
    return CacheLayout(kv=(*attention_cache(hparams).kv, indexer))


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


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the experts, the leading dense layers and the indexer.
    """
    sparse, kinds = config.part("sparse_attention_config"), config.listed("moe_layer_freq") or []
    dense = next((layer for layer, kind in enumerate(kinds) if kind), len(kinds))
    return {
        "expert_feed_forward_length": config.need("intermediate_size"),
        "expert_gating_func": rules.SIGMOID,
        "rope.dimension_count": config.need("rotary_dim"),
        "expert_shared_count": config.need("n_shared_experts"),
        "expert_weights_norm": True,
        "leading_dense_block_count": dense,
        "attention.indexer.head_count": sparse.get("sparse_num_index_heads"),
        "attention.indexer.key_length": sparse.get("sparse_index_dim"),
        "attention.indexer.top_k": sparse.get("sparse_topk_blocks"),
        "attention.indexer.block_size": sparse.get("sparse_block_size"),
        "attention.indexer.local_blocks": sparse.get("sparse_local_block"),
    }


def graph(g: Builder) -> None:
    """
    Build MiniMax M3. The indexer is at work with flash attention, where no two sequences share a stream.
    """
    decoder(g, Decoder(layer=_layer))


def _layer(g: Builder, il: int, x: Node) -> Node:
    residual = x
    x = g.norm(x, "attn_norm", il)
    q, k, v = heads(g, il, x, _HEADS)
    sparse = g.run.flash and g.run.streams == g.run.sequences
    if sparse and g.weight(il, "indexer.q_proj.weight") is not None:
        x = blockwise.attention(g, il, x, q, k, v)
    else:
        x = g.attention(il, q, k, v)
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = feed_forward(g, il, g.norm(between, "ffn_norm", il), _FEED_FORWARD)
    return ops.like("add", x, between)
