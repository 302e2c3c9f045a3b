"""
The reasons that go with the calls of an expert: what was decided, on which memory, and what it was weighed against.
"""

import pytest

from tests.advise.test_expert_table import Name, answer

PAIR = ("RTX 3090", "RTX 3060 12GB", 64)
SMALL = ("RTX 3060 12GB", 32)

REASONS: list[tuple[Name, str, int, tuple[str, ...]]] = [
    (
        "linux-4090-64g",
        "llama3-70b",
        8192,
        ("the others run on the processor from RAM", "one more layer takes", "not Q5_K_M", "not Q3_K_M"),
    ),
    ("linux-4090-64g", "llama3.1-8b", 32768, ("all 33 layers are on gpu0", "not BF16", "not Q6_K")),
    (
        "linux-4060laptop-8g-32g",
        "qwen3-30b-a3b",
        8192,
        ("but the experts of the first", "all 128 experts of a layer must be resident", "(-ub)"),
    ),
    (
        "linux-4090-64g",
        "gpt-oss-120b",
        16384,
        ("but the experts of the first 24 of 36 are in RAM", "the weights as they were published"),
    ),
    (
        SMALL,
        "gemma-3-12b",
        8192,
        ("all 49 layers are on gpu0", "not Q8_0", "instead of 49 layers on the GPU"),
    ),
    (SMALL, "gemma-3-27b", 8192, ("of 63 layers are on gpu0", "not Q3_K_M", "which is faster")),
    ("linux-2x3090-64g", "llama3.3-70b", 8192, ("they are equally fast and filled alike", "not Q5_K_M")),
    (PAIR, "qwen3-32b", 16384, ("gpu0 reads 936 GB/s and gpu1 reads 360 GB/s", "is filled first")),
    ("macos-m3max-64g", "llama3-70b", 8192, ("of the 48.00 GiB usable on gpu0", "not Q5_K_M")),
    ("macos-m1-16g", "llama3.1-8b", 8192, ("of the 9.00 GiB usable on gpu0", "not Q5_K_M")),
    ("linux-laptop-nogpu-16g", "llama3.1-8b", 8192, ("the processor runs all of it", "usable in RAM")),
    (("H200", 256), "llama3.3-70b", 131072, ("all 81 layers are on gpu0", "not BF16", "not Q6_K")),
]


@pytest.mark.parametrize(("name", "model", "ctx_size", "said"), REASONS)
def test_a_call_comes_with_its_reason(name: Name, model: str, ctx_size: int, said: tuple[str, ...]) -> None:
    """
    The first choice says where its layers are and why, on this machine's memory, and which neighbours it beats.
    """
    reasons = answer(name, model, ctx_size).choices[0].reasons

    assert [words for words in said if not any(words in reason for reason in reasons)] == []


def test_a_no_says_how_much_is_missing_of_each_quantization() -> None:
    """
    DeepSeek R1 on 24 + 64 GB: every quantization with what it lacks, the least of them first among what is nearest.
    """
    found = answer("linux-4090-64g", "deepseek-r1-671b", 8192)
    least = min(found.rejected, key=lambda one: one.missing_bytes or 0)

    assert all("too little is free" in one.why for one in found.rejected)
    assert found.nearest[0].startswith(f"{least.what} misses least")
