"""
Rows of a table for the last words of the text in a graph: a layer adds them to its streams.

Source: llama.cpp b11549, src/models/qwen4exp.cpp (``build_inp_ple``, ``build_ple``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._building.state import further, roll


def rows(g: Builder, heads: int) -> Node:
    """
    The rows of all heads one after the other: ``n_embd`` x tokens. The table stays on the host.
    """
    table = g.need(-1, "per_layer_token_embd.weight")
    table.buffer = g.run.host
    found = ops.get_rows(table, g.input("rows of words", I32, heads * g.tokens))
    found = ops.reshape(found, table.ne[0] * heads, g.tokens)
    g.graph.expand(found)
    return found


def added(g: Builder, il: int, words: Node, streams: Node, remembered: int) -> Node:
    """
    The streams after the values of the words were added behind a gate, straight and through a convolution over tokens.
    """
    width, count, tokens = streams.ne[:3]
    wide = width * count
    key, value = g.mm(il, "ple_key", words), g.mm(il, "ple_value", words)
    product = ops.like("mul", _normed(g, il, key, "key", streams), _normed(g, il, streams, "query", streams))
    score = ops.like("scale", ops.sum_rows(product))
    root = ops.like("sqrt", ops.like("clamp", ops.unary("abs", score)))
    gate = ops.unary("sigmoid", ops.like("mul", ops.unary("sgn", score), root))
    value = ops.make("repeat", F32, streams.ne, ops.reshape(value, width, 1, tokens))
    gated = ops.like("mul", value, gate)
    normed = _normed(g, il, ops.reshape(gated, wide, tokens), "conv", streams)
    normed = ops.reshape(normed, wide, tokens)
    sequences = g.run.sequences
    steps = tokens // sequences
    kept = further(g, il, remembered * wide)
    window = roll(g, kept, ops.reshape(normed, wide, steps, sequences), remembered + 1, wide, copied=True)
    convolved = ops.unary("silu", _convolved(g, il, window, steps))
    convolved = ops.reshape(ops.cont(convolved), width, count, tokens)
    return ops.like("add", streams, ops.like("add", gated, convolved))


def _normed(g: Builder, il: int, x: Node, name: str, like: Node) -> Node:
    x = ops.reshape(x, *like.ne[:3])
    return ops.like("mul", ops.like("rms_norm", x), g.need(il, f"ple_norm_{name}.weight"))


def _convolved(g: Builder, il: int, window: Node, steps: int) -> Node:
    """
    The sum of shifted tokens, each times its column of the kernel.
    """
    kernel = g.need(il, "ple_conv1d.weight")
    wide, sequences = window.ne[1], window.ne[2]
    total: Node | None = None
    for _ in range(kernel.ne[0]):
        shifted = ops.view(window, (steps, wide, sequences), (window.nb[1], window.nb[2]))
        shifted = ops.cont(ops.transpose(shifted))
        column = ops.reshape(ops.cont(ops.view(kernel, (1, wide), (kernel.nb[1],))), wide)
        if column.kind is not F32:
            column = ops.cast(column, F32)
        term = ops.like("mul", shifted, column)
        total = term if total is None else ops.like("add", total, term)
    assert total is not None
    return total
