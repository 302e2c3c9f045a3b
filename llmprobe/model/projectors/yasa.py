"""
Reka's encoder of pictures: convolutions in stages (ConvNeXt V2), each channel weighed by how much there is of it.

Source: llama.cpp b11549, tools/mtmd/models/yasa2.cpp and clip.cpp (``load_tensors``).
"""

from itertools import count

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._convolutions import by_channel
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule

_OUTPUT = 8
"""The tokens of a side."""
_KERNEL = 7


def _yasa(e: Encoder) -> Node:
    x = e.conv_2d(e.need("v.patch_embd.weight"), e.picture(), e.sizes.patch)
    x = _normed(e, _of_channel(e, "add", x, "v.patch_embd.bias"), "v.patch_ln")
    for stage in count():
        name = f"v.stage.{stage}"
        down = e.weight(f"{name}.down.conv.weight")
        if down is None and e.weight(f"{name}.blk.0.dw.weight") is None:
            break
        if down is not None:
            x = e.conv_2d(down, _normed(e, x, f"{name}.down.ln"), 2)
            x = _of_channel(e, "add", x, f"{name}.down.conv.bias")
        for block in count():
            part = f"{name}.blk.{block}"
            if e.weight(f"{part}.dw.weight") is None:
                break
            x = _block(e, x, part)
            # Nothing before it comes later: the walk has the same order, and is not as deep as all blocks are.
            e.graph.expand(x)
    return _projected(e, x)


def _of_channel(e: Encoder, op: str, x: Node, name: str) -> Node:
    """A number for each channel, added or multiplied where the file has it."""
    each = e.weight(name)
    return x if each is None else ops.like(op, x, ops.reshape(each, 1, 1, each.ne[0], 1))


def _mean(x: Node) -> Node:
    return ops.make("mean", F32, (1, x.ne[1], x.ne[2], x.ne[3]), x)


def _normed(e: Encoder, x: Node, name: str) -> Node:
    """A norm over the channels of each point, in single steps."""
    x = ops.cont(ops.permute(x, 2, 1, 0, 3))
    centred = ops.like("sub", x, _mean(x))
    spread = ops.like("sqrt", ops.like("clamp", _mean(ops.like("mul", centred, centred))))
    x = ops.cont(ops.permute(ops.like("div", centred, spread), 2, 1, 0, 3))
    return _of_channel(e, "add", _of_channel(e, "mul", x, f"{name}.weight"), f"{name}.bias")


def _block(e: Encoder, before: Node, name: str) -> Node:
    kernel = e.need(f"{name}.dw.weight")
    x = _of_channel(e, "add", by_channel(kernel, before, 1, _KERNEL // 2), f"{name}.dw.bias")
    x = _normed(e, x, f"{name}.ln")
    x = ops.unary("gelu_erf", _of_points(e, x, f"{name}.pw1"))
    return ops.like("add", before, _of_points(e, _weighed(e, x, f"{name}.grn"), f"{name}.pw2"))


def _of_points(e: Encoder, x: Node, name: str) -> Node:
    """A matrix over the channels of each point."""
    wide, high, channels, batch = x.ne
    x = ops.cont(ops.permute(ops.reshape(x, wide * high, channels, batch), 1, 0, 2, 3))
    x = ops.mul_mat(e.need(f"{name}.weight"), x)
    bias = e.weight(f"{name}.bias")
    if bias is not None:
        x = ops.like("add", x, ops.reshape(bias, bias.ne[0], 1, 1))
    channels = x.ne[0]
    return ops.reshape(ops.cont(ops.permute(x, 1, 0, 2, 3)), wide, high, channels, batch)


def _weighed(e: Encoder, x: Node, name: str) -> Node:
    """Channels by how large they are over the whole picture, against the mean of all."""
    wide, high, channels, batch = x.ne
    squares = ops.reshape(ops.like("mul", x, x), wide * high, channels, 1, batch)
    large = ops.like("sqrt", ops.sum_rows(squares))
    mean = ops.like("clamp", _mean(ops.cont(ops.permute(large, 1, 0, 2, 3))))
    share = ops.cont(ops.permute(ops.like("div", large, mean), 0, 2, 1, 3))
    more = _of_channel(e, "mul", ops.like("mul", x, share), f"{name}.weight")
    return ops.like("add", x, _of_channel(e, "add", more, f"{name}.bias"))


def _projected(e: Encoder, x: Node) -> Node:
    wide, high, channels, batch = x.ne
    tokens = ops.cont(ops.permute(ops.reshape(x, wide * high, channels, batch), 1, 0, 2, 3))
    learned = e.weight("v.vision_pos_embed")
    if learned is not None and learned.ne[1] == tokens.ne[1]:
        tokens = ops.like("add", tokens, ops.reshape(learned, learned.ne[0], learned.ne[1], 1))
    x = ops.cont(ops.permute(tokens, 1, 0, 2, 3))
    x = ops.reshape(x, wide, high, x.ne[1], x.ne[2])
    by_x, by_y = max(1, wide // min(_OUTPUT, wide)), max(1, high // min(_OUTPUT, high))
    x = ops.make("pool_2d", F32, (wide // by_x, high // by_y, x.ne[2], x.ne[3]), x)
    x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2], x.ne[3])
    return e.ffn(ops.cont(ops.permute(x, 1, 0, 2, 3)), "mm.0", "mm.2", "gelu_erf")


FAMILIES = {"yasa2": Family(rule=Rule(), build=_yasa)}
