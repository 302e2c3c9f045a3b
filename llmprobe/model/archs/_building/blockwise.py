"""
Attention over blocks of positions in a graph: an indexer chooses blocks for each token and each group of heads.

While llama.cpp only measures, no position is taken, so that the positions are as few as they can be.
Source: llama.cpp b11549, src/models/minimax-m3.cpp, src/llama-kv-cache-msa.cpp (``get_n_pos``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node

_INDEXER = 1
_FEWEST = 256
"""The positions of an empty cache."""


def attention(g: Builder, il: int, x: Node, q: Node, k: Node, v: Node) -> Node:
    """
    Build the attention up to its output matrix, one stream after the other.
    """
    width = g.sizes.positive("attention.indexer.key_length")
    groups = g.sizes.positive("attention.indexer.head_count")
    tokens, streams, cells = g.tokens, g.run.streams, g.run.cells[_INDEXER]
    asked = ops.reshape(g.mm(il, "indexer.q_proj", x), width, groups, tokens)
    key = ops.reshape(g.mm(il, "indexer.k_proj", x), width, 1, tokens)
    asked, key = g.norm(asked, "indexer.q_norm", il), g.norm(key, "indexer.k_norm", il)
    asked, key = g.rope(asked), g.rope(key)
    home = g.run.places[il] if g.run.cache_on_device else g.run.host
    kept = g.memory(f"indexer {il}", g.run.kind_k, home, width, cells, streams)
    g.graph.expand(g.store(kept, key, g.input("indexer ids", I64, tokens)))
    row = kept.nb[1]
    known = ops.view(kept, (width, 1, cells, streams), (row, row, row * cells))
    q, keys, values, inputs = g.stored(il, q, k, v, keys_first=True)
    per = tokens // streams
    whole = g.shared("whole mask", lambda: ops.cast(inputs.mask, F32))
    parts = []
    for _ in range(streams):
        ask = ops.view(asked, (width, groups, per), asked.nb[1:3])
        mask = _mask(g, ask, ops.view(known, (width, cells), (known.nb[2],)), whole, per)
        heads, cache_heads = q.ne[1], keys.ne[1]
        part = ops.view(q, (q.ne[0], heads, per), q.nb[1:3])
        one = (keys.ne[0], cache_heads, cells, 1)
        seen = ops.permute(ops.view(keys, one, keys.nb[1:]), 0, 3, 1, 2)
        read = ops.permute(ops.view(values, one, values.nb[1:]), 0, 3, 1, 2)
        parts.append(_attend(part, seen, read, mask, heads // cache_heads))
    joined = parts[0]
    for part in parts[1:]:
        joined = ops.concat(joined, part, 1)
    if inputs.v_rotation is not None:
        joined = g.rotate(joined, inputs.v_rotation)
    return g.mm(il, "attn_output", joined)


def _attend(q: Node, k: Node, v: Node, mask: Node, group: int) -> Node:
    """
    The attention with the groups of heads in the place of sequences.
    """
    head, heads, tokens = q.ne[:3]
    count = k.ne[3]
    q = ops.permute(ops.reshape(q, head, group, count, tokens), 0, 2, 3, 1)
    x = ops.permute(ops.flash_attn(q, k, v, mask, None), 0, 1, 3, 2)
    return ops.reshape(x if x.contiguous() else ops.cont(x), head * heads, tokens)


def _mask(g: Builder, asked: Node, known: Node, whole: Node, tokens: int) -> Node:
    """
    The mask of one stream for each group of heads: cells x tokens x 1 x groups.
    """
    block = g.sizes.positive("attention.indexer.block_size")
    places = -(-_FEWEST // block) * block
    blocks, width, groups = places // block, asked.ne[0], asked.ne[1]
    most = min(blocks, g.sizes.positive("attention.indexer.top_k"))
    cells, streams = whole.ne[0], g.run.streams
    slots = g.input("slots of positions", I32, places, streams)
    seen = g.input("mask of positions", F32, places, g.tokens)
    of_cells = g.input("blocks of cells", I32, cells, streams)
    near = g.input("near blocks", F32, blocks, g.tokens)
    slot = ops.view(slots, (places,))
    seen = ops.view(seen, (places, 1, tokens), (seen.nb[1], seen.nb[1]))
    of_cell = ops.view(of_cells, (cells,))
    mask = ops.view(whole, (cells, tokens, 1), (whole.nb[1], whole.nb[3]))
    near = ops.view(near, (blocks, 1, tokens), (near.nb[1], near.nb[1]))
    score = ops.mul_mat(ops.get_rows(known, slot), ops.reshape(asked, width, groups * tokens))
    score = _added(ops.reshape(score, places, groups, tokens), seen)
    best = ops.make("pool_2d", F32, (blocks, groups, tokens, 1), score)
    chosen = ops.make("top_k", I32, (most, groups, tokens, 1), ops.like("add", best, near))
    closed = ops.cast(ops.like("scale", near), F16)
    closed = ops.make("repeat", F16, (blocks, groups, tokens, 1), closed)
    open_ = ops.like("scale", ops.cast(chosen, F32))
    closed = ops.set_rows(
        ops.reshape(closed, 1, blocks, groups * tokens),
        ops.reshape(open_, 1, most, groups * tokens),
        ops.reshape(chosen, most, groups * tokens),
    )
    closed = ops.cont(ops.permute(ops.reshape(closed, blocks, groups, tokens), 0, 2, 1, 3))
    closed = ops.cont(ops.transpose(ops.reshape(closed, blocks, tokens * groups)))
    spread = ops.cont(ops.transpose(ops.get_rows(closed, of_cell)))
    spread = _added(ops.reshape(spread, cells, tokens, groups), mask)
    return ops.cast(ops.reshape(spread, cells, tokens, 1, groups), F16)


def _added(x: Node, other: Node) -> Node:
    """The sum in the place of the first summand."""
    return ops.view_of("add", x, x.ne, x.nb, x, other)
