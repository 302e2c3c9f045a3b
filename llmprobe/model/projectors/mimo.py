"""
MiMo's encoder of pictures: windows of rows in some layers, of columns in others.

Source: llama.cpp b11549, tools/mtmd/models/mimovl.cpp.
"""

from typing import Any

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import I32, Node
from llmprobe.model.projectors._encoder import Encoder, rope
from llmprobe.model.projectors._family import MERGE, Family
from llmprobe.model.projectors._sizes import Rule

_ALL, _COLUMNS = -1, 1


def _mimo(e: Encoder) -> Node:
    area = e.sizes.merge * e.sizes.merge
    x = e.two_frames()
    rows, columns = e.numbers(4 * e.patches), e.numbers(4 * e.patches)
    order = e.input(e.patches // area)
    to_columns, to_rows = ops.cast(order, I32), ops.make("argsort", I32, order.ne, order)
    mask = e.mask()
    before = _ALL
    for il, mode in enumerate(_modes(e)):
        if mode == _COLUMNS != before:
            x = _reordered(e, x, to_columns, area)
        elif before == _COLUMNS != mode:
            x = _reordered(e, x, to_rows, area)
        x = _layer(e, il, x, columns if mode == _COLUMNS else rows, None if mode == _ALL else mask)
        before = mode
    if before == _COLUMNS:
        x = _reordered(e, x, to_rows, area)
    x = ops.reshape(e.norm(x, "v.post_ln"), e.sizes.embd * area, e.patches // area, 1)
    return e.mm("mm.2", ops.unary("gelu", e.mm("mm.0", x)))


def _modes(e: Encoder) -> list[int]:
    """
    What each layer sees: everything, a window of rows, or one of columns.

    Raises:
        ValueError: the file does not say it for each layer.
    """
    modes: Any = e.projector.metadata.get("vision.wa_pattern_mode")
    if not isinstance(modes, list | tuple) or len(modes) != e.sizes.layers:
        raise ValueError("vision.wa_pattern_mode")
    return [int(mode) for mode in modes]


def _reordered(e: Encoder, x: Node, order: Node, area: int) -> Node:
    x = ops.get_rows(ops.reshape(x, e.sizes.embd * area, e.patches // area), order)
    return ops.reshape(x, e.sizes.embd, e.patches, 1)


def _layer(e: Encoder, il: int, x: Node, positions: Node, mask: Node | None) -> Node:
    """A head is as wide as the matrix says: the heads together are wider than the layer."""
    sizes, residual = e.sizes, x
    x = e.biased(e.layer(il, "attn_qkv"), e.norm(x, e.layer(il, "ln1"), "rms_norm"))
    head = x.ne[0] // (sizes.heads + 2 * sizes.heads_kv)
    step, row = x.kind.block_bytes * head, x.nb[1]
    counts = (sizes.heads, sizes.heads_kv, sizes.heads_kv)
    q, k, v = (ops.view(x, (head, count, e.patches), (step, row)) for count in counts)
    sinks = None if mask is None else e.need(e.layer(il, "attn_sinks"))
    x = e.attention(e.layer(il, "attn_out"), rope(q, positions), rope(k, positions), v, mask, sinks)
    residual = x = ops.like("add", x, residual)
    x = e.layer_ffn(il, e.norm(x, e.layer(il, "ln2"), "rms_norm"), sizes.activation)
    return ops.like("add", residual, x)


FAMILIES = {
    "mimovl": Family(rule=Rule(merge=2, merge_key=MERGE, pixels="always", warmup=46 * 46), build=_mimo),
}
