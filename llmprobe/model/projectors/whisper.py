"""
Encoders of sound of Whisper's kind: Ultravox, Voxtral, Qwen 2 Audio and Omni, GLM ASR, MERaLiON, Music Flamingo, dots.

Source: llama.cpp b11549, tools/mtmd/models/whisper-enc.cpp, qwen3a.cpp, gemma4ua.cpp, dots3note.cpp.
"""

from collections.abc import Callable

from llmprobe.model.archs._building import ops
from llmprobe.model.archs._building.ops import F32, Node
from llmprobe.model.projectors._convolutions import of_frames
from llmprobe.model.projectors._encoder import Encoder, Vit, rope
from llmprobe.model.projectors._family import Family, Picture
from llmprobe.model.projectors._sizes import Rule, Sizes, number

_POOLED = frozenset({"qwen2a", "voxtral", "musicflamingo"})
_STACKED = frozenset({"ultravox", "voxtral", "meralion"})
_CHUNK = 100
_MINUTE = 6000
"""The frames of a minute."""


def _whisper(e: Encoder) -> Node:
    kind, frames = e.sizes.kind, e.width // 2
    x = e.input(e.width, e.height, 1, e.batch)
    for at, stride in ((1, 1), (2, 2)):
        x = of_frames(e.need(f"a.conv1d.{at}.weight"), x, stride)
        x = ops.unary("gelu_erf", ops.like("add", x, e.need(f"a.conv1d.{at}.bias")))
    x = ops.cont(ops.transpose(x))
    table = e.need("a.position_embd.weight")
    learned = ops.view(table, (table.ne[0], frames), (table.nb[1],))
    x = e.layers(x, frames, Vit(activation="gelu_erf", pooled=kind in _POOLED), learned)
    if kind in _STACKED:
        x = _stacked(e, x)
    return _PROJECTORS[kind](e, x)


def _stacked(e: Encoder, x: Node) -> Node:
    """Frames joined to rows of several, the last one padded."""
    factor = number(e.projector, "audio.projector.stack_factor")
    if factor <= 1:
        return x
    width = e.sizes.embd * factor
    rest = -x.elements % width
    if rest:
        x = ops.view(x, (x.elements,))
        x = ops.make("pad", F32, (x.ne[0] + rest, 1, 1, 1), x)
    return ops.view(x, (width, x.elements // width), (x.kind.block_bytes * width,))


def _ultravox(e: Encoder, x: Node) -> Node:
    x = ops.like("mul", ops.like("rms_norm", x), e.need("mm.a.norm_pre.weight"))
    x = ops.like("rms_norm", ops.glu("swiglu", e.mm("mm.a.mlp.1", x)))
    return e.mm("mm.a.mlp.2", ops.like("mul", x, e.need("mm.a.norm_mid.weight")))


def _two(e: Encoder, x: Node) -> Node:
    return e.ffn(x, "mm.a.mlp.1", "mm.a.mlp.2", "gelu_erf")


def _meralion(e: Encoder, x: Node) -> Node:
    x = ops.unary("silu", e.biased("mm.a.mlp.0", e.norm(x, "mm.a.norm_pre")))
    gate = ops.unary("silu", e.biased("mm.a.mlp.1", x))
    return e.biased("mm.a.mlp.3", ops.like("mul", gate, e.biased("mm.a.mlp.2", x)))


def _glm(e: Encoder, x: Node) -> Node:
    x = _stacked(e, e.norm(x, "mm.a.norm_pre"))
    x = e.ffn(x, "mm.a.mlp.1", "mm.a.mlp.2", "gelu_erf")
    return ops.concat(ops.concat(e.need("v.boi"), x, 1), e.need("v.eoi"), 1)


def _one(e: Encoder, x: Node) -> Node:
    return e.biased("mm.a.fc", x)


_PROJECTORS: dict[str, Callable[[Encoder, Node], Node]] = {
    "ultravox": _ultravox,
    "qwen2a": _one,
    "voxtral": _two,
    "musicflamingo": _two,
    "meralion": _meralion,
    "glma": _glm,
}


def _qwen3(e: Encoder) -> Node:
    """Chunks of a hundred frames, each of which begins its positions anew."""
    chunks = e.width // _CHUNK
    x = e.input(e.width, e.height, 1, e.batch)
    x = ops.cont(ops.view(x, (_CHUNK, e.height, 1, chunks), (4 * e.width, 4 * _CHUNK, 4 * _CHUNK)))
    x = ops.cont(ops.permute(_eighth(e, x), 2, 0, 1, 3))
    x = e.biased("a.conv_out", ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2] * x.ne[3]))
    count = x.ne[1]
    table = e.need("a.position_embd.weight")
    learned = ops.view(table, (table.ne[0], count // chunks), (table.nb[1],))
    x = ops.like("add", x, ops.make("repeat", F32, (table.ne[0], count, 1, 1), learned))
    return _two(e, e.layers(x, count, Vit(activation="gelu_erf")))


def _eighth(e: Encoder, x: Node) -> Node:
    """Three convolutions that each halve frames and frequencies."""
    for at in (1, 2, 3):
        x = e.conv_2d(e.need(f"a.conv2d.{at}.weight"), x, 2, 1)
        bias = e.weight(f"a.conv2d.{at}.bias")
        if bias is not None:
            x = ops.like("add", x, ops.reshape(bias, 1, 1, x.ne[2], 1))
        x = ops.unary("gelu_erf", x)
    return x


def _dots(e: Encoder) -> Node:
    """Half of each head has rotary positions."""
    x = ops.cont(ops.permute(_eighth(e, e.input(e.width, e.height, 1, e.batch)), 2, 0, 1, 3))
    x = e.mm("a.conv_out", ops.reshape(x, x.ne[0] * x.ne[1], x.ne[2]))
    positions = e.numbers(x.ne[1])
    x = e.layers(x, x.ne[1], Vit(norm="rms_norm", rope=lambda part: rope(part, positions)))
    return e.ffn(e.norm(x, "mm.a.norm_pre"), "mm.a.mlp.1", "mm.a.mlp.3", "gelu_erf")


def _frames(e: Encoder) -> Node:
    """Gemma 4 unified: frames of the wave, projected without an encoder."""
    x = ops.cont(ops.permute(e.input(e.width, e.height, 1, e.batch), 1, 0, 2, 3))
    return e.mm("mm.a.input_projection", ops.like("rms_norm", x))


def _minute(sizes: Sizes) -> tuple[Picture, ...]:
    """Dots hears a minute at once."""
    return (Picture(_MINUTE, sizes.mel),)


FAMILIES = {
    **{kind: Family(rule=Rule(), build=_whisper) for kind in _PROJECTORS},
    "qwen3a": Family(rule=Rule(), build=_qwen3),
    "dots3note_a": Family(rule=Rule(), build=_dots, pictures=_minute),
    "gemma4ua": Family(rule=Rule(), build=_frames, seconds=120),
}
