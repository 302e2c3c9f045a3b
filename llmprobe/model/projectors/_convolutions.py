"""
Convolutions that several families build.

Source: llama.cpp b11549, ggml/src/ggml.c (``ggml_conv_2d_dw``, ``ggml_conv_1d``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, Node
from llmprobe.model.projectors._encoder import im2col


def by_channel(kernel: Node, x: Node, stride: int, padding: int) -> Node:
    """
    A convolution of each channel by itself, as columns and one product.
    """
    kernel = ops.reshape(kernel, kernel.ne[0], kernel.ne[1], 1, kernel.ne[2] * kernel.ne[3])
    channels, batch = x.ne[2:]
    flat = ops.reshape(x, x.ne[0], x.ne[1], 1, channels * batch)
    columns = im2col(kernel, flat, stride, padding, F32 if kernel.kind.name == "bf16" else F16)
    taps, wide, high = columns.ne[:3]
    product = ops.mul_mat(
        ops.reshape(kernel, kernel.ne[0] * kernel.ne[1], kernel.ne[2], kernel.ne[3]),
        ops.reshape(columns, taps, high * wide, channels, batch),
    )
    return ops.reshape(product, wide, high, channels, batch)


def of_frames(kernel: Node, x: Node, stride: int, padding: int | None = None) -> Node:
    """
    A convolution over frames, with as many around them as half the kernel where no other number is told.
    """
    kind = F32 if kernel.kind.name == "bf16" else F16
    around = kernel.ne[0] // 2 if padding is None else padding
    columns = im2col(kernel, x, stride, around, kind, flat=True)
    product = ops.mul_mat(
        ops.reshape(columns, columns.ne[0], columns.ne[2] * columns.ne[1]),
        ops.reshape(kernel, kernel.ne[0] * kernel.ne[1], kernel.ne[2]),
    )
    return ops.reshape(product, columns.ne[1], kernel.ne[2], columns.ne[2])
