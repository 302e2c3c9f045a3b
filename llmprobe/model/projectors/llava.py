"""
LLaVA and what was made like it: several projectors behind one CLIP encoder; Granite Vision, GLM Edge, MobileVLM.

Source: llama.cpp b11549, tools/mtmd/models/llava.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, Node
from llmprobe.model.projectors._encoder import Encoder, im2col, pooled
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule, numbers

_GRID = 24


def _llava(e: Encoder) -> Node:
    sizes = e.sizes
    features = numbers(e.projector, "vision.feature_layer")
    classes = e.weight("v.class_embd")
    positions = e.patches + (classes is not None)
    x = e.patched()
    if classes is not None:
        x = ops.concat(x, classes, 1)
    x = ops.like("add", x, ops.get_rows(e.need("v.position_embd.weight"), e.numbers(positions)))
    if e.weight("v.pre_ln.weight") is not None:
        x = e.norm(x, "v.pre_ln")
    last = max(features) if features else sizes.layers - (sizes.kind != "adapter")
    kept = []
    for il in range(last):
        if il in features:
            kept.append(x)
        x = _layer(e, il, x, positions)
    if e.weight("v.post_ln.weight") is not None:
        x = e.norm(x, "v.post_ln")
    if last in features:
        kept.append(x)
    for number, part in enumerate(kept):
        x = ops.concat(x, part, 0) if number else part
    if sizes.kind == "adapter":
        return _glm_edge(e, x)
    x = ops.get_rows(ops.reshape(x, x.ne[0], x.ne[1]), e.numbers(e.patches))
    if sizes.kind == "ldp":
        return _ldp(e, x)
    if sizes.kind == "ldpv2":
        return _ldp_v2(e, x)
    return _mlp(e, x)


def _layer(e: Encoder, il: int, x: Node, positions: int) -> Node:
    residual = x
    x = e.norm(x, e.layer(il, "ln1"))
    shape = (e.sizes.head, e.sizes.heads, positions)
    q, k, v = (ops.reshape(e.biased(e.layer(il, f"attn_{part}"), x), *shape) for part in "qkv")
    x = ops.like("add", e.attention(e.layer(il, "attn_out"), q, k, v), residual)
    residual = x
    x = e.layer_ffn(il, e.norm(x, e.layer(il, "ln2")), e.sizes.activation)
    return ops.like("add", residual, x)


def _mlp(e: Encoder, x: Node) -> Node:
    x = e.biased("mm.0", x)
    if e.weight("mm.3.weight") is not None:
        x = ops.unary("gelu", e.norm(x, "mm.1"))
        return e.norm(e.biased("mm.3", x), "mm.4")
    x = ops.unary("gelu", x)
    return x if e.weight("mm.2.weight") is None else e.biased("mm.2", x)


def _glm_edge(e: Encoder, x: Node) -> Node:
    side = int(x.ne[1] ** 0.5)
    x = ops.cont(ops.permute(x, 1, 0, 2, 3), side, side, x.ne[0])
    x = e.conv_2d(e.need("adapter.conv.weight"), x, 2)
    x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2], 1)
    x = ops.like("add", ops.cont(ops.permute(x, 1, 0, 2, 3)), e.need("adapter.conv.bias"))
    x = e.norm(e.mm("adapter.linear.linear", x), "adapter.linear.norm1")
    # Written over its source, so that both branches read one memory.
    x = ops.view_of("unary", x, x.ne, x.nb)
    gate = e.mm("adapter.linear.gate", x)
    x = ops.glu("swiglu", gate, e.mm("adapter.linear.dense_h_to_4h", x))
    x = e.mm("adapter.linear.dense_4h_to_h", x)
    x = ops.concat(e.need("adapter.boi"), x, 1)
    return ops.concat(x, e.need("adapter.eoi"), 1)


def _depthwise(e: Encoder, name: str, x: Node, stride: int) -> Node:
    kernel = e.need(name)
    wide = ops.reshape(kernel, kernel.ne[0], kernel.ne[1], 1, kernel.ne[2] * kernel.ne[3])
    columns = im2col(wide, ops.reshape(x, x.ne[0], x.ne[1], 1, x.ne[2] * x.ne[3]), stride, 1, F16)
    flat = ops.reshape(columns, columns.ne[0], columns.ne[2] * columns.ne[1], x.ne[2], x.ne[3])
    product = ops.mul_mat(ops.reshape(wide, wide.ne[0] * wide.ne[1], wide.ne[2], wide.ne[3], 1), flat)
    return ops.reshape(product, columns.ne[1], columns.ne[2], x.ne[2], x.ne[3])


def _ldp(e: Encoder, x: Node) -> Node:
    x = e.biased("mm.model.mlp.3", ops.unary("gelu", e.biased("mm.model.mlp.1", x)))
    x = ops.permute(x, 1, 0, 2, 3)
    first = ops.cont(x, _GRID, _GRID, x.ne[1], x.ne[2])
    x = ops.like("add", first, _back(_block(e, 1, first, 1)))
    x = _block(e, 2, x, 2)
    return ops.reshape(x, x.ne[0], x.ne[1] * x.ne[2], x.ne[3])


def _block(e: Encoder, number: int, x: Node, stride: int) -> Node:
    """One block of MobileVLM: depthwise, squeezed and excited, pointwise."""
    name = f"mm.model.mb_block.{number}.block"
    x = _depthwise(e, f"{name}.0.0.weight", x, stride)
    x = _back(e.norm(ops.cont(ops.permute(x, 1, 2, 0, 3)), f"{name}.0.1"))
    wide = ops.unary("hardswish", x)
    x = pooled(wide, wide.ne[0])
    x = ops.reshape(x, x.ne[0] * x.ne[1] * x.ne[2], x.ne[3])
    x = ops.mul_mat(e.need(f"{name}.1.fc1.weight"), x)
    x = ops.unary("relu", ops.like("add", x, e.need(f"{name}.1.fc1.bias")))
    x = ops.mul_mat(e.need(f"{name}.1.fc2.weight"), x)
    x = ops.unary("hardsigmoid", ops.like("add", x, e.need(f"{name}.1.fc2.bias")))
    x = ops.like("mul", wide, ops.reshape(x, 1, 1, x.ne[0], x.ne[1]))
    columns, rows = x.ne[0], x.ne[1]
    x = ops.reshape(x, columns * rows, x.ne[2], x.ne[3])
    x = ops.mul_mat(e.need(f"{name}.2.0.weight"), ops.cont(ops.permute(x, 1, 0, 2, 3)))
    x = ops.reshape(x, x.ne[0], columns, rows, x.ne[3])
    return e.norm(x, f"{name}.2.1")


def _back(x: Node) -> Node:
    return ops.cont(ops.permute(x, 2, 0, 1, 3))


def _ldp_v2(e: Encoder, x: Node) -> Node:
    x = e.biased("mm.model.mlp.2", ops.unary("gelu", e.biased("mm.model.mlp.0", x)))
    x = ops.permute(x, 1, 0, 2, 3)
    x = pooled(ops.cont(x, _GRID, _GRID, x.ne[1], x.ne[2]), 2)
    near = ops.cont(ops.permute(_depthwise(e, "mm.model.peg.0.weight", x, 1), 1, 2, 0, 3))
    near = ops.like("add", near, e.need("mm.model.peg.0.bias"))
    x = ops.like("add", near, ops.cont(ops.permute(x, 1, 2, 0, 3)))
    return ops.reshape(x, x.ne[0], x.ne[1] * x.ne[2], x.ne[3])


_FIXED = Family(rule=Rule(), build=_llava)
FAMILIES = {"mlp": _FIXED, "ldp": _FIXED, "ldpv2": _FIXED, "adapter": _FIXED}
