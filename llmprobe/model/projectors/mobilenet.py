"""
Gemma 3n's encoder of pictures: convolutions in four stages (MobileNet V5), of which the last two are put together.

Source: llama.cpp b11549, tools/mtmd/models/mobilenetv5.cpp and clip.cpp (``load_tensors``); ggml/src/ggml.c
(``ggml_conv_2d_direct``, ``ggml_conv_2d_dw``).
"""

from itertools import count

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._convolutions import by_channel
from llmprobe.model.projectors._encoder import Encoder, pooled
from llmprobe.model.projectors._family import SCALE, Family
from llmprobe.model.projectors._sizes import Rule

_STAGES = 4
_FUSED = 2
"""The first of the stages whose results are put together."""
_OUTPUT = 16
"""The tokens of a side."""


def _mobilenet(e: Encoder) -> Node:
    x = _direct(e, "v.conv_stem.conv", _same(e.picture(), 3), 2)
    bias = e.weight("v.conv_stem.conv.bias")
    x = x if bias is None else ops.like("add", x, bias)
    x = ops.unary("gelu", _normed(e, x, "v.conv_stem.bn"))
    fused: list[Node] = []
    for stage in range(_STAGES):
        for block in count():
            name = f"v.blk.{stage}.{block}"
            build = next(
                (one for part, one in _BLOCKS if e.weight(f"{name}.{part}.weight") is not None), None
            )
            if build is None:
                break
            x = build(e, x, name, 1 if block else 2)
            # Nothing before it comes later: the walk has the same order, and is not as deep as all blocks are.
            e.graph.expand(x)
        if stage >= _FUSED:
            fused.append(x)
    return _projected(e, _together(e, fused))


def _direct(e: Encoder, name: str, x: Node, stride: int = 1, padding: int = 0) -> Node:
    """A convolution that is one operation."""
    kernel = e.need(f"{name}.weight")
    wide = (x.ne[0] + 2 * padding - kernel.ne[0]) // stride + 1
    high = (x.ne[1] + 2 * padding - kernel.ne[1]) // stride + 1
    return ops.make("conv_2d", x.kind, (wide, high, kernel.ne[3], x.ne[3]), kernel, x)


def _by_channel(e: Encoder, name: str, x: Node, stride: int, padding: int) -> Node:
    return by_channel(e.need(f"{name}.weight"), x, stride, padding)


def _same(x: Node, size: int) -> Node:
    """A picture with the edge that a kernel of this size needs to halve it."""
    more = [max(0, (-(-side // 2) - 1) * 2 + size - side) for side in x.ne[:2]]
    if not any(more):
        return x
    return ops.make("pad", F32, (x.ne[0] + more[0], x.ne[1] + more[1], x.ne[2], x.ne[3]), x)


def _normed(e: Encoder, x: Node, name: str) -> Node:
    """A norm over the channels of each point, where the file has its weight."""
    weight = e.weight(f"{name}.weight")
    if weight is None:
        return x
    x = ops.like("rms_norm", ops.cont(ops.permute(x, 2, 1, 0, 3)))
    return ops.cont(ops.permute(ops.like("mul", x, weight), 2, 1, 0, 3))


def _edge(e: Encoder, before: Node, name: str, stride: int) -> Node:
    x = _same(before, 3) if stride == 2 else before
    x = _direct(e, f"{name}.conv_exp", x, stride, 0 if stride == 2 else 1)
    x = ops.unary("gelu", _normed(e, x, f"{name}.bn1"))
    x = _normed(e, _direct(e, f"{name}.conv_pwl", x), f"{name}.bn2")
    return ops.like("add", x, before) if stride == 1 and x.ne == before.ne else x


def _inverted(e: Encoder, before: Node, name: str, stride: int) -> Node:
    x = before
    kernel = e.weight(f"{name}.dw_start.conv.weight")
    if kernel is not None:
        x = _by_channel(e, f"{name}.dw_start.conv", x, 1, kernel.ne[0] // 2)
        x = _normed(e, x, f"{name}.dw_start.bn")
    if e.weight(f"{name}.pw_exp.conv.weight") is not None:
        x = _normed(e, _direct(e, f"{name}.pw_exp.conv", x), f"{name}.pw_exp.bn")
        x = ops.unary("gelu", x)
    kernel = e.weight(f"{name}.dw_mid.conv.weight")
    if kernel is not None:
        x = _same(x, kernel.ne[0]) if stride > 1 else x
        x = _by_channel(e, f"{name}.dw_mid.conv", x, stride, 0 if stride > 1 else kernel.ne[0] // 2)
        x = ops.unary("gelu", _normed(e, x, f"{name}.dw_mid.bn"))
    if e.weight(f"{name}.pw_proj.conv.weight") is not None:
        x = _normed(e, _direct(e, f"{name}.pw_proj.conv", x), f"{name}.pw_proj.bn")
    x = _scaled(e, x, name)
    return ops.like("add", x, before) if x.ne[:3] == before.ne[:3] else x


def _attended(e: Encoder, before: Node, name: str, _stride: int) -> Node:
    """Attention of all heads to one head of keys, which are of every other point where the file halves them."""
    x = _normed(e, before, f"{name}.norm")
    q = _direct(e, f"{name}.attn.query.proj", x)
    k, v = (_key(e, x, f"{name}.attn.{part}") for part in ("key", "value"))
    wide, high, channels, batch = q.ne
    head, points, seen = k.ne[2], wide * high, k.ne[0] * k.ne[1]
    q = ops.reshape(ops.reshape(q, points, channels, batch), points, head, channels // head, batch)
    q = ops.cont(ops.permute(q, 1, 0, 2, 3))
    k = ops.reshape(ops.reshape(k, seen, head, batch), seen, head, 1, batch)
    k = ops.cont(ops.permute(k, 1, 0, 2, 3))
    v = ops.cont(ops.reshape(ops.reshape(v, seen, head, batch), seen, head, 1, batch))
    scores = ops.like("soft_max", ops.like("scale", ops.mul_mat(k, q)))
    mixed = ops.cont(ops.permute(ops.mul_mat(v, scores), 1, 0, 2, 3))
    mixed = ops.reshape(ops.reshape(mixed, points, channels, batch), wide, high, channels, batch)
    x = _direct(e, f"{name}.attn.output.proj", ops.cont(mixed))
    if x.ne[0] != before.ne[0] or x.ne[2] != before.ne[2]:
        return x
    return ops.like("add", _scaled(e, x, name), before)


def _key(e: Encoder, x: Node, name: str) -> Node:
    kernel = e.weight(f"{name}.down_conv.weight")
    if kernel is not None:
        x = _by_channel(e, f"{name}.down_conv", _same(x, kernel.ne[0]), 2, 0)
        x = _normed(e, x, f"{name}.norm")
    return _direct(e, f"{name}.proj", x)


def _scaled(e: Encoder, x: Node, name: str) -> Node:
    scale = e.weight(f"{name}.layer_scale.gamma")
    return x if scale is None else ops.like("mul", x, scale)


_BLOCKS = (
    ("conv_exp", _edge),
    ("attn.query.proj", _attended),
    ("dw_start.conv", _inverted),
    ("pw_exp.conv", _inverted),
)
"""What a block has, and how it is computed; the first that it has decides."""


def _together(e: Encoder, parts: list[Node]) -> Node:
    """The results of the last stages side by side, as large as the first of them, then as many points as tokens."""
    first = parts[0]
    x: Node | None = None
    for part in parts:
        wider = first.ne[0] // part.ne[0]
        shape = (part.ne[0] * wider, part.ne[1] * wider, part.ne[2], part.ne[3])
        same = part if wider == 1 else ops.make("upscale", F32, shape, part)
        x = same if x is None else ops.concat(x, same, 2)
    assert x is not None
    if e.weight("v.msfa.ffn.pw_exp.conv.weight") is not None:
        x = _normed(e, _direct(e, "v.msfa.ffn.pw_exp.conv", x), "v.msfa.ffn.pw_exp.bn")
        x = ops.unary("gelu", x)
    if e.weight("v.msfa.ffn.pw_proj.conv.weight") is not None:
        x = _normed(e, _direct(e, "v.msfa.ffn.pw_proj.conv", x), "v.msfa.ffn.pw_proj.bn")
    if x.ne[0] > _OUTPUT:
        x = pooled(x, x.ne[0] // _OUTPUT)
    return _normed(e, x, "v.msfa.norm")


def _projected(e: Encoder, x: Node) -> Node:
    wide, high, channels, batch = x.ne
    x = ops.permute(ops.permute(x, 2, 1, 0, 3), 0, 2, 1, 3)
    x = ops.cont(ops.reshape(ops.cont(x), channels, wide * high, batch))
    x = ops.like("rms_norm", ops.like("scale", x))
    weight = e.weight("mm.soft_emb_norm.weight")
    x = x if weight is None else ops.like("mul", x, weight)
    if e.weight("mm.input_projection.weight") is not None:
        x = e.mm("mm.input_projection", x)
    return ops.like("rms_norm", x)


FAMILIES = {"gemma3nv": Family(rule=Rule(merge_key=SCALE), build=_mobilenet)}
