"""
Nemotron's encoder of sound: a conformer whose scores know how far frames are apart, behind convolutions by channel.

Source: llama.cpp b11549, tools/mtmd/models/parakeet.cpp, as far as every frame sees every other.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule, number


def _parakeet(e: Encoder) -> Node:
    x = _eighth(e, ops.cont(ops.transpose(e.input(e.width, e.height, 1, e.batch))))
    frames = x.ne[1]
    mask = e.input(frames, frames)
    places = _places(e, 2 * frames - 1)
    for il in range(e.sizes.layers):
        x = _layer(e, il, x, places, mask)
    x = e.norm(x, "mm.a.norm_pre", "rms_norm", bias=False)
    return e.ffn(x, "mm.a.mlp.1", "mm.a.mlp.2", "relu_sqr")


def _eighth(e: Encoder, x: Node) -> Node:
    x = ops.unary("relu", _shifted(e, e.conv_2d(e.need("a.conv1d.0.weight"), x, 2, 1), 0))
    for each, across in ((2, 3), (5, 6)):
        kernel = e.need(f"a.conv1d.{each}.weight")
        wide, high = (
            (side + 2 - extent) // 2 + 1 for side, extent in zip(x.ne[:2], kernel.ne[:2], strict=True)
        )
        x = _shifted(e, ops.make("conv_2d_dw", F32, (wide, high, x.ne[2], x.ne[3]), kernel, x), each)
        x = ops.unary("relu", _shifted(e, e.conv_2d(e.need(f"a.conv1d.{across}.weight"), x, 1), across))
    x = ops.cont(ops.permute(x, 0, 2, 1, 3))
    return e.biased("a.pre_encode.out", ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2]))


def _shifted(e: Encoder, x: Node, at: int) -> Node:
    return ops.like("add", x, e.need(f"a.conv1d.{at}.bias"))


def _places(e: Encoder, window: int) -> Node:
    """Sines and cosines of how far frames are apart."""
    half = e.sizes.embd // 2
    each, apart = e.input(half), e.input(1, window)
    angles = ops.like("mul", ops.make("repeat", F32, (half, window, 1, 1), each), apart)
    both = [ops.reshape(ops.like(op, angles), 1, half, window) for op in ("sin", "cos")]
    joined = ops.cont(ops.make("concat", F32, (2, half, window, 1), *both))
    return ops.reshape(joined, e.sizes.embd, window)


def _layer(e: Encoder, il: int, x: Node, places: Node, mask: Node) -> Node:
    x = _half_step(e, il, x, "")
    x = ops.like("add", x, _attended(e, il, e.norm(x, e.layer(il, "ln1")), places, mask))
    x = ops.like("add", x, _convolved(e, il, e.norm(x, e.layer(il, "norm_conv"))))
    return e.norm(_half_step(e, il, x, "_1"), e.layer(il, "ln2"))


def _half_step(e: Encoder, il: int, residual: Node, suffix: str) -> Node:
    x = ops.unary(
        "silu", e.mm(e.layer(il, f"ffn_up{suffix}"), e.norm(residual, e.layer(il, f"ffn_norm{suffix}")))
    )
    return ops.like("add", residual, ops.like("scale", e.mm(e.layer(il, f"ffn_down{suffix}"), x)))


def _attended(e: Encoder, il: int, x: Node, places: Node, mask: Node) -> Node:
    head, heads, frames = e.sizes.head, e.sizes.heads, x.ne[1]
    q, k, v = (ops.reshape(e.mm(e.layer(il, f"attn_{part}"), x), head, heads, frames) for part in "qkv")
    apart = e.mm(e.layer(il, "linear_pos"), places)
    apart = ops.cont(ops.permute(ops.reshape(apart, head, heads, places.ne[1]), 0, 2, 1, 3))
    of_keys, of_places = (ops.like("add", q, e.need(e.layer(il, f"pos_bias_{part}"))) for part in "uv")
    scores = ops.mul_mat(ops.permute(k, 0, 2, 1, 3), ops.permute(of_keys, 0, 2, 1, 3))
    far = ops.mul_mat(apart, ops.cont(ops.permute(of_places, 0, 2, 1, 3)))
    scores = ops.like("scale", ops.like("add", scores, _moved(far, frames)))
    shares = ops.like("soft_max", ops.like("add", scores, mask))
    x = ops.mul_mat(shares, ops.cont(ops.permute(v, 1, 2, 0, 3)))
    return e.mm(e.layer(il, "attn_out"), ops.cont(ops.permute(x, 2, 0, 1, 3), e.sizes.embd, frames))


def _moved(x: Node, frames: int) -> Node:
    """Each row moved by one more place than the row before it, as far as frames reach."""
    window, rows, heads = x.ne[:3]
    x = ops.make("pad", F32, (window + 1, rows, heads, 1), x)
    x = ops.cont(ops.reshape(x, rows, window + 1, heads))
    x = ops.cont(ops.view(x, (rows, window, heads), (window * x.kind.block_bytes, x.nb[2])))
    return ops.cont(ops.view(x, (frames, frames, heads), (x.nb[1], x.nb[2])))


def _convolved(e: Encoder, il: int, x: Node) -> Node:
    x = e.mm(e.layer(il, "conv_pw1"), x)
    half = x.ne[0] // 2
    signal, gate = (ops.view(x, (half, x.ne[1]), (x.nb[1],)) for _ in range(2))
    x = ops.cont(ops.transpose(ops.like("mul", signal, ops.unary("sigmoid", gate))))
    around = (number(e.projector, "audio.conv_kernel_size") - 1) // 2
    x = ops.make("pad", F32, (x.ne[0] + 2 * around, x.ne[1], 1, 1), x)
    kernel = e.need(e.layer(il, "conv_dw.weight"))
    x = ops.make("ssm_conv", F32, (x.ne[1], x.ne[0] - kernel.ne[0] + 1, 1, 1), x, kernel)
    x = ops.like("sub", x, e.need(e.layer(il, "conv_norm_mean")))
    x = ops.like("div", x, ops.like("sqrt", e.need(e.layer(il, "conv_norm_var"))))
    x = ops.like("mul", x, e.need(e.layer(il, "conv_norm.weight")))
    x = ops.unary("silu", ops.like("add", x, e.need(e.layer(il, "conv_norm.bias"))))
    return e.mm(e.layer(il, "conv_pw2"), x)


FAMILIES = {"parakeet": Family(rule=Rule(), build=_parakeet, seconds=30)}
