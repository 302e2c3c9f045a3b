"""
Small encoders of types that no load was measured of: the graph is built, and its tokens are those of the type.
"""

from typing import Any

import pytest

from llmprobe.errors import RefusedError
from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model.projectors import ImageTokens, encoders, graph

Shapes = dict[str, tuple[int, ...]]

WIDTH, WIDER, MODEL = 64, 128, 96
"""The encoder, its feed-forward parts, and the language model."""
HEADS, LAYERS, PATCH = 4, 2, 14
FRAMES, MEL = 3000, 128

PICTURE: dict[str, Any] = {
    "has_vision_encoder": True,
    "vision.embedding_length": WIDTH,
    "vision.attention.head_count": HEADS,
    "vision.block_count": LAYERS,
    "vision.patch_size": PATCH,
    "vision.image_size": 8 * PATCH,
    "vision.projector.scale_factor": 2,
    "vision.spatial_merge_size": 2,
}
SOUND: dict[str, Any] = {
    "has_audio_encoder": True,
    "audio.embedding_length": WIDTH,
    "audio.attention.head_count": HEADS,
    "audio.block_count": LAYERS,
    "audio.num_mel_bins": MEL,
}
PATCHES: Shapes = {"v.patch_embd.weight": (PATCH, PATCH, 3, WIDTH)}
TWO_FRAMES: Shapes = PATCHES | {"v.patch_embd.weight.1": (PATCH, PATCH, 3, WIDTH)}
ENDS: Shapes = {"v.boi": (MODEL,), "v.eoi": (MODEL,)}
WAVES: Shapes = {
    "a.conv1d.1.weight": (3, MEL, WIDTH),
    "a.conv1d.1.bias": (1, WIDTH),
    "a.conv1d.2.weight": (3, WIDTH, WIDTH),
    "a.conv1d.2.bias": (1, WIDTH),
    "a.position_embd.weight": (WIDTH, FRAMES // 2),
}


def positions(count: int) -> Shapes:
    return {"v.position_embd.weight": (WIDTH, count)}


def matrices(**shapes: tuple[int, int]) -> Shapes:
    """
    Matrices with their biases, by names with underscores for dots.
    """
    found: Shapes = {}
    for name, shape in shapes.items():
        plain = name.replace("__", ".")
        found |= {f"{plain}.weight": shape, f"{plain}.bias": shape[1:]}
    return found


def norm(name: str, width: int) -> Shapes:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}


def two(first: str, second: str, width: int) -> Shapes:
    """
    The two matrices that most projectors are.
    """
    return matrices(**{first: (width, WIDER), second: (WIDER, MODEL)})


def layer(name: str) -> Shapes:
    parts = {f"{name}__attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")}
    found = matrices(**parts, **{f"{name}__ffn_up": (WIDTH, WIDER), f"{name}__ffn_down": (WIDER, WIDTH)})
    plain = name.replace("__", ".")
    return found | norm(f"{plain}.ln1", WIDTH) | norm(f"{plain}.ln2", WIDTH)


def joined(name: str, kv: int = WIDTH) -> Shapes:
    """
    A layer with Q, K and V in one matrix.
    """
    shapes = {key: shape for key, shape in layer(name).items() if ".attn_" not in key or "attn_out" in key}
    return shapes | matrices(**{f"{name}__attn_qkv": (WIDTH, WIDTH + 2 * kv)})


def mobile(number: int) -> Shapes:
    """
    A block of MobileVLM.
    """
    name, squeezed = f"mm.model.mb_block.{number}.block", MODEL // 4
    return {
        f"{name}.0.0.weight": (3, 3, 1, MODEL),
        **norm(f"{name}.0.1", MODEL),
        f"{name}.1.fc1.weight": (MODEL, squeezed),
        f"{name}.1.fc1.bias": (squeezed,),
        f"{name}.1.fc2.weight": (squeezed, MODEL),
        f"{name}.1.fc2.bias": (MODEL,),
        f"{name}.2.0.weight": (MODEL, MODEL),
        **norm(f"{name}.2.1", MODEL),
    }


def projector(kind: str, shapes: Shapes, **changes: Any) -> Projector:
    """
    A projector of two layers; those of a kind of their own are among the shapes.
    """
    sound = "a." in "".join(sorted(shapes)[:1])
    prefix = "a" if sound else "v"
    metadata = (SOUND if sound else PICTURE) | {"projector_type": kind} | changes
    every = dict(shapes)
    if f"{prefix}.blk.0.attn_out.weight" not in shapes:
        for il in range(LAYERS):
            every |= layer(f"{prefix}__blk__{il}")
    tensors = tuple(Tensor(name=name, type="f16", shape=shape) for name, shape in every.items())
    return Projector(name=kind, metadata=metadata, tensors=tensors)


MERGED = 4 * WIDTH
OUT = two("mm__1", "mm__2", MERGED)
CASES: dict[str, tuple[Projector, int]] = {
    # 24 x 24 patches, every second of them in each direction.
    "ldp": (
        projector(
            "ldp",
            PATCHES
            | positions(24 * 24 + 1)
            | {"v.class_embd": (WIDTH,)}
            | matrices(mm__model__mlp__1=(WIDTH, MODEL), mm__model__mlp__3=(MODEL, MODEL))
            | mobile(1)
            | mobile(2),
            **{"vision.image_size": 24 * PATCH},
        ),
        12 * 12,
    ),
    "ldpv2": (
        projector(
            "ldpv2",
            PATCHES
            | positions(24 * 24)
            | matrices(mm__model__mlp__0=(WIDTH, MODEL), mm__model__mlp__2=(MODEL, MODEL))
            | {"mm.model.peg.0.weight": (3, 3, 1, MODEL), "mm.model.peg.0.bias": (MODEL,)},
            **{"vision.image_size": 24 * PATCH},
        ),
        12 * 12,
    ),
    # Granite Vision joins the outputs of several layers; Yi's has norms between its matrices.
    "mlp, several layers": (
        projector(
            "mlp",
            PATCHES
            | positions(64 + 1)
            | {"v.class_embd": (WIDTH,)}
            | norm("v.pre_ln", WIDTH)
            | norm("v.post_ln", WIDTH)
            | two("mm__0", "mm__2", 2 * WIDTH),
            **{"vision.feature_layer": [1, 2]},
        ),
        64,
    ),
    "mlp, norms": (
        projector(
            "mlp",
            PATCHES
            | positions(64)
            | two("mm__0", "mm__3", WIDTH)
            | norm("mm.1", WIDER)
            | norm("mm.4", MODEL),
        ),
        64,
    ),
    # A quarter of 64 patches between a beginning and an end.
    "adapter": (
        projector(
            "adapter",
            PATCHES
            | positions(64)
            | {"adapter.conv.weight": (2, 2, WIDTH, WIDER), "adapter.conv.bias": (WIDER,)}
            | {"adapter.linear.linear.weight": (WIDER, MODEL)}
            | norm("adapter.linear.norm1", MODEL)
            | {
                "adapter.linear.gate.weight": (MODEL, WIDER),
                "adapter.linear.dense_h_to_4h.weight": (MODEL, WIDER),
            }
            | {"adapter.linear.dense_4h_to_h.weight": (WIDER, MODEL)}
            | {"adapter.boi": (MODEL,), "adapter.eoi": (MODEL,)},
        ),
        16 + 2,
    ),
    "cogvlm": (
        projector(
            "cogvlm",
            PATCHES
            | positions(65)
            | {"v.class_embd": (WIDTH,), "mm.model.fc.weight": (WIDTH, MODEL)}
            | joined("v__blk__0")
            | joined("v__blk__1")
            | norm("mm.post_fc_norm", MODEL)
            | {
                "mm.up.weight": (MODEL, WIDER),
                "mm.gate.weight": (MODEL, WIDER),
                "mm.down.weight": (WIDER, MODEL),
            }
            | ENDS,
        ),
        64 + 2,
    ),
    "paddleocr": (
        projector("paddleocr", PATCHES | positions(64) | norm("mm.input_norm", WIDTH) | OUT),
        28 * 28,
    ),
    "dots_ocr": (
        projector(
            "dots_ocr",
            PATCHES
            | {"mm.post_norm.weight": (WIDTH,)}
            | norm("mm.input_norm", WIDTH)
            | two("mm__0", "mm__2", MERGED),
        ),
        46 * 46,
    ),
    # Every row of 32 tokens has an end, and all have a beginning and an end.
    "hunyuanvl": (
        projector(
            "hunyuanvl",
            PATCHES
            | positions(64)
            | {"mm.pre_norm.weight": (WIDTH,), "mm.post_norm.weight": (MODEL,)}
            | {
                "mm.0.weight": (2, 2, WIDTH, WIDER),
                "mm.0.bias": (WIDER,),
                "mm.2.weight": (1, 1, WIDER, WIDER),
            }
            | {"v.image_newline": (WIDER,), "mm.image_begin": (MODEL,), "mm.image_end": (MODEL,)}
            | matrices(mm__model__fc=(WIDER, MODEL)),
        ),
        (32 + 1) * 32 + 2,
    ),
    "kimivl": (projector("kimivl", PATCHES | positions(64) | norm("mm.input_norm", WIDTH) | OUT), 256),
    "nemotron_v2_vl": (
        projector(
            "nemotron_v2_vl",
            PATCHES
            | positions(64)
            | {"v.class_embd": (WIDTH, 10), "mm.model.mlp.0.weight": (MERGED,)}
            | two("mm__model__mlp__1", "mm__model__mlp__3", MERGED),
        ),
        64 // 4,
    ),
    "lightonocr": (
        projector(
            "lightonocr",
            PATCHES
            | {"mm.input_norm.weight": (WIDTH,), "mm.patch_merger.weight": (MERGED, WIDTH)}
            | {"v.token_embd.img_break": (MODEL,)}
            | two("mm__1", "mm__2", WIDTH),
        ),
        256,
    ),
    "minicpmv4_6": (
        projector(
            "minicpmv4_6",
            PATCHES
            | positions(64)
            | norm("v.vit_merger.ln1", WIDTH)
            | matrices(**{f"v__vit_merger__attn_{part}": (WIDTH, WIDTH) for part in ("q", "k", "v", "out")})
            | norm("v.vit_merger.ds_ln", MERGED)
            | matrices(v__vit_merger__ds_ffn_up=(MERGED, WIDER), v__vit_merger__ds_ffn_down=(WIDER, WIDTH))
            | norm("mm.input_norm", MERGED)
            | two("mm__up", "mm__down", MERGED),
            **{"vision.projector.scale_factor": 4, "vision.wa_layer_indexes": [0]},
        ),
        64 // 16,
    ),
    "ling3vl": (
        projector(
            "ling3vl",
            TWO_FRAMES | positions(64) | norm("mm.input_norm", WIDTH) | two("mm__0", "mm__2", MERGED),
        ),
        46 * 46,
    ),
    "exaone4_5": (
        projector(
            "exaone4_5",
            TWO_FRAMES
            | joined("v__blk__0", WIDTH // 2)
            | joined("v__blk__1", WIDTH // 2)
            | two("mm__0", "mm__2", MERGED),
            **{"vision.attention.head_count_kv": HEADS // 2, "vision.n_wa_pattern": 2},
        ),
        46 * 46,
    ),
    "youtuvl": (
        projector(
            "youtuvl",
            {"v.patch_embd.weight": (3 * PATCH * PATCH, WIDTH), "mm.input_norm.weight": (WIDTH,)}
            | two("mm__0", "mm__2", MERGED),
            **{"vision.wa_layer_indexes": [1]},
        ),
        256,
    ),
    "cohere2v": (
        projector(
            "cohere2v", PATCHES | positions(64) | matrices(mm__1=(MERGED, 2 * WIDER), mm__2=(WIDER, MODEL))
        ),
        64 // 4,
    ),
    "janus_pro": (projector("janus_pro", PATCHES | positions(64) | two("mm__0", "mm__1", WIDTH)), 64),
    "phi4": (projector("phi4", PATCHES | positions(64) | two("mm__0", "mm__2", WIDTH)), 256),
    "d1omni_v": (projector("d1omni_v", PATCHES | positions(64) | norm("mm.input_norm", MERGED) | OUT), 256),
    # Half of the frames, half of those, and four in a row: 187 and a half.
    "voxtral": (
        projector(
            "voxtral",
            WAVES | two("mm__a__mlp__1", "mm__a__mlp__2", MERGED),
            **{"audio.projector.stack_factor": 4},
        ),
        188,
    ),
    "musicflamingo": (projector("musicflamingo", WAVES | two("mm__a__mlp__1", "mm__a__mlp__2", WIDTH)), 750),
    "meralion": (
        projector(
            "meralion",
            WAVES
            | norm("mm.a.norm_pre", 15 * WIDTH)
            | matrices(mm__a__mlp__0=(15 * WIDTH, WIDER), mm__a__mlp__1=(WIDER, WIDER))
            | two("mm__a__mlp__2", "mm__a__mlp__3", WIDER)
            | {"mm.a.mlp.2.weight": (WIDER, WIDER)},
            **{"audio.projector.stack_factor": 15},
        ),
        100,
    ),
    "glma": (
        projector(
            "glma",
            WAVES | norm("mm.a.norm_pre", WIDTH) | two("mm__a__mlp__1", "mm__a__mlp__2", MERGED) | ENDS,
            **{"audio.projector.stack_factor": 4},
        ),
        375 + 2,
    ),
    # Thirty chunks of a hundred frames, halved three times: 50, 25, 13.
    "qwen3a": (
        projector(
            "qwen3a",
            {"a.conv2d.1.weight": (3, 3, 1, 8), "a.conv2d.1.bias": (8,)}
            | {"a.conv2d.2.weight": (3, 3, 8, 8), "a.conv2d.3.weight": (3, 3, 8, 8)}
            | {"a.conv_out.weight": (16 * 8, WIDTH), "a.position_embd.weight": (WIDTH, FRAMES // 2)}
            | two("mm__a__mlp__1", "mm__a__mlp__2", WIDTH),
        ),
        30 * 13,
    ),
}


@pytest.mark.parametrize("flash", [True, False])
@pytest.mark.parametrize("kind", sorted(CASES))
def test_the_tokens_of_an_encoder_are_as_wide_as_the_language_model(kind: str, flash: bool) -> None:
    """
    As many as its type makes of the image, or of the sound, that it is tried with.
    """
    made, tokens = CASES[kind]
    (sizes,) = encoders(made, ImageTokens())
    last = graph(made, sizes, sizes.warmup, flash=flash).nodes[-1]

    assert sizes.kind == made.name
    assert last.ne == (MODEL, tokens, 1, 1)


@pytest.mark.parametrize("kind", sorted(CASES))
def test_buffers_of_every_type_are_computed_and_not_bounded(kind: str) -> None:
    """
    There is room for the result, and no part of the encoder is unknown.
    """
    made, tokens = CASES[kind]
    found = measure(made, ImageTokens(), backend="cuda")

    assert (found.unknown, found.low, found.high) == ((), None, None)
    assert found.warmup.device >= 4 * MODEL * tokens


@pytest.mark.parametrize("kind", sorted(CASES))
def test_an_encoder_without_one_of_its_tensors_is_bounded(kind: str) -> None:
    """
    A file that lacks a matrix that its type needs has no exact figure, and one that lacks a bias still has.
    """
    made, _ = CASES[kind]
    for at, tensor in enumerate(made.tensors):
        others = made.tensors[:at] + made.tensors[at + 1 :]
        short = Projector(name=made.name, metadata=made.metadata, tensors=others)
        found = measure(short, ImageTokens(), backend="cuda")

        assert found.unknown in ((), (made.name,)), tensor.name
        if tensor.name.endswith(".blk.0.attn_out.weight"):
            assert found.unknown == (made.name,), tensor.name
        if tensor.name.endswith("attn_out.bias"):
            assert found.unknown == (), tensor.name


@pytest.mark.parametrize("wrong", [1, -1.0, "many", [1.5], ["a"], [2**31], {}])
@pytest.mark.parametrize(
    ("kind", "key"),
    [
        ("mlp, several layers", "vision.feature_layer"),
        ("minicpmv4_6", "vision.wa_layer_indexes"),
        ("youtuvl", "vision.wa_layer_indexes"),
    ],
)
def test_what_is_no_list_of_layers_is_refused(kind: str, key: str, wrong: object) -> None:
    """
    The sentence names the key; no list at all is none.
    """
    made, _ = CASES[kind]
    broken = Projector(name="x.gguf", metadata=made.metadata | {key: wrong}, tensors=made.tensors)
    without = {name: value for name, value in made.metadata.items() if name != key}

    with pytest.raises(RefusedError) as refused:
        measure(broken, ImageTokens(), backend="cuda")

    assert refused.value.message.values["key"] == f"clip.{key}"
    measure(Projector(name="x.gguf", metadata=without, tensors=made.tensors), ImageTokens(), backend="cuda")


@pytest.mark.parametrize(
    ("kind", "changes", "key"),
    [
        ("hunyuanvl", {"vision.spatial_merge_size": 257}, "clip.vision.spatial_merge_size"),
        ("janus_pro", {"vision.patch_size": 1, "vision.image_size": 8192}, "clip.vision.patch_size"),
    ],
)
def test_an_image_of_more_patches_than_any_is_refused(kind: str, changes: dict[str, Any], key: str) -> None:
    """
    More than 1,024 patches a side are an error of the file: attention over all of them would take terabytes.
    """
    made, _ = CASES[kind]
    broken = Projector(name="x.gguf", metadata=made.metadata | changes, tensors=made.tensors)

    with pytest.raises(RefusedError) as refused:
        measure(broken, ImageTokens(), backend="cuda")

    assert refused.value.message.values["key"] == key
