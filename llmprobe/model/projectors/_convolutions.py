"""
Convolutions that several families build.

Source: llama.cpp b11549, ggml/src/ggml.c (``ggml_conv_2d_dw``).
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
