"""
Types of projectors: every module keeps its contract, and the limits of images follow llama.cpp's rules.
"""

from collections import Counter

import msgspec
import pytest

from benchmarks import accuracy_projectors
from llmprobe.errors import RefusedError
from llmprobe.estimation.projector.bound import bound
from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model import projectors
from llmprobe.model.projectors import ImageTokens, described, descriptions, encoders, families


def dressed(kind: str, **metadata: object) -> Projector:
    """
    A projector of a type without tensors, which sizes do not need.
    """
    return Projector(
        name="mmproj",
        metadata={
            "projector_type": kind,
            "has_vision_encoder": True,
            "vision.embedding_length": 1152,
            "vision.attention.head_count": 16,
            "vision.block_count": 27,
            "vision.image_size": 448,
            "vision.patch_size": 14,
        }
        | {name.replace("__", "."): value for name, value in metadata.items()},
        tensors=(),
    )


def side(kind: str, least: int, most: int, metadata: dict[str, object]) -> tuple[int, int]:
    """
    The side of the image that is tried and of the largest.
    """
    (found,) = encoders(dressed(kind, **metadata), ImageTokens(least, most))
    return found.warmup, found.largest


def test_every_type_is_one_that_llama_cpp_names() -> None:
    """
    The names are those of the list in clip-impl.h, and at least forty have their graph.
    """
    assert len(families()) >= 40
    assert {"gemma3", "qwen3vl_merger", "pixtral", "mlp", "resampler", "voxtral"} <= set(families())


@pytest.mark.parametrize("name", sorted({*descriptions()} - {"llama-3.2-vision"}))
def test_every_description_builds_its_graph(name: str) -> None:
    """
    A described projector has every tensor that its graph needs, with and without flash attention.
    """
    found = described(name, 4096, name)
    for sizes in encoders(found, ImageTokens()):
        for flash in (True, False):
            graph = projectors.graph(found, sizes, sizes.warmup, flash=flash)
            products = sum(node.op in ("mul_mat", "conv_2d") for node in graph.nodes)
            assert products > (4 if found.name != "gemma-3n" else 1) * sizes.layers


@pytest.mark.parametrize(
    ("kind", "asked", "metadata", "expected"),
    [
        # fixed size
        ("mlp", (0, 0), {}, (448, 448)),
        ("mlp", (0, 4096), {}, (448, 448)),
        # 46 x 46 tokens of 2 x 14 pixels, at most 64 x 64
        ("qwen2vl_merger", (0, 0), {}, (1288, 1792)),
        ("qwen2vl_merger", (0, 1024), {}, (896, 896)),
        # limits of the file count unless others were asked for
        ("qwen3vl_merger", (0, 0), {"vision__image_max_pixels": 28 * 28 * 2500}, (1288, 1400)),
        ("qwen3vl_merger", (0, 3600), {"vision__image_max_pixels": 28 * 28 * 2500}, (1288, 1680)),
        # 16 x 16 tokens, at most 32 x 32
        ("pixtral", (0, 0), {}, (224, 448)),
        ("pixtral", (0, 0), {"vision__spatial_merge_size": 2}, (448, 896)),
        # the largest is tried: 256 tokens of 2 x 14 pixels
        ("lfm2", (0, 0), {"vision__projector__scale_factor": 2}, (448, 448)),
        ("lfm2", (0, 1024), {"vision__projector__scale_factor": 2}, (896, 896)),
        # 16 x 16 tokens of 3 x 14 pixels, at most 33 x 33
        ("gemma4v", (0, 0), {}, (672, 1386)),
    ],
)
def test_images_are_as_large_as_llama_cpp_lets_them(
    kind: str, asked: tuple[int, int], metadata: dict[str, object], expected: tuple[int, int]
) -> None:
    """
    The image that is tried and the largest one, by the rule of each type.
    """
    assert side(kind, *asked, metadata) == expected


def test_limits_that_contradict_each_other_are_refused() -> None:
    """
    LFM2's images have 256 tokens at the most, so at least 1024 cannot be.
    """
    with pytest.raises(RefusedError):
        side("lfm2", 1024, 0, {"vision__projector__scale_factor": 2})


def test_an_omni_projector_has_two_encoders() -> None:
    """
    Qwen 2.5 Omni sees with one encoder and hears with the other.
    """
    found = described("qwen2.5-vl+qwen2-audio", 3584, "omni")

    assert [(sizes.modality, sizes.kind) for sizes in encoders(found, ImageTokens())] == [
        ("vision", "qwen2.5vl_merger"),
        ("audio", "qwen2a"),
    ]


def test_an_older_name_stands_for_two_types() -> None:
    """
    Files of Qwen 2.5 Omni name one type for both encoders.
    """
    both = described("qwen2.5-vl+qwen2-audio", 3584, "omni")
    metadata = {key: value for key, value in both.metadata.items() if "projector_type" not in key}
    old = msgspec.structs.replace(both, metadata=metadata | {"projector_type": "qwen2.5o"})

    assert projectors.kinds(old) == (("vision", "qwen2.5vl_merger"), ("audio", "qwen2a"))


def block(layers: int, *rows: tuple[str, str, tuple[int, ...]]) -> list[Tensor]:
    """
    The tensors of each layer: name, type and shape.
    """
    return [
        Tensor(name=f"v.blk.{il}.{name}", type=kind, shape=shape, layer=il)
        for il in range(layers)
        for name, kind, shape in rows
    ]


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    return Tensor(name=name, type=kind, shape=shape)


def counts(projector: Projector, *, flash: bool = True) -> Counter[str]:
    """
    The nodes of the graph for the picture that is tried, by operation; llama.cpp's buffers follow from the graph.
    """
    (sizes,) = encoders(projector, ImageTokens())
    graph = projectors.graph(projector, sizes, sizes.warmup, flash=flash)
    found = measure(projector, ImageTokens(), backend="cuda")

    assert found.unknown == ()
    assert found.warmup.device > 4 * sizes.embd * (sizes.warmup // sizes.patch) ** 2
    return Counter(node.op for node in graph.nodes)


GATED = (
    ("ffn_gate.weight", "f16", (128, 256)),
    ("ffn_up.weight", "f16", (128, 256)),
    ("ffn_down.weight", "f16", (256, 128)),
)
WHOLE = (
    ("ln1.weight", "f32", (128,)),
    ("attn_q.weight", "f16", (128, 128)),
    ("attn_k.weight", "f16", (128, 128)),
    ("attn_v.weight", "f16", (128, 128)),
    ("attn_out.weight", "f16", (128, 128)),
    ("ln2.weight", "f32", (128,)),
)
SMALL = {
    "vision__embedding_length": 128,
    "vision__attention__head_count": 4,
    "vision__block_count": 5,
    "use_silu": True,
}


def test_mimo_turns_its_patches_where_columns_are_seen() -> None:
    """
    By mimovl.cpp: of five layers the third and fourth see columns, so patches are turned once before them and once
    after; all but the first read the mask. Heads of 64 are wider together than the layer.
    """
    metadata = SMALL | {
        "vision__attention__head_count_kv": 2,
        "vision__wa_pattern_mode": [-1, 0, 1, 1, 0],
        "vision__image_max_pixels": 4096 * 28 * 28,
    }
    layer = (
        ("ln1.weight", "f32", (128,)),
        ("attn_qkv.weight", "f16", (128, 512)),
        ("attn_qkv.bias", "f32", (512,)),
        ("attn_out.weight", "f16", (256, 128)),
        ("attn_sinks", "f32", (4,)),
        ("ln2.weight", "f32", (128,)),
        *GATED,
    )
    tensors = [
        *block(5, *layer),
        tensor("v.patch_embd.weight", "f16", 14, 14, 3, 128),
        tensor("v.patch_embd.weight.1", "f16", 14, 14, 3, 128),
        tensor("v.post_ln.weight", "f32", 128),
        tensor("mm.0.weight", "f16", 512, 512),
        tensor("mm.2.weight", "f16", 512, 256),
    ]
    found = counts(msgspec.structs.replace(dressed("mimovl", **metadata), tensors=tuple(tensors)))

    assert (found["get_rows"], found["argsort"], found["flash_attn_ext"]) == (2, 1, 5)
    # Q, K, V and output are two products, the gated part three, patches two, and the merger two.
    assert found["mul_mat"] == 5 * (2 + 3) + 2 + 2


def test_deepseek_4_puts_its_marks_in_order() -> None:
    """
    By deepseek4v.cpp: 256 tokens of 3 x 3 patches are 16 rows of 17 with their ends, and two marks: 274.
    """
    metadata = SMALL | {"vision__projector__scale_factor": 3}
    tensors = [
        *block(5, *WHOLE, *GATED),
        tensor("v.patch_embd.weight", "f16", 14, 14, 3, 128),
        tensor("mm.1.weight", "f16", 9 * 128, 256),
        tensor("mm.2.weight", "f16", 256, 256),
        *(tensor(f"v.token_embd.img_{mark}", "f32", 256) for mark in ("start", "end", "pad")),
        tensor("v.image_newline", "f32", 256),
    ]
    projector = msgspec.structs.replace(dressed("deepseek4v", **metadata), tensors=tuple(tensors))
    (sizes,) = encoders(projector, ImageTokens())
    last = projectors.graph(projector, sizes, sizes.warmup, flash=True).nodes[-1]

    assert (sizes.warmup, sizes.largest) == (16 * 42, 19 * 42)
    assert (last.op, last.ne[:2]) == ("get_rows", (256, 1 + 16 * 17 + 1))
    assert counts(projector)["concat"] == 4


def test_experts_of_an_encoder_are_added_up_one_by_one() -> None:
    """
    By build_moe_ffn in clip.cpp: three products by experts a layer, and one sum less than the four that are chosen.
    """
    metadata = SMALL | {
        "vision__expert_used_count": 4,
        "vision__spatial_merge_size": 2,
        "vision__image_max_pixels": 4096 * 28 * 28,
    }
    experts = (
        ("ffn_gate_inp.weight", "f32", (128, 16)),
        ("ffn_gate_exps.weight", "f16", (128, 64, 16)),
        ("ffn_up_exps.weight", "f16", (128, 64, 16)),
        ("ffn_down_exps.weight", "f16", (64, 128, 16)),
        ("exp_probs_b.weight", "f32", (16,)),
    )
    # Four layers have experts, the fifth is dense.
    dense = [
        msgspec.structs.replace(one, name=one.name.replace(".0.", ".4.")) for one in block(1, *WHOLE, *GATED)
    ]
    tensors = [
        *block(4, *WHOLE, *experts),
        *dense,
        tensor("v.patch_embd.weight", "f16", 14, 14, 3, 128),
        tensor("mm.input_norm.weight", "f32", 128),
        tensor("mm.input_norm.bias", "f32", 128),
        tensor("mm.post_norm.weight", "f32", 128),
        tensor("mm.0.weight", "f16", 512, 256),
        tensor("mm.2.weight", "f16", 256, 256),
    ]
    projector = msgspec.structs.replace(dressed("dots3note_v", **metadata), tensors=tuple(tensors))
    (sizes,) = encoders(projector, ImageTokens())
    graph = projectors.graph(projector, sizes, sizes.warmup, flash=True)
    found = counts(projector)

    assert found["mul_mat_id"] == 4 * 3
    assert found["sum_rows"] == 4
    # Four are chosen, so three sums; a bias of the choice and two residuals beside, in the dense layer these alone.
    assert sum(node.op == "add" and node.ne[0] == 128 for node in graph.nodes) >= 4 * (3 + 2) + 2


@pytest.mark.parametrize("backend", ["cuda", "host"])
def test_a_bound_is_never_under_what_is_known(backend: str) -> None:
    """
    Of every described encoder and every measured one the upper bound is above its buffers, after the largest image.
    """
    # Gemma 3n has no patches, and Llama 3.2's graph is not known.
    named = [described(name, 4096, name) for name in {*descriptions()} - {"gemma-3n", "llama-3.2-vision"}]
    measured = {found.name: found for _, found in accuracy_projectors.cases()}
    for projector in (*named, *measured.values()):
        for sizes in encoders(projector, ImageTokens()):
            found = measure(projector, ImageTokens(), backend=backend)
            above = bound(projector, sizes)

            assert found.largest.device <= above.high, projector.name
            assert found.largest.host <= above.input_high, projector.name
            assert above.low <= found.largest.device, projector.name
