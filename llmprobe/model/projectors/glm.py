"""
GLM's encoders (4.1V and later).

Source: llama.cpp b11549, tools/mtmd/models/glm4v.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import Node
from llmprobe.model.projectors._encoder import Encoder, Vit, rope
from llmprobe.model.projectors._family import MERGE, Family
from llmprobe.model.projectors._sizes import Rule

_WARMUP = 46 * 46


def _glm(e: Encoder) -> Node:
    width, factor = e.sizes.embd, e.sizes.merge
    positions = e.numbers(4 * e.patches)
    x = ops.like("add", e.two_frames(), e.need("v.patch_embd.bias"))
    if e.weight("v.norm_embd.weight") is not None:
        x = e.norm(x, "v.norm_embd", "rms_norm")
    learned = None
    if e.weight("v.position_embd.weight") is not None:
        learned = e.by_blocks(e.resized_positions())
    how = Vit(norm="rms_norm", rope=lambda part: rope(part, positions))
    x = e.layers(x, e.patches, how, learned)
    count = e.patches // factor // factor
    x = ops.cont(ops.permute(ops.reshape(x, width, factor, factor, count), 2, 0, 1, 3))
    x = e.conv_2d(e.need("mm.patch_merger.weight"), x, factor)
    x = ops.like("add", ops.reshape(x, x.ne[2], count), e.need("mm.patch_merger.bias"))
    x = ops.unary("gelu_erf", e.norm(e.mm("mm.model.fc", x), "mm.post_norm"))
    return e.ffn(x, "mm.up", "mm.down", e.sizes.activation, "mm.gate")


FAMILIES = {
    "glm4v": Family(rule=Rule(merge=2, merge_key=MERGE, tokens=(8, 4096), warmup=_WARMUP), build=_glm),
    "glm5v": Family(rule=Rule(merge=2, merge_key=MERGE, pixels="always", warmup=_WARMUP), build=_glm),
}
