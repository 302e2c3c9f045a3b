"""
Latent attention in a graph that looks only at the cells that an indexer chooses for each token.

Sources: llama.cpp b11549, src/models/deepseek32.cpp, hy-v4.cpp, dots3note.cpp, src/llama-graph.cpp (``build_attn``).
"""

from collections.abc import Callable

import msgspec

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node

_INDEXER = 1


class Latent(msgspec.Struct, frozen=True, kw_only=True):
    """
    The sizes of latent attention where a model has two kinds: of a key, and of the latent.
    """

    key: int
    rank: int


def attention(
    g: Builder,
    il: int,
    x: Node,
    low: Node,
    *,
    sizes: Latent | None = None,
    narrow: Callable[[Node], Node] | None = None,
    sinks: Node | None = None,
    output: str = "attn_output",
) -> Node:
    """
    Build the attention from the small query on, up to the output matrix where that has a name. ``narrow`` makes a mask
    of its own from that of the cache.
    """
    tokens, count, turned = g.tokens, g.sizes.heads(il), g.sizes.n_rot
    if sizes is None:
        key = g.sizes.number("attention.key_length_mla", g.sizes.head_k())
        sizes = Latent(key=key, rank=g.sizes.positive("attention.kv_lora_rank"))
    key, rank = sizes.key, sizes.rank
    q = g.mm(il, "attn_q_b", low)
    rows = (4 * key, 4 * key * count)
    plain = ops.view(q, (key - turned, count, tokens), rows)
    q_turned = g.rope(ops.view(q, (turned, count, tokens), rows))
    both = g.mm(il, "attn_kv_a_mqa", x)
    row = 4 * (rank + turned)
    k_turned = ops.view(both, (turned, 1, tokens), (row, row))
    if g.weight(il, "attn_k_norm.weight") is not None:
        k_turned = g.norm(k_turned, "attn_k_norm", il)
    k_turned = g.rope(k_turned)
    latent = g.norm(ops.view(both, (rank, tokens), (row,)), "attn_kv_a_norm", il)
    absorbed = ops.mul_mat(g.need(il, "attn_k_b.weight"), ops.permute(plain, 0, 2, 1, 3))
    query = ops.concat(ops.permute(absorbed, 0, 2, 1, 3), q_turned, 0)
    latent = ops.reshape(latent, rank, 1, tokens)
    k = ops.concat(latent, k_turned, 0)
    value = g.need(il, "attn_v_b.weight")
    return g.latent_attention(il, query, k, latent, value, narrow=narrow, sinks=sinks, output=output)


def chosen(g: Builder, il: int, x: Node, low: Node, *, rotated: bool = True) -> Node:
    """
    The cells that the indexer chooses for each token. Its queries and keys are ``rotated`` or not.
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
    if rotated:
        size = 64
        while width % (2 * size) == 0:
            size *= 2
        rotation = g.input("indexer rotation", F32, size, size)
        q, k = ops.mul_mat(rotation, q), ops.mul_mat(rotation, k)
    cells, streams = run.cells[_INDEXER], run.streams
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


def narrowed(g: Builder) -> Callable[[Node], Node]:
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
        narrowed = ops.like("add", seen, mask)
        narrowed.bound = top[0]
        return narrowed

    return narrow
