"""
Hunyuan 4: gated latent attention that an indexer restricts, experts beside a shared one, and several residual streams
that are only added up, not mixed with each other.

Sources: llama.cpp b11549, src/models/hy-v4.cpp, src/llama-kv-cache-dsa.cpp, conversion/hy_v4.py.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import hyper, indexed, ops
from llmprobe.model.archs._building.blocks import FeedForward, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.hyper import hyper_head
from llmprobe.model.archs._shared.indexer import indexer_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.latent import latent_cache
from llmprobe.model.archs._shared.parts import expert_matrices, is_dense, router, shared_expert
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("hy_v4",)
HF_CLASSES: dict[str, str] = {"HYV4ForCausalLM": "hy_v4"}

_INDEXER = 1


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; layers that use another layer's choice of tokens carry no indexer.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    inventory.embedding()
    for layer in inventory.layers():
        _attention(inventory)
        if _chooses(sizes, layer):
            _indexer(inventory)
        _streams(inventory)
        inventory.norm("ffn_norm")
        if is_dense(sizes, layer):
            inventory.ffn()
        else:
            router(inventory, biased=True)
            expert_matrices(inventory, "gate up down")
            shared_expert(inventory)
    inventory.output()
    hyper_head(inventory)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the latent, and the indexer's keys of the layers that choose for themselves.
    """
    sizes = Sizes(hparams)
    latent = latent_cache(hparams)
    indexer = indexer_cache(sizes, (layer for layer in sizes.trunk if _chooses(sizes, layer)))
    return CacheLayout(kv=(*latent.kv, indexer) if indexer.layers else latent.kv, latent=latent.latent)


def _chooses(sizes: Sizes, layer: int) -> bool:
    if not sizes.number("attention.indexer.top_k", 0):
        return False
    types = sizes.hparams.get("attention.indexer.types")
    return not isinstance(types, list | tuple) or (layer < len(types) and bool(types[layer]))


def _attention(inventory: Inventory) -> None:
    sizes, n_embd = inventory.sizes, inventory.sizes.n_embd
    heads, turned = sizes.heads(inventory.layer or 0), sizes.n_rot
    q_rank, rank = sizes.number("attention.q_lora_rank", 0), sizes.number("attention.kv_lora_rank", 0)
    key = sizes.number("attention.key_length_mla", sizes.head_k())
    value = sizes.number("attention.value_length_mla", sizes.head_v())
    inventory.norm("attn_norm")
    inventory.norm("attn_sinks", heads)
    inventory.weight("attn_q_a", n_embd, q_rank)
    inventory.norm("attn_q_a_norm", q_rank)
    inventory.weight("attn_q_b", q_rank, heads * key)
    inventory.weight("attn_kv_a_mqa", n_embd, rank + turned)
    inventory.norm("attn_kv_a_norm", rank)
    inventory.weight("attn_k_b", key - turned, rank, heads)
    inventory.weight("attn_v_b", rank, value, heads)
    inventory.weight("attn_output", heads * value, n_embd)
    inventory.weight("attn_gate", n_embd, heads * value)


def _indexer(inventory: Inventory) -> None:
    sizes = inventory.sizes
    heads, key = (
        sizes.number("attention.indexer.head_count", 0),
        sizes.number("attention.indexer.key_length", 0),
    )
    inventory.weight("indexer.attn_q_b", sizes.number("attention.q_lora_rank", 0), heads * key)
    inventory.weight("indexer.attn_k", sizes.n_embd, key)
    inventory.norm("indexer.k_norm", key, bias=True)
    inventory.weight("indexer.proj", sizes.n_embd, heads)


def _streams(inventory: Inventory) -> None:
    count = inventory.sizes.number("hyper_connection.count", 0)
    for part in ("attn", "ffn"):
        inventory.weight(f"hc_{part}_fn", count * inventory.sizes.n_embd, 2 * count)
        inventory.weight(f"hc_{part}_base", 2 * count)
        inventory.weight(f"hc_{part}_scale", 2)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the latent attention, the streams, and which layers choose tokens.
    """
    kinds, types = config.listed("indexer_types"), config.listed("layer_types") or []
    full = (
        [kind == "full" for kind in kinds]
        if kinds is not None
        else [kind in ("sparse_attention", "deepseek_sparse_attention") for kind in types]
    )
    parts = config.listed("mlp_layer_types") or []
    dense = next((layer for layer, kind in enumerate(parts) if kind != "dense"), len(parts))
    found: Hparams = rules.latent(config, common) | {
        "expert_gating_func": rules.SIGMOID,
        "expert_group_count": None,
        "expert_group_used_count": None,
        "hyper_connection.count": config.need("hc_mult"),
        "swiglu_clamp_exp": config.real("swiglu_limit"),
    }
    if not config.number("first_k_dense_replace"):
        found["leading_dense_block_count"] = dense
    if any(full):
        found |= {
            "attention.indexer.head_count": config.need("index_n_heads"),
            "attention.indexer.key_length": config.need("index_head_dim"),
            "attention.indexer.top_k": config.need("index_topk"),
            "attention.indexer.types": full[: config.layers],
        }
    return found


def graph(g: Builder) -> None:
    """
    Build Hunyuan 4. Tokens without output are dropped after the last layer.
    """
    x = hyper.spread(g, g.embed())
    for il in g.layers():
        x = _layer(g, il, x)
    width, count, tokens = x.ne[:3]
    ids = g.input("output ids", I32, g.run.outputs)
    rows = ops.reshape(ops.get_rows(ops.reshape(x, width * count, tokens), ids), width, count, g.run.outputs)
    g.finish(_head(g, rows))


def _layer(g: Builder, il: int, streams: Node) -> Node:
    x, after = _mixed(g, il, streams, "hc_attn")
    x = _attend(g, il, g.norm(x, "attn_norm", il))
    streams = _back(x, streams, after)
    x, after = _mixed(g, il, streams, "hc_ffn")
    x = g.norm(x, "ffn_norm", il)
    activation = "swiglu_clamp" if g.limited(il, "swiglu_clamp_exp") else "swiglu"
    how = FeedForward(mixture=Mixture(gating=None, norm=None, activation=activation), shared="plain")
    return _back(feed_forward(g, il, x, how), streams, after)


def _attend(g: Builder, il: int, x: Node) -> Node:
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    narrow = None
    if len(g.parts.layout.kv) > _INDEXER:
        if (_INDEXER, il) in g.parts.caches_of:
            g.chosen = indexed.chosen(g, il, x, low, rotated=False)
        narrow = indexed.narrowed(g)
    sinks = g.need(il, "attn_sinks.weight")
    attended = indexed.attention(g, il, x, low, narrow=narrow, sinks=sinks, output="")
    gate = ops.unary("sigmoid", g.mm(il, "attn_gate", x))
    return g.mm(il, "attn_output", ops.like("mul", attended, gate))


def _mixed(g: Builder, il: int, streams: Node, name: str) -> tuple[Node, Node]:
    """
    The streams added up, each with a weight, and the weights of the way back.
    """
    width, count, tokens = streams.ne[:3]
    flat = ops.reshape(streams, width * count, tokens)
    mixes = g.mm(il, f"{name}_fn", ops.like("rms_norm", flat))
    scale, base = g.need(il, f"{name}_scale.weight"), g.need(il, f"{name}_base.weight")
    before, after = (
        _weights(ops.view(mixes, (count, tokens), (mixes.nb[1],)), scale, base, count) for _ in "ab"
    )
    return _reduced(streams, before), ops.like("scale", after)


def _weights(part: Node, scale: Node, base: Node, count: int) -> Node:
    part = ops.like("mul", part, ops.view(scale, (1,)))
    part = ops.like("add", part, ops.view(base, (count,)))
    return ops.like("scale", ops.unary("sigmoid", part))


def _reduced(streams: Node, weights: Node) -> Node:
    width, count, tokens = streams.ne[:3]
    streams = ops.cast(streams, F32)
    total: Node | None = None
    for _ in range(count):
        stream = ops.view(streams, (width, tokens), (streams.nb[2],))
        part = ops.like("mul", stream, ops.view(weights, (1, tokens), (weights.nb[1],)))
        total = part if total is None else ops.like("add", total, part)
    assert total is not None
    return ops.cast(total, F32)


def _back(x: Node, streams: Node, after: Node) -> Node:
    """
    The streams after the result of a layer's part was added to each, times its weight.
    """
    width, count, tokens = streams.ne[:3]
    x, after, streams = ops.cast(x, F32), ops.cast(after, F32), ops.cast(streams, F32)
    total: Node | None = None
    for _ in range(count):
        stream = ops.view(streams, (width, tokens), (streams.nb[2],))
        weight = ops.view(after, (1, tokens), (after.nb[1],))
        part = ops.reshape(ops.like("add", stream, ops.like("mul", x, weight)), width, 1, tokens)
        total = part if total is None else ops.concat(total, part, 1)
    assert total is not None
    return ops.cast(total, F32)


def _head(g: Builder, streams: Node) -> Node:
    """
    The streams added up after the last layer, each with a weight of its own.
    """
    width, count, rows = streams.ne[:3]
    mixes = g.mm(-1, "output_hc_fn", ops.like("rms_norm", ops.reshape(streams, width * count, rows)))
    weights = ops.like("mul", mixes, g.need(-1, "output_hc_scale.weight"))
    weights = ops.like("add", weights, g.need(-1, "output_hc_base.weight"))
    return _reduced(streams, ops.like("scale", ops.unary("sigmoid", weights)))
