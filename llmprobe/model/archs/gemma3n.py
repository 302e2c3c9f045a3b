"""
Gemma 3n: several streams of activations that alternate, low-rank residuals, embeddings per layer, shared caches.

Source: llama.cpp b11549, src/models/gemma3n.cpp.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._building.per_layer import layer_rows, per_layer, plane, shared_cache
from llmprobe.model.archs._building.run import Parts
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import CacheLayout, sliding_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import query_key_norms
from llmprobe.model.archs._shared.per_layer import layer_embedding, model_embeddings, own_cache_only
from llmprobe.model.archs._shared.sizes import Sizes
from llmprobe.model.archs._shared.windows import sliding_layers

ARCHITECTURES = ("gemma3n",)
HF_CLASSES: dict[str, str] = {
    "Gemma3nForCausalLM": "gemma3n",
    "Gemma3nForConditionalGeneration": "gemma3n",
}
OUTPUT_FIRST = True

PERIOD = 5
STREAMS = 4
SPARSE_LAYERS = 10
"""The first layers keep only the largest activations of the gate."""
LAUREL_RANK = 64
"""The rank of the residual matrices; no key holds it."""
OWN_CACHES = 20
"""So many layers keep a cache of their own, whatever the metadata says: llama.cpp has no other models."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; layers that share a cache hold their unused keys and values all the same.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    streams = sizes.number("altup.num_inputs", STREAMS)
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
    The caches of the first layers: one in five sees the whole context, the others a window.
    """
    return own_cache_only(sliding_cache(hparams, sliding_layers(Sizes(hparams), PERIOD)), OWN_CACHES)


def graph(g: Builder) -> None:
    """
    Build Gemma 3n: several streams, one of which is computed and the others predicted and corrected.
    """
    tokens, width = g.tokens, g.sizes.n_embd
    streams = g.sizes.number("altup.num_inputs", STREAMS)
    x = g.embed(scaled=True)
    rows = layer_rows(g)
    count = g.sizes.n_layer
    rows = ops.like("scale", ops.reshape(rows, rows.ne[0] // count, count, tokens))
    g.graph.expand(rows)
    rows = per_layer(g, x, rows)
    target = _magnitude(x)
    others = ops.make("repeat", F32, (width, tokens, streams - 1, 1), x)
    others = ops.mul_mat(g.need(-1, "altup_proj.weight"), others)
    others = ops.like("div", ops.like("mul", others, target), _magnitude(others))
    x = ops.concat(x, others, 2)
    for il in g.layers():
        x = _layer(g, il, x, rows, streams)
    target = _magnitude(plane(x))
    rest = ops.view(x, (width, tokens, streams - 1), (4 * width, 4 * width * tokens))
    rest = ops.mul_mat(g.need(-1, "altup_unembd_proj.weight"), rest)
    rest = ops.like("div", ops.like("mul", rest, target), _magnitude(rest))
    x = plane(x)
    for _ in range(streams - 1):
        x = ops.like("add", x, plane(rest))
    x = ops.like("scale", x)
    x = ops.get_rows(x, g.input("output ids", I32, g.run.outputs))
    g.finish(x, cap=True)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the window, the streams and the embeddings per layer; the output is tied.
    """
    widths = config.listed("intermediate_size") if isinstance(config.get("intermediate_size"), list) else None
    return rules.tied(config, common) | {
        "feed_forward_length": widths[0]
        if widths and len(set(widths)) == 1
        else common["feed_forward_length"],
        "attention.sliding_window": config.need("sliding_window"),
        "attention.sliding_window_pattern": config.slides,
        "embedding_length_per_layer_input": config.need("hidden_size_per_layer_input"),
        "attention.shared_kv_layers": config.number("num_kv_shared_layers"),
        "altup.num_inputs": config.number("altup_num_inputs", default=4),
        "altup.active_idx": config.number("altup_active_idx"),
    }


def layer_variant(parts: Parts, il: int) -> tuple[bool, bool]:
    """
    Say whether the activations of a layer are made sparse, and whether it looks back over a window only.
    """
    return il < SPARSE_LAYERS, _slides(parts, il)


def _magnitude(x: Node) -> Node:
    return ops.like("sqrt", ops.sum_rows(ops.like("sqr", x)))


def _layer(g: Builder, il: int, x: Node, rows: Node, streams: int) -> Node:
    width, tokens = g.sizes.n_embd, g.tokens
    predictions = _predict(g, il, x, streams)
    active = plane(predictions)
    x = g.norm(active, "attn_norm", il)
    low = g.norm(g.mm(il, "laurel_r", g.mm(il, "laurel_l", x)), "laurel_post_norm", il)
    laurel = ops.like("add", low, x)
    x = ops.like("add", g.norm(_attention(g, il, x), "post_attention_norm", il), active)
    between = ops.like("scale", ops.like("add", x, laurel))
    x = g.norm(between, "ffn_norm", il)
    up, gate = g.mm(il, "ffn_up", x), g.mm(il, "ffn_gate", x)
    if il < SPARSE_LAYERS:
        gate = _sparse(gate)
    x = g.mm(il, "ffn_down", ops.like("mul", up, ops.unary("gelu", gate)))
    x = ops.like("add", g.norm(x, "post_ffw_norm", il, pin=False), between)
    corrected = _correct(g, il, predictions, x, streams)
    first = ops.like("mul", plane(corrected), g.need(il, "altup_correct_scale.weight"))
    first = ops.unary("gelu", g.mm(il, "inp_gate", first))
    first = g.mm(il, "proj", ops.like("mul", first, plane(rows)))
    first = g.norm(first, "post_norm", il)
    rest = ops.view(corrected, (width, tokens, streams - 1), (4 * width, 4 * width * tokens))
    return ops.concat(plane(corrected), ops.like("add", rest, first), 2)


def _attention(g: Builder, il: int, x: Node) -> Node:
    source = shared_cache(g, il, slides=_slides(g.parts, il))
    if source == il:
        q, k, v = g.qkv(il, x)
        q, k = g.norm(q, "attn_q_norm", il), g.norm(k, "attn_k_norm", il)
        v = ops.like("rms_norm", v)
        return g.attention(il, g.rope(q), g.rope(k), v)
    head, count = g.sizes.head_k(), g.sizes.heads(il)
    if g.weight(il, "attn_qkv.weight") is not None:
        both = g.mm(il, "attn_qkv", x)
        q = ops.cont(ops.view(both, (head * count, g.tokens), (both.nb[1],)))
    else:
        q = g.mm(il, "attn_q", x)
    q = g.norm(ops.reshape(q, head, count, g.tokens), "attn_q_norm", il)
    return g.attention(il, g.rope(q), None, None, cache=source)


def _slides(parts: Parts, il: int) -> bool:
    pattern = parts.hparams.get("attention.sliding_window_pattern", PERIOD)
    if isinstance(pattern, list | tuple):
        return bool(pattern[il])
    return il % int(pattern) < int(pattern) - 1


def _modalities(g: Builder, il: int, x: Node) -> Node:
    x = ops.like("scale", g.norm(x, "altup_router_norm", il))
    return ops.unary("tanh", g.mm(il, "altup_router", x))


def _predict(g: Builder, il: int, x: Node, streams: int) -> Node:
    modalities = _modalities(g, il, plane(x))
    factors = ops.reshape(g.mm(il, "altup_predict_coef", modalities), streams, streams, g.tokens)
    turned = ops.cont(ops.permute(x, 1, 2, 0, 3))
    predictions = ops.cont(ops.permute(ops.mul_mat(turned, factors), 0, 2, 1, 3))
    return ops.like("add", predictions, x)


def _correct(g: Builder, il: int, predictions: Node, x: Node, streams: int) -> Node:
    width, tokens = g.sizes.n_embd, g.tokens
    modalities = _modalities(g, il, x)
    news = ops.like("sub", x, plane(predictions))
    factors = ops.transpose(ops.like("scale", g.mm(il, "altup_correct_coef", modalities)))
    factors = ops.cont(factors, 1, tokens, streams)
    news = ops.make("repeat", F32, (width, tokens, streams, 1), news)
    return ops.like("add", ops.like("mul", news, factors), predictions)


def _sparse(x: Node) -> Node:
    mean = ops.make("mean", F32, (1, *x.ne[1:]), x)
    squares = ops.sum_rows(ops.like("sqr", ops.like("sub", x, mean)))
    spread = ops.like("sqrt", ops.like("scale", squares))
    bound = ops.like("add", mean, ops.like("scale", spread))
    return ops.unary("relu", ops.like("sub", x, bound))
