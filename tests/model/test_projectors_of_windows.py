"""
Granite 4's encoder of pictures, beside what llama-server b11549 logged on the processor for files of zeros.
"""

import pytest

from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model import projectors
from llmprobe.model.projectors import ImageTokens, Picture, encoders

WIDTH, WIDE, ASKING = 1152, 4304, 3072
LAYERS = 4


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    return Tensor(name=name, type=kind, shape=shape)


def linear(name: str, entering: int, leaving: int) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f16", entering, leaving), tensor(f"{name}.bias", "f32", leaving)]


def norm(name: str) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f32", WIDTH), tensor(f"{name}.bias", "f32", WIDTH)]


def of_windows(layers: list[int], spatial: list[int], leaving: int) -> Projector:
    """
    An encoder with queries for the results of ``layers``; ``spatial`` chooses places or takes means (-1).
    """
    found = [
        tensor("v.patch_embd.weight", "f16", 16, 16, 3, WIDTH),
        tensor("v.patch_embd.bias", "f32", WIDTH),
        tensor("v.position_embd.weight", "f32", WIDTH, 24 * 24),
        tensor("v.image_newline", "f32", leaving),
    ]
    for il in range(LAYERS):
        name = f"v.blk.{il}"
        found += [*norm(f"{name}.ln1"), *norm(f"{name}.ln2")]
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            found += linear(f"{name}.{part}", WIDTH, WIDTH)
        found += [*linear(f"{name}.ffn_up", WIDTH, WIDE), *linear(f"{name}.ffn_down", WIDE, WIDTH)]
    for bid in range(len(layers)):
        name = f"v.proj_blk.{bid}"
        found += [tensor(f"{name}.img_pos", "f32", WIDTH, 64), tensor(f"{name}.query", "f32", WIDTH, 16)]
        found += [
            *norm(f"{name}.norm"),
            *norm(f"{name}.post_norm"),
            *linear(f"{name}.linear", WIDTH, leaving),
        ]
        for part in ("self_attn", "cross_attn"):
            for each in ("q", "k", "v", "out"):
                found += linear(f"{name}.{part}_{each}", WIDTH, WIDTH)
            found += norm(f"{name}.{part}_norm")
        found += [*linear(f"{name}.ffn_up", WIDTH, ASKING), *linear(f"{name}.ffn_down", ASKING, WIDTH)]
        found += norm(f"{name}.ffn_norm")
    metadata = {
        "projector_type": "granite4_vision",
        "has_vision_encoder": True,
        "vision.embedding_length": WIDTH,
        "vision.attention.head_count": 16,
        "vision.block_count": LAYERS,
        "vision.image_size": 384,
        "vision.patch_size": 16,
        "vision.feature_layer": layers,
        "vision.projector.spatial_offsets": spatial,
        "vision.projector.query_side": 4,
        "vision.projector.window_side": 8,
        "vision.image_grid_pinpoints": [384, 768, 768, 768, 384, 3840],
        "use_gelu": True,
    }
    return Projector(name="mmproj", metadata=metadata, tensors=tuple(found))


@pytest.mark.parametrize(
    ("layers", "spatial", "leaving", "nodes", "mib"),
    [
        ([0, 2, 3], [-1, 0, 1], 2048, 390, 35.20),
        ([3], [-1], 2048, 228, 16.21),
        ([3, 1], [0, 3], 2560, 301, 18.75),
    ],
)
def test_queries_by_windows_are_as_llama_server_logs_them(
    layers: list[int], spatial: list[int], leaving: int, nodes: int, mib: float
) -> None:
    """
    Nodes of the graph and MiB of its buffer are those that llama-server logged, for one to three layers with queries.
    """
    projector = of_windows(layers, spatial, leaving)
    (sizes,) = encoders(projector, ImageTokens())

    graph = projectors.graph(projector, sizes, sizes.warmup, flash=True)
    found = measure(projector, ImageTokens(), backend="host")

    assert found.unknown == ()
    assert (len(graph.nodes), round(found.warmup.device / (1 << 20), 2)) == (nodes, mib)


def test_all_tiles_of_the_largest_grid_are_computed_at_once() -> None:
    """
    Ten tiles below a picture of all: 144 tokens of it, and 120 rows of 12 with a new line each.
    """
    projector = of_windows([3, 1], [0, 3], 2560)
    (sizes,) = encoders(projector, ImageTokens())

    assert projectors.pictures(sizes) == (Picture(384, 11 * 384),)
    (picture,) = projectors.pictures(sizes)
    graph = projectors.graph_of(projector, sizes, picture, flash=True)
    assert graph.nodes[-1].ne == (2 * 2560, 144 + 120 * 13, 1, 1)
