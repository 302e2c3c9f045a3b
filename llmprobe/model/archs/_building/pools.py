"""
Pools of consecutive tokens in a graph: an indexer scores the key of each pool, and its tokens are chosen together.

The indexer's row of a token holds the token's key, what weighs it in its pool, and in the row of a pool's last token
the key of the pool. For the largest batch every pool that the cache can hold is made anew.
Sources: llama.cpp b11549, src/models/glm5-next.cpp, src/llama-memory-hybrid-idx.cpp (``kpool_pad``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node

_PAD = 64
_GATHERED = 16
"""The most tokens of a micro-batch for which rows are gathered."""


def expand_inputs(g: Builder, cache: int) -> None:
    """
    Append the inputs that llama.cpp puts at the beginning of the graph.
    """
    count = padded(g, cache)
    for node in (
        g.input("pool cells", I32, count),
        g.input("pool members", I32, pool_size(g), count),
        _mask(g, cache),
        g.input("tail members", I32, pool_size(g) - 1, g.tokens),
        _alive(g, cache),
    ):
        g.graph.expand(node)


def made(g: Builder, cache: int) -> int:
    """
    The pools that the cache of an indexer can hold, over all sequences.
    """
    return g.run.cells[cache] // pool_size(g) * g.run.sequences


def padded(g: Builder, cache: int) -> int:
    """
    The pools that are scored: one more, rounded up.
    """
    return -(-(made(g, cache) + 1) // _PAD) * _PAD


def choose(g: Builder, il: int, x: Node, low: Node) -> Node:
    """
    A mask over all cells that leaves the chosen ones, or the cells themselves where their rows are gathered.
    """
    tokens, cache = g.tokens, 1
    count, width = (
        g.sizes.positive("attention.indexer.head_count"),
        g.sizes.positive("attention.indexer.key_length"),
    )
    q = ops.reshape(g.mm(il, "indexer.attn_q_b", low), width, count, tokens)
    key = g.norm(g.mm(il, "indexer.attn_k", x), "indexer.k_norm", il, kind="norm")
    weight = g.mm(il, "indexer_compressor_gate", x)
    empty = ops.like("fill", ops.leaf(F32, width, tokens))
    row = ops.concat(ops.concat(key, weight, 0), empty, 0)
    kept = kept_rows(g, il, cache)
    g.graph.expand(g.store(kept, ops.reshape(row, 3 * width, 1, tokens), g.input("indexer ids", I64, tokens)))
    keys = ops.reshape(_pooled(g, il, kept, cache, width), width, 1, padded(g, cache))
    weights = ops.like("scale", g.mm(il, "indexer.proj", x))
    score = ops.make(
        "lightning_indexer", F32, (padded(g, cache), tokens, 1, 1), q, keys, weights, _mask(g, cache)
    )
    chosen = _members(g, cache, score)
    if gathers(g):
        return chosen
    g.graph.expand(chosen)
    return _seen(g, cache, chosen)


def gathers(g: Builder) -> bool:
    """
    Whether the rows of chosen cells are gathered, which small batches in a longer context do.
    """
    context = g.run.cells[0] * g.run.streams
    top = g.sizes.positive("attention.indexer.top_k")
    return g.run.ubatch <= _GATHERED and context > top + pool_size(g) - 1


def alive(g: Builder) -> Node:
    """
    The mask of the chosen cells.
    """
    return _alive(g, 1)


def pool_size(g: Builder) -> int:
    """
    The tokens of a pool.
    """
    ratios = g.hparams.get("attention.compress_ratios")
    if isinstance(ratios, list | tuple):
        return max(int(ratio) for ratio in ratios)
    return g.sizes.positive("attention.indexer.kpool")


def _mask(g: Builder, cache: int) -> Node:
    return g.input("pool mask", F16, padded(g, cache), g.tokens)


def _top(g: Builder, cache: int) -> int:
    return min(padded(g, cache), g.sizes.positive("attention.indexer.top_k") // pool_size(g))


def _chosen(g: Builder, cache: int) -> int:
    """How many cells a token looks at: those of its pools, and those of the last, incomplete pool."""
    tail = pool_size(g) - 1 if g.hparams.get("attention.indexer.kpool_select_tail") else 0
    return pool_size(g) * _top(g, cache) + tail


def _alive(g: Builder, cache: int) -> Node:
    return g.input("alive", F32, _chosen(g, cache), 1, 1, g.tokens)


def kept_rows(g: Builder, il: int, cache: int) -> Node:
    """
    What the indexer keeps of all tokens.
    """
    run = g.run
    width = g.parts.layout.kv[cache].layers[g.parts.caches_of[cache, il]].k
    home = run.places[il] if run.cache_on_device else run.host
    return g.memory(f"indexer {il}", run.kind_k, home, width, run.cells[cache], run.streams)


def _pooled(g: Builder, il: int, kept: Node, cache: int, width: int) -> Node:
    """
    The keys of all pools, after those that are new were written.
    """
    new, size = made(g, cache), pool_size(g)
    cells = kept.ne[1] * kept.ne[2]
    per_token = ops.view(kept, (2 * width, cells), (kept.nb[1],))
    per_pool = ops.view(kept, (width, cells), (kept.nb[1],))
    ids = g.input("new members", I32, size, new)
    rows = ops.get_rows(per_token, ops.reshape(ids, size * new))
    rows = ops.reshape(rows, 2 * width, size, new)
    key, weight = (ops.view(rows, (width, size, new), (rows.nb[1], rows.nb[2])) for _ in range(2))
    weight = ops.like("add", weight, g.need(il, "indexer_compressor_ape.weight"))
    weight = ops.cont(ops.permute(weight, 1, 0, 2, 3))
    share = ops.like("soft_max", ops.reshape(weight, size, width * new))
    share = ops.reshape(share, size, width, new)
    key = ops.cont(ops.permute(key, 1, 0, 2, 3))
    fresh = ops.reshape(ops.sum_rows(ops.like("mul", share, key)), width, new)
    g.graph.expand(ops.set_rows(per_pool, fresh, g.input("new rows", I64, new)))
    return ops.get_rows(per_pool, g.input("pool cells", I32, padded(g, cache)))


def _members(g: Builder, cache: int, score: Node) -> Node:
    """
    The cells of the best pools, the best first, and of the incomplete pool.
    """
    tokens, top, count, size = g.tokens, _top(g, cache), padded(g, cache), pool_size(g)
    best = ops.make("top_k", I32, (top, tokens, 1, 1), score)
    found = ops.get_rows(ops.reshape(score, 1, count, tokens), best)
    found = ops.reshape(found, top, tokens)
    order = ops.make("argsort", I32, found.ne, found)
    best = ops.get_rows(ops.reshape(ops.cast(best, F32), 1, top, tokens), order)
    best = ops.cast(ops.cont(ops.reshape(best, top, tokens)), I32)
    cells = ops.get_rows(g.input("pool members", I32, size, count), ops.reshape(best, top * tokens))
    cells = ops.reshape(cells, size * top, tokens)
    if not g.hparams.get("attention.indexer.kpool_select_tail"):
        return cells
    return ops.concat(cells, g.input("tail members", I32, size - 1, tokens), 0)


def _seen(g: Builder, cache: int, chosen: Node) -> Node:
    """
    The mask of the attention, narrowed to the chosen cells. Cells that are none write behind its end.
    """
    mask, count, tokens = g.mask(0), chosen.ne[0], g.tokens
    cells = mask.ne[0]
    every = ops.like("fill", ops.leaf(mask.kind, cells + count))
    every = ops.make("repeat", mask.kind, (cells + count, tokens, 1, 1), every)
    every = ops.reshape(every, 1, cells + count, tokens)
    zeros = ops.like("fill", ops.leaf(mask.kind, count))
    zeros = ops.make("repeat", mask.kind, (count, tokens, 1, 1), zeros)
    zeros = ops.reshape(zeros, 1, count, tokens)
    alive = ops.unary("exp", ops.reshape(_alive(g, cache), count, tokens))
    behind = ops.make("arange", F32, (count, 1, 1, 1))
    place = ops.like("sub", ops.cast(chosen, F32), behind)
    place = ops.cast(ops.like("add", ops.like("mul", place, alive), behind), I32)
    seen = ops.set_rows(every, zeros, ops.reshape(place, count, tokens, 1))
    seen = ops.view(seen, (cells, tokens), (seen.nb[2],))
    narrowed = ops.like("add", seen, ops.reshape(mask, cells, tokens))
    narrowed.bound = count
    return narrowed
