"""
Types of projectors: every module keeps its contract, and the limits of images follow llama.cpp's rules.
"""

import msgspec
import pytest

from llmprobe.errors import RefusedError
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


@pytest.mark.parametrize("name", sorted(descriptions()))
def test_every_description_builds_its_graph(name: str) -> None:
    """
    A described projector has every tensor that its graph needs, with and without flash attention.
    """
    found = described(name, 4096, name)
    for sizes in encoders(found, ImageTokens()):
        for flash in (True, False):
            graph = projectors.graph(found, sizes, sizes.warmup, flash=flash)
            assert sum(node.op == "mul_mat" for node in graph.nodes) > 4 * sizes.layers


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
