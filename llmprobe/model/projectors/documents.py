"""
Encoders of models that read documents: PaddleOCR, dots.ocr, Hunyuan, Step 3, CogVLM, MiniMax M3, Muse Glimmer, MiMo.

Source: llama.cpp b11549, tools/mtmd/models/ (paddleocr.cpp, dotsocr.cpp, hunyuanvl.cpp, step3vl.cpp, cogvlm.cpp,
minimax-m3.cpp, muse-glimmer.cpp).
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._encoder import Encoder, Vit, rope, rope_2d
from llmprobe.model.projectors._family import MERGE, SCALE, Family
from llmprobe.model.projectors._sizes import Rule


def _paddle(e: Encoder) -> Node:
    positions = e.numbers(4 * e.patches)
    learned = e.resized_positions()
    x = e.layers(e.patched(), e.patches, Vit(rope=lambda part: rope(part, positions)), learned)
    x = e.merged(e.norm(x, "mm.input_norm"), e.sizes.merge)
    return e.ffn(x, "mm.1", "mm.2", e.sizes.activation)


def _dots(e: Encoder) -> Node:
    positions = e.numbers(4 * e.patches)
    x = e.layers(e.patched(), e.patches, Vit(norm="rms_norm", rope=lambda part: rope(part, positions)))
    if e.weight("mm.post_norm.weight") is not None:
        x = e.norm(ops.reshape(x, x.ne[0], x.ne[1] * x.ne[2]), "mm.post_norm", "rms_norm", bias=False)
        x = ops.reshape(x, x.ne[0], x.ne[1], 1)
    x = e.merged(e.norm(x, "mm.input_norm"), e.sizes.merge)
    return e.ffn(x, "mm.0", "mm.2", "gelu_erf")


def _hunyuan(e: Encoder) -> Node:
    width, factor = e.sizes.embd, e.sizes.merge
    learned = e.input(width, e.patches)
    x = e.norm(e.layers(e.patched(), e.patches, Vit(), learned), "mm.pre_norm", "rms_norm", bias=False)
    x = ops.cont(ops.permute(ops.reshape(x, width, e.columns, e.rows), 2, 0, 1, 3))
    x = ops.unary("gelu", _spatial(e, "mm.0", e.conv_2d(e.need("mm.0.weight"), x, factor)))
    x = _spatial(e, "mm.2", e.conv_2d(e.need("mm.2.weight"), x, 1))
    wide, rows, columns = x.ne[2], e.rows // factor, e.columns // factor
    line = ops.reshape(e.need("v.image_newline"), 1, 1, wide, 1)
    x = ops.concat(x, ops.make("repeat", F32, (1, rows, wide, 1), line), 0)
    x = e.biased("mm.model.fc", ops.cont(ops.permute(x, 1, 2, 0, 3), wide, (columns + 1) * rows))
    first, last = e.need("mm.image_begin"), e.need("mm.image_end")
    x = ops.concat(ops.reshape(first, first.ne[0], 1), x, 1)
    x = ops.concat(x, ops.reshape(last, last.ne[0], 1), 1)
    return e.norm(x, "mm.post_norm", "rms_norm", bias=False)


def _spatial(e: Encoder, name: str, x: Node) -> Node:
    bias = e.weight(f"{name}.bias")
    return x if bias is None else ops.like("add", x, ops.reshape(bias, 1, 1, bias.ne[0]))


def _step(e: Encoder) -> Node:
    high, wide = e.numbers(e.patches), e.numbers(e.patches)
    x = e.patched()
    x = e.layers(x, e.patches, Vit(rope=rope_2d(wide, high)), e.resized_positions())
    x = ops.cont(ops.permute(x, 1, 0, 2, 3), e.columns, e.rows, e.sizes.embd)
    for name in ("mm.0", "mm.1"):
        x = e.conv_2d(e.need(f"{name}.weight"), x, 2, 1)
        bias = e.weight(f"{name}.bias")
        if bias is not None:
            columns, rows, width = x.ne[:3]
            x = ops.cont(ops.transpose(ops.reshape(x, columns * rows, width)))
            x = ops.cont(ops.transpose(ops.like("add", x, bias)))
            x = ops.reshape(x, columns, rows, width)
    x = ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2], x.ne[3])
    return e.mm("mm.model.fc", ops.cont(ops.permute(x, 1, 0, 2, 3)))


def _cogvlm(e: Encoder) -> Node:
    sizes, count = e.sizes, e.patches + 1
    x = ops.concat(e.patched(), e.need("v.class_embd"), 1)
    x = ops.like("add", x, e.need("v.position_embd.weight"))
    for il in range(sizes.layers):
        residual = x
        x = e.biased(e.layer(il, "attn_qkv"), x)
        shape, step = (sizes.head, sizes.heads, count), (4 * sizes.head, x.nb[1])
        q, k, v = (ops.view(x, shape, step) for _ in range(3))
        x = e.norm(e.attention(e.layer(il, "attn_out"), q, k, v), e.layer(il, "ln1"))
        residual = x = ops.like("add", x, residual)
        x = e.norm(e.layer_ffn(il, x, sizes.activation), e.layer(il, "ln2"))
        x = ops.like("add", x, residual)
    x = ops.view(x, (sizes.embd, e.patches), (x.kind.block_bytes * sizes.embd,))
    x = e.norm(e.mm("mm.model.fc", x), "mm.post_fc_norm")
    x = ops.view_of("unary", x, x.ne, x.nb)
    up = e.mm("mm.up", x)
    x = e.mm("mm.down", ops.glu("swiglu", e.mm("mm.gate", x), up))
    return ops.concat(ops.concat(e.need("v.boi"), x, 1), e.need("v.eoi"), 1)


def _minimax(e: Encoder) -> Node:
    area = e.sizes.merge * e.sizes.merge
    x = e.two_frames()
    high, wide = e.numbers(e.patches), e.numbers(e.patches)
    x = e.layers(x, e.patches, Vit(activation="gelu_erf", rope=rope_2d(high, wide)))
    x = e.ffn(x, "mm.1", "mm.2", "gelu_erf")
    x = ops.reshape(x, x.ne[0] * area, e.patches // area)
    return e.ffn(x, "mm.merger.fc1", "mm.merger.fc2", "gelu_erf")


def _muse(e: Encoder) -> Node:
    """Three layers see a window, the fourth and the last see all."""
    factor, layers = e.sizes.merge, e.sizes.layers
    count = (e.columns // factor) * (e.rows // factor)
    wide, high = e.numbers(e.patches), e.numbers(e.patches)
    mask = e.mask()
    x = ops.get_rows(ops.like("add", e.patched(), e.resized_positions()), e.numbers(e.patches))
    masks = [None if il == layers - 1 or (il + 1) % 4 == 0 else mask for il in range(layers)]
    how = Vit(activation="gelu_erf", rope=rope_2d(wide, high), masks=masks)
    x = ops.get_rows(e.layers(x, e.patches, how), e.numbers(e.patches))
    x = ops.reshape(ops.get_rows(x, e.numbers(e.patches)), e.sizes.embd, factor * factor, count)
    x = ops.reshape(ops.cont(ops.permute(x, 1, 0, 2, 3)), e.sizes.embd * factor * factor, count)
    for name in ("mm.0", "mm.1"):
        x = ops.unary("gelu_erf", e.mm(name, x))
    return e.mm("mm.2", x)


FAMILIES = {
    "paddleocr": Family(rule=Rule(merge=2, pixels="always", warmup=28 * 28), build=_paddle),
    "dots_ocr": Family(rule=Rule(merge_key=SCALE, pixels="always", warmup=46 * 46), build=_dots),
    "dots3note_v": Family(rule=Rule(merge_key=MERGE, pixels="always", warmup=46 * 46), build=_dots),
    "hunyuanvl": Family(
        rule=Rule(merge=2, merge_key=MERGE, tokens=(256, 16384), pixels="always", warmup=32 * 32),
        build=_hunyuan,
    ),
    "step3vl": Family(rule=Rule(merge=4, merge_key=SCALE), build=_step),
    "cogvlm": Family(rule=Rule(), build=_cogvlm),
    "minimax_m3": Family(
        rule=Rule(merge=2, merge_key=MERGE, tokens=(8, 576), warmup=16 * 16), build=_minimax
    ),
    "muse-glimmer": Family(
        rule=Rule(merge=2, merge_key=MERGE, tokens=(1, 4096), warmup=32 * 32), build=_muse
    ),
}
