"""
Files with encoders of pictures and of sound, beside what llama-server b11549 said that they take on the processor.
"""

import msgspec
import pytest

from llmprobe.estimation.projector.measure import measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model import projectors
from llmprobe.model.projectors import ImageTokens, described, encoders

SEEING, HEARING, HEAD = 1280, 1024, 128
MIB = 1 << 20


def tensor(name: str, kind: str, *shape: int) -> Tensor:
    return Tensor(name=name, type=kind, shape=shape)


def linear(name: str, entering: int, leaving: int) -> Tensor:
    return tensor(f"{name}.weight", "f16", entering, leaving)


def norm(name: str, width: int) -> list[Tensor]:
    return [tensor(f"{name}.weight", "f32", width), tensor(f"{name}.bias", "f32", width)]


def hearing(mel: int, kernel: str) -> list[Tensor]:
    """
    Three layers of Nemotron's encoder of sound.
    """
    found = [tensor("a.mel_filters", "f32", 257, mel), tensor("a.window", "f32", 400)]
    found += [tensor(f"a.conv1d.{at}.weight", kernel, 3, 3, 1, 256) for at in (0, 2, 5)]
    found += [tensor(f"a.conv1d.{at}.weight", kernel, 1, 1, 256, 256) for at in (3, 6)]
    found += [tensor(f"a.conv1d.{at}.bias", "f32", 1, 1, 256) for at in (0, 2, 3, 5, 6)]
    found += [
        linear("a.pre_encode.out", mel // 8 * 256, HEARING),
        tensor("a.pre_encode.out.bias", "f32", HEARING),
    ]
    for il in range(3):
        name = f"a.blk.{il}"
        for part in ("ffn_norm", "ffn_norm_1", "ln1", "ln2", "norm_conv", "conv_norm"):
            found += norm(f"{name}.{part}", HEARING)
        for part in ("", "_1"):
            found += [
                linear(f"{name}.ffn_up{part}", HEARING, 4096),
                linear(f"{name}.ffn_down{part}", 4096, HEARING),
            ]
        for part in ("attn_q", "attn_k", "attn_v", "attn_out", "linear_pos", "conv_pw2"):
            found.append(linear(f"{name}.{part}", HEARING, HEARING))
        found += [
            linear(f"{name}.conv_pw1", HEARING, 2 * HEARING),
            tensor(f"{name}.conv_dw.weight", "f32", 9, HEARING),
        ]
        found += [tensor(f"{name}.conv_norm_{part}", "f32", HEARING) for part in ("mean", "var")]
        found += [tensor(f"{name}.pos_bias_{part}", "f32", HEAD, HEARING // HEAD) for part in "uv"]
    found.append(tensor("mm.a.norm_pre.weight", "f32", HEARING))
    return [*found, linear("mm.a.mlp.1", HEARING, 4096), linear("mm.a.mlp.2", 4096, 2688)]


HEARD = {
    "has_audio_encoder": True,
    "audio.projector_type": "parakeet",
    "audio.embedding_length": HEARING,
    "audio.block_count": 3,
    "audio.attention.head_count": HEARING // HEAD,
    "audio.conv_kernel_size": 9,
    "audio.num_mel_bins": 128,
}
SEEN = {
    "has_vision_encoder": True,
    "vision.projector_type": "nemotron_v2_vl",
    "vision.embedding_length": SEEING,
    "vision.block_count": 2,
    "vision.attention.head_count": 16,
    "vision.image_size": 512,
    "vision.patch_size": 16,
    "vision.projector.scale_factor": 2,
    "use_gelu": True,
}


def seeing() -> list[Tensor]:
    """
    Two layers of its encoder of pictures.
    """
    found = [
        tensor("v.patch_embd.weight", "f16", 16, 16, 3, SEEING),
        tensor("v.position_embd.weight", "f32", SEEING, 1024),
        tensor("v.class_embd", "f32", SEEING, 10),
        tensor("mm.model.mlp.0.weight", "f32", 4 * SEEING),
        linear("mm.model.mlp.1", 4 * SEEING, 20480),
        linear("mm.model.mlp.3", 20480, 2688),
    ]
    for il in range(2):
        name = f"v.blk.{il}"
        found += [*norm(f"{name}.ln1", SEEING), *norm(f"{name}.ln2", SEEING)]
        for part, entering, leaving in (
            ("attn_qkv", SEEING, 3 * SEEING),
            ("attn_out", SEEING, SEEING),
            ("ffn_up", SEEING, 5120),
            ("ffn_down", 5120, SEEING),
        ):
            found += [
                linear(f"{name}.{part}", entering, leaving),
                tensor(f"{name}.{part}.bias", "f32", leaving),
            ]
    return found


@pytest.mark.parametrize(("mel", "kernel", "mib"), [(128, "f32", 192.62), (80, "f16", 120.59)])
def test_the_hearing_of_nemotron_is_as_llama_server_logs_it(mel: int, kernel: str, mib: float) -> None:
    """
    Nodes of the graph and MiB of its buffer are those that llama-server logged, with kernels of either type.
    """
    metadata = {**HEARD, "audio.num_mel_bins": mel, "projector_type": "parakeet"}
    projector = Projector(name="mmproj", metadata=metadata, tensors=tuple(hearing(mel, kernel)))
    (sizes,) = encoders(projector, ImageTokens())

    graph = projectors.graph(projector, sizes, sizes.warmup, flash=True)
    found = measure(projector, ImageTokens(), backend="host")

    assert (len(graph.nodes), round(found.warmup.device / MIB, 2), found.unknown) == (287, mib, ())


def whole(projector: Projector) -> float:
    found = measure(projector, ImageTokens(), backend="host")
    assert found.unknown == ()
    return round((found.weights_bytes + found.warmup.device) / MIB, 2)


def test_names_without_a_modality_are_loaded_by_both_encoders() -> None:
    """
    llama-server b11549 said "estimated worst-case memory usage of mmproj is 1103.76 MiB", 1143.47 and 193.08.
    """
    nemotron = Projector(name="mmproj", metadata={**HEARD, **SEEN}, tensors=(*seeing(), *hearing(128, "f32")))

    assert whole(nemotron) == 1103.76
    assert whole(described("gemma-4-768+gemma-4-audio", 1536, "gemma-4")) == 1143.47
    assert whole(described("gemma-4-unified+gemma-4-unified-audio", 1536, "gemma-4")) == 193.08


def test_the_file_is_no_larger_for_what_is_loaded_twice() -> None:
    """
    Tensors that two encoders load count twice as weights and once as bytes of the file.
    """
    unified = described("gemma-4-unified+gemma-4-unified-audio", 1536, "gemma-4")
    seen = described("gemma-4-unified", 1536, "gemma-4")

    found = measure(unified, ImageTokens(), backend="host")
    alone = measure(msgspec.structs.replace(seen, tensors=unified.tensors), ImageTokens(), backend="host")

    assert found.weights_bytes > found.tensor_bytes
    assert alone.tensor_bytes == found.tensor_bytes
