"""
DeepSeek 3.2 and GLM 5: latent attention that an indexer restricts to the tokens that matter.

Source: llama.cpp b11549, src/models/deepseek32.cpp, src/models/glm-dsa.cpp, src/llama-kv-cache-dsa.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import indexed, latent, ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, feed_forward
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._building.next_token import next_token_graph
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.indexer import indexer_cache, indexer_tensors
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_attention, latent_cache
from llmprobe.model.archs._shared.parts import is_dense, mixture, next_token
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("deepseek32", "glm-dsa")
HF_CLASSES: dict[str, str] = {
    "DeepseekV32ForCausalLM": "deepseek32",
    "GlmMoeDsaForCausalLM": "glm-dsa",
}

SHARED_FROM_CONTEXT = 1 << 20
"""From this trained context on llama.cpp takes it that layers share a choice, where the file does not say."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; layers that use another layer's choice of tokens carry no indexer.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        inventory.norm("attn_norm")
        latent_attention(inventory)
        inventory.norm("ffn_norm")
        if _chooses(sizes, layer):
            indexer_tensors(inventory)
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
    The cache of the latent, and the indexer's keys of the layers that choose for themselves.
    """
    sizes = Sizes(hparams)
    whole = latent_cache(hparams)
    indexer = indexer_cache(sizes, (layer for layer in sizes.trunk if _chooses(sizes, layer)))
    return CacheLayout(kv=(*whole.kv, indexer), latent=whole.latent)


def _chooses(sizes: Sizes, layer: int) -> bool:
    types = sizes.hparams.get("attention.indexer.types")
    if isinstance(types, list | tuple):
        return layer >= len(types) or bool(types[layer])
    if sizes.number("context_length", 0) < SHARED_FROM_CONTEXT:
        return True
    return layer < 2 or layer % 4 == 2


def graph(g: Builder) -> None:
    """
    Build DeepSeek 3.2 or GLM 5.
    """
    decoder(g, Decoder(layer=_layer))


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the latent attention and its indexer.
    """
    types = config.listed("indexer_types")
    return rules.latent(config, common) | {
        "attention.indexer.head_count": config.need("index_n_heads"),
        "attention.indexer.key_length": config.need("index_head_dim"),
        "attention.indexer.top_k": config.need("index_topk"),
        "attention.indexer.types": None if types is None else [int(kind == "full") for kind in types],
        "expert_gating_func": rules.SIGMOID,
    }


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more: whole latent attention, without the indexer.
    """
    next_token_graph(g, _draft_layer)


draft_caches = latent_cache


def _draft_layer(g: Builder, il: int, x: Node) -> Node:
    between = ops.like("add", latent.latent_attention(g, il, g.norm(x, "attn_norm", il)), x)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, ROUTED), between)


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    An indexer says which cells the latent attention looks at.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    if (1, il) in g.parts.caches_of:
        g.chosen = indexed.chosen(g, il, x, low)
    x = indexed.attention(g, il, x, low, narrow=indexed.narrowed(g))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, ROUTED), between)
