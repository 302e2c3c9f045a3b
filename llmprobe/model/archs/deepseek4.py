"""
DeepSeek 4: one row per token for keys and values, rows that stand for 4 or 128 tokens, four residual streams.

Sources: llama.cpp b11549, src/models/deepseek4.cpp, src/llama-kv-cache-dsv4.cpp, conversion/deepseek.py.
"""

from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building import compressed, hyper, ops
from llmprobe.model.archs._building.blocks import FeedForward, feed_forward
from llmprobe.model.archs._building.builder import Builder, Mixture
from llmprobe.model.archs._building.compressed import Compressor
from llmprobe.model.archs._building.next_token import entered_streams, normed
from llmprobe.model.archs._building.ops import F32, I32, I64, Node
from llmprobe.model.archs._shared.caches import CacheLayout, KvCache, KvLayer, State, StateLayer
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.hyper import hyper_connection, hyper_head
from llmprobe.model.archs._shared.inventory import Inventory
from llmprobe.model.archs._shared.parts import expert_matrices, next_token, shared_expert
from llmprobe.model.archs._shared.sizes import Sizes

ARCHITECTURES = ("deepseek4",)
SNAPSHOTS = ARCHITECTURES
HF_CLASSES: dict[str, str] = {"DeepseekV4ForCausalLM": "deepseek4"}

INDEXED, DENSE = 4, 128
"""Tokens per row: of rows that an indexer chooses among, and of rows that are all looked at."""
_NEAR, _INDEXED_ROWS, _DENSE_ROWS, _INDEXER = range(4)
SQRT_SOFTPLUS = 4
"""The gating function of the router (``expert_gating_func``)."""


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    """
    Every tensor of the model. The first layers choose experts by a table of all words instead of a bias.
    """
    inventory = Inventory(hparams)
    sizes = inventory.sizes
    by_word = sizes.number("hash_layer_count", 0)
    inventory.embedding()
    for layer in inventory.layers():
        _attention(inventory)
        hyper_connection(inventory)
        _compressors(inventory)
        inventory.weight("ffn_gate_inp", sizes.n_embd, sizes.n_expert)
        if layer < by_word:
            inventory.weight("ffn_gate_tid2eid", sizes.number("expert_used_count", 0), sizes.n_vocab)
        else:
            inventory.bias("exp_probs_b", sizes.n_expert)
        inventory.norm("ffn_norm")
        expert_matrices(inventory)
        shared_expert(inventory)
        if layer not in sizes.trunk:
            next_token(inventory)
    inventory.output()
    hyper_head(inventory)
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    """
    The rows of a window in every layer, those of 4 and of 128 tokens with the indexer's, and the compressors' inputs:
    all of them apart for each sequence.
    """
    sizes = Sizes(hparams)
    head, key = sizes.head_k(), sizes.number("attention.indexer.key_length", 0)
    ratios = {layer: sizes.of_layer("attention.compress_ratios", layer) for layer in sizes.trunk}
    indexed = tuple(layer for layer in sizes.trunk if ratios[layer] == INDEXED)
    dense = tuple(layer for layer in sizes.trunk if ratios[layer] == DENSE)
    window = sizes.number("attention.sliding_window", 0)
    rows, words = 2 * INDEXED * 2 * head, 2 * INDEXED * 2 * key
    states = [StateLayer(layer=layer, rolling=rows, state=rows, more=(words, words)) for layer in indexed]
    states += [StateLayer(layer=layer, rolling=DENSE * head, state=DENSE * head) for layer in dense]
    return CacheLayout(
        kv=(
            KvCache(_keys(sizes.trunk, head), window, "sliding-window", own_streams=True),
            KvCache(_keys(indexed, head), None, "compressed", INDEXED, own_streams=True),
            KvCache(_keys(dense, head), None, "heavily-compressed", DENSE, own_streams=True),
            KvCache(_keys(indexed, key), None, "indexer", INDEXED, own_streams=True),
        ),
        state=State(layers=tuple(sorted(states, key=lambda state: state.layer))),
        latent=True,
    )


def draft_caches(hparams: Hparams) -> CacheLayout:
    """
    The layer for a token more keeps the rows of a window, as keys and as values; it compresses nothing.
    """
    sizes = Sizes(hparams)
    head = sizes.head_k()
    rows = tuple(KvLayer(layer=layer, k=head, v=head, head_k=head, head_v=head) for layer in sizes.trunk)
    window = sizes.number("attention.sliding_window", 0)
    return CacheLayout(kv=(KvCache(rows, window, "sliding-window"),))


def _keys(layers: range | tuple[int, ...], width: int) -> tuple[KvLayer, ...]:
    return tuple(KvLayer(layer=layer, k=width, v=0, head_k=width, head_v=0) for layer in layers)


def _attention(inventory: Inventory) -> None:
    sizes = inventory.sizes
    n_embd, head, heads = sizes.n_embd, sizes.head_k(), sizes.heads(inventory.layer or 0)
    rank, groups = sizes.number("attention.q_lora_rank", 0), sizes.positive("attention.output_group_count")
    small = groups * sizes.number("attention.output_lora_rank", 0)
    inventory.norm("attn_norm")
    inventory.norm("attn_sinks", heads)
    inventory.weight("attn_q_a", n_embd, rank)
    inventory.norm("attn_q_a_norm", rank)
    inventory.weight("attn_q_b", rank, heads * head)
    inventory.weight("attn_kv", n_embd, head)
    inventory.norm("attn_kv_a_norm", head)
    inventory.weight("attn_output_a", heads * head // groups, small)
    inventory.weight("attn_output_b", small, n_embd)


def _compressors(inventory: Inventory) -> None:
    sizes = inventory.sizes
    ratio = sizes.of_layer("attention.compress_ratios", inventory.layer or 0)
    if ratio:
        _compressor(inventory, "attn_compressor", ratio, sizes.head_k())
    if ratio == INDEXED:
        count, key = (
            sizes.number("attention.indexer.head_count", 0),
            sizes.number("attention.indexer.key_length", 0),
        )
        inventory.weight("indexer.proj", sizes.n_embd, count)
        inventory.weight("indexer.attn_q_b", sizes.number("attention.q_lora_rank", 0), count * key)
        _compressor(inventory, "indexer_compressor", ratio, key)


def _compressor(inventory: Inventory, name: str, ratio: int, width: int) -> None:
    wide = width * (2 if ratio == INDEXED else 1)
    inventory.weight(f"{name}_kv", inventory.sizes.n_embd, wide)
    inventory.weight(f"{name}_gate", inventory.sizes.n_embd, wide)
    inventory.weight(f"{name}_ape", wide, ratio)
    inventory.norm(f"{name}_norm", width)


def from_config(config: Config, _common: Hparams) -> Hparams:
    """
    Read the compression of each layer, the indexer, the streams, and the layers that choose experts by word.
    """
    head = config.need("head_dim")
    return {
        "attention.head_count_kv": 1,
        "attention.key_length": head,
        "attention.value_length": head,
        "rope.dimension_count": config.need("qk_rope_head_dim"),
        "attention.q_lora_rank": config.need("q_lora_rank"),
        "attention.output_group_count": config.need("o_groups"),
        "attention.output_lora_rank": config.need("o_lora_rank"),
        "attention.sliding_window": config.need("sliding_window"),
        "attention.compress_ratios": config.listed("compress_ratios"),
        "attention.indexer.head_count": config.need("index_n_heads"),
        "attention.indexer.key_length": config.need("index_head_dim"),
        "attention.indexer.top_k": config.need("index_topk"),
        "hyper_connection.count": config.need("hc_mult"),
        "hash_layer_count": config.number("num_hash_layers") or None,
        "expert_gating_func": SQRT_SOFTPLUS,
        "swiglu_clamp_exp": config.real("swiglu_limit"),
        "swiglu_clamp_shexp": config.real("swiglu_limit"),
    }


def graph(g: Builder) -> None:
    """
    Build DeepSeek 4. Tokens without output are dropped after the last layer.
    """
    x = g.embed(mixes=False)
    g.graph.expand(compressed.mask(g, _NEAR, half=g.run.flash))
    x = hyper.spread(g, x)
    for il in g.layers():
        x = _layer(g, il, x)
        g.pin(x, il)
    width, count, tokens = x.ne[0], x.ne[1], x.ne[2]
    ids = g.input("output ids", I32, g.run.outputs)
    rows = ops.get_rows(ops.reshape(x, width * count, tokens), ids)
    # A draft head reads the streams of the last layer, so they are kept.
    x.output = True
    g.finish(hyper.head(g, ops.reshape(rows, width, count, g.run.outputs), "output_hc"))


def draft_graph(g: Builder) -> None:
    """
    Build the layer for a token more: the word beside each stream, and attention to a window alone.
    """
    il, width, count = g.run.built[0], g.sizes.n_embd, g.sizes.positive("hyper_connection.count")
    streams = _layer(g, il, entered_streams(g, il, count), drafts=True)
    ids = g.input("output ids", I32, g.run.outputs)
    rows = ops.get_rows(ops.reshape(streams, width * count, g.tokens), ids)
    rows.output = True
    x = hyper.head(g, ops.reshape(rows, width, count, g.run.outputs), "output_hc")
    x = g.logits(normed(g, il, x, "rms_norm"))
    x.output = True
    g.graph.expand(x)


def _layer(g: Builder, il: int, streams: Node, *, drafts: bool = False) -> Node:
    x, after, matrix = hyper.mixed(g, il, streams, "hc_attn")
    x = _attend(g, il, g.norm(x, "attn_norm", il))
    streams = hyper.back(g, il, x, streams, after, matrix)
    x, after, matrix = hyper.mixed(g, il, streams, "hc_ffn")
    if not drafts:
        for node in (streams, after, matrix):
            g.graph.expand(node)
    x = g.norm(x, "ffn_norm", il)
    clamped = FeedForward(
        mixture=Mixture(gating=None, norm=None, activation=_activation(g, il, "swiglu_clamp_exp")),
        shared="plain",
        shared_activation=_activation(g, il, "swiglu_clamp_shexp"),
    )
    return hyper.back(g, il, feed_forward(g, il, x, clamped), streams, after, matrix)


def _activation(g: Builder, il: int, key: str) -> str:
    return "swiglu_clamp" if g.limited(il, key) else "swiglu"


def _attend(g: Builder, il: int, x: Node) -> Node:
    """
    Attention over the rows of the window and those of a compressor; its output is turned back.
    """
    sizes, tokens = g.sizes, g.tokens
    count, head = sizes.heads(il), sizes.head_k()
    low = g.norm(g.mm(il, "attn_q_a", x), "attn_q_a_norm", il)
    q = ops.like("rms_norm", ops.reshape(g.mm(il, "attn_q_b", low), head, count, tokens))
    q = g.rope(q)
    kv = g.norm(g.mm(il, "attn_kv", x), "attn_kv_a_norm", il)
    kv = g.rope(ops.reshape(kv, head, 1, tokens))
    further = _further(g, il, x, low)
    turn = compressed.rotation(g, _NEAR, head)
    if turn is not None:
        q, kv = g.rotate(q, turn), g.rotate(kv, turn)
    g.graph.expand(q)
    g.graph.expand(kv)
    kept = compressed.cache(g, il, _NEAR)
    g.graph.expand(g.store(kept, kv, g.input("near ids", I64, tokens)))
    keys, mask = compressed.rows_of(g, kept, _NEAR), compressed.mask(g, _NEAR, half=g.run.flash)
    if further is not None:
        near = mask.ne[0]
        keys, mask = ops.concat(keys, further[0], 2), ops.concat(mask, further[1], 0)
        if further[1].bound > 0:
            window = g.sizes.positive("attention.sliding_window")
            mask.bound = (window if window < near else near) + further[1].bound
    x = g.mha(il, q, keys, keys, mask, sinks=g.need(il, "attn_sinks.weight"))
    if turn is not None:
        x = g.rotate(x, turn)
    return _output(g, il, ops.like("rope_back", ops.reshape(x, head, count, tokens), g.positions()))


def _further(g: Builder, il: int, x: Node, low: Node) -> tuple[Node, Node] | None:
    """
    The compressed rows that a layer looks at beside those of its window, and their mask.
    """
    head, flash = g.sizes.head_k(), g.run.flash
    if (_DENSE_ROWS, il) in g.parts.caches_of:
        dense = Compressor(
            cache=_DENSE_ROWS,
            name="attn_compressor",
            ratio=DENSE,
            width=head,
            remembered=DENSE,
            overlap=False,
        )
        compressed.compress(g, il, x, dense)
        rows = _rows(g, il, _DENSE_ROWS)
        return rows, compressed.mask(g, _DENSE_ROWS, half=flash)
    if (_INDEXED_ROWS, il) not in g.parts.caches_of:
        return None
    key = g.sizes.positive("attention.indexer.key_length")
    for number, name, width in (
        (_INDEXED_ROWS, "attn_compressor", head),
        (_INDEXER, "indexer_compressor", key),
    ):
        how = Compressor(
            cache=number,
            name=name,
            ratio=INDEXED,
            width=width,
            remembered=2 * INDEXED,
            overlap=True,
            always_turned=number == _INDEXER,
        )
        compressed.compress(g, il, x, how)
    chosen = _chosen(g, il, x, low)
    every = compressed.mask(g, _INDEXED_ROWS, half=flash)
    return _rows(g, il, _INDEXED_ROWS), compressed.narrowed(chosen, every)


def _rows(g: Builder, il: int, number: int) -> Node:
    rows = compressed.rows_of(g, compressed.cache(g, il, number), number)
    return ops.view(rows, rows.ne, rows.nb[1:])


def _chosen(g: Builder, il: int, x: Node, low: Node) -> Node:
    """
    The rows that the indexer chooses for each token.
    """
    tokens, streams = g.tokens, g.streams(_INDEXER)
    count, width = (
        g.sizes.positive("attention.indexer.head_count"),
        g.sizes.positive("attention.indexer.key_length"),
    )
    q = g.rope(ops.reshape(g.mm(il, "indexer.attn_q_b", low), width, count, tokens))
    turn = compressed.rotation(g, _INDEXER, width, always=True)
    assert turn is not None
    q = g.rotate(q, turn)
    weights = ops.like("scale", g.mm(il, "indexer.proj", x))
    keys = _rows(g, il, _INDEXER)
    per = tokens // streams
    q = ops.view(q, (width, count, per, streams), (q.nb[1], q.nb[2], q.nb[3] // streams))
    shape = (count, per, weights.ne[2], streams)
    weights = ops.view(weights, shape, (weights.nb[1], weights.nb[2] // streams, weights.nb[3] // streams))
    every = compressed.mask(g, _INDEXER, half=True)
    score = ops.make("lightning_indexer", F32, (keys.ne[2], per, 1, streams), q, keys, weights, every)
    most = min(keys.ne[2], g.sizes.positive("attention.indexer.top_k"))
    return ops.cont(ops.make("top_k", I32, (most, *score.ne[1:]), score))


def _output(g: Builder, il: int, x: Node) -> Node:
    """
    Two matrices after the attention, the first of them apart for each group of heads.
    """
    groups, rank = (
        g.sizes.positive("attention.output_group_count"),
        g.sizes.positive("attention.output_lora_rank"),
    )
    tokens, width = g.tokens, x.ne[0] * x.ne[1] // groups
    x = ops.permute(ops.reshape(x, width, groups, tokens), 0, 2, 1, 3)
    x = ops.mul_mat(g.cut(il, "attn_output_a.weight", rank, groups), x)
    x = ops.cont(ops.permute(x, 0, 2, 1, 3), rank * groups, tokens)
    return g.mm(il, "attn_output_b", x)
