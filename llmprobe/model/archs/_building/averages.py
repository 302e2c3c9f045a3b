"""
Pools of consecutive tokens in a graph whose key is the mean of the keys of their tokens.

The indexer's row of a token holds its key, and in the row of a pool's last token the key of the pool.
Sources: llama.cpp b11549, src/models/qwen4exp.cpp, src/llama-memory-hybrid-idx.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node
from llmprobe.model.archs._building.pools import kept_rows, made, padded, pool_size

_CACHE = 1
_POSITIONS = 4
"""The positions of a token: of time, height and width, and of time again."""


def expand_inputs(g: Builder) -> None:
    """
    Append the inputs that llama.cpp puts at the beginning of the graph.
    """
    count, size = padded(g, _CACHE), pool_size(g)
    for node in (
        g.input("pool cells", I32, count),
        g.input("pool members", I32, size, count),
        _mask(g),
        g.input("tail members", I32, size - 1, g.tokens),
    ):
        g.graph.expand(node)


def choose(g: Builder, il: int, x: Node) -> Node:
    """
    A mask over all cells that leaves those of the best pools, and those of the incomplete one.
    """
    tokens, width, count = g.tokens, g.sizes.positive("attention.indexer.key_length"), padded(g, _CACHE)
    heads = g.sizes.positive("attention.indexer.head_count")
    key = g.mm(il, "indexer.k_proj", x)
    row = ops.concat(key, ops.like("fill", ops.leaf(F32, width, tokens)), 0)
    kept = kept_rows(g, il, _CACHE)
    g.graph.expand(g.store(kept, ops.reshape(row, 2 * width, 1, tokens), g.input("indexer ids", I64, tokens)))
    keys = ops.reshape(_pooled(g, il, kept, width), width, 1, count)
    q = ops.reshape(g.mm(il, "indexer.q_proj", x), width, heads, tokens)
    q = g.rope(g.norm(q, "indexer.q_norm", il), per_token=_POSITIONS)
    weights = ops.like("fill", ops.leaf(F32, heads, tokens))
    score = ops.make("lightning_indexer", F32, (count, tokens, 1, 1), q, keys, weights, _mask(g))
    return _seen(g, score)


def _mask(g: Builder) -> Node:
    return g.input("pool mask", F16, padded(g, _CACHE), g.tokens)


def _pooled(g: Builder, il: int, kept: Node, width: int) -> Node:
    """
    The keys of all pools, after those that are new were written.
    """
    new, size = made(g, _CACHE), pool_size(g)
    cells = kept.ne[1] * kept.ne[2]
    per_token, per_pool = (ops.view(kept, (width, cells), (kept.nb[1],)) for _ in range(2))
    ids = g.input("new members", I32, size, new)
    rows = ops.get_rows(per_token, ops.reshape(ids, size * new))
    rows = ops.reshape(rows, width, size, new)
    total = ops.cont(ops.view(rows, (width, new), (rows.nb[2],)))
    for _ in range(size - 1):
        total = ops.like("add", total, ops.view(rows, (width, new), (rows.nb[2],)))
    fresh = g.norm(ops.like("scale", total), "indexer.k_norm", il)
    fresh = ops.reshape(fresh, width, 1, new)
    fresh = ops.like("rope", fresh, g.input("new positions", I32, _POSITIONS * new))
    fresh = ops.reshape(fresh, width, new)
    g.graph.expand(ops.set_rows(per_pool, fresh, g.input("new rows", I64, new)))
    return ops.get_rows(per_pool, g.input("pool cells", I32, padded(g, _CACHE)))


def _seen(g: Builder, score: Node) -> Node:
    """
    The mask of the attention, narrowed to the chosen cells. Cells that are none write behind its end.
    """
    size, count, tokens = pool_size(g), padded(g, _CACHE), g.tokens
    top = min(count, g.sizes.positive("attention.indexer.top_k") // size)
    tail = g.input("tail members", I32, size - 1, tokens)
    best = ops.make("top_k", I32, (top, tokens, 1, 1), score)
    cells = ops.get_rows(g.input("pool members", I32, size, count), ops.reshape(best, top * tokens))
    chosen = ops.concat(ops.reshape(cells, size * top, tokens), tail, 0)
    g.graph.expand(chosen)
    mask, number = g.mask(0), chosen.ne[0]
    every = _filled(mask, mask.ne[0] + number, tokens)
    zeros = _filled(mask, number, tokens)
    found = ops.get_rows(ops.reshape(score, 1, count, tokens), best)
    alive = ops.like("clamp", ops.like("scale", found))
    alive = ops.make("repeat", F32, (size, top, tokens, 1), alive)
    alive = ops.reshape(alive, size * top, tokens)
    last = ops.like("clamp", ops.like("scale", ops.cast(tail, F32)))
    alive = ops.concat(alive, last, 0)
    behind = ops.like("scale", ops.like("cumsum", ops.like("fill", alive)))
    place = ops.like("mul", ops.like("sub", ops.cast(chosen, F32), behind), alive)
    place = ops.cast(ops.like("add", place, behind), I32)
    seen = ops.set_rows(every, zeros, ops.reshape(place, number, tokens, 1))
    row = seen.nb[2]
    seen = ops.view(seen, mask.ne, (row, row * mask.ne[1], row * mask.ne[1] * mask.ne[2]))
    narrowed = ops.like("add", seen, mask)
    narrowed.bound = number
    return narrowed


def _filled(mask: Node, rows: int, tokens: int) -> Node:
    one = ops.like("fill", ops.leaf(mask.kind, rows))
    return ops.reshape(ops.make("repeat", mask.kind, (rows, tokens, 1, 1), one), 1, rows, tokens)
