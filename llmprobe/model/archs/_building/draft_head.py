"""
What the graphs of draft heads share: a model's embedding and output matrix, and scores that are sampled on the device.

A head computes the scores of all words for every token of the micro-batch, whatever the outputs. Source: llama.cpp
b11549, src/models/eagle3.cpp, src/models/dflash.cpp, src/llama-graph.cpp (``build_sampling``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.archs._shared.heads import TARGET_EMBEDDING, TARGET_OUTPUT

_SAMPLED = 10
"""The words of each row that are left for sampling on the host."""


def words(g: Builder) -> Node:
    """
    The embeddings of the drafted words: by the head's own table, or by the model's.
    """
    table = g.copy("token_embd.weight", g.run.host) or g.copy(TARGET_EMBEDDING, g.run.host)
    assert table is not None
    return ops.get_rows(table, g.input("tokens", I32, g.tokens))


def scores(g: Builder, x: Node, *, chains: int) -> None:
    """
    Append the scores of the model's words, and the ``chains`` that sample from the rows of each sequence.
    """
    matrix = g.weight(-1, "output.weight")
    if matrix is None:
        matrix = g.copy(TARGET_OUTPUT, g.run.target_output)
        assert matrix is not None
    x = ops.mul_mat(matrix, x)
    mapped = g.copy("d2t", g.run.host)
    if mapped is not None:
        count, rows = x.ne[0], x.ne[1]
        vocabulary = g.sizes.need("vocab_size")
        empty = ops.like("fill", ops.leaf(F32, 1, vocabulary, rows))
        spread = ops.set_rows(empty, ops.reshape(x, 1, count, rows), ops.reshape(mapped, count, 1, 1))
        x = ops.reshape(spread, vocabulary, rows)
    x.output = True
    g.graph.expand(x)
    padded = ops.make("pad", F32, (x.ne[0], x.ne[1] + 1, 1, 1), x)
    for _ in range(g.run.sequences * chains):
        row = ops.view(padded, (x.ne[0],))
        chosen = ops.make("top_k", I32, (_SAMPLED, 1, 1, 1), ops.reshape(row, x.ne[0]))
        kept = ops.get_rows(ops.reshape(row, 1, x.ne[0]), chosen)
        kept.output = chosen.output = True
        g.graph.expand(kept)
        g.graph.expand(chosen)
