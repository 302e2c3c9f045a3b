"""
Quantizations that llama.cpp does not load: what does, and what to take instead.
"""

import pytest

from llmprobe.errors import UsageError
from llmprobe.model.loading import load
from llmprobe.model.quants import FILE_TYPES, file_type
from llmprobe.model.quants.foreign import foreign, size_of
from llmprobe.tasks.models import quant_name
from llmprobe.words.message import message


@pytest.mark.parametrize(
    ("typed", "engine", "instead"),
    [
        ("AWQ", "vLLM", "Q4_K_M"),
        ("gptq-int4", "vLLM", "Q4_K_M"),
        ("FP8", "vLLM", "Q8_0"),
        ("w4a4", "vLLM", "Q4_K_M"),
        ("exl2", "ExLlamaV2", "Q4_K_M"),
        ("4.0bpw", "ExLlamaV2", "Q4_K_M"),
        ("EXL3", "ExLlamaV3", "Q4_K_M"),
        ("bnb-4bit", "Transformers", "Q4_K_M"),
        ("mlx", "MLX", "Q4_K_M"),
        ("mlx-8bit", "MLX", "Q8_0"),
        ("mlx-6bit", "MLX", "Q6_K"),
        ("exl3-3.5bpw", "ExLlamaV3", "Q3_K_M"),
        ("exl2-4.0bpw", "ExLlamaV2", "Q4_K_M"),
        ("8.0bpw", "ExLlamaV2", "Q8_0"),
        ("GPTQ-Int8", "vLLM", "Q8_0"),
        ("IQ4_KS", "ik_llama.cpp", "IQ4_XS"),
        ("iq2_k_r4", "ik_llama.cpp", "IQ2_M"),
        ("IQ5_K", "ik_llama.cpp", "Q5_K_M"),
        ("Q8_0_R8", "ik_llama.cpp", "Q8_0"),
    ],
)
def test_a_format_of_another_engine_is_refused_with_what_loads_it(
    typed: str, engine: str, instead: str
) -> None:
    """
    The hint has a file type of llama.cpp with about as many bits.
    """
    with pytest.raises(UsageError) as refused:
        file_type(typed)

    assert refused.value.message == message("error.quant-of-other-engine", quant=typed, engine=engine)
    assert refused.value.hint is not None
    assert refused.value.hint.values["instead"] == instead


@pytest.mark.parametrize(
    ("typed", "instead"),
    [("Q4_0_4_4", "Q4_0"), ("q4_0_8_8", "Q4_0"), ("IQ4_NL_4_4", "IQ4_NL"), ("Q4_2", "Q4_0")],
)
def test_a_removed_type_is_said_to_be_removed(typed: str, instead: str) -> None:
    """
    llama.cpp reorders Q4_0 and IQ4_NL when it loads them since their reordered files were dropped.
    """
    with pytest.raises(UsageError) as refused:
        file_type(typed)

    assert refused.value.message == message("error.quant-removed", quant=typed)
    assert refused.value.hint is not None
    assert refused.value.hint.values["instead"] == instead


@pytest.mark.parametrize(
    ("typed", "command"),
    [
        ("IQ4_KS", "llama-server -m FILE.gguf"),
        ("AWQ", "vllm serve"),
        ("EXL3", "main.py"),
        ("MLX-4bit", "mlx_lm.server"),
        ("bnb-4bit", "transformers serve"),
    ],
)
def test_what_loads_a_foreign_type_and_how(typed: str, command: str) -> None:
    """
    Each program is named with its address and its command; a type that was removed has none.
    """
    with pytest.raises(UsageError) as refused:
        file_type(typed)
    with pytest.raises(UsageError) as removed:
        file_type("Q4_0_4_4")

    assert refused.value.hint is not None
    assert removed.value.hint is not None
    assert command in str(refused.value.hint.values["command"])
    assert str(refused.value.hint.values["address"]).startswith("https://")
    assert removed.value.hint.values["command"] is None


def test_no_file_type_is_foreign_and_all_that_is_taken_instead_exists() -> None:
    """
    A file type of llama.cpp is never refused.
    """
    for name in FILE_TYPES:
        assert file_type(name).name == name
    assert foreign("Q9") is None
    # llama.cpp has the type, but llama-quantize makes no file of it.
    assert foreign("NVFP4") is None
    for typed in ("AWQ", "IQ6_K", "q4_2", "hqq"):
        found = foreign(typed)
        assert found is not None
        assert found.instead in FILE_TYPES


@pytest.mark.parametrize(
    ("model", "name", "published"),
    [
        # huggingface.co/ubergarm: bytes of the tensors by the bits for each weight that the loader printed.
        ("glm-4.6-357b-a32b", "IQ4_KS", 208_104_672_295),
        ("glm-4.6-357b-a32b", "IQ5_K", 268_618_966_800),
        ("deepseek-r1-0528-671b", "IQ3_K_R4", 322_679_829_333),
        ("deepseek-r1-0528-671b", "iq2-kt", 210_870_052_234),
    ],
)
def test_a_file_of_another_program_has_a_size(model: str, name: str, published: int) -> None:
    """
    Near what was published, and within the range.
    """
    found = size_of(load(model), name)

    assert found is not None
    assert found.low_bytes <= published <= found.high_bytes
    assert found.likely_bytes == pytest.approx(published, rel=0.05)


@pytest.mark.parametrize(("model", "name"), [("qwen3-8b", "IQ9_KS"), ("glm-4.6-357b-a32b", "AWQ")])
def test_a_size_that_nobody_published_is_not_made_up(model: str, name: str) -> None:
    """
    A name that is no type of the fork has no size.
    """
    assert size_of(load(model), name) is None


def test_a_dense_file_of_the_fork_is_sized_by_its_type() -> None:
    """
    Qwen3 8B has 4096 wide rows: 36 layers of 192,937,984 - 256 - 8192 values in matrices take 136 bytes for 256 values
    and 4 a row; embedding and output, 151936 rows each, are Q6_K of 210 bytes for 256 values.
    """
    found = size_of(load("qwen3-8b"), "IQ4_KS")
    rows = 36 * (4096 + 2 * 1024 + 4096 + 2 * 12288 + 4096)
    values = 36 * (2 * 4096 * 4096 + 2 * 1024 * 4096 + 3 * 12288 * 4096)
    ends = 2 * 151936 * 4096 // 256 * 210
    norms = 4 * (36 * (2 * 4096 + 2 * 128) + 4096)

    assert found is not None
    assert found.files == 0
    assert found.likely_bytes == values // 256 * 136 + 4 * rows + ends + norms
    assert found.low_bytes < found.likely_bytes < found.high_bytes


def test_the_refusal_of_a_type_says_what_its_file_takes() -> None:
    """
    Beside what llama.cpp has instead.
    """
    with pytest.raises(UsageError) as refused:
        quant_name("IQ4_KS", load("glm-4.6-357b-a32b"))
    with pytest.raises(UsageError) as folder:
        quant_name("AWQ", load("qwen3-8b"))
    with pytest.raises(UsageError) as other:
        quant_name("exl2", load("qwen3-8b"))

    assert refused.value.hint is not None
    assert refused.value.hint.id == "hint.quant-size-elsewhere"
    assert refused.value.hint.values["instead"] == "IQ4_XS"
    assert folder.value.hint is not None
    assert folder.value.hint.id == "hint.quant-folder-elsewhere"
    assert folder.value.hint.values["command"] == "vllm serve OWNER/REPOSITORY"
    assert other.value.hint is not None
    assert other.value.hint.id == "hint.quant-instead"
