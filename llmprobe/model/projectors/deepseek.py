"""
DeepSeek V4's encoder of pictures, whose result is put in order with the tokens that begin, end and part it.

Source: llama.cpp b11549, tools/mtmd/models/deepseek4v.cpp and dsv4_get_block_layout (clip-impl.h).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, im2col, rope
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule

_MARKS = ("v.token_embd.img_start", "v.token_embd.img_end", "v.image_newline", "v.token_embd.img_pad")


def _deepseek4(e: Encoder) -> Node:
    factor = e.sizes.merge
    positions = e.numbers(4 * e.patches)
    how = Vit(norm="rms_norm", rope=lambda part: rope(part, positions))
    x = ops.reshape(e.layers(e.patched(), e.patches, how), e.sizes.embd, e.columns, e.rows)
    x = ops.cont(ops.permute(x, 2, 0, 1, 3))
    more_x, more_y = -e.columns % factor, -e.rows % factor
    if more_x or more_y:
        x = ops.make("pad", F32, (x.ne[0] + more_x, x.ne[1] + more_y, x.ne[2], 1), x)
    columns, rows = x.ne[0] // factor, x.ne[1] // factor
    # Only the extent of a kernel counts here: a window of no stride stands for one.
    x = im2col(ops.view(x, (factor, factor, x.ne[2]), (0, 0)), x, factor, 0, F32)
    x = e.ffn(ops.reshape(x, x.ne[0], x.ne[1] * x.ne[2]), "mm.1", "mm.2", "gelu_erf")
    for mark in _MARKS:
        x = ops.concat(x, ops.reshape(e.need(mark), x.ne[0], 1), 1)
    return ops.get_rows(x, e.numbers(_tokens(columns, rows)))


def _tokens(columns: int, rows: int) -> int:
    """
    The tokens of a picture without what is put before it: rows in pairs, each with its end, and two marks.
    """
    rows += rows % 2
    each = columns + 1
    return 1 + rows * each + rows // 2 * each % 2 * 2 + 1


FAMILIES = {"deepseek4v": Family(rule=Rule(merge_key=SCALE, tokens=(1, 384), warmup=256), build=_deepseek4)}
