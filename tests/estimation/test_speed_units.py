"""
Which units compute a prompt: matrix units where the engine uses them, else those of vectors; and by whose driver.
"""

import pytest

import llmprobe
from llmprobe.estimation import Estimator
from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.shares import fp16_flops
from llmprobe.facts.backends import BackendName
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings


def share(model: str, **changes: object) -> Share:
    """
    What one card does for a token of a model that is whole on it.
    """
    device = Device(id="gpu0", bandwidth_bytes_per_s=10**12, **changes)  # type: ignore[arg-type]
    own = Estimator(llmprobe.load_model(model))
    return own.shares("Q4_0", Settings(ctx_size=4096), Hardware(devices=(device,)))[1]


@pytest.mark.parametrize(
    ("model", "part"),
    [
        ("llama-3-8b-instruct", 0.0),  # 32 heads of 128 over 8 of K and V
        ("llama-2-7b-chat", 1.0),  # as many heads of K as of Q
        ("gemma-3-12b", 1.0),  # heads of 256
    ],
)
def test_what_the_matrix_units_of_rdna_leave_to_vectors(model: str, part: float) -> None:
    """
    Heads wider than 128 or with K of their own (llama.cpp b11549, ggml/src/ggml-cuda/fattn.cu).
    """
    own = share(model)

    assert own.attention_operations > 0
    assert own.wide_operations == part * own.attention_operations
    assert own.cells == 4096


@pytest.mark.parametrize(
    ("name", "bandwidth", "by_vulkan", "otherwise"),
    [("Intel Arc A770", 560, 39.32, 131.0), ("Intel Arc B580", 456, 116.7, 116.7)],
)
def test_matrix_units_of_intel_before_xe2_do_nothing_for_vulkan(
    name: str, bandwidth: int, by_vulkan: float, otherwise: float
) -> None:
    """
    An A770 computes in vectors there, at a third of its rate; a B580 does not.
    """
    assert fp16_flops(name, bandwidth * 10**9, vulkan=True) == by_vulkan * 10**12
    assert fp16_flops(name, bandwidth * 10**9) == otherwise * 10**12


def test_windows_runs_an_arc_three_times_as_fast_as_mesa() -> None:
    """
    By Vulkan: 126.7 tokens/s against 41.8 were measured on a B580 with a model of 2B.
    """
    rates = []
    for windows in (True, False):
        device = Device(
            id="gpu0",
            backend="vulkan",
            driver="intel",
            name="Intel Arc B580",
            bandwidth_bytes_per_s=456 * 10**9,
            windows=windows,
        )
        rates.append(rate(device))

    assert rates[0] > 1.8 * rates[1]


def rate(device: Device) -> float:
    """
    The likely tokens per second of a model of 2B on a card.
    """
    own = Estimator(llmprobe.load_model("gemma-2-2b-it"))
    shares = own.shares("Q4_K_M", Settings(ctx_size=512), Hardware(devices=(device,)))
    found = generation_speed(shares, moe=False, quant="Q4_K_M").generation_tokens_per_s
    assert found is not None
    return found.likely


@pytest.mark.parametrize(
    ("types", "backend", "low"),
    [
        (("q5_0", "q4_1"), "cuda", 0.32),
        (("q8_0", "f16"), "rocm", 0.32),
        (("q8_0", "q8_0"), "cuda", 1.0),
        (("q5_0", "q4_1"), "vulkan", 1.0),
    ],
)
def test_types_without_a_kernel_widen_the_range(
    types: tuple[str, str], backend: BackendName, low: float
) -> None:
    """
    12 of 37 tokens/s were reported of a build that left attention to the processor; those with kernels lose nothing.
    """
    device = Device(
        id="gpu0", backend=backend, name="NVIDIA GeForce RTX 3090", bandwidth_bytes_per_s=936 * 10**9
    )
    own = Estimator(llmprobe.load_model("llama-3-8b-instruct"))
    rates = []
    for k, v in (("f16", "f16"), types):
        settings = Settings(ctx_size=512, cache_type_k=k, cache_type_v=v, flash_attn="on")
        shares = own.shares("Q4_K_M", settings, Hardware(devices=(device,)))
        found = generation_speed(shares, moe=False).generation_tokens_per_s
        assert found is not None
        rates.append(found)

    assert rates[1].likely == pytest.approx(rates[0].likely, rel=0.01)
    assert rates[1].low == pytest.approx(low * rates[0].low, rel=0.01)
