"""
Placements that people reported, with their cards, files and settings: what fitted there fits here, and only that.

Public reports of 2025 and 2026; the source of each is beside it.
"""

from typing import Any

import pytest

import llmprobe
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load
from llmprobe.units import GIB, MIB


def fits(gpu: str, ram: int | None, model: str, quant: str, **settings: Any) -> bool | None:
    machine = llmprobe.probe(gpus=gpu, ram_bytes=None if ram is None else ram * GIB)
    return llmprobe.estimate(llmprobe.load_model(model), quant=quant, snapshot=machine, **settings).fits


@pytest.mark.parametrize(("n_cpu_moe", "expected"), [(40, True), (36, True), (32, False)])
def test_a_dynamic_file_of_experts_on_8_gb(n_cpu_moe: int, *, expected: bool) -> None:
    """
    Qwen3.6-35B-A3B UD-Q4_K_XL, micro-batch of 2048, q8_0: 40 and 36 layers of experts in RAM ran, 32 failed
    (public log 70731648914). By the stock type of that name 32 would have fitted.
    """
    settings: dict[str, Any] = {
        "ctx_size": 8192,
        "ubatch_size": 2048,
        "cache_type_k": "q8_0",
        "cache_type_v": "q8_0",
        "n_cpu_moe": n_cpu_moe,
    }

    assert fits("RTX 4060 Laptop", 64, "qwen3.6-35b-a3b", "UD-Q4_K_XL", **settings) is expected


@pytest.mark.parametrize(("n_cpu_moe", "expected"), [(31, True), (30, False)])
def test_gpt_oss_120b_on_12_gb(n_cpu_moe: int, *, expected: bool) -> None:
    """
    31 layers of experts in RAM worked, 30 did not (RTX 4070, 24,576 tokens, micro-batch of 2048; public log
    40691199358).
    """
    settings: dict[str, Any] = {"ctx_size": 24576, "ubatch_size": 2048, "n_cpu_moe": n_cpu_moe}

    assert fits("RTX 4070", 64, "gpt-oss-120b", "MXFP4_MOE", **settings) is expected


@pytest.mark.parametrize(
    ("gpu", "ram", "model", "quant"),
    [
        ("RX 7600", 32, "qwen3.8-27b", "Q4_K_M"),
        ("RTX 5090", 64, "gpt-oss-120b", "MXFP4_MOE"),
        ("Strix Halo", 128, "minimax-m2.7-230b-a10b", "Q6_K"),
        ("M1 Max 64GB", None, "glm-4.5-air-106b-a12b", "UD-Q3_K_XL"),
    ],
)
def test_what_is_too_large_does_not_fit_whole(gpu: str, ram: int | None, model: str, quant: str) -> None:
    """
    Reported as too large for the card (the last one at the limit that macOS sets by itself).
    """
    assert fits(gpu, ram, model, quant, ctx_size=8192) is False


@pytest.mark.parametrize(("ctx_size", "context_mib"), [(4096, 397), (100096, 2647), (262144, 6445)])
def test_caches_and_buffers_of_a_hybrid_in_four_slots(ctx_size: int, context_mib: int) -> None:
    """
    Qwen3-Coder-Next UD-IQ3_XXS on an RTX 5090 (public log 53224000715), cut to whole MiB: cells and states exactly.
    """
    settings = Settings(ctx_size=ctx_size, parallel=4, kv_unified=True)
    estimator = Estimator(load("qwen3-coder-next-80b-a3b"))
    gpu = estimator.devices("UD-IQ3_XXS", settings, Hardware(devices=(Device(id="gpu0"),)))[1]

    assert gpu.cache_bytes // MIB == context_mib


def test_experts_by_layer_on_four_cards() -> None:
    """
    MiniMax-M2.1 IQ4_NL with an importance matrix on 4 x RTX 3090, the experts of 37 layers in RAM by -ot
    (public log 43121383699): weights and caches of each card to the MiB.
    """
    apart = (*range(1, 11), *range(17, 26), *range(33, 42), *range(49, 58))
    settings = Settings(
        ctx_size=120000, parallel=4, kv_unified=True, batch_size=512, tensor_split=(1, 1, 1, 1), cpu_moe_layers=apart
    )  # fmt: skip
    devices = tuple(Device(id=f"gpu{number}") for number in range(4))
    found = Estimator(load("minimax-m2.1-230b-a10b")).devices(
        "i1-IQ4_NL", settings, Hardware(devices=devices)
    )

    assert [device.weights_bytes // MIB for device in found[1:]] == [12096, 14040, 14040, 10579]
    assert [device.cache_bytes // MIB for device in found[1:]] == [7504, 7504, 7504, 6566]
    assert found[0].weights_bytes / MIB == pytest.approx(72257, abs=1)


def test_all_but_the_experts_of_a_file_of_today_is_in_8_bits() -> None:
    """
    Qwen3.6-35B-A3B with all experts in RAM: 2542 MiB on the card with its next-token layer, whose head is a copy of
    515 MiB (ggml-org/llama.cpp#22673); the stock type of that name has half.
    """
    settings = Settings(ctx_size=131072, n_cpu_moe=40)
    estimator = Estimator(load("qwen3.6-35b-a3b"))
    hardware = Hardware(devices=(Device(id="gpu0"),))
    dynamic, stock = (estimator.devices(quant, settings, hardware)[1] for quant in ("UD-Q4_K_XL", "Q4_K_M"))

    assert dynamic.weights_bytes / MIB == pytest.approx(2542 - 515, rel=0.01)
    assert stock.weights_bytes < 0.66 * dynamic.weights_bytes
    assert dynamic.cache_bytes // MIB == 2622


@pytest.mark.parametrize(
    ("backend", "type_k", "type_v", "warned"),
    [
        # 18 instead of 2 graph splits, attention on the CPU (public log 61067584628).
        ("metal", "q5_1", "q8_0", "warning.unlike-caches"),
        ("metal", "q5_1", "q5_1", None),
        # 12 instead of 37 tokens/s with the stock image (club-3090, Gemma 4 31B).
        ("cuda", "q5_0", "q4_1", "warning.caches-of-a-build"),
        ("cuda", "q5_1", "q8_0", "warning.caches-of-a-build"),
        ("cuda", "q5_1", "q5_1", "warning.caches-of-a-build"),
        ("cuda", "q8_0", "q8_0", None),
        ("cuda", "f16", "f16", None),
        # Its shaders take any mix.
        ("vulkan", "q5_1", "q8_0", None),
    ],
)
def test_unlike_types_of_a_cache_are_warned_of(
    backend: Any, type_k: str, type_v: str, warned: str | None
) -> None:
    """
    Not silently the speed of two like types.
    """
    found = llmprobe.estimate(
        llmprobe.load_model("qwen3-8b"),
        quant="Q4_K_M",
        devices=1,
        backend=backend,
        ctx_size=8192,
        cache_type_k=type_k,
        cache_type_v=type_v,
        flash_attn="on",
    )

    assert [one.id for one in found.warnings] == ([] if warned is None else [warned])


def test_a_wish_for_unlike_types_is_warned_of() -> None:
    """
    In a recommendation as in an estimate.
    """
    machine = llmprobe.probe(gpus="RTX 3090", ram_bytes=64 * GIB)
    asked: dict[str, Any] = {
        "cache_type_k": "q5_1",
        "cache_type_v": "q8_0",
        "quants": ["Q4_K_M"],
        "ctx_size": 8192,
    }
    answer = llmprobe.recommend(llmprobe.load_model("qwen3-8b"), machine, **asked)
    usual = llmprobe.recommend(llmprobe.load_model("qwen3-8b"), machine, ctx_size=8192)

    assert [one.id for one in answer.warnings] == ["warning.caches-of-a-build"]
    assert usual.warnings == ()
