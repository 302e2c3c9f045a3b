"""
Granite 4's encoder of pictures: SigLIP over all tiles at once, and queries by windows for several of its layers.

Source: llama.cpp b11549, tools/mtmd/models/granite4-vision.cpp; mtmd-image.cpp (``mtmd_image_preprocessor_granite``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, I32, Node
from llmprobe.model.projectors._encoder import Encoder
from llmprobe.model.projectors._family import Family, Picture
from llmprobe.model.projectors._sizes import Rule, Sizes, number, numbers

_HEAD = 64


def _vision(e: Encoder) -> Node:
    tiles = e.height // e.width
    side = e.width // e.sizes.patch
    x = ops.like("add", _patched(e, side, tiles), e.need("v.position_embd.weight"))
    outs = []
    for il in range(e.sizes.layers):
        x = _layer(e, il, x)
        outs.append(x)
    streams = [
        _queried(e, bid, outs[layer], side, spatial)
        for bid, (layer, spatial) in enumerate(
            zip(
                numbers(e.projector, "vision.feature_layer"),
                numbers(e.projector, "vision.projector.spatial_offsets"),
                strict=True,
            )
        )
    ]
    whole = streams[0]
    for stream in streams[1:]:
        whole = ops.make("concat", F32, (whole.ne[0] + stream.ne[0], *whole.ne[1:]), whole, stream)
    return whole if tiles == 1 else _assembled(e, whole, len(streams))


def _patched(e: Encoder, side: int, tiles: int) -> Node:
    x = e.input(e.width, e.height, 3, 1)
    if tiles > 1:
        x = ops.reshape(x, e.width * e.width, tiles, 3, 1)
        x = ops.reshape(ops.cont(ops.permute(x, 0, 2, 1, 3)), e.width, e.width, 3, tiles)
    x = e.conv_2d(e.need("v.patch_embd.weight"), x, e.sizes.patch)
    x = ops.cont(ops.transpose(ops.reshape(x, side * side, e.sizes.embd, tiles)))
    bias = e.weight("v.patch_embd.bias")
    return x if bias is None else ops.like("add", x, bias)


def _layer(e: Encoder, il: int, before: Node) -> Node:
    width, positions, tiles = before.ne[:3]
    q, k, v = e.heads(il, e.norm(before, e.layer(il, "ln1")), positions, tiles, "norm")
    x = ops.reshape(e.attention(e.layer(il, "attn_out"), q, k, v), width, positions, tiles)
    x = residual = ops.like("add", x, before)
    x = e.layer_ffn(il, e.norm(x, e.layer(il, "ln2")), e.sizes.activation)
    return ops.like("add", residual, x)


def _gathered(e: Encoder, x: Node, length: int) -> Node:
    """The same places of every tile."""
    return ops.get_rows(x, e.input(length, x.ne[2], kind=I32))


def _queried(e: Encoder, bid: int, x: Node, side: int, spatial: int) -> Node:
    """A few queries for each window of a layer's result, and the matrix to the language model."""
    name = f"v.proj_blk.{bid}"
    window = number(e.projector, "vision.projector.window_side") or 1
    asked = number(e.projector, "vision.projector.query_side") or 1
    width, tiles, windows = x.ne[0], x.ne[2], (side // window) ** 2
    smaller = side // window * asked
    x = e.norm(x, f"{name}.norm")
    seen = ops.reshape(_gathered(e, x, side * side), width, window * window, windows * tiles)
    few = _gathered(e, x, smaller * smaller) if spatial >= 0 else _pooled(x, side, smaller)
    few = ops.reshape(_gathered(e, few, smaller * smaller), width, asked * asked, windows * tiles)
    few = ops.like("add", few, e.need(f"{name}.query"))
    seen = ops.like("add", seen, e.need(f"{name}.img_pos"))
    x = e.norm(few, f"{name}.post_norm")
    for part, source in (("self_attn", None), ("cross_attn", seen)):
        found = _attended(e, f"{name}.{part}", x, x if source is None else source)
        x = e.norm(ops.like("add", found, x), f"{name}.{part}_norm")
    flat = ops.reshape(x, width, x.ne[1] * x.ne[2])
    found = e.ffn(flat, f"{name}.ffn_up", f"{name}.ffn_down", "gelu_erf")
    x = e.norm(ops.like("add", ops.reshape(found, *x.ne[:3]), x), f"{name}.ffn_norm")
    x = _gathered(e, ops.reshape(x, width, asked * asked * windows, tiles), smaller * smaller)
    return e.biased(f"{name}.linear", x)


def _pooled(x: Node, side: int, smaller: int) -> Node:
    width, _, tiles = x.ne[:3]
    x = ops.cont(ops.permute(ops.reshape(x, width, side, side, tiles), 2, 0, 1, 3))
    x = ops.reshape(x, side, side, width * tiles)
    x = ops.make("pool_2d", F32, (smaller, smaller, width * tiles, 1), x)
    x = ops.cont(ops.permute(ops.reshape(x, smaller, smaller, width, tiles), 1, 2, 0, 3))
    return ops.reshape(x, width, smaller * smaller, tiles)


def _attended(e: Encoder, name: str, asking: Node, seen: Node) -> Node:
    heads = []
    for part, source in (("q", asking), ("k", seen), ("v", seen)):
        flat = ops.reshape(source, source.ne[0], source.ne[1] * source.ne[2])
        x = e.biased(f"{name}_{part}", flat)
        heads.append(ops.reshape(x, _HEAD, source.ne[0] // _HEAD, source.ne[1], source.ne[2]))
    q, k, v = heads
    return ops.reshape(e.attention(f"{name}_out", q, k, v), *asking.ne[:3])


def _assembled(e: Encoder, x: Node, streams: int) -> Node:
    """The whole picture, then the rows of its tiles in one column, each with a new line after it."""
    width, tokens, tiles = x.ne[0], x.ne[1], x.ne[2] - 1
    side = int(tokens**0.5)
    base = ops.view(x, (width, tokens), (x.nb[1],))
    parts = ops.view(x, (width, tokens, tiles), (x.nb[1], x.nb[2]))
    parts = ops.cont(ops.permute(ops.reshape(parts, width * side, side, 1, tiles), 0, 2, 1, 3))
    parts = ops.reshape(parts, width, side, side * tiles)
    line = e.need("v.image_newline")
    row = ops.reshape(line, width // streams, 1)
    if streams > 1:
        rest = ops.make(
            "repeat", F32, (width // streams, streams - 1, 1, 1), ops.reshape(line, width // streams, 1)
        )
        row = ops.make("concat", F32, (width // streams, streams, 1, 1), row, rest)
    row = ops.reshape(ops.cont(row), width, 1)
    rows = ops.make("repeat", F32, (width, 1, side * tiles, 1), row)
    parts = ops.make("concat", F32, (width, side + 1, side * tiles, 1), parts, rows)
    parts = ops.reshape(parts, width, (side + 1) * side * tiles)
    return ops.make("concat", F32, (width, tokens + parts.ne[1], 1, 1), base, parts)


def _tiled(sizes: Sizes) -> tuple[Picture, ...]:
    """All tiles of the largest grid below a picture of all."""
    return (Picture(sizes.image, sizes.image * (1 + sizes.tiles)),) if sizes.tiles else ()


FAMILIES = {"granite4_vision": Family(rule=Rule(), build=_vision, pictures=_tiled)}
