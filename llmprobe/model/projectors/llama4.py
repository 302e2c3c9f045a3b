"""
Llama 4's encoder.

Source: llama.cpp b11549, tools/mtmd/models/llama4.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, im2col, rope_2d
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule


def _llama4(e: Encoder) -> Node:
    sizes = e.sizes
    patch, width, factor = sizes.patch, sizes.embd, sizes.merge
    high, wide = e.numbers(e.patches + 1), e.numbers(e.patches + 1)
    kernel = ops.reshape(e.need("v.patch_embd.weight"), patch, patch, 3, width)
    x = e.mm("v.patch_embd", im2col(kernel, e.picture(), patch, 0, F32))
    x = ops.concat(ops.reshape(x, width, e.patches), e.need("v.class_embd"), 1)
    x = e.layers(x, e.patches + 1, Vit(rope=rope_2d(wide, high)), e.need("v.position_embd.weight"))
    x = ops.view(x, (width, e.patches), (x.kind.block_bytes * width,))
    x = ops.reshape(x, width * factor, e.columns // factor, e.rows, 1)
    x = ops.cont(
        ops.permute(x, 0, 2, 1, 3), width * factor * factor, e.columns // factor, e.rows // factor, 1
    )
    x = ops.cont(x, width * factor * factor, e.patches // factor // factor)
    for number in (1, 2):
        x = ops.unary("gelu", e.mm(f"mm.model.mlp.{number}", x))
    return e.mm("mm.model.fc", x)


FAMILIES = {"llama4": Family(rule=Rule(merge_key=SCALE), build=_llama4)}
