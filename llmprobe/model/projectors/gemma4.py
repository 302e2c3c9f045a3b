"""
Gemma 4's encoders of pictures.

Source: llama.cpp b11549, tools/mtmd/models/gemma4v.cpp, gemma4uv.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, im2col, pooled, rope_2d
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule


def _gemma4(e: Encoder) -> Node:
    e.clamped = True
    x = e.patched(ops.like("scale", e.picture()))
    across, down = e.numbers(e.patches), e.numbers(e.patches)
    x = _placed(e, x, across, down)
    how = Vit(norm="rms_norm", rope=rope_2d(across, down), normed_values=True)
    x = e.layers(x, e.patches, how)
    factor, width = e.sizes.merge, e.sizes.embd
    x = pooled(ops.cont(ops.transpose(x), e.columns, e.rows, width, e.batch), factor)
    x = ops.reshape(x, (e.columns // factor) * (e.rows // factor), width, e.batch)
    x = ops.like("scale", ops.cont(ops.transpose(x)))
    bias, scale = e.weight("v.std_bias"), e.weight("v.std_scale")
    if bias is not None and scale is not None:
        x = ops.like("mul", ops.like("sub", x, bias), scale)
    return e.mm("mm.input_projection", ops.like("rms_norm", x))


def _placed(e: Encoder, x: Node, across: Node, down: Node) -> Node:
    table = e.need("v.position_embd.weight")
    half = (table.ne[0], table.ne[1])
    for positions in (across, down):
        x = ops.like("add", x, ops.get_rows(ops.view(table, half, (table.nb[1],)), positions))
    return x


def _unified(e: Encoder) -> Node:
    pixels = e.picture()
    patch = e.sizes.patch
    x = im2col(ops.leaf(F32, patch, patch, pixels.ne[2]), pixels, patch, 0, F32)
    x = e.norm(ops.reshape(x, x.ne[0], x.ne[1] * x.ne[2] * x.ne[3]), "v.patch_norm.1")
    x = ops.like("add", e.mm("v.patch_embd", x), e.need("v.patch_embd.bias"))
    x = _placed(e, e.norm(x, "v.patch_norm.2"), e.numbers(e.patches), e.numbers(e.patches))
    x = ops.like("rms_norm", e.norm(x, "v.patch_norm.3"))
    return e.mm("mm.input_projection", x)


FAMILIES = {
    "gemma4v": Family(
        rule=Rule(merge=3, merge_key=SCALE, tokens=(70, 1120), warmup=256),
        build=_gemma4,
        batched=True,
        in_one_batch=True,
    ),
    "gemma4uv": Family(
        rule=Rule(merge=3, merge_key=SCALE, tokens=(70, 1120), warmup=256, one_patch=True),
        build=_unified,
        in_one_batch=True,
    ),
}
