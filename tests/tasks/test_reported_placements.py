"""
Placements that people reported, with their cards, files and settings: what fitted there fits here, and only that.

Public reports of 2025 and 2026; the source of each is beside it.
"""

from typing import Any

import pytest

import llmprobe
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.estimate import DeviceEstimate
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load
from llmprobe.units import GIB, MIB
from tests.machine_fixtures import replayed


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


def gpu_of(gpu: str, model: str, quant: str, **settings: Any) -> DeviceEstimate:
    machine = llmprobe.probe(gpus=gpu, ram_bytes=64 * GIB)
    return llmprobe.estimate(llmprobe.load_model(model), quant=quant, snapshot=machine, **settings).devices[1]


def test_states_are_kept_once_more_for_each_drafted_token() -> None:
    """
    Qwen3.5-9B with its next-token layer and six drafted tokens keeps 351.75 MiB of states (public log 61067584628).
    """
    found = gpu_of(
        "RTX 3090", "qwen3.5-9b", "Q4_K_M", ctx_size=8192, spec_type="draft-mtp", spec_draft_n_max=6
    )
    states = next(term for term in found.terms if term.name == "recurrent-state")

    assert states.bytes == 351.75 * MIB


@pytest.mark.parametrize(("chip", "budget_mib"), [("M5 32GB", 25_559), ("M5 Max 48GB", 38_338)])
def test_the_working_set_of_an_m5(chip: str, budget_mib: int) -> None:
    """
    26,800.6 MB of 32 GB and 40,200.9 MB of 48 GB by llama.cpp's log (ggml-org/llama.cpp#16634).
    """
    budget = llmprobe.probe(gpus=chip).pools[0].budget_bytes

    assert budget is not None
    assert budget // MIB == budget_mib


def test_a_laptop_s_ada_card() -> None:
    """
    The RTX 2000 Ada of laptops: CUDA reports 7,807 MiB, and what a mixture keeps there with its experts in RAM fits
    beside 131,072 tokens (ggml-org/llama.cpp#22673).
    """
    pool = llmprobe.probe(gpus="RTX 2000 Ada Laptop", ram_bytes=64 * GIB).pools[1]
    settings: dict[str, Any] = {"ctx_size": 131072, "cpu_moe": True, "mmproj": "none"}

    assert pool.budget_bytes is not None
    assert pool.budget_bytes / MIB == pytest.approx(7807, abs=8)
    assert fits("RTX 2000 Ada Laptop", 64, "qwen3.6-35b-a3b", "UD-Q4_K_XL", **settings)


def test_experts_on_a_radeon_of_16_gb() -> None:
    """
    Qwen3.5-35B-A3B MXFP4 on an RX 9070 XT: the experts of 8 layers in RAM ran best, those of none did not fit
    (public log 70536207724). Its driver reports 16,304 MiB.
    """
    settings: dict[str, Any] = {"ctx_size": 4096, "mmproj": "none", "engine": "llama-bench"}
    found = {
        count: fits("RX 9070 XT", 64, "qwen3.5-35b-a3b", "MXFP4_MOE", n_cpu_moe=count, **settings)
        for count in (0, 8, 16)
    }

    assert found == {0: False, 8: True, 16: True}


@pytest.mark.parametrize(
    ("model", "quant", "settings"),
    [
        ("gemma-4-12b", "Q4_K_S", {"ctx_size": 10240, "gpu_layers": 45}),
        ("gemma-4-12b", "Q4_0", {"ctx_size": 10240, "gpu_layers": 46}),
        ("mistral-small-4", "Q3_K_M", {"ctx_size": 128000, "n_cpu_moe": 36}),
        ("glm-4.7-flash", "Q4_K_M", {"ctx_size": 102400, "n_cpu_moe": 47}),
        ("gemma-4-26b-a4b", "Q4_K_M", {"ctx_size": 153600, "n_cpu_moe": 29, "ubatch_size": 1024}),
    ],
)
def test_what_llama_cpp_fitted_on_a_laptop(model: str, quant: str, settings: dict[str, Any]) -> None:
    """
    Loads of one RTX 4070 Laptop with 8 GB and 64 GB of RAM, for which llama-fit-params left 256 MiB (May and June
    2026). The first layer of GLM 4.7 Flash has no experts.
    """
    assert fits("RTX 4070 Laptop", 64, model, quant, mmproj="none", **settings)


def test_weights_beyond_ram_are_read_again() -> None:
    """
    On that laptop 71 GiB of Qwen3.5-122B ran at 7.5 to 15.2 tokens/s from the mapped file, with 62 GiB of RAM to give:
    it does not fit, it starts, and both are said. Without mapping it doesn't start, so nothing is.
    """
    estimator = Estimator(load("qwen3.5-122b-a10b"))
    hardware = Hardware(devices=(Device(id="gpu0"),))
    budgets = {"ram": 62 * GIB, "gpu0": 7803 * MIB}
    mapped, whole, small = (
        estimator.estimate(
            quant, Settings(ctx_size=20480, n_cpu_moe=48, mmproj="none", mmap=mmap), hardware, budgets
        )
        for quant, mmap in (("Q4_K_M", True), ("Q4_K_M", False), ("Q2_K", True))
    )

    assert (mapped.fits, whole.fits, small.fits) == (False, False, True)
    assert [one.id for one in mapped.warnings] == ["warning.read-again"]
    assert mapped.warnings[0].values["missing_bytes"] == mapped.missing_bytes
    assert whole.warnings == small.warnings == ()


@pytest.mark.parametrize(
    ("gpu", "model", "quant", "ctx_size", "cache", "drafted", "peak_mib"),
    [
        ("RTX 3090", "qwen3.8-27b", "UD-IQ4_XS", 215040, ("q8_0", "q8_0"), 2, 23264),
        ("RTX 3090", "qwen3.6-27b", "Q4_K_M", 204800, ("q4_0", "q4_0"), 2, 22938),
        ("RTX 3090", "gemma-4-31b", "Q4_K_S", 65536, ("q5_0", "q4_1"), 0, 19661),
        ("RTX 6000 Ada", "qwen3.8-27b", "UD-Q8_K_XL", 256142, ("q8_0", "q8_0"), 0, 40960),
    ],
)
def test_peaks_that_were_reported(
    gpu: str, model: str, quant: str, ctx_size: int, cache: tuple[str, str], drafted: int, peak_mib: int
) -> None:
    """
    Within 5 % of the whole card's peak, with files known by their names alone (club-3090, issue 1380 and its table).
    """
    settings: dict[str, Any] = {
        "ctx_size": ctx_size,
        "cache_type_k": cache[0],
        "cache_type_v": cache[1],
        "mmproj": "none",
    }
    if drafted:
        settings |= {"spec_type": "draft-mtp", "spec_draft_n_max": drafted}

    assert gpu_of(gpu, model, quant, **settings).total_bytes / MIB == pytest.approx(peak_mib, rel=0.05)


def test_a_radeon_with_experts_in_ram_has_a_speed_for_prompts() -> None:
    """
    The link of a card of AMD is known as that of any other: weights in RAM go over it.
    """
    recorded = replayed("linux-rx7900xtx-64g")
    found = llmprobe.estimate(
        llmprobe.load_model("qwen3-30b-a3b"), quant="Q4_K_M", snapshot=recorded, ctx_size=8192, n_cpu_moe=24
    )

    assert found.speed.prompt_tokens_per_s is not None
