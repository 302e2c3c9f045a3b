"""
The calls that an expert makes, on recorded and hypothetical machines.
"""

from functools import cache

import pytest

from llmprobe import api
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.units import GIB
from tests.advise.messages import named
from tests.readme import ROOT

MACHINES = ROOT / "fixtures" / "machines"

Name = str | tuple[str | int, ...]


@cache
def machine(name: Name) -> Snapshot:
    """
    Return a recorded machine by its slug, or an idle one of these GPUs and this much RAM in GiB.
    """
    if isinstance(name, str):
        return api.probe(MACHINES / name / "recording.json")
    gpus = tuple(part for part in name if isinstance(part, str))
    ram = sum(part for part in name if isinstance(part, int))
    return api.probe(gpus=gpus, ram_bytes=ram * GIB)


@cache
def answer(name: Name, model: str, ctx_size: int) -> Recommendation:
    return api.recommend(api.load_model(model), machine(name), ctx_size=ctx_size)


def first(name: Name, model: str, ctx_size: int) -> Choice:
    return answer(name, model, ctx_size).choices[0]


def whole(choice: Choice) -> bool:
    return choice.gpu_layers == choice.total_layers and choice.n_cpu_moe == 0


def likely(choice: Choice) -> float:
    assert choice.speed.generation_tokens_per_s is not None
    return choice.speed.generation_tokens_per_s.likely


def test_4090_with_a_70b() -> None:
    """
    Q4_K_M with about half of the layers on the GPU, slow; a type of 2 or 3 bits mostly on the GPU is the fast choice.
    """
    choice = first("linux-4090-64g", "llama3-70b", 8192)
    fast = next(one for one in answer("linux-4090-64g", "llama3-70b", 8192).choices if one.label == "faster")

    assert (choice.quant, choice.cache_type_k) == ("Q4_K_M", "f16")
    assert 42 <= choice.gpu_layers <= 44
    assert 2 <= likely(choice) <= 4
    assert fast.quant.startswith(("IQ2", "IQ3", "Q2", "Q3"))
    assert fast.gpu_layers > 60
    assert fast.quality.words.id in ("quality.clear-loss", "quality.heavy-loss", "quality.barely-usable")


@pytest.mark.parametrize(
    ("name", "model", "ctx_size", "quants"),
    [
        ("linux-4090-64g", "llama3.1-8b", 32768, {"Q8_0", "BF16", "F16"}),
        ("linux-2x3090-64g", "llama3.3-70b", 8192, {"Q4_K_M"}),
        ("macos-m3max-64g", "llama3-70b", 8192, {"Q4_K_M"}),
        ("macos-m1-16g", "llama3.1-8b", 8192, {"Q4_K_M", "Q5_K_M", "Q6_K"}),
        (("H200", 256), "llama3.3-70b", 131072, {"Q8_0", "BF16", "F16"}),
    ],
)
def test_what_belongs_on_the_gpu_whole(name: Name, model: str, ctx_size: int, quants: set[str]) -> None:
    """
    Where a good quantization fits the GPUs entirely, with an f16 cache, that is the choice.
    """
    choice = first(name, model, ctx_size)

    assert whole(choice)
    assert choice.quant in quants
    assert (choice.cache_type_k, choice.ctx_size) == ("f16", ctx_size)


def test_a_projector_is_planned_for_and_the_card_is_not_full() -> None:
    """
    Gemma 3 12B fits an RTX 3060 as Q6_K without its projector; with it (815 MiB and its buffers) less of it does.
    """
    spec = api.load_model("gemma-3-12b")
    snapshot = machine(("RTX 3060 12GB", 32))
    text = api.recommend(spec, snapshot, ctx_size=8192, mmproj="none").choices[0]
    seeing = first(("RTX 3060 12GB", 32), "gemma-3-12b", 8192)

    assert (text.quant, whole(text), text.projector) == ("Q6_K", True, None)
    assert seeing.projector is not None
    assert seeing.devices[1].projector_bytes > 900 << 20
    assert seeing.devices[1].budget_bytes is not None
    assert seeing.devices[1].total_bytes <= seeing.devices[1].budget_bytes - (512 << 20)
    assert "--mmproj mmproj-F16.gguf" in seeing.commands["llama.cpp"]
    assert "--mmproj" not in text.commands["llama.cpp"]


def test_gemma_3_27b_on_12_gib_leaves_room_for_its_projector() -> None:
    """
    llama.cpp's issue 18111: with 39 or 40 layers on an RTX 3060 the first image ended in CUDA out of memory.
    """
    choice = first(("RTX 3060 12GB", 32), "gemma-3-27b", 8192)

    assert choice.quant == "Q4_K_M"
    assert 33 <= choice.gpu_layers <= 36
    assert choice.projector is not None
    assert choice.projector.device == "gpu0"


def test_two_equal_cards_get_half_of_a_70b_each() -> None:
    """
    2x RTX 3090 have every layer in equal slices.
    """
    choice = first("linux-2x3090-64g", "llama3.3-70b", 8192)
    held = [device.weights_bytes for device in choice.devices if device.id != "host"]

    assert choice.split_mode == "tensor"
    assert abs(held[0] - held[1]) <= 0.02 * held[0]


def test_unequal_cards_are_used_unequally() -> None:
    """
    An RTX 3090 beside an RTX 3060, which reads at less than half its speed, is filled first with layers of a 32B that
    does not fit it alone.
    """
    snapshot = machine(("RTX 3090", "RTX 3060 12GB", 64))
    choice = api.recommend(api.load_model("qwen3-32b"), snapshot, ctx_size=16384, quants="Q6_K").choices[0]
    fast, slow = (device for device in choice.devices if device.id != "host")

    assert choice.tensor_split[0] > 1.5 * choice.tensor_split[1]
    assert fast.budget_bytes is not None
    assert fast.total_bytes > 0.9 * fast.budget_bytes
    assert slow.weights_bytes


@pytest.mark.parametrize(
    ("name", "model", "ctx_size", "fewest", "most"),
    [
        ("linux-4060laptop-8g-32g", "qwen3-30b-a3b", 8192, 30, 36),
        ("linux-4090-64g", "gpt-oss-120b", 16384, 20, 28),
    ],
)
def test_experts_go_to_the_processor_first(
    name: Name, model: str, ctx_size: int, fewest: int, most: int
) -> None:
    """
    All layers of a mixture of experts are on the GPU, with some layers' experts in RAM, at Q4_K_M or better.
    """
    choice = first(name, model, ctx_size)

    assert choice.gpu_layers == choice.total_layers
    assert fewest <= choice.n_cpu_moe <= most
    assert choice.quality.value is not None
    assert choice.quality.value < 0.03


def test_the_longest_context_is_not_bought_with_slow_prompts() -> None:
    """
    Asked for the longest context, the micro-batch is not made smaller than it must be to fit it.
    """
    model = api.load_model("gpt-oss-120b")
    best = api.recommend(model, machine("linux-4090-64g"), ctx_size="max", priority="context").choices[0]

    assert best.ctx_size == model.max_context
    assert best.ubatch_size >= 512


def test_gpt_oss_is_taken_as_published() -> None:
    """
    gpt-oss comes in MXFP4 and nothing else is offered.
    """
    assert {choice.quant for choice in answer("linux-4090-64g", "gpt-oss-120b", 16384).choices} == {"MXFP4"}


def test_a_27b_on_12_gb_shows_both_ways() -> None:
    """
    gemma-3-27b on an RTX 3060: Q4_K_M in part, and a smaller type mostly on the GPU, with what each costs.
    """
    choices = answer(("RTX 3060 12GB", 32), "gemma-3-27b", 8192).choices

    assert any(choice.quant == "Q4_K_M" and not whole(choice) for choice in choices)
    assert any(choice.quant.startswith(("IQ", "Q3", "Q2")) and choice.gpu_layers > 45 for choice in choices)


def test_a_mac_is_told_of_its_wired_limit() -> None:
    """
    On an M3 Max the working set ends the choice, never Q6_K, and the command that raises it is shown.
    """
    found = answer("macos-m3max-64g", "llama3-70b", 8192)

    assert "Q6_K" not in {choice.quant for choice in found.choices}
    assert any(one.id == "mac-wired-limit" and one.remedy and one.remedy.commands for one in found.findings)


def test_a_laptop_without_gpu_is_shown_something_faster() -> None:
    """
    An 8B runs on the processor at 5 to 10 tokens/s, and a 3B is named as the faster model.
    """
    found = answer("linux-laptop-nogpu-16g", "llama3.1-8b", 8192)

    assert found.choices[0].quant == "Q4_K_M"
    assert 5 <= likely(found.choices[0]) <= 10
    assert any("3B" in str(one.values["model"]) for one in named(found.nearest, "nearest.faster-model"))


def test_deepseek_r1_does_not_fit_and_its_distills_do() -> None:
    """
    671B on 24 + 64 GB is a no, with what is missing and the distills that fit.
    """
    found = answer("linux-4090-64g", "deepseek-r1-671b", 8192)

    assert found.choices == ()
    assert all(one.missing_bytes and one.missing_bytes > 50 * GIB for one in found.rejected)
    smaller = named(found.nearest, "nearest.smaller-model")

    assert sum(str(one.values["id"]).startswith("deepseek-r1-distill") for one in smaller) >= 2
