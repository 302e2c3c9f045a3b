"""
Qwen 3.8 Flash Next: gated delta nets, with gated attention on every fourth layer whose indexer chooses pools of tokens,
four residual streams, and a table of rows for the last words of the text.

Sources: llama.cpp b11549, src/models/qwen4exp.cpp, src/llama-memory-hybrid-idx.cpp, conversion/qwen4exp.py.
"""

import math

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import averages, hyper, ngrams, ops
from llmprobe.model.archs._building.blocks import FeedForward, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.delta_net import gated_attention, linear
from llmprobe.model.archs._building.next_token import entered_streams
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.caches import (
    CacheLayout,
    KvCache,
    KvLayer,
    State,
    StateLayer,
    attention_cache,
    kv_layer,
)
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.delta_net import INTERVAL, delta_net
from llmprobe.model.archs._shared.indexer import indexer_cache
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import (
    expert_matrices,
    gated_query,
    query_key_norms,
    router,
    shared_expert,
)
from llmprobe.model.archs._shared.recurrent import recurrent_layers, ssm_state
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("qwen4exp",)
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {
    "Qwen4ExpForConditionalGeneration": "qwen4exp",
    "Qwen4ExpForCausalLM": "qwen4exp",
}
READS_LATE = True

_INDEXER = 1
_POSITIONS = 4
_ROWS = 128
"""The rows of the table are a multiple of this."""
_ROUTED = FeedForward(mixture=Mixture(), shared="sigmoid")


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model; the streams' last mixture takes the place of the last norm.
    """
    inventory = Inventory(hparams)
    sizes, wide = inventory.sizes, _wide(inventory.sizes)
    recurrent, worded = frozenset(recurrent_layers(sizes, INTERVAL)), _worded(sizes)
    inventory.embedding()
    for layer in inventory.layers():
        for part in ("attn", "ffn"):
            _mixer(inventory, f"hc_{part}")
            inventory.weight(f"hc_{part}_inject", wide, sizes.number("hyper_connection.count", 0))
        if layer in recurrent:
            delta_net(inventory, apart=True)
        else:
            _attention(inventory)
        if layer in worded:
            _words(inventory)
        router(inventory)
        expert_matrices(inventory, "down gate up")
        inventory.weight("ffn_gate_inp_shexp", sizes.n_embd)
        shared_expert(inventory, "gate up down")
        if layer not in sizes.trunk:
            inventory.weight("nextn.eh_proj", 2 * sizes.n_embd, sizes.n_embd)
            inventory.norm("nextn.enorm")
            inventory.norm("nextn.hnorm", wide)
            _mixer(inventory, "nextn.hc_head")
    _mixer(inventory, "output_hc")
    if not sizes.tied:
        inventory.weight("output", sizes.n_embd, sizes.n_vocab)
    if worded:
        width = sizes.number("embedding_length_per_layer_input", 0)
        inventory.weight("per_layer_token_embd", width, _rows(hparams))
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of the attention layers, the indexer's two rows per token, and the state of the other layers: of one of
    them also what a convolution over the streams remembers.
    """
    sizes = Sizes(hparams)
    recurrent, worded = recurrent_layers(sizes, INTERVAL), _worded(sizes)
    attend = tuple(layer for layer in sizes.trunk if layer not in recurrent)
    key = (2 if _pooled(sizes) else 1) * sizes.number("attention.indexer.key_length", 0)
    words = _remembered(sizes) * _wide(sizes)
    states = (
        StateLayer(layer=one.layer, rolling=one.rolling, state=one.state, more=(words,))
        if one.layer in worded
        else one
        for one in ssm_state(sizes, recurrent).layers
    )
    return CacheLayout(
        kv=(
            KvCache(tuple(kv_layer(sizes, layer) for layer in attend)),
            KvCache(
                tuple(KvLayer(layer=layer, k=key, v=0, head_k=key, head_v=0) for layer in attend),
                name="indexer",
            ),
        ),
        state=State(layers=tuple(states)),
    )


def _pooled(sizes: Sizes) -> bool:
    """Whether the indexer keeps keys of pools; without them attention is over everything."""
    ratios = sizes.hparams.get("attention.compress_ratios")
    return isinstance(ratios, list | tuple) and any(ratios)


def _wide(sizes: Sizes) -> int:
    return sizes.number("hyper_connection.count", 0) * sizes.n_embd


def _worded(sizes: Sizes) -> tuple[int, ...]:
    """The layers that read the table of words."""
    told = sizes.hparams.get("ple.layers")
    return tuple(int(layer) for layer in told) if isinstance(told, list | tuple) else ()


def _remembered(sizes: Sizes) -> int:
    """The tokens that the convolution of such a layer remembers; it leaves out those between."""
    return (sizes.number("ple.conv_kernel", 1) - 1) * sizes.number("ple.ngram_size", 0)


def _heads(sizes: Sizes) -> int:
    """The rows that are looked up for one token."""
    return (sizes.number("ple.ngram_size", 1) - 1) * sizes.number("ple.heads_per_ngram", 0)


def _rows(hparams: Hparams) -> int:
    starts, counts = hparams.get("ple.head_offsets"), hparams.get("ple.head_vocab_sizes")
    if not isinstance(starts, list | tuple) or not isinstance(counts, list | tuple):
        return 0
    rows = max(int(start) + int(count) for start, count in zip(starts, counts, strict=False))
    return -(-rows // _ROWS) * _ROWS


def _mixer(inventory: Inventory, name: str) -> None:
    wide, rank = _wide(inventory.sizes), inventory.sizes.number("hyper_connection.low_rank", 0)
    inventory.weight(f"{name}_norm", wide)
    inventory.weight(f"{name}_down", wide, rank)
    inventory.weight(f"{name}_up", rank, wide)


def _attention(inventory: Inventory) -> None:
    sizes = inventory.sizes
    key = sizes.number("attention.indexer.key_length", 0)
    gated_query(inventory)
    inventory.attn_output()
    query_key_norms(inventory)
    inventory.weight("indexer.q_proj", sizes.n_embd, sizes.number("attention.indexer.head_count", 0) * key)
    inventory.weight("indexer.k_proj", sizes.n_embd, key)
    inventory.norm("indexer.q_norm", key)
    inventory.norm("indexer.k_norm", key)


def _words(inventory: Inventory) -> None:
    sizes, wide = inventory.sizes, _wide(inventory.sizes)
    inventory.weight("ple_key", sizes.n_embd, wide)
    inventory.weight("ple_value", sizes.n_embd, sizes.n_embd)
    for norm in ("key", "query", "conv"):
        inventory.norm(f"ple_norm_{norm}", wide)
    inventory.weight("ple_conv1d", sizes.number("ple.conv_kernel", 0), wide)


def from_config(config: Config, common: Hparams) -> Hparams:
    """
    Read the delta nets, the shared expert, the streams, the indexer and the table of words.
    """
    ratio = config.need("indexer_compress_ratio")
    every = config.number("full_attention_interval", default=INTERVAL)
    types = config.listed("layer_types")
    full = (
        [kind != "linear_attention" for kind in types]
        if types is not None
        else [(layer + 1) % every == 0 for layer in range(config.layers)]
    )
    further = config.number("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers")
    found = {
        "block_count": config.layers + further,
        "nextn_predict_layers": further or None,
        "hyper_connection.count": config.need("hc_count"),
        "hyper_connection.low_rank": config.need("hc_lowrank"),
        "attention.indexer.head_count": config.need("indexer_n_heads"),
        "attention.indexer.key_length": config.need("indexer_head_dim"),
        "attention.indexer.top_k": config.need("indexer_budget"),
        "attention.compress_ratios": [ratio * one for one in full] + [ratio] * further,
    }
    return rules.delta_net(config, common) | rules.shared_expert(config, common) | found | _table(config)


def _table(config: Config) -> Hparams:
    """
    The table of words: a head has as many rows as the next prime number above those of the head before it.
    """
    layers = config.get("ple_layer_ids")
    if not isinstance(layers, list) or not layers:
        return {}
    words, each = config.need("ngram_size"), config.need("heads_per_ngram")
    counts: list[int] = []
    candidate = config.need("ngram_vocab_size_base")
    while len(counts) < (words - 1) * each:
        candidate += 1
        if all(candidate % divisor for divisor in range(2, math.isqrt(candidate) + 1)):
            counts.append(candidate)
    return {
        "ple.layers": [layer - 1 for layer in layers],
        "ple.ngram_size": words,
        "ple.heads_per_ngram": each,
        "ple.conv_kernel": config.need("ple_conv_kernel_size"),
        "ple.head_offsets": [sum(counts[:head]) for head in range(len(counts))],
        "ple.head_vocab_sizes": counts,
        "embedding_length_per_layer_input": config.need("ple_embed_dim") // len(counts),
    }


def graph(g: Builder) -> None:
    """
    Build Qwen 3.8 Flash Next. Its rows of words come before those of tokens.
    """
    worded = _worded(g.sizes)
    words = ngrams.rows(g, _heads(g.sizes)) if worded else None
    x = g.embed()
    if _pooled(g.sizes):
        averages.expand_inputs(g)
    streams = hyper.spread(g, x)
    g.graph.expand(streams)
    for il in g.layers():
        if words is not None and il in worded:
            streams = ngrams.added(g, il, words, streams, _remembered(g.sizes))
        streams = _layer(g, il, streams)
    width, count, tokens = streams.ne[:3]
    # A draft head reads the streams of the last layer, so they are kept.
    kept = ops.reshape(streams, width * count, tokens)
    kept.output = True
    g.graph.expand(kept)
    x, _ = _mixed(g, -1, streams, "output_hc")
    x.output = True
    x = g.logits(x)
    x.output = True
    g.graph.expand(x)


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more: the word beside each of the model's streams.
    """
    il, width, count = g.run.built[0], g.sizes.n_embd, g.sizes.number("hyper_connection.count", 0)
    g.last = -1
    # None of these layers keeps a state, but which ones to copy is asked all the same.
    g.graph.expand(g.input("state ids", I32, g.run.sequences))
    if _pooled(g.sizes):
        averages.expand_inputs(g)
    streams = entered_streams(g, il, count)
    streams = _layer(g, il, streams)
    flat = ops.reshape(streams, width * count, g.tokens)
    flat.output = True
    rows = ops.get_rows(flat, g.input("output ids", I32, g.run.outputs))
    g.graph.expand(flat)
    x, _ = _mixed(g, il, ops.reshape(rows, width, count, g.run.outputs), "nextn.hc_head", inject=False)
    x.output = True
    x = g.logits(x)
    x.output = True
    g.graph.expand(x)


def draft_caches(hparams: Hparams) -> CacheLayout:
    """
    The cache of these layers, all of which attend, and the indexer's two rows per token.
    """
    sizes = Sizes(hparams)
    indexer = indexer_cache(sizes, sizes.trunk, rows=2 if _pooled(sizes) else 1)
    return CacheLayout(kv=(*attention_cache(hparams).kv, indexer))


def _layer(g: Builder, il: int, streams: Node) -> Node:
    x, inject = _mixed(g, il, streams, "hc_attn")
    g.graph.expand(x)
    if il in g.parts.state_of:
        x = linear(g, il, x, gated="sigmoid", copied=True)
    elif _pooled(g.sizes):
        seen = averages.choose(g, il, x)
        x = gated_attention(g, il, x, _POSITIONS, narrow=lambda mask: ops.reshape(seen, *mask.ne))
    else:
        x = gated_attention(g, il, x, _POSITIONS)
    assert inject is not None
    if il == g.last:
        width, count, tokens = streams.ne[:3]
        x, inject, flat = g.crop(il, x, inject, ops.reshape(streams, width * count, tokens))
        streams = ops.reshape(flat, width, count, flat.ne[1])
    streams = _back(g, il, x, streams, inject)
    x, inject = _mixed(g, il, streams, "hc_ffn")
    assert inject is not None
    streams = _back(g, il, feed_forward(g, il, x, _ROUTED), streams, inject)
    g.pin(streams, il)
    return streams


def _mixed(g: Builder, il: int, streams: Node, name: str, *, inject: bool = True) -> tuple[Node, Node | None]:
    """
    The mean of the normalized streams, each value behind a gate of its own, and a weight for each stream on the way
    back.
    """
    width, count, tokens = streams.ne[:3]
    normed = ops.like("mul", ops.like("rms_norm", streams), g.need(il, f"{name}_norm.weight"))
    flat = ops.reshape(normed, width * count, tokens)
    gate = g.mm(il, f"{name}_up", ops.unary("silu", ops.like("scale", g.mm(il, f"{name}_down", flat))))
    if il >= 0 and "dsv4_hc_pre_gated" not in g.run.apart:
        parts = (ops.reshape(flat, width, count, tokens), ops.reshape(gate, width, count, tokens))
        x = ops.make("dsv4_hc_pre_gated", F32, (width, tokens, 1, 1), *parts)
        g.together.append((x, g.run.places[il]))
    else:
        both = ops.reshape(ops.like("mul", flat, ops.unary("sigmoid", gate)), width, count, tokens)
        x = ops.cont(ops.view(both, (width, tokens), (both.nb[2],)))
        for _ in range(count - 1):
            x = ops.like("add", x, ops.view(both, (width, tokens), (both.nb[2],)))
        x = ops.like("scale", x)
    return x, g.mm(il, f"{name}_inject", flat) if il >= 0 and inject else None


def _back(g: Builder, il: int, x: Node, streams: Node, inject: Node) -> Node:
    """
    The streams after the result of a layer's part was added to each, times its weight.
    """
    weights = ops.like("scale", ops.unary("sigmoid", ops.like("scale", inject)))
    if "dsv4_hc_post" not in g.run.apart:
        node = ops.make("dsv4_hc_post", F32, streams.ne, x, streams, weights)
        g.together.append((node, g.run.places[il]))
        return node
    width, count, tokens = streams.ne[:3]
    weights = ops.reshape(weights, 1, count, tokens)
    x = ops.make("repeat", F32, streams.ne, ops.reshape(x, width, 1, tokens))
    return ops.like("add", streams, ops.like("mul", x, weights))
