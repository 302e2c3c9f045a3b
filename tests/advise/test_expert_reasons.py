"""
The reasons that go with the calls of an expert: what was decided, on which memory, and what it was weighed against.
"""

import re

import pytest

from llmprobe.words.message import message
from tests.advise.test_expert_table import Name, answer

PAIR = ("RTX 3090", "RTX 3060 12GB", 64)
SMALL = ("RTX 3060 12GB", 32)

REASONS: list[tuple[Name, str, int, tuple[str, ...]]] = [
    ("linux-4090-64g", "llama3-70b", 8192, ("partly-on-gpu", "not-finer Q5_K_M", "not-faster Q3_K_M")),
    ("linux-4090-64g", "llama3.1-8b", 32768, ("all-on-gpu", "not-finer BF16", "not-faster Q6_K")),
    (
        "linux-4060laptop-8g-32g",
        "qwen3-30b-a3b",
        8192,
        ("experts-in-ram", "experts-resident", "not-finer Q5_K_M"),
    ),
    ("linux-4090-64g", "gpt-oss-120b", 16384, ("experts-in-ram", "experts-resident", "no-loss MXFP4")),
    (SMALL, "gemma-3-12b", 8192, ("partly-on-gpu", "not-finer Q8_0")),
    (SMALL, "gemma-3-27b", 8192, ("partly-on-gpu", "not-finer Q5_K_M", "not-faster IQ3_M")),
    ("linux-2x3090-64g", "llama3.3-70b", 8192, ("all-on-gpu", "by-tensors", "not-finer Q5_K_M")),
    (PAIR, "qwen3-32b", 16384, ("all-on-gpu", "left-out-not-needed", "not-finer Q5_K_M")),
    ("macos-m3max-64g", "llama3-70b", 8192, ("all-on-gpu", "not-finer Q5_K_M")),
    ("macos-m1-16g", "llama3.1-8b", 8192, ("all-on-gpu", "not-finer Q6_K", "not-faster Q4_K_M")),
    ("linux-laptop-nogpu-16g", "llama3.1-8b", 8192, ("on-cpu",)),
    (("H200", 256), "llama3.3-70b", 131072, ("all-on-gpu", "not-finer BF16", "not-faster Q6_K")),
]

VERDICTS: list[tuple[Name, str, int, str]] = [
    ("linux-4090-64g", "llama3.1-8b", 32768, r"Runs well here: fully on the GPU, about \d+ tokens/s"),
    ("linux-2x3090-64g", "llama3.3-70b", 8192, r"Runs well here: fully on 2 GPUs, about \d+ tokens/s"),
    (
        "linux-4060laptop-8g-32g",
        "qwen3-30b-a3b",
        8192,
        r"Runs well here: all layers on the GPU, the experts of \d+ of 48 layers in RAM, about \d+ tokens/s",
    ),
    (
        "linux-4090-64g",
        "llama3-70b",
        8192,
        r"Runs, but slowly: \d+ of 81 layers on the GPU, the rest on the CPU, about [0-9.]+ tokens/s",
    ),
    (
        "linux-laptop-nogpu-16g",
        "llama3.1-8b",
        8192,
        r"Runs at a readable speed: on the CPU alone, about [0-9.]+ tokens/s",
    ),
    ("linux-4090-64g", "deepseek-r1-671b", 8192, r"Does not fit: [0-9.]+ GiB short, even as IQ2_XXS"),
]


@pytest.mark.parametrize(("name", "model", "ctx_size", "expected"), REASONS)
def test_a_call_comes_with_its_reason(
    name: Name, model: str, ctx_size: int, expected: tuple[str, ...]
) -> None:
    """
    The first choice says where its layers are and why, and which neighbours it beats.
    """
    choice = answer(name, model, ctx_size).choices[0]
    found = {one.id: one.values.get("quant") for one in (*choice.reasons, *choice.details)}
    wanted = [name.partition(" ") for name in expected]

    assert [
        (name, quant)
        for name, _, quant in wanted
        if f"reason.{name}" not in found or (quant and found[f"reason.{name}"] != quant)
    ] == []


@pytest.mark.parametrize(("name", "model", "ctx_size", "text"), VERDICTS)
def test_a_call_has_a_verdict(name: Name, model: str, ctx_size: int, text: str) -> None:
    """
    The answer in one line: whether it runs, where, and how fast; or how much memory is short.
    """
    found = answer(name, model, ctx_size)

    assert re.fullmatch(text, str(found.verdict))
    assert found.verdict == (found.choices[0].verdict if found.choices else found.verdict)


@pytest.mark.parametrize(("name", "model", "ctx_size", "expected"), REASONS)
def test_reasons_for_every_reader_need_no_source(
    name: Name, model: str, ctx_size: int, expected: tuple[str, ...]
) -> None:
    """
    No default line has a figure or a word that only an engineer knows.
    """
    found = answer(name, model, ctx_size)
    lines = [str(found.verdict), *(str(one) for choice in found.choices for one in choice.reasons)]

    assert [line for line in lines if re.search(r"nats|KL|diverge|ubatch|micro-batch|graph", line)] == []


def test_a_no_has_the_shortfall_of_each_quantization() -> None:
    """
    DeepSeek R1 on 24 + 64 GB: every quantization with what it lacks, the least of them in the verdict.
    """
    found = answer("linux-4090-64g", "deepseek-r1-671b", 8192)
    least = min(found.rejected, key=lambda one: one.missing_bytes or 0)

    assert {one.why.id for one in found.rejected} == {"rejected.too-little-free"}
    assert found.verdict == message(
        "verdict.does-not-fit", quant=least.what, missing_bytes=least.missing_bytes
    )
