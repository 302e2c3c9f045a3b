"""
Kimi's encoders.

Source: llama.cpp b11549, tools/mtmd/models/kimivl.cpp, kimik25.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, rope_2d
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule


def _kimi_vl(e: Encoder) -> Node:
    high, wide = e.numbers(e.patches), e.numbers(e.patches)
    learned = e.resized_positions()
    x = e.layers(e.patched(), e.patches, Vit(rope=rope_2d(wide, high)), learned)
    return _merged(e, x)


def _kimi_k25(e: Encoder) -> Node:
    high, wide = e.numbers(e.patches), e.numbers(e.patches)
    x = ops.like("add", e.patched(), _positions(e))
    return _merged(e, e.layers(x, e.patches, Vit(rope=rope_2d(wide, high))))


def _positions(e: Encoder) -> Node:
    table, width = e.need("v.position_embd.weight"), e.sizes.embd
    if (e.rows, e.columns) == (table.ne[2], table.ne[1]):
        return ops.cont(table, width, e.patches)
    x = ops.make("upscale", F32, (e.rows, e.columns, width, 1), ops.permute(table, 2, 1, 0, 3))
    return ops.cont(ops.permute(x, 2, 1, 0, 3), width, e.patches)


def _merged(e: Encoder, x: Node) -> Node:
    width, area = e.sizes.embd, e.sizes.merge * e.sizes.merge
    x = e.merged(x, e.sizes.merge)
    joined, count, size = x.ne[0], x.ne[1], x.kind.block_bytes
    x = e.norm(ops.view(x, (width, count * area), (size * width,)), "mm.input_norm")
    return e.ffn(ops.view(x, (joined, count), (size * joined,)), "mm.1", "mm.2", "gelu")


FAMILIES = {
    "kimivl": Family(rule=Rule(merge_key=SCALE, tokens=(8, 1024), warmup=256), build=_kimi_vl),
    "kimik25": Family(rule=Rule(merge_key=SCALE, tokens=(2, 4096), pixels="always"), build=_kimi_k25),
}
