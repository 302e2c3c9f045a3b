"""
DeepSeek 3.2 and GLM 5: latent attention that an indexer restricts to the tokens that matter.

Source: llama.cpp b11549, src/models/deepseek32.cpp, src/models/glm-dsa.cpp, src/llama-kv-cache-dsa.cpp.
"""

from collections.abc import Callable

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.blocks import Decoder, decoder, feed_forward
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.gated import ROUTED
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer
from llmprobe.model.archs._shared.config import Config
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
    The cache of the latent, and the indexer's keys of the layers that choose for themselves.
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


def layer_variant(_parts: Parts, il: int) -> int:
    """
    Let no layer stand for another: each layer's zeros are allocated before everything else.
    """
    return il


def _layer(g: Builder, il: int, x: Node) -> Node:
    """
    An indexer says which cells the latent attention looks at.
    """
    residual = x
    x = g.norm(x, "attn_norm", il)
    tokens, sizes = g.tokens, g.sizes
    count, turned = sizes.heads(il), sizes.n_rot
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    rank = g.sizes.positive("attention.kv_lora_rank")
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    if (1, il) in g.parts.caches_of:
        g.chosen = _chosen(g, il, x, low)
    q = g.mm(il, "attn_q_b", low)
    rows = (4 * key, 4 * key * count)
    plain = ops.view(q, (key - turned, count, tokens), rows)
    q_turned = g.rope(ops.view(q, (turned, count, tokens), rows))
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = 4 * (rank + turned)
    k_turned = g.rope(ops.view(both, (turned, 1, tokens), (row, row)))
    latent = g.norm(ops.view(both, (rank, tokens), (row,)), "attn_kv_a_norm", il)
    absorbed = ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(plain, 0, 2, 1, 3))
    query = ops.concat(ops.permute(absorbed, 0, 2, 1, 3), q_turned, 0)
    latent = ops.reshape(latent, rank, 1, tokens)
    k = ops.concat(latent, k_turned, 0)
    x = g.latent_attention(il, query, k, latent, g.need(il, "attn_v_b.weight"), narrow=_narrowed(g))
    x, residual = g.crop(il, x, residual)
    between = ops.like("add", x, residual)
    x = g.norm(between, "ffn_norm", il)
    return ops.like("add", feed_forward(g, il, x, ROUTED), between)


def _chosen(g: Builder, il: int, x: Node, low: Node) -> Node:
    """
    The cells that the indexer chooses for each token.
    """
    tokens, run = g.tokens, g.run
    count, width = (
        g.sizes.positive("attention.indexer.head_count"),
        g.sizes.positive("attention.indexer.key_length"),
    )
    q = ops.reshape(g.mm(il, "indexer.attn_q_b", low), width, count, tokens)
    q = g.rope(q)
    k = g.norm(g.mm(il, "indexer.attn_k", x), "indexer.k_norm", il, kind="norm")
    k = g.rope(ops.reshape(k, width, 1, tokens))
    size = 64
    while width % (2 * size) == 0:
        size *= 2
    rotation = g.input("indexer rotation", F32, size, size)
    q, k = ops.mul_mat(rotation, q), ops.mul_mat(rotation, k)
    cells, streams = run.cells[1], run.streams
    home = run.places[il] if run.cache_on_device else run.host
    cache = g.memory(f"indexer {il}", run.kind_k, home, width, cells, streams)
    g.graph.expand(g.store(cache, k, g.input("indexer ids", I64, tokens)))
    weights = g.mm(il, "indexer.proj", x)
    row = cache.nb[1]
    keys = ops.view(cache, (width, 1, cells, streams), (row, row, row * cells))
    per = tokens // streams
    q = ops.view(q, (width, count, per, streams), (q.nb[1], q.nb[2], q.nb[3] // streams))
    shape = (count, per, weights.ne[2], streams)
    weights = ops.view(weights, shape, (weights.nb[1], weights.nb[2] // streams, weights.nb[3] // streams))
    weights = ops.like("scale", weights)
    mask = g.input("indexer mask", F16, cells, per, 1, streams)
    score = ops.make("lightning_indexer", F32, (cells, per, 1, streams), q, keys, weights, mask)
    most = min(cells, g.sizes.positive("attention.indexer.top_k"))
    return ops.cont(ops.make("top_k", I32, (most, *score.ne[1:]), score))


def _narrowed(g: Builder) -> Callable[[Node], Node]:
    """
    How a mask is narrowed to the chosen cells.
    """

    def narrow(mask: Node) -> Node:
        chosen = g.chosen
        assert chosen is not None
        every = ops.like("fill", mask)
        ne, nb = every.ne, every.nb
        every = ops.view(every, (1, ne[0], ne[1], ne[3]), (nb[0], nb[1], nb[2]))
        top = chosen.ne
        ids = ops.view(
            chosen, (top[0], top[1], top[3], 1), (chosen.nb[1], chosen.nb[2], top[3] * chosen.nb[3])
        )
        zeros = ops.like("fill", ops.leaf(F32, 1, top[0], top[1], top[3]))
        seen = ops.set_rows(every, zeros, ids)
        seen = ops.view(seen, (ne[0], ne[1], 1, ne[3]), (seen.nb[2], seen.nb[3], seen.nb[3]))
        return ops.like("add", seen, mask)

    return narrow
