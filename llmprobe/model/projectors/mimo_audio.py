"""
MiMo's encoder of sound: Whisper's kind, turned to codes of several books, and layers over groups of their embeddings.

Source: llama.cpp b11549, tools/mtmd/models/mimo-audio.cpp.
"""

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F16, F32, I32, Node
from llmprobe.model.projectors._convolutions import of_frames
from llmprobe.model.projectors._encoder import Encoder, Vit, rope
from llmprobe.model.projectors._family import Family
from llmprobe.model.projectors._sizes import Rule, number, numbers

_KEPT = 2
"""The layer whose result comes back after the last."""


def _audio(e: Encoder) -> Node:
    x = e.input(e.width, e.height, 1, e.batch)
    for at, stride in ((1, 1), (2, 2)):
        x = of_frames(e.need(f"a.conv1d.{at}.weight"), x, stride)
        x = ops.unary("gelu_erf", ops.like("add", x, e.need(f"a.conv1d.{at}.bias")))
    x = ops.cont(ops.transpose(x))
    return _grouped(e, _embedded(e, _encoded(e, x)))


def _mask(e: Encoder, length: int) -> Node:
    return e.input(length, length, kind=F16 if e.flash else F32)


def _encoded(e: Encoder, x: Node) -> Node:
    length = x.ne[1]
    places = e.numbers(length)
    full, near = _mask(e, length), _mask(e, length)
    modes = numbers(e.projector, "audio.wa_pattern_mode") or (0,) * e.sizes.layers
    kept: list[Node] = []

    def after(found: Node, il: int) -> None:
        if il == _KEPT:
            kept.append(found)

    how = Vit(
        activation="gelu_erf",
        rope=lambda q: rope(q, places),
        masks=[full if mode == -1 else near for mode in modes],
        ended=False,
        after=after,
    )
    x = ops.reshape(e.layers(x, length, how), e.sizes.embd, length)
    x = e.norm(ops.like("add", x, kept[0]) if kept else x, "a.post_ln")
    x = of_frames(e.need("a.downsample.conv.weight"), ops.cont(ops.transpose(x)), 2, 0)
    return e.norm(ops.cont(ops.transpose(ops.unary("gelu_erf", x))), "a.downsample.norm")


def _book(table: Node, rows: int) -> Node:
    return ops.cont(ops.view(table, (table.ne[0], rows), (table.nb[1],)))


def _embedded(e: Encoder, rest: Node) -> Node:
    """What is nearest in each book, one after the other, and the sum of what the codes stand for."""
    books, table = e.need("a.rvq.codebook.weight"), e.need("mm.a.code_embd.weight")
    codes = []
    for bins in numbers(e.projector, "audio.rvq.codebook_size"):
        book = _book(books, bins)
        size = ops.cont(ops.transpose(ops.sum_rows(ops.like("sqr", book))))
        near = ops.like("sub", ops.like("scale", ops.mul_mat(book, rest)), size)
        code = ops.make("argmax", I32, (rest.ne[1], 1, 1, 1), near)
        codes.append(code)
        rest = ops.like("sub", rest, ops.get_rows(book, code))
    whole = None
    for code in codes:
        found = ops.get_rows(_book(table, table.ne[1]), code)
        whole = found if whole is None else ops.like("add", whole, found)
    return rest if whole is None else whole


def _grouped(e: Encoder, x: Node) -> Node:
    """Layers that see a group of frames each, whose frames then become one token."""
    group = number(e.projector, "audio.local_group_size") or 1
    groups = -(-x.ne[1] // group)
    if x.ne[1] != groups * group:
        x = ops.make("pad", F32, (x.ne[0], groups * group, 1, 1), x)
    places, mask = e.numbers(groups * group), _mask(e, groups * group)
    for il in range(number(e.projector, "audio.local_block_count")):
        x = _local(e, f"mm.a.local_blk.{il}", x, places, mask)
    x = e.norm(x, "mm.a.local_norm", "rms_norm", bias=False)
    return e.ffn(ops.reshape(x, e.sizes.embd * group, groups), "mm.a.mlp.1", "mm.a.mlp.2", "gelu_erf")


def _local(e: Encoder, name: str, before: Node, places: Node, mask: Node) -> Node:
    x = e.norm(before, f"{name}.ln1", "rms_norm", bias=False)
    q, k, v = (e.biased(f"{name}.attn_{part}", x) for part in "qkv")
    q, k, v = (ops.reshape(each, e.sizes.head, e.sizes.heads, x.ne[1]) for each in (q, k, v))
    x = e.attention(f"{name}.attn_out", rope(q, places), rope(k, places), v, mask)
    residual = ops.like("add", before, x)
    x = e.norm(residual, f"{name}.ln2", "rms_norm", bias=False)
    x = e.ffn(x, f"{name}.ffn_up", f"{name}.ffn_down", "silu", f"{name}.ffn_gate")
    return ops.like("add", residual, x)


FAMILIES = {"mimo_audio": Family(rule=Rule(), build=_audio, seconds=30)}
