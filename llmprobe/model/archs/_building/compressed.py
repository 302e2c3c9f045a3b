"""
Rows that stand for several tokens: how DeepSeek 4 makes them, keeps them, and chooses among them.

A compressor remembers its last inputs, two values of equal width per token, and makes a row of each block of
``ratio`` tokens. Its inputs and rows are kept apart for each sequence.
Sources: llama.cpp b11549, src/models/deepseek4.cpp, src/llama-kv-cache-dsv4.cpp (``dsv4_build_reserve_comp_plan``),
src/llama-graph.cpp (``build_inp_dsv4``).
"""

import msgspec

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F16, F32, I32, I64, Node


class Compressor(msgspec.Struct, frozen=True, kw_only=True):
    """
    One compressor of a layer: the number of its cache and the prefix of its weights.

    ``width`` is that of a row, ``remembered`` counts the inputs kept per sequence. Where blocks ``overlap``, an input
    is twice as wide as a row, and a row is made of two blocks. ``always_turned`` rotates rows of any type.
    """

    cache: int
    name: str
    ratio: int
    width: int
    remembered: int
    overlap: bool
    always_turned: bool = False


def compress(g: Builder, il: int, x: Node, how: Compressor) -> None:
    """
    Append the rows of the blocks that the batch completes, and what is remembered of the batch.
    """
    tokens, sequences, name = g.tokens, g.run.sequences, how.name
    kept = [_remembered(g, il, how, part) for part in ("kv", "score")]
    values = g.mm(il, f"{name}_kv", x)
    scores = g.mm(il, f"{name}_gate", x)
    places = g.input(f"{name} {how.ratio} positions", I32, tokens)
    scores = ops.like("add", scores, ops.get_rows(g.need(il, f"{name}_ape.weight"), places))
    rows = how.remembered * sequences
    known = [
        ops.concat(ops.view(part, part.ne, part.nb[1:]), new, 1)
        for part, new in zip(kept, (values, scores), strict=True)
    ]
    made = _blocks(g, il, known[0], known[1], how)
    if (turn := rotation(g, how.cache, how.width, always=how.always_turned)) is not None:
        made = g.rotate(made, turn)
    ids = g.input(f"{name} {how.ratio} ids", I64, _count(g, how))
    g.graph.expand(g.store(cache(g, il, how.cache), made, ids))
    last = min(tokens, rows)
    source = g.input(f"{name} {how.ratio} last", I32, last)
    target = g.input(f"{name} {how.ratio} slots", I32, last)
    new_rows = [
        ops.set_rows(_remembered(g, il, how, part), ops.get_rows(new, source), target)
        for part, new in (("kv", values), ("score", scores))
    ]
    for node in new_rows:
        g.graph.expand(node)


def cache(g: Builder, il: int, number: int) -> Node:
    """
    The tensor of a layer in a cache that has a stream for each sequence.
    """
    run = g.run
    width = g.parts.layout.kv[number].layers[g.parts.caches_of[number, il]].k
    home = run.places[il] if run.cache_on_device else run.host
    return g.memory(f"rows {number} {il}", run.kind_k, home, width, run.cells[number], g.streams(number))


def rows_of(g: Builder, kept: Node, number: int) -> Node:
    """
    All rows of a layer's cache as keys of one head.
    """
    cells, streams, row = g.run.cells[number], g.streams(number), kept.nb[1]
    return ops.view(kept, (kept.ne[0], 1, cells, streams), (row, row, row * cells))


def rotation(g: Builder, number: int, width: int, *, always: bool = False) -> Node | None:
    """
    The rotation of a cache's rows, which quantized ones need.
    """
    if not always and g.run.kind_k.block == 1:
        return None
    size = 64
    while width % (2 * size) == 0:
        size *= 2
    return g.input(f"rotation {number}", F32, size, size)


def mask(g: Builder, number: int, *, half: bool) -> Node:
    """
    Which rows of a cache each token may look at; in f16 where ``half``.
    """
    streams = g.streams(number)
    kind = F16 if half else F32
    return g.input(f"mask {number}", kind, g.run.cells[number], g.tokens // streams, 1, streams)


def narrowed(chosen: Node, every: Node) -> Node:
    """
    A mask that hides all but the chosen rows.
    """
    hidden = ops.like("fill", every)
    ne, nb, top = hidden.ne, hidden.nb, chosen.ne
    hidden = ops.view(hidden, (1, ne[0], ne[1], ne[3]), (nb[0], nb[1], nb[2]))
    ids = ops.view(chosen, (top[0], top[1], top[3], 1), (chosen.nb[1], chosen.nb[2], top[3] * chosen.nb[3]))
    zeros = ops.like("fill", ops.leaf(every.kind, 1, top[0], top[1], top[3]))
    seen = ops.set_rows(hidden, zeros, ids)
    seen = ops.view(seen, (ne[0], ne[1], 1, ne[3]), (seen.nb[2], seen.nb[3], seen.nb[3]))
    left = ops.like("add", seen, every)
    left.bound = top[0]
    return left


def _count(g: Builder, how: Compressor) -> int:
    """The blocks of the largest batch, however its tokens are spread over the sequences."""
    return g.tokens // how.ratio + g.run.sequences


def _remembered(g: Builder, il: int, how: Compressor, part: str) -> Node:
    run = g.run
    home = run.places[il] if run.cache_on_device else run.host
    width = how.width * (2 if how.overlap else 1)
    name = f"{how.name} {part} {il}"
    kept = g.memory(name, F32, home, width, how.remembered, run.sequences)
    return ops.view(kept, (width, how.remembered * run.sequences), (kept.nb[1],))


def _blocks(g: Builder, il: int, values: Node, scores: Node, how: Compressor) -> Node:
    width, ratio, count = how.width, how.ratio, _count(g, how)
    read = ratio * count
    ids = g.input(f"{how.name} {ratio} reads", I32, read * (2 if how.overlap else 1))
    if how.overlap:
        values, scores = (ops.get_rows(_with_empty(part), ids) for part in (values, scores))
        earlier, later = (
            [_half(part, width, ratio, count) for part in (values, scores)],
            [_half(part, width, ratio, count) for part in (values, scores)],
        )
        values, scores = (ops.concat(*both, 1) for both in zip(earlier, later, strict=True))
    else:
        values, scores = (
            ops.reshape(ops.get_rows(part, ids), width, ratio, count) for part in (values, scores)
        )
    values, scores = (ops.cont(ops.permute(part, 1, 0, 2, 3)) for part in (values, scores))
    made = ops.sum_rows(ops.like("mul", values, ops.like("soft_max", scores)))
    made = g.norm(ops.cont(ops.permute(made, 1, 0, 2, 3)), f"{how.name}_norm", il)
    return ops.like("rope", made, g.input(f"{how.name} {ratio} starts", I32, count))


def _with_empty(x: Node) -> Node:
    """What was remembered, and a row for what there is not."""
    row = ops.like("scale", ops.view(x, (x.ne[0],)))
    return ops.concat(x, ops.reshape(row, x.ne[0], 1), 1)


def _half(x: Node, width: int, ratio: int, count: int) -> Node:
    half = ops.cont(ops.view(x, (width, ratio * count), (x.nb[1],)))
    return ops.reshape(half, width, ratio, count)
