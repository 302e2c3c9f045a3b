"""
Mistral's encoders (Pixtral, Mistral Small 3.1 and later, Ministral) and LightOnOCR.

Source: llama.cpp b11549, tools/mtmd/models/pixtral.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, im2col, rope_2d
from llmprobe.model.projectors._family import MERGE, Family
from llmprobe.model.projectors._sizes import Rule


def _pixtral(e: Encoder) -> Node:
    high, wide = e.numbers(e.patches), e.numbers(e.patches)
    x = e.layers(e.patched(), e.patches, Vit(norm="rms_norm", rope=rope_2d(high, wide)))
    factor = e.sizes.merge
    if e.weight("mm.patch_merger.weight") is not None:
        x = ops.like("mul", ops.like("rms_norm", x), e.need("mm.input_norm.weight"))
        x = ops.reshape(x, e.sizes.embd, e.columns, e.rows)
        x = ops.cont(ops.permute(x, 2, 0, 1, 3))
        # Only the extent of a kernel counts here: a window of no stride stands for one.
        window = ops.view(x, (factor, factor, x.ne[2]), (0, 0))
        x = im2col(window, x, factor, 0, F32)
        x = e.mm("mm.patch_merger", ops.reshape(x, x.ne[0], x.ne[1] * x.ne[2]))
    x = e.ffn(x, "mm.1", "mm.2", "gelu")
    end_of_row = e.weight("v.token_embd.img_break")
    if end_of_row is None or e.sizes.kind == "lightonocr":
        return x
    columns, rows = e.columns // factor, e.rows // factor
    width = x.ne[0]
    breaks = ops.like("add", ops.like("scale", ops.leaf(x.kind, width, 1, rows)), end_of_row)
    x = ops.concat(ops.reshape(x, width, columns, rows), breaks, 1)
    return ops.view(x, (width, columns * rows + rows - 1), (x.kind.block_bytes * width,))


FAMILIES = {
    "pixtral": Family(rule=Rule(merge_key=MERGE, tokens=(8, 1024), warmup=256), build=_pixtral),
    "lightonocr": Family(rule=Rule(merge_key=MERGE, custom=True, warmup=256), build=_pixtral),
}
