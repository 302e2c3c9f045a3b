"""
Reka's encoder of pictures, beside what llama-server b11549 logged on the processor for a file of zeros of its shapes.
"""

from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model import projectors
from llmprobe.model.projectors import ImageTokens, encoders

SIDE = 512
DEPTHS = (3, 3, 9, 3)
WIDTHS = (128, 256, 512, 1024)


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    return Tensor(name=name, type=kind, shape=shape)


def with_bias(name: str, width: int, *shape: int) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f16", *shape), tensor(f"{name}.bias", "f32", width)]


def norm(name: str, width: int) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f32", width), tensor(f"{name}.bias", "f32", width)]


def block(name: str, width: int) -> list[Tensor]:
    wide = 4 * width
    return [
        *with_bias(f"{name}.dw", width, 7, 7, 1, width),
        *norm(f"{name}.ln", width),
        *with_bias(f"{name}.pw1", wide, width, wide),
        *norm(f"{name}.grn", wide),
        *with_bias(f"{name}.pw2", width, wide, width),
    ]


def of_stages() -> Projector:
    found = [*with_bias("v.patch_embd", WIDTHS[0], 4, 4, 3, WIDTHS[0]), *norm("v.patch_ln", WIDTHS[0])]
    for stage, (depth, width) in enumerate(zip(DEPTHS, WIDTHS, strict=True)):
        name = f"v.stage.{stage}"
        if stage:
            before = WIDTHS[stage - 1]
            found += norm(f"{name}.down.ln", before)
            found += with_bias(f"{name}.down.conv", width, 2, 2, before, width)
        for at in range(depth):
            found += block(f"{name}.blk.{at}", width)
    found.append(tensor("v.vision_pos_embed", "f32", WIDTHS[-1], (SIDE // 32) ** 2))
    found += with_bias("mm.0", 2048, WIDTHS[-1], 2048)
    found += with_bias("mm.2", 1024, 2048, 1024)
    metadata = {
        "projector_type": "yasa2",
        "has_vision_encoder": True,
        "vision.embedding_length": WIDTHS[-1],
        "vision.feed_forward_length": 4 * WIDTHS[-1],
        "vision.attention.head_count": 8,
        "vision.block_count": 0,
        "vision.projection_dim": 1024,
        "vision.image_size": SIDE,
        "vision.patch_size": 4,
        "use_gelu": True,
    }
    return Projector(name="mmproj", metadata=metadata, tensors=tuple(found))


def test_the_graph_of_convolutions_in_stages_is_the_one_llama_server_logs() -> None:
    """
    Nodes of the graph and MiB of its buffer are those that llama-server logged.
    """
    projector = of_stages()
    encoder = encoders(projector, ImageTokens())[0]

    graph = projectors.graph(projector, encoder, encoder.warmup, flash=True)
    measured = measure(projector, ImageTokens(), backend="host")

    assert len(graph.nodes) == 1211
    assert measured.warmup.device / 2**20 == 212.0
    assert not measured.unknown
