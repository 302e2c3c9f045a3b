"""
Gemma 4's encoder of sound: a conformer that attends within blocks of frames.

Source: llama.cpp b11549, tools/mtmd/models/gemma4a.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule

_BLOCK, _PAST = 12, 12
_SEEN = _BLOCK + _PAST
_DISTANCES = _PAST + 1
_KERNEL = 5


def _conformer(e: Encoder) -> Node:
    e.clamped = True
    x = ops.cont(ops.transpose(e.input(e.width, e.height, 1, e.batch)))
    for at in (0, 1):
        x = _halved(e, x, f"a.conv1d.{at}")
    x = ops.cont(ops.permute(x, 1, 2, 0, 3))
    x = e.biased("a.input_projection", ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2]))
    blocks = -(-x.ne[1] // _BLOCK)
    places = e.input(e.sizes.heads * e.sizes.head, _DISTANCES)
    mask = e.input(_SEEN, _BLOCK, blocks)
    for il in range(e.sizes.layers):
        x = _layer(e, il, x, places, mask)
    if e.weight("a.pre_encode.out.weight") is not None:
        x = e.biased("a.pre_encode.out", x)
    x = e.norm(x, "mm.a.soft_emb_norm", "rms_norm", bias=False)
    return e.mm("mm.a.input_projection", x) if e.weight("mm.a.input_projection.weight") is not None else x


def _halved(e: Encoder, x: Node, name: str) -> Node:
    """A convolution that keeps every other frame and frequency."""
    x = e.conv_2d(e.need(f"{name}.weight"), x, 2, 1)
    bias = e.weight(f"{name}.bias")
    if bias is not None:
        x = ops.like("add", x, bias)
    weight = e.weight(f"{name}.norm.weight")
    if weight is not None:
        x = ops.like("mul", ops.like("norm", ops.cont(ops.permute(x, 1, 2, 0, 3))), weight)
        x = ops.cont(ops.permute(x, 2, 0, 1, 3))
    return ops.unary("relu", x)


def _layer(e: Encoder, il: int, x: Node, places: Node, mask: Node) -> Node:
    x = _half_step(e, il, x, "")
    x = _attended(e, il, x, places, mask)
    x = _convolved(e, il, x)
    x = _half_step(e, il, x, "_1")
    name = e.layer(il, "ln2")
    return x if e.weight(f"{name}.weight") is None else e.norm(x, name, "rms_norm", bias=False)


def _half_step(e: Encoder, il: int, residual: Node, suffix: str) -> Node:
    x = e.norm(residual, e.layer(il, f"ffn_norm{suffix}"), "rms_norm", bias=False)
    wide = e.mm(e.layer(il, f"ffn_up{suffix}"), x)
    x = e.mm(e.layer(il, f"ffn_down{suffix}"), ops.unary("silu", wide))
    after = e.layer(il, f"ffn_post_norm{suffix}")
    if e.weight(f"{after}.weight") is not None:
        x = e.norm(x, after, "rms_norm", bias=False)
    return ops.like("add", residual, ops.like("scale", x))


def _attended(e: Encoder, il: int, residual: Node, places: Node, mask: Node) -> Node:
    head, heads, frames = e.sizes.head, e.sizes.heads, residual.ne[1]
    blocks = mask.ne[2]
    before = e.layer(il, "attn_pre_norm")
    if e.weight(f"{before}.weight") is None:
        before = e.layer(il, "ln1")
    x = e.norm(residual, before, "rms_norm", bias=False)
    q, k, v = (
        ops.reshape(e.mm(e.layer(il, f"attn_{part}"), x), head, heads, frames) for part in ("q", "k", "v")
    )
    q = _scaled(e, q, e.layer(il, "per_dim_scale"))
    k = _scaled(e, k, e.layer(il, "per_dim_k_scale"))
    q = ops.make("pad", F32, (head, heads, blocks * _BLOCK, 1), q)
    q = ops.cont(ops.permute(ops.reshape(q, head, heads, _BLOCK, blocks), 0, 3, 1, 2))
    k = ops.cont(ops.permute(_windows(k, blocks), 0, 3, 1, 2))
    v = ops.cont(ops.permute(_windows(v, blocks), 1, 3, 0, 2))
    scores = ops.mul_mat(k, q)
    distance = e.weight(e.layer(il, "attn_k_rel.weight"))
    if distance is not None:
        scores = ops.like("add", scores, _by_distance(q, ops.mul_mat(distance, places), heads, blocks))
    scores = ops.like("scale", ops.unary("tanh", ops.like("scale", scores)))
    scores = ops.like("soft_max", ops.like("add", scores, mask))
    x = ops.cont(ops.permute(ops.mul_mat(v, scores), 0, 2, 3, 1))
    x = ops.cont(x, head * heads, blocks * _BLOCK)
    if x.ne[1] > frames:
        x = ops.cont(ops.view(x, (head * heads, frames), (x.nb[1],)))
    x = e.biased(e.layer(il, "attn_out"), x)
    after = e.layer(il, "attn_post_norm")
    if e.weight(f"{after}.weight") is not None:
        x = e.norm(x, after, "rms_norm", bias=False)
    return ops.like("add", residual, x)


def _scaled(e: Encoder, x: Node, name: str) -> Node:
    x = ops.like("scale", x)
    scale = e.weight(f"{name}.weight")
    return x if scale is None else ops.like("mul", x, ops.reshape(scale, scale.ne[0], 1, 1))


def _windows(x: Node, blocks: int) -> Node:
    """What each block sees, copied one after the other."""
    head, heads = x.ne[0], x.ne[1]
    x = ops.make("pad", F32, (head, heads, _SEEN * blocks, 1), x)
    return ops.cont(ops.view(x, (head, heads, _SEEN, blocks), (x.nb[1], x.nb[2], _BLOCK * x.nb[2])))


def _by_distance(q: Node, places: Node, heads: int, blocks: int) -> Node:
    """Scores by how far frames are apart, shifted so that each is at its frame."""
    places = ops.cont(ops.permute(ops.reshape(places, q.ne[0], heads, _DISTANCES), 0, 2, 1, 3))
    scores = ops.mul_mat(places, ops.reshape(q, q.ne[0], _BLOCK * blocks, heads))
    scores = ops.reshape(scores, _DISTANCES, _BLOCK, blocks, heads)
    scores = ops.make("pad", F32, (_SEEN + 1, _BLOCK, blocks, heads), scores)
    scores = ops.reshape(scores, (_SEEN + 1) * _BLOCK, blocks, heads)
    scores = ops.cont(ops.view(scores, (_BLOCK * _SEEN, blocks, heads), (scores.nb[1], scores.nb[2])))
    return ops.reshape(scores, _SEEN, _BLOCK, blocks, heads)


def _convolved(e: Encoder, il: int, residual: Node) -> Node:
    """The convolution over frames; files name its two norms the wrong way round."""
    before, between = e.layer(il, "conv_norm"), e.layer(il, "norm_conv")
    if e.weight(f"{before}.weight") is None:
        return residual
    x = e.mm(e.layer(il, "conv_pw1"), e.norm(residual, before, "rms_norm", bias=False))
    half = x.ne[0] // 2
    gate = ops.unary("sigmoid", ops.cont(ops.view(x, (half, x.ne[1]), (x.nb[1],))))
    x = ops.cont(ops.transpose(ops.like("mul", ops.view(x, (half, x.ne[1]), (x.nb[1],)), gate)))
    x = ops.make("pad", F32, (x.ne[0] + _KERNEL - 1, x.ne[1], 1, 1), x)
    kernel = e.need(e.layer(il, "conv_dw.weight"))
    x = ops.make("ssm_conv", F32, (x.ne[1], x.ne[0] - kernel.ne[0] + 1, 1, 1), x, kernel)
    bias = e.weight(e.layer(il, "conv_dw.bias"))
    if bias is not None:
        x = ops.like("add", x, bias)
    if e.weight(f"{between}.weight") is not None:
        x = e.norm(x, between, "rms_norm", bias=False)
    return ops.like("add", residual, e.mm(e.layer(il, "conv_pw2"), ops.unary("silu", x)))


FAMILIES = {"gemma4a": Family(rule=Rule(), build=_conformer)}
