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
from llmprobe.model.projectors import ImageTokens, described, descriptions, encoders, graph

MIB = 1 << 20
STEP = 3
"""``make accuracy-check`` compares every load."""
NONE = ImageTokens()


def loaded(name: str, width: int, backend: str = "cuda", asked: ImageTokens = NONE) -> ProjectorBytes:
    """
    What a described projector takes.
    """
    return measure(described(name, width, name), asked, backend=backend)


@pytest.mark.parametrize("backend", ["cuda", "host", "metal", "vulkan"])
def test_buffers_are_those_of_llama_cpp(backend: str) -> None:
    """
    In a sample of the loads weights are equal to the byte, compute buffers in all but one at most, and refusals
    are the same.
    """
    rows = [(row, found) for row, found in truth.cases() if row.backend == backend][::STEP]
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

    assert len(rows) > 12
    assert equal >= len(rows) - 1


@pytest.mark.parametrize("row", truth.on_processor(), ids=lambda row: row.described)
def test_described_projectors_on_the_processor_are_those_of_llama_cpp(row: truth.Load) -> None:
    """
    The graph has as many nodes, and the buffer is the one that llama-server's log shows, to the last digit.
    """
    found = described(row.described, row.width, "mmproj")
    (sizes,) = encoders(found, NONE)
    answer = measure(found, NONE, backend="host")

    assert len(graph(found, sizes, sizes.warmup, flash=True).nodes) == row.nodes
    assert round(answer.warmup.device / MIB, 2) == row.compute_mib


def test_every_description_with_a_graph_was_loaded() -> None:
    """
    All but MiniCPM's, whose load is in the other table, Llama 3.2's, which llama.cpp has no graph for, and GLM-4.5V's:
    GLM-4.1V's with another width after it, of which no load is known.
    """
    loads = {row.described for row in truth.on_processor()}

    assert set(descriptions()) - loads == {"minicpm-v-2.6", "llama-3.2-vision", "glm-4.5v"}


def test_gemma_3n_reads_only_pictures() -> None:
    """
    The mobilenetv5_300m_enc of timm has 294,126,912 parameters; 2048 x 2048 of the projection and a norm come on top.
    Its encoder of sound and a table of embeddings are in the file and stay unread.
    """
    found = described("gemma-3n", 2048, "mmproj")
    more = (
        Tensor(name="mm.embedding.weight", type="f16", shape=(2048, 128)),
        Tensor(name="mm.hard_emb_norm.weight", type="f32", shape=(2048,)),
        Tensor(name="a.blk.0.ln1.weight", type="f32", shape=(1536,)),
    )
    whole = msgspec.structs.replace(found, tensors=(*found.tensors, *more))
    elements = sum(tensor.elements for tensor in found.tensors)

    assert elements == 294_126_912 + 2048 * 2048 + 2048
    assert measure(whole, NONE, backend="cuda") == measure(found, NONE, backend="cuda")


@pytest.mark.parametrize(
    ("name", "published", "text"),
    [("deepseek-ocr", 3_336_106_240, 2_934_734_080), ("deepseek-ocr-2", 3_389_119_360, 2_934_734_080)],
)
def test_an_encoder_of_documents_has_what_was_published_beside_its_model(
    name: str, published: int, text: int
) -> None:
    """
    The pages of deepseek-ai/DeepSeek-OCR and -2 have these totals; the text part of both was measured.
    """
    found = described(name, 1280, "mmproj")

    assert sum(tensor.elements for tensor in found.tensors) == published - text


def test_tiles_of_a_document_are_computed_at_once() -> None:
    """
    Nine tiles of 640 pixels have 1600 points each: their scores between points (12 heads), 9 x 1600^2 for each, are
    more than the 4096^2 of the whole picture, so the buffer grows beyond the one at the start; two tiles take less.
    """
    found = described("deepseek-ocr", 1280, "mmproj")
    fewer = msgspec.structs.replace(found, metadata=found.metadata | {"vision.preproc_max_tiles": 2})
    answer, less = (measure(one, NONE, backend="host") for one in (found, fewer))

    assert answer.largest.device > 1.3 * answer.warmup.device
    assert less.warmup == answer.warmup
    assert less.largest.device < 1.02 * less.warmup.device
    assert answer.largest.device - less.largest.device < 12 * 4 * 4 * 9 * 1600**2


def test_convolutions_in_bf16_are_computed_beside_a_mac_s_gpu() -> None:
    """
    Metal convolves with kernels of f16 and f32 (ggml-metal-device.m): others go to the processor, with their source.
    """
    f16 = described("gemma-3n", 2048, "mmproj")
    kept = tuple(
        msgspec.structs.replace(one, type="bf16") if one.name.endswith("conv_pwl.weight") else one
        for one in f16.tensors
    )
    bf16 = msgspec.structs.replace(f16, tensors=kept)

    assert measure(bf16, NONE, backend="metal").warmup.host > measure(f16, NONE, backend="metal").warmup.host
    assert measure(bf16, NONE, backend="cuda").warmup.host == measure(f16, NONE, backend="cuda").warmup.host


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


@pytest.mark.parametrize(
    ("names", "width", "parameters"),
    [
        # Parameters of the whole repository, less those of the language model.
        ("kimi-k2.5", 7168, 1_026_879_376_368 - 1_026_408_232_448),
        ("minimax-m3", 6144, 427_040_140_160 - 426_174_572_928),
        # Patches of two frames are added into one; norms of Q and K are made from numbers by the converter.
        ("muse-glimmer", 6656, 29_776_626_688 - (27_854_794_240 - 52 * 2 * 128) - 14 * 14 * 3 * 1536),
        ("step-3.7", 4096, 201_365_316_160 - 199_384_301_376),
        # The vector between rows of an image is one of the language model's.
        ("mistral-3-1664", 12288, 127_704_210_176 - 125_025_988_608 + 12288),
        ("mistral-3", 4096, 119_401_298_944 - 118_972_826_624 + 4096),
        # One scale for each of 48 layers is counted with the whole alone.
        ("gemma-4-unified+gemma-4-unified-audio", 3840, 11_959_730_224 - 11_907_350_272 - 48),
        ("qwen2.5-vl-3456", 5120, 33_452_718_336 - 32_763_876_352),
        ("qwen2.5-vl-3456", 8192, 73_410_777_344 - 72_706_203_648),
        # With the next-token layer, whose matrices are the language model's but for one of twice its width.
        ("qwen3.5-1024", 2560, 4_659_865_088 - 4_205_751_296 - 120_599_552),
        ("qwen3.5-1024", 2048, 2_274_069_824 - 1_881_825_088 - 60_828_160),
        ("qwen3.5-768", 1024, 873_438_784 - 752_393_024 - 20_452_864),
    ],
)
def test_described_encoders_have_the_parameters_that_were_published(
    names: str, width: int, parameters: int
) -> None:
    """
    To the last one, so that no matrix is missing, and none is of another shape.
    """
    assert sum(tensor.elements for tensor in described(names, width, "mmproj").tensors) == parameters


@pytest.mark.parametrize(
    ("names", "width", "side", "largest"),
    [
        # 16,384 patches of 14 pixels; 256 and 576 tokens of 28; 1,024 and 4,096 of 28; 46 x 46 and 8,000 of 28; its
        # own window of 728; 256 and 1,024 tokens of 28; 256 and 1,120 tokens of 48.
        ("kimi-k2.5", 7168, 1792, 1792),
        ("minimax-m3", 6144, 448, 672),
        ("muse-glimmer", 6656, 896, 1792),
        ("glm-5.3", 4096, 1288, 2492),
        ("step-3.7", 4096, 728, 728),
        ("mistral-3-1664", 12288, 448, 896),
        ("gemma-4-unified", 3840, 768, 1584),
    ],
)
def test_the_images_of_encoders_of_2026(names: str, width: int, side: int, largest: int) -> None:
    """
    What is tried at the start, and the largest that llama.cpp hands to an encoder; the graph of each is known.
    """
    found = loaded(names, width)

    assert (found.side, found.largest_side) == (side, largest)
    assert found.unknown == ()


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
