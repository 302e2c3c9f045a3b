"""
Sizes of folders in formats of other engines, by the name of the format, beside what engines logged and hubs show.
"""

import pytest

from llmprobe.model.formats.published.by_name import size_by_name
from llmprobe.model.loading import load

GIB = 1 << 30


@pytest.mark.parametrize(
    ("model", "name", "size"),
    [
        # what vLLM logged for its weights (model loading took ... GiB), its own buffers of a few MiB in it
        ("llama-3.3-70b-instruct", "FP8-dynamic", 67.72 * GIB),
        ("llama-3.3-70b-instruct", "w8a8", 67.72 * GIB),
        ("qwen2.5-14b-instruct", "AWQ", 9.38 * GIB),
        ("qwen3-8b", "FP8", 8.80 * GIB),
        ("qwen3.5-35b-a3b", "fp8", 34.21 * GIB),
        ("qwen3-235b-a22b", "GPTQ-Int4", 2 * 57.64 * GIB),
        # the sizes of the repositories' files on huggingface.co
        ("llama-3.1-8b-instruct", "AWQ-INT4", 5.73e9),
        ("llama-3.1-70b-instruct", "AWQ", 39.77e9),
        ("qwen2.5-7b-instruct", "GPTQ-Int8", 8.89e9),
        ("llama-3.1-8b-instruct", "bnb-4bit", 5.70e9),
        ("llama-3.1-8b-instruct", "mlx-4bit", 4.52e9),
        ("llama-3.1-8b-instruct", "mlx-8bit", 8.54e9),
        ("qwen3-30b-a3b", "MLX-4bit", 17.2e9),
    ],
)
def test_a_size_is_near_what_was_published_and_the_range_holds_it(model: str, name: str, size: float) -> None:
    """
    The configuration that most publishers take is within 1.5 %.
    """
    found = size_by_name(load(model), name)

    assert found is not None
    assert found.likely_bytes == pytest.approx(size, rel=0.015)
    assert found.low_bytes <= size <= found.high_bytes


def test_attention_that_stays_in_16_bits_is_in_the_range() -> None:
    """
    Llama 3.1 405B is published in FP8 with attention in 16 bits: 126 layers of 2 x 16384 x (16384 + 1024) values more.
    """
    found = size_by_name(load("llama-3.1-405b-instruct"), "FP8")
    attention = 126 * 2 * 16384 * (16384 + 1024)

    assert found is not None
    assert found.likely_bytes + attention <= found.high_bytes


def test_bits_that_a_name_says_are_counted() -> None:
    """
    EXL2 of Llama 3.1 8B: 4.5 bits for 6,979,321,856 values of matrices, 6 for the output of 525,336,576, 16 for the
    embedding of as many and 266,240 of norms.
    """
    found = size_by_name(load("llama-3.1-8b-instruct"), "4.5bpw")

    assert found is not None
    assert found.likely_bytes == pytest.approx(
        (6_979_321_856 * 4.5 + 525_336_576 * (6 + 16) + 266_240 * 16) / 8, rel=1e-6
    )
    wider = size_by_name(load("llama-3.1-8b-instruct"), "exl3-5.0bpw")
    assert wider is not None
    assert wider.format == "EXL3 5 bpw"
    assert wider.likely_bytes > found.high_bytes


def test_a_projector_is_in_the_folder() -> None:
    """
    Qwen3 VL 8B is Qwen3 8B with an encoder that takes 1,159,010,944 bytes on a device, gaps among them, in 16 bits.
    """
    text, both = size_by_name(load("qwen3-8b"), "AWQ"), size_by_name(load("qwen3-vl-8b-instruct"), "AWQ")

    assert text is not None
    assert both is not None
    assert 0 <= 1_159_010_944 - (both.likely_bytes - text.likely_bytes) < 4096


@pytest.mark.parametrize("name", ["exl2", "exl3", "IQ4_KS", "Q4_K_M", "awqx", ""])
def test_a_name_without_a_width_has_no_size(name: str) -> None:
    """
    EXL2 is made in any width, and what is no such format has none.
    """
    assert size_by_name(load("qwen3-8b"), name) is None
