"""
What the small Gemmas share in a graph: an embedding for every layer, and layers that read the caches of earlier ones.

Sources: llama.cpp b11549, src/models/gemma3n.cpp, gemma4.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._building.ops import I32, Node


def per_layer(g: Builder, x: Node, rows: Node | None) -> Node:
    """
    The embeddings of all layers: a projection of the model's own, joined with ``rows`` of a table where it has one.
    """
    count, tokens = g.sizes.n_layer, g.tokens
    table = g.need(-1, "per_layer_model_proj.weight")
    table.buffer = g.run.places[0]
    width = table.ne[1] // count
    projected = ops.reshape(ops.like("scale", ops.mul_mat(table, x)), width, count, tokens)
    projected = g.norm(projected, "per_layer_proj_norm", first=True)
    if rows is not None:
        projected = ops.like("scale", ops.like("add", projected, rows))
    return ops.cont(ops.permute(projected, 0, 2, 1, 3))


def layer_rows(g: Builder) -> Node:
    """
    The rows of the per-layer embedding table, which stays on the host.
    """
    table = g.need(-1, "per_layer_token_embd.weight")
    table.buffer = g.run.host
    return ops.get_rows(table, g.input("tokens of the layers", I32, g.tokens))


def plane(x: Node) -> Node:
    """
    One plane of a tensor with three dimensions.
    """
    return ops.view(x, (x.ne[0], x.ne[1]), (4 * x.ne[0],))


def shared_cache(g: Builder, il: int, *, slides: bool) -> int:
    """
    The layer whose cache a layer reads: its own, or the last of its kind that has one.
    """
    if il in g.parts.cache_of:
        return il
    own = max(g.parts.cache_of) + 1
    return own - 2 if slides else own - 1
