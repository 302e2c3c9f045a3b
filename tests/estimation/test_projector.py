"""
What projectors take, against loads that llama.cpp reported, and rules by hand.
"""

import msgspec
import pytest

from benchmarks import accuracy_projectors as truth
from llmprobe.errors import RefusedError
from llmprobe.estimation.projector.measure import ProjectorBytes, measure
from llmprobe.facts.model import Tensor
from llmprobe.facts.projector import Projector
from llmprobe.model.projectors import ImageTokens, described

MIB = 1 << 20
NONE = ImageTokens()


def loaded(name: str, width: int, backend: str = "cuda", asked: ImageTokens = NONE) -> ProjectorBytes:
    """
    What a described projector takes.
    """
    return measure(described(name, width, name), asked, backend=backend)


@pytest.mark.parametrize("backend", ["cuda", "host", "metal", "vulkan"])
def test_buffers_are_those_of_llama_cpp(backend: str) -> None:
    """
    Weights are equal to the byte, compute buffers in all but one load in a hundred, and refusals are the same.
    """
    rows = [(row, found) for row, found in truth.cases() if row.backend == backend]
    equal = 0
    for row, found in rows:
        answer = truth.answer(row, found)
        assert (answer is None) == row.refused, row
        if answer is None:
            equal += 1
            continue
        assert answer.tensor_bytes == row.weights, row
        assert row.buffer is None or answer.weights_bytes == row.buffer, row
        assert answer.flash_attn is not row.without, row
        assert abs(answer.warmup.device - row.device) <= 0.01 * row.device, row
        equal += (answer.warmup.device, answer.warmup.host) == (row.device, row.host)

    assert len(rows) > 40
    assert equal >= 0.99 * len(rows)


def test_a_reported_projector_of_qwen3_vl() -> None:
    """
    llama.cpp's issue 18181 names 372.08 MiB of compute for Qwen3-VL-8B.
    """
    assert round(loaded("qwen3-vl-1152", 4096).warmup.device / MIB, 2) == 372.08


def test_a_projector_that_ollama_reported_for_qwen3_5_27b() -> None:
    """
    Ollama's issue 17482 names 1136.09 MiB for it, weights and compute: a file in BF16, which keeps patches in F32.
    """
    f16 = described("qwen3.5-1152", 5120, "mmproj")
    bf16 = msgspec.structs.replace(
        f16,
        tensors=tuple(
            msgspec.structs.replace(tensor, type="f32" if "patch_embd" in tensor.name else "bf16")
            if tensor.type == "f16"
            else tensor
            for tensor in f16.tensors
        ),
    )
    found = measure(bf16, NONE, backend="cuda")

    assert round((found.weights_bytes + found.warmup.device) / MIB, 2) == 1136.09


def test_gemma_4_s_encoders_have_the_parameters_that_were_published() -> None:
    """
    The encoder of pictures has 569,550,384 parameters without the matrix to the language model.
    """
    pictures = described("gemma-4-1152", 5376, "mmproj")
    both = described("gemma-4-768+gemma-4-audio", 2560, "mmproj")

    assert sum(tensor.elements for tensor in pictures.tensors) == 569_550_384 + 1152 * 5376
    assert measure(both, NONE, backend="cuda").unknown == ()


def test_a_head_of_88_has_no_kernel_on_cuda_but_one_on_the_processor() -> None:
    """
    Llama 4's heads of 88 values have no flash attention on CUDA: more compute, and inputs larger from the try.
    """
    gpu, ram = loaded("llama-4", 5120), loaded("llama-4", 5120, "host")

    assert (gpu.flash_attn, ram.flash_attn) == (False, True)
    assert gpu.warmup.device > ram.warmup.device
    assert ram.warmup.host == 0


def test_the_largest_image_adds_where_the_size_is_dynamic() -> None:
    """
    Qwen3-VL is tried with 46 x 46 tokens of 32 pixels and may get 64 x 64; Gemma 3's images have one size.
    """
    qwen, gemma = loaded("qwen3-vl-1152", 4096), loaded("gemma-3", 5376)

    assert (qwen.side, qwen.largest_side) == (46 * 32, 64 * 32)
    assert qwen.largest.device > 1.8 * qwen.warmup.device
    assert gemma.side == gemma.largest_side == 896
    assert gemma.largest == gemma.warmup


def test_the_limit_of_tokens_bounds_the_largest_image() -> None:
    """
    With 1024 tokens at the most both images are 32 tokens a side.
    """
    found = loaded("qwen3-vl-1152", 4096, asked=ImageTokens(0, 1024))

    assert found.side == found.largest_side == 1024
    assert found.largest == found.warmup


def test_tiles_are_computed_together() -> None:
    """
    InternVL's tiles of 256 tokens are computed four at once, so the largest image takes more than the first.
    """
    found = loaded("internvl-300m", 5120)

    assert found.largest.device > 3 * found.warmup.device


def test_an_unknown_type_is_bounded_and_named() -> None:
    """
    A type whose graph is not known has a range that holds its figure, and says which type it is.
    """
    known = described("gemma-3", 2560, "gemma")
    other = msgspec.structs.replace(known, metadata=known.metadata | {"projector_type": "gemma9"})
    found = measure(other, NONE, backend="cuda")

    assert found.unknown == ("gemma9",)
    assert found.tensor_bytes == measure(known, NONE, backend="cuda").tensor_bytes
    assert found.low is not None
    assert found.high is not None
    assert found.low.device <= found.warmup.device <= found.high.device
    assert found.low.device <= measure(known, NONE, backend="cuda").warmup.device <= found.high.device


def test_a_missing_tensor_is_bounded_not_a_crash() -> None:
    """
    A file that lacks a tensor of its type gets bounds.
    """
    known = described("gemma-3", 2560, "gemma")
    other = msgspec.structs.replace(
        known, tensors=tuple(t for t in known.tensors if t.name != "mm.soft_emb_norm.weight")
    )

    assert measure(other, NONE, backend="cuda").unknown == ("gemma3",)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vision.embedding_length", -5),
        ("vision.embedding_length", 1 << 40),
        ("vision.patch_size", 0),
        ("vision.image_size", 9000),
        ("vision.block_count", "many"),
        ("vision.attention.head_count", [1]),
    ],
)
def test_broken_metadata_is_one_sentence(key: str, value: object) -> None:
    """
    What llama.cpp would not load is refused, with the key.
    """
    known = described("gemma-3", 2560, "gemma")
    broken = msgspec.structs.replace(known, metadata=known.metadata | {key: value})

    with pytest.raises(RefusedError) as raised:
        measure(broken, NONE, backend="cuda")
    assert key in str(raised.value)


def test_sound_that_llama_cpp_does_not_read_takes_nothing() -> None:
    """
    Beside Gemma 3n's encoder of pictures that of sound stays on the disk; scalars of clamps are no tensors.
    """
    base = Projector(
        name="mmproj",
        metadata={
            "projector_type": "gemma3nv",
            "has_vision_encoder": True,
            "has_audio_encoder": True,
            "vision.embedding_length": 128,
            "vision.patch_size": 1,
            "vision.image_size": 64,
            "vision.attention.head_count": 8,
        },
        tensors=(
            Tensor(name="v.conv_stem.conv.weight", type="f16", shape=(3, 3, 3, 64)),
            Tensor(name="a.blk.0.attn_q.weight", type="f16", shape=(128, 128)),
            Tensor(name="v.blk.0.attn_q.input_max", type="f32", shape=(1,)),
        ),
    )

    assert measure(base, NONE, backend="host").tensor_bytes == 2 * 3 * 3 * 3 * 64
