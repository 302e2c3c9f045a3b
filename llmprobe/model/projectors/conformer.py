"""
LFM2's encoder of sound and one built on it: a conformer whose scores know how far frames are apart.

Source: llama.cpp b11549, tools/mtmd/models/conformer.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule

_PLACES = 512
"""The width of the places between frames."""
_PAST = 4
"""The frames before and after one that its convolution sees."""


def _conformer(e: Encoder) -> Node:
    halved = ((e.width + 1) // 2 + 1) // 2
    places = e.input(_PLACES, (halved + 1) // 2 * 2 - 1)
    e.graph.expand(places)
    x = _encoded(e, ops.cont(ops.transpose(e.input(e.width, e.height, 1, e.batch))))
    for il in range(e.sizes.layers):
        x = _layer(e, il, x, places)
    x = e.ffn(e.norm(x, "mm.a.mlp.0"), "mm.a.mlp.1", "mm.a.mlp.3", "gelu_erf")
    if e.weight("mm.a.mlp.4.weight") is None:
        return x
    return ops.like("add", x, e.ffn(e.norm(x, "mm.a.mlp.4"), "mm.a.mlp.5", "mm.a.mlp.6", "gelu_erf"))


def _encoded(e: Encoder, x: Node) -> Node:
    """An eighth of the frames: convolutions of which two are of each channel by itself."""
    x = _relu(ops.like("add", e.conv_2d(e.need("a.conv1d.0.weight"), x, 2, 1), e.need("a.conv1d.0.bias")))
    for each, across in ((2, 3), (5, 6)):
        kernel = e.need(f"a.conv1d.{each}.weight")
        size = tuple(
            (side + 2 - extent) // 2 + 1 for side, extent in zip(x.ne[:2], kernel.ne[:2], strict=True)
        )
        x = ops.make("conv_2d_dw", x.kind, (size[0], size[1], x.ne[2], x.ne[3]), kernel, x)
        x = ops.like("add", x, e.need(f"a.conv1d.{each}.bias"))
        kernel = e.need(f"a.conv1d.{across}.weight")
        x = ops.make("conv_2d", x.kind, (x.ne[0], x.ne[1], kernel.ne[3], x.ne[3]), kernel, x)
        x = _relu(ops.like("add", x, e.need(f"a.conv1d.{across}.bias")))
    x = ops.cont(ops.permute(x, 0, 2, 1, 3))
    x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2])
    return ops.like("add", e.mm("a.pre_encode.out", x), e.need("a.pre_encode.out.bias"))


def _relu(x: Node) -> Node:
    """Where it lies."""
    node = ops.view_of("unary", x, x.ne, x.nb)
    node.tag = "relu"
    return node


def _layer(e: Encoder, il: int, x: Node, places: Node) -> Node:
    x = _half_step(e, il, x, "")
    x = ops.like("add", x, _attended(e, il, e.norm(x, e.layer(il, "ln1")), places))
    x = ops.like("add", x, _convolved(e, il, e.norm(x, e.layer(il, "norm_conv"))))
    return e.norm(_half_step(e, il, x, "_1"), e.layer(il, "ln2"))


def _half_step(e: Encoder, il: int, residual: Node, suffix: str) -> Node:
    x = e.norm(residual, e.layer(il, f"ffn_norm{suffix}"))
    x = e.ffn(x, e.layer(il, f"ffn_up{suffix}"), e.layer(il, f"ffn_down{suffix}"), "silu")
    return ops.like("add", residual, ops.like("scale", x))


def _attended(e: Encoder, il: int, x: Node, places: Node) -> Node:
    head, heads = e.sizes.head, e.sizes.heads
    q = ops.reshape(e.biased(e.layer(il, "attn_q"), x), head, heads, x.ne[1])
    of_keys, of_places = (
        ops.permute(ops.like("add", q, e.need(e.layer(il, f"pos_bias_{part}"))), 0, 2, 1, 3) for part in "uv"
    )
    k = ops.reshape(e.biased(e.layer(il, "attn_k"), x), head, heads, x.ne[1])
    k = ops.cont(ops.permute(k, 0, 2, 1, 3))
    v = ops.reshape(e.biased(e.layer(il, "attn_v"), x), head, heads, x.ne[1])
    v = ops.cont(ops.permute(v, 1, 2, 0, 3))
    scores = ops.cont(ops.permute(ops.mul_mat(of_keys, k), 1, 0, 2, 3))
    apart = e.mm(e.layer(il, "linear_pos"), places)
    apart = ops.permute(ops.reshape(apart, head, heads, apart.ne[1]), 0, 2, 1, 3)
    apart = _shifted(ops.cont(ops.permute(ops.mul_mat(of_places, apart), 1, 0, 2, 3)))
    apart = ops.view(apart, (scores.ne[0], *apart.ne[1:3]), apart.nb[1:3])
    scores = ops.like("soft_max", ops.like("scale", ops.like("add", scores, apart)))
    x = ops.permute(ops.mul_mat(scores, v), 2, 0, 1, 3)
    return e.biased(e.layer(il, "attn_out"), ops.cont(x, x.ne[0] * x.ne[1], x.ne[2]))


def _shifted(x: Node) -> Node:
    """Each row moved by one more place than the row before it."""
    length, rows, heads = x.ne[:3]
    x = ops.make("pad", F32, (length + 1, rows, heads, 1), x)
    x = ops.reshape(x, rows, length + 1, heads)
    x = ops.view(x, (rows, length, heads), x.nb[1:3])
    return ops.cont(x, length, rows, heads)


def _convolved(e: Encoder, il: int, x: Node) -> Node:
    x = e.biased(e.layer(il, "conv_pw1"), x)
    half = x.ne[0] // 2
    gate = ops.unary("sigmoid", ops.cont(ops.view(x, (half, x.ne[1]), (x.nb[1],))))
    x = ops.cont(ops.transpose(ops.like("mul", ops.view(x, (half, x.ne[1]), (x.nb[1],)), gate)))
    x = ops.make("pad", F32, (x.ne[0] + _PAST, x.ne[1], 1, 1), x)
    x = ops.like("roll", x)
    x = ops.make("pad", F32, (x.ne[0] + _PAST, x.ne[1], 1, 1), x)
    kernel = e.need(e.layer(il, "conv_dw.weight"))
    x = ops.make("ssm_conv", F32, (x.ne[1], x.ne[0] - kernel.ne[0] + 1, 1, 1), x, kernel)
    x = ops.like("add", x, e.need(e.layer(il, "conv_dw.bias")))
    x = ops.like("mul", x, e.need(e.layer(il, "conv_norm.weight")))
    x = ops.unary("silu", ops.like("add", x, e.need(e.layer(il, "conv_norm.bias"))))
    return e.biased(e.layer(il, "conv_pw2"), x)


FAMILIES = {
    "lfm2a": Family(rule=Rule(), build=_conformer, seconds=30),
    "d1omni_a": Family(rule=Rule(), build=_conformer),
}
