"""
DeepSeek's encoders of documents: SAM over windows, then CLIP (OCR) or a decoder's layers with queries (OCR 2).

Source: llama.cpp b11549, tools/mtmd/models/deepseekocr.cpp and deepseekocr2.cpp; clip.cpp (``load_hparams``);
mtmd.cpp (``batch_max_tokens``).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, im2col, rope
from llmprobe.model.projectors._family import Family, Picture, Pictures
from llmprobe.model.projectors._sizes import Rule, Sizes, number

_IMAGE, _PATCH = 1024, 16
_GLOBAL = frozenset({2, 5, 8, 11})
"""The layers of SAM that see the whole picture."""
_WINDOW = 14
_QUERIES = {144: "v.resample_query_768.weight"}
"""The queries of tiles; a whole picture has those of 1024 pixels."""


def _sam(e: Encoder, x: Node) -> Node:
    kernel, width = e.need("v.sam.patch_embd.weight"), number(e.projector, "vision.sam.embedding_length")
    bias = ops.reshape(e.need("v.sam.patch_embd.bias"), 1, 1, width)
    x = ops.like("add", _conv(kernel, x, kernel.ne[0], 0), bias)
    x = ops.cont(ops.permute(x, 1, 2, 0, 3))
    side = x.ne[1]
    window = number(e.projector, "vision.window_size", _WINDOW)
    local, whole = e.input(window, window, kind=I32), e.input(x.ne[1], x.ne[2], kind=I32)
    table = e.need("v.sam.pos_embd.weight")
    if table.ne[1] != side:
        old = ops.cont(ops.permute(table, 2, 0, 1, 3))
        table = ops.make("upscale", F32, (side, side, width, 1), old)
        table = ops.cont(ops.permute(table, 1, 2, 0, 3))
    x = ops.like("add", x, table)
    for il in range(number(e.projector, "vision.sam.block_count")):
        x = _sam_layer(
            e, f"v.sam.blk.{il}", x, whole if il in _GLOBAL else local, 0 if il in _GLOBAL else window
        )
    x = ops.cont(ops.permute(x, 2, 0, 1, 3))
    for first, norm, padding in (("v.sam.neck.0", "v.sam.neck.1", 0), ("v.sam.neck.2", "v.sam.neck.3", 1)):
        x = _conv(e.need(f"{first}.weight"), x, 1, padding)
        x = e.norm(ops.cont(ops.permute(x, 1, 2, 0, 3)), norm)
        x = ops.cont(ops.permute(x, 2, 0, 1, 3))
    for name in ("v.sam.net_2", "v.sam.net_3"):
        x = _conv(e.need(f"{name}.weight"), x, 2, 1)
    e.graph.expand(x)
    return x


def _conv(kernel: Node, x: Node, stride: int, padding: int) -> Node:
    """A convolution whose columns have the type of its kernel."""
    columns = im2col(kernel, x, stride, padding, F16 if kernel.kind is F16 else F32)
    product = ops.mul_mat(
        ops.reshape(columns, columns.ne[0], columns.ne[1] * columns.ne[2] * columns.ne[3]),
        ops.reshape(kernel, kernel.ne[0] * kernel.ne[1] * kernel.ne[2], kernel.ne[3]),
    )
    product = ops.reshape(product, columns.ne[1], columns.ne[2], columns.ne[3], kernel.ne[3])
    return ops.cont(ops.permute(product, 0, 1, 3, 2))


def _sam_layer(e: Encoder, name: str, before: Node, indices: Node, window: int) -> Node:
    x = e.norm(before, f"{name}.pre_ln")
    wide, high = x.ne[1:3]
    if window:
        x = _parted(x, window)
    x = _sam_attention(e, name, x, indices)
    if window:
        x = _joined(x, wide, high, window)
    x = residual = ops.like("add", x, before)
    x = e.ffn(e.norm(x, f"{name}.post_ln"), f"{name}.mlp.lin1", f"{name}.mlp.lin2", e.sizes.activation)
    return ops.like("add", x, residual)


def _parted(x: Node, window: int) -> Node:
    """The windows of a picture, one after the other."""
    width, wide, high, count = x.ne
    more_x, more_y = -wide % window, -high % window
    if more_x or more_y:
        x = ops.make("pad", F32, (width, wide + more_x, high + more_y, count), x)
    columns, rows = (wide + more_x) // window, (high + more_y) // window
    x = ops.reshape(x, width * window, columns, window, rows * count)
    x = ops.cont(ops.permute(x, 0, 2, 1, 3))
    return ops.reshape(x, width, window, window, columns * rows * count)


def _joined(x: Node, wide: int, high: int, window: int) -> Node:
    """A picture of its windows, without what was added to fill them."""
    width = x.ne[0]
    columns, rows = -(-wide // window), -(-high // window)
    count = x.ne[3] // (columns * rows)
    x = ops.reshape(x, width * window, window, columns, rows * count)
    x = ops.cont(ops.permute(x, 0, 2, 1, 3))
    x = ops.reshape(x, width, columns * window, rows * window, count)
    return ops.cont(ops.view(x, (width, wide, high, count), (x.nb[1], x.nb[2], x.nb[3])))


def _sam_attention(e: Encoder, name: str, x: Node, indices: Node) -> Node:
    """Attention with a mask of how far points are apart, which each head computes of its queries."""
    heads = number(e.projector, "vision.sam.head_count")
    width, wide, high, count = x.ne
    head, points = width // heads, wide * high
    x = ops.like("add", ops.mul_mat(e.need(f"{name}.attn.qkv.weight"), x), e.need(f"{name}.attn.qkv.bias"))
    x = ops.reshape(x, width, 3, points, count)
    parts = (ops.cont(ops.view(x, (width, points, count), (x.nb[2], x.nb[3]))) for _ in range(3))
    q, k, v = (ops.reshape(part, head, heads, points, count) for part in parts)
    by_column = _distances(e, f"{name}.attn.pos_w", indices, wide)
    by_row = _distances(e, f"{name}.attn.pos_h", indices, high)
    rows = ops.cont(ops.permute(q, 0, 2, 1, 3))
    rows = ops.reshape(rows, head, wide, high, count * heads)
    by_column = ops.mul_mat(by_column, ops.cont(ops.permute(rows, 0, 2, 1, 3)))
    by_column = ops.cont(ops.permute(by_column, 0, 2, 1, 3))
    by_column = ops.reshape(by_column, wide, 1, points, heads * count)
    by_column = ops.make("repeat", F32, (wide, high, points, heads * count), by_column)
    by_row = ops.reshape(ops.mul_mat(by_row, rows), 1, high, points, heads * count)
    mask = ops.reshape(ops.like("add", by_column, by_row), points, points, heads, count)
    if e.flash:
        mask = ops.cast(mask, F16)
    x = e.attention(f"{name}.attn.out", q, k, v, mask)
    return ops.reshape(ops.cont(x), width, wide, high, count)


def _distances(e: Encoder, name: str, indices: Node, side: int) -> Node:
    """What a distance between two points means, for each pair of a row or column."""
    table = e.need(f"{name}.weight")
    width, known = table.ne[:2]
    wanted = 2 * side - 1
    if known != wanted:
        table = ops.reshape(ops.cont(ops.permute(table, 1, 0, 2, 3)), known, 1, width)
        table = ops.reshape(ops.make("upscale", F32, (wanted, 1, width, 1), table), wanted, width)
        table = ops.cont(ops.permute(table, 1, 0, 2, 3))
    rows = ops.get_rows(table, ops.reshape(indices, side * side))
    return ops.reshape(rows, width, side, side)


def _ocr(e: Encoder) -> Node:
    """A whole picture, or tiles of which each row of them is one picture; all tiles are computed at once."""
    pictures = e.batch
    across = 1 if e.whole else e.height // e.width
    x = e.picture()
    if not e.whole:
        x = ops.reshape(x, e.width * e.width, across, 3, pictures)
        x = ops.cont(ops.permute(x, 0, 2, 1, 3))
        x = ops.reshape(x, e.width, e.width, 3, across * pictures)
    seen = _sam(e, x)
    points, count = seen.ne[0] * seen.ne[1], across * pictures
    read = _clip(e, seen, count)
    seen = ops.cont(ops.permute(seen, 1, 2, 0, 3))
    seen = ops.reshape(seen, seen.ne[0], points, count)
    read = ops.view(read, (e.sizes.embd, points, count), (read.nb[1], read.nb[2]))
    x = e.biased("mm.model.fc", ops.concat(read, seen, 0))
    side, width = int(points**0.5), x.ne[0]
    line = e.need("v.image_newline")
    if e.whole:
        lines = ops.make("repeat", F32, (width, 1, side, count), line)
        x = ops.concat(ops.reshape(x, width, side, side, count), lines, 1)
        x = ops.reshape(x, width, (side + 1) * side, count)
        last = ops.make("repeat", F32, (width, 1, count, 1), e.need("v.view_seperator"))
        return ops.concat(x, last, 1)
    x = ops.reshape(x, width * side, side, across, pictures)
    x = ops.cont(ops.permute(x, 0, 2, 1, 3))
    x = ops.reshape(x, width, side * across, side, pictures)
    x = ops.concat(x, ops.make("repeat", F32, (width, 1, side, pictures), line), 1)
    return ops.reshape(x, width, (side * across + 1) * side, pictures)


def _clip(e: Encoder, seen: Node, count: int) -> Node:
    x = ops.reshape(seen, seen.ne[0] * seen.ne[1], seen.ne[2], seen.ne[3])
    x = ops.cont(ops.permute(x, 1, 0, 2, 3))
    table = e.need("v.position_embd.weight")
    width, known = table.ne[:2]
    side, had = int(x.ne[1] ** 0.5), int((known - 1) ** 0.5)
    if side != had:
        old, first = ops.view(table, (width, had * had)), ops.view(table, (width, 1))
        table = ops.make("upscale", F32, (side, side, width, 1), old)
        table = ops.concat(ops.reshape(table, e.sizes.embd, side * side, 1), first, 1)
        known = side * side + 1
    classes = ops.make("repeat", F32, (e.sizes.embd, 1, count, 1), e.need("v.class_embd"))
    x = ops.concat(classes, x, 1)
    learned = ops.get_rows(table, _counted(known))
    x = e.layers(x, known, Vit(activation="gelu_quick"), learned)
    e.graph.expand(x)
    return x


def _counted(count: int) -> Node:
    """Positions that the graph itself counts."""
    return ops.cast(ops.make("arange", F32, (count, 1, 1, 1)), I32)


def _ocr_2(e: Encoder) -> Node:
    seen = _sam(e, e.picture())
    x = ops.reshape(seen, seen.ne[0] * seen.ne[1], seen.ne[2], seen.ne[3])
    x = ops.cont(ops.permute(x, 1, 0, 2, 3))
    tokens, count = x.ne[1], x.ne[2]
    queries = ops.cast(e.need(_QUERIES.get(tokens, "v.resample_query_1024.weight")), x.kind)
    x = ops.concat(x, ops.make("repeat", F32, (queries.ne[0], tokens, count, 1), queries), 1)
    length = x.ne[1]
    mask = e.input(length, length, kind=F16 if e.flash else F32)
    positions = _counted(length)
    how = Vit(
        norm="rms_norm",
        activation="silu",
        rope=lambda part: rope(part, positions),
        masks=[mask] * e.sizes.layers,
    )
    x = e.layers(x, length, how)
    x = ops.cont(ops.view(x, (x.ne[0], tokens, count), (x.nb[1], x.nb[2])))
    e.graph.expand(x)
    x = e.biased("mm.model.fc", x)
    if not e.whole:
        return x
    end = e.need("v.view_seperator")
    return ops.concat(x, ops.make("repeat", F32, (end.ne[0], 1, count, 1), end), 1)


def _tiles(most: int, side: int, *, in_rows: bool) -> Pictures:
    """The whole picture, and all of its tiles at once: those of a row are one picture, or each is one."""

    def found(sizes: Sizes) -> tuple[Picture, ...]:
        count = sizes.tiles or most
        tiles = Picture(side, side * count) if in_rows else Picture(side, side, count)
        return Picture(_IMAGE, _IMAGE, whole=True), tiles

    return found


_RULE = Rule(fixed=(_IMAGE, _PATCH))
FAMILIES = {
    "deepseekocr": Family(rule=_RULE, build=_ocr, pictures=_tiles(9, 640, in_rows=True)),
    "deepseekocr2": Family(rule=_RULE, build=_ocr_2, pictures=_tiles(6, 768, in_rows=False)),
}
