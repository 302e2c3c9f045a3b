"""
Qwen's encoders (2, 2.5, 3 and later) and those built like them: Ling 3, EXAONE 4.5, Youtu.

Source: llama.cpp b11549, tools/mtmd/models/qwen2vl.cpp, qwen3vl.cpp, ling3vl.cpp, exaone4_5.cpp, youtuvl.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.projectors._encoder import Encoder, Vit, rope
from llmprobe.model.projectors._family import MERGE, Family
from llmprobe.model.projectors._sizes import Rule, number, numbers

_WARMUP = 46 * 46
_QWEN = Rule(merge=2, merge_key=MERGE, tokens=(8, 4096), pixels="unless asked", warmup=_WARMUP)


def _windowed(e: Encoder) -> Node:
    """Qwen 2 and 2.5, EXAONE 4.5: layers that see a window, in an order that keeps windows together."""
    kind = e.sizes.kind
    norm = "norm" if kind == "qwen2vl_merger" else "rms_norm"
    pattern = number(e.projector, "vision.n_wa_pattern") if kind != "qwen2vl_merger" else 0
    x = e.two_frames()
    positions = e.numbers(4 * e.patches)
    if e.weight("v.pre_ln.weight") is not None and kind != "exaone4_5":
        x = e.norm(x, "v.pre_ln", norm)
    mask = None
    if pattern:
        mask = e.mask()
        x = _in_order(e, x, e.sizes.embd * 4, e.sizes.embd)
    for il in range(e.sizes.layers):
        full = not pattern or (il + 1) % pattern == 0
        x = _layer(e, il, x, positions, norm, None if full else mask)
    if e.weight("v.post_ln.weight") is not None:
        x = e.norm(x, "v.post_ln", norm)
    x = ops.reshape(x, e.sizes.embd * 4, e.patches // 4, 1)
    x = e.ffn(x, "mm.0", "mm.2", "gelu")
    if pattern:
        x = _in_order(e, x, x.ne[0], x.ne[0])
    return x


def _in_order(e: Encoder, x: Node, width: int, after: int) -> Node:
    x = ops.reshape(x, width, x.elements // width)
    x = ops.get_rows(x, e.numbers(x.ne[1]))
    return ops.reshape(x, after, x.elements // after, 1)


def _layer(e: Encoder, il: int, x: Node, positions: Node, norm: str, mask: Node | None) -> Node:
    sizes = e.sizes
    residual = x
    x = e.norm(x, e.layer(il, "ln1"), norm)
    if e.weight(e.layer(il, "attn_qkv.weight")) is not None:
        x = e.biased(e.layer(il, "attn_qkv"), x)
        step, row = x.kind.block_bytes * sizes.head, x.nb[1]
        counts = (sizes.heads, sizes.heads_kv, sizes.heads_kv)
        q, k, v = (ops.view(x, (sizes.head, count, e.patches), (step, row)) for count in counts)
    else:
        shape = (sizes.head, sizes.heads, e.patches)
        q, k, v = (ops.reshape(e.biased(e.layer(il, f"attn_{part}"), x), *shape) for part in "qkv")
    x = e.attention(e.layer(il, "attn_out"), rope(q, positions), rope(k, positions), v, mask)
    residual = x = ops.like("add", x, residual)
    x = e.layer_ffn(il, e.norm(x, e.layer(il, "ln2"), norm), sizes.activation)
    return ops.like("add", residual, x)


def _qwen3(e: Encoder) -> Node:
    x = _with_bias(e, e.two_frames())
    x = ops.like("add", x, e.by_blocks(e.resized_positions()))
    positions = e.numbers(4 * e.patches)
    if e.weight("v.pre_ln.weight") is not None:
        x = e.norm(x, "v.pre_ln")
    area = e.sizes.merge * e.sizes.merge
    deep: Node | None = None
    for il in range(e.sizes.layers):
        x = _layer(e, il, x, positions, "norm", None)
        if e.weight(f"v.deepstack.{il}.fc1.weight") is not None:
            part = ops.reshape(x, e.sizes.embd * area, e.patches // area, 1)
            part = e.norm(part, f"v.deepstack.{il}.norm")
            part = e.ffn(part, f"v.deepstack.{il}.fc1", f"v.deepstack.{il}.fc2", "gelu")
            deep = part if deep is None else ops.concat(deep, part, 0)
    if e.weight("v.post_ln.weight") is not None:
        x = e.norm(x, "v.post_ln")
    x = e.ffn(ops.reshape(x, e.sizes.embd * 4, e.patches // 4, 1), "mm.0", "mm.2", "gelu")
    return x if deep is None else ops.concat(x, deep, 0)


def _with_bias(e: Encoder, x: Node) -> Node:
    bias = e.weight("v.patch_embd.bias")
    return x if bias is None else ops.like("add", x, bias)


def _ling3(e: Encoder) -> Node:
    x = _with_bias(e, e.two_frames())
    learned = e.by_blocks(e.resized_positions())
    positions = e.numbers(4 * e.patches)
    x = e.layers(x, e.patches, Vit(rope=lambda part: rope(part, positions)), learned)
    x = e.norm(x, "mm.input_norm")
    return e.ffn(ops.reshape(x, e.sizes.embd * 4, e.patches // 4, 1), "mm.0", "mm.2", "gelu")


def _youtu(e: Encoder) -> Node:
    full = numbers(e.projector, "vision.wa_layer_indexes")
    x = _with_bias(e, e.mm("v.patch_embd", _squares(e)))
    x = ops.reshape(x, e.sizes.embd, e.patches)
    positions = e.numbers(4 * e.patches)
    if e.weight("v.pre_ln.weight") is not None:
        x = e.norm(x, "v.pre_ln")
    mask = None
    if full:
        mask = e.mask()
        x = _in_order(e, x, e.sizes.embd * 4, e.sizes.embd)
    for il in range(e.sizes.layers):
        x = _layer(e, il, x, positions, "norm", mask if full and il not in full else None)
    if full:
        x = _in_order(e, x, e.sizes.embd * 4, e.sizes.embd)
    if e.weight("v.post_ln.weight") is not None:
        x = e.norm(x, "v.post_ln")
    x = e.norm(x, "mm.input_norm", "rms_norm", bias=False)
    return e.ffn(ops.reshape(x, e.sizes.embd * 4, e.patches // 4, 1), "mm.0", "mm.2", "gelu")


def _squares(e: Encoder) -> Node:
    """The pixels of each patch in one row, squares of four patches together."""
    patch, high, wide = e.sizes.patch, e.rows // 2, e.columns // 2
    x = ops.reshape(e.picture(), wide * 2 * patch, 2 * patch, high, 3)
    x = ops.cont(ops.permute(x, 1, 2, 3, 0), 2 * patch * 3, wide, 2 * patch, high)
    x = ops.cont(ops.permute(x, 0, 2, 1, 3), 2 * patch * 3, patch, 2, high * wide)
    x = ops.cont(ops.permute(x, 1, 0, 2, 3), patch, 3, patch, high * wide * 4)
    return ops.cont(ops.permute(x, 2, 0, 1, 3), 3 * patch * patch, high * wide * 4, 1)


FAMILIES = {
    "qwen2vl_merger": Family(rule=_QWEN, build=_windowed),
    "qwen2.5vl_merger": Family(rule=_QWEN, build=_windowed),
    "qwen3vl_merger": Family(rule=_QWEN, build=_qwen3),
    "ling3vl": Family(rule=_QWEN, build=_ling3),
    "exaone4_5": Family(
        rule=Rule(merge=2, merge_key=MERGE, pixels="always", warmup=_WARMUP), build=_windowed
    ),
    "youtuvl": Family(rule=Rule(merge=2, merge_key=MERGE, tokens=(1, 62500), warmup=256), build=_youtu),
}
