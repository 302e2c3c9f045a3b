"""
What is recommended for vLLM: weights that the cards compute, ranks, settings, and commands that its parser takes.
"""

from functools import cache
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.advise.serving.formats import cache_types, kernels, packed_as
from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.facts.serving import Card, Serving
from llmprobe.units import GIB
from llmprobe.words.message import message
from tests.advise.messages import inner
from tests.cli.test_main import ended


@cache
def machine(gpu: str) -> Any:
    shared = gpu.startswith(("DGX", "M3"))
    return llmprobe.probe(gpus=gpu) if shared else llmprobe.probe(gpus=gpu, ram="256GiB")


@cache
def answer(gpu: str, model: str, **wishes: Any) -> Recommendation:
    return llmprobe.recommend(llmprobe.load_model(model), machine(gpu), engine="vllm", **wishes)


def first(gpu: str, model: str, **wishes: Any) -> tuple[Choice, Serving]:
    best = answer(gpu, model, **wishes).choices[0]
    assert best.serving is not None
    return best, best.serving


def test_two_4090_serve_a_70b_in_four_bits() -> None:
    """
    Both cards, 8-bit cache, few requests: AWQ is all that fits, and nothing else is chosen for want of room.
    """
    best, serving = first("2x RTX 4090", "llama3-70b")

    assert best.quant == "AWQ"
    assert serving.checkpoint.repository == "casperhansen/llama-3-70b-instruct-awq"
    assert serving.settings.tensor_parallel_size == 2
    assert serving.settings.max_model_len == 8192
    assert serving.settings.kv_cache_dtype == "fp8"
    assert not serving.settings.enforce_eager
    assert best.fits


def test_an_h100_serves_a_32b_in_fp8() -> None:
    """
    It computes FP8, which leaves more than one request of the whole length.
    """
    best, serving = first("H100", "qwen3-32b")

    assert serving.checkpoint.repository == "Qwen/Qwen3-32B-FP8"
    assert serving.settings.max_model_len == 40960
    assert serving.pool.concurrency.low > 2
    assert [choice.quant for choice in answer("H100", "qwen3-32b").choices].count("BF16") == 1
    assert best.reasons[0] == message("reason.serving-computed", format="FP8")


def test_eight_h200_serve_deepseek() -> None:
    """
    Its own FP8, cut over all eight, experts dealt out, at its whole length.
    """
    _, serving = first("8x H200", "deepseek-v3")

    assert serving.checkpoint.format == "FP8-block"
    assert (serving.settings.tensor_parallel_size, serving.settings.enable_expert_parallel) == (8, True)
    assert serving.settings.max_model_len == 163840


def test_a_spark_serves_gpt_oss() -> None:
    """
    Its own MXFP4, with room for the system, whose memory it shares.
    """
    best, serving = first("DGX Spark", "gpt-oss-120b")

    assert serving.checkpoint.repository == "openai/gpt-oss-120b"
    assert serving.settings.gpu_memory_utilization is not None
    assert serving.settings.gpu_memory_utilization <= 0.86
    assert serving.settings.max_model_len == 131072
    assert sum(device.total_bytes for device in best.devices) < 115 * GIB


def test_a_mac_is_not_for_vllm(capsys: pytest.CaptureFixture[str]) -> None:
    """
    The answer is "no", with what runs there.
    """
    found = answer("M3 Max 64GB", "qwen3-8b")
    code, out, _ = ended(capsys, "--gpu", "M3 Max 64GB", "recommend", "qwen3-8b", "--engine", "vllm")

    assert found.choices == ()
    assert found.verdict == message("verdict.serving-no-device", engine="vllm", backends=("CUDA", "ROCm"))
    assert code == 3
    assert "vLLM is not for this machine" in out


@pytest.mark.parametrize(
    ("gpu", "model", "wishes"),
    [
        ("2x RTX 4090", "llama3-70b", {}),
        ("H100", "qwen3-32b", {"priority": "quality"}),
        ("3x RTX 3090", "qwen3-32b", {}),
        ("8x H200", "deepseek-v3", {}),
        ("RTX 2080 Ti", "qwen3-4b", {}),
        ("4x A100 80GB", "llama-3.3-70b", {"parallel": 16}),
        ("MI300X", "llama-3.3-70b", {}),
    ],
)
def test_every_option_of_a_command_is_in_the_parser(gpu: str, model: str, wishes: dict[str, Any]) -> None:
    """
    Of the version whose rules count; and no command names a GGUF file.
    """
    known = set(table("vllm_options")["options"])
    version = table("vllm_options")["version"]
    found = answer(gpu, model, **wishes)

    assert found.choices
    for choice in found.choices:
        line = choice.commands["vllm"]
        assert {word for word in line.split() if word.startswith("-")} <= known
        assert "gguf" not in line.lower()
        assert choice.serving is not None
        assert choice.serving.settings.version == version


def test_three_cards_that_do_not_divide_the_heads() -> None:
    """
    64 heads: two cards are cut over, shown to vLLM by number, or all three are a pipeline.
    """
    for choice in answer("3x RTX 3090", "qwen3-32b").choices:
        assert choice.serving is not None
        run = choice.serving.settings
        assert 64 % run.tensor_parallel_size == 0
        assert run.world_size == 3 or "CUDA_VISIBLE_DEVICES=0,1 " in choice.commands["vllm"]


def test_more_requests_take_a_smaller_format() -> None:
    """
    One RTX 3090: eight requests at once leave room for 4 bits only.
    """
    best, serving = first("RTX 3090", "qwen3-14b", parallel=8)

    assert best.quant == "AWQ"
    assert serving.pool.concurrency.low >= 8
    assert serving.settings.max_num_seqs >= 8
    rejected = {one.what: one.why.id for one in answer("RTX 3090", "qwen3-14b", parallel=8).rejected}
    assert rejected["BF16"] == "failure.serving-loading"
    assert rejected["FP8-block"] == "rejected.serving-few"


def test_the_longest_is_what_surely_fits() -> None:
    """
    ``-c max``: a request of that length is held even at the worst end of the range.
    """
    _, serving = first("2x RTX 4090", "qwen3.6-27b", ctx_size="max")

    assert serving.pool.concurrency.low >= 1
    assert serving.settings.max_model_len > 32768


def test_a_wished_length_is_kept() -> None:
    """
    Neither shortened nor lengthened, and all that cannot hold it is rejected.
    """
    _, serving = first("H100", "qwen3-32b", ctx_size=16384)

    assert serving.settings.max_model_len == 16384
    assert answer("RTX 4090", "qwen3-8b", ctx_size=40960, parallel=64).choices == ()


def test_priorities_turn_the_answer() -> None:
    """
    Quality takes 16 bits where they fit, speed four.
    """
    assert first("H100", "qwen3-32b", priority="quality")[0].quant == "BF16"
    assert packed_as(first("H100", "qwen3-32b", priority="speed")[0].quant) in ("INT4", "NVFP4")


def test_a_format_can_be_asked_for() -> None:
    """
    Where nobody is known to publish it, there is no command; one of no such name is refused.
    """
    assert {choice.quant for choice in answer("H100", "qwen3-32b", quants="AWQ").choices} == {"AWQ"}
    unknown = answer("H100", "qwen2.5-7b", quants="NVFP4").choices[0]
    assert unknown.commands == {}
    with pytest.raises(UsageError) as caught:
        answer("H100", "qwen3-32b", quants="Q4_K_M")
    assert caught.value.message.id == "error.serving-format"


def test_speed_is_a_range_and_grows_with_requests() -> None:
    """
    All together make more tokens than one alone, each fewer.
    """
    best, serving = first("H100", "qwen3-32b")
    rates = [each.tokens_per_s for each in serving.together]

    assert best.speed.generation_tokens_per_s is not None
    assert 30 < best.speed.generation_tokens_per_s.likely < 110
    assert all(rate.low < rate.likely < rate.high for rate in rates)
    assert [rate.likely for rate in rates] == sorted(rate.likely for rate in rates)
    each = [rate.likely / one.users for rate, one in zip(rates, serving.together, strict=True)]
    assert each == sorted(each, reverse=True)


def test_memory_in_use_lowers_the_share() -> None:
    """
    With 4 GiB to be kept free of an RTX 4090, vLLM is told a share that is free.
    """
    _, serving = first("RTX 4090", "qwen3-4b", reserve_bytes=4 * GIB)

    assert serving.settings.gpu_memory_utilization is not None
    assert serving.settings.gpu_memory_utilization < 0.82


@pytest.mark.parametrize(
    ("kind", "capability", "loads", "native"),
    [
        ("BF16", (8, 6), True, True),
        ("FP8", (9, 0), True, True),
        ("FP8-block", (8, 9), True, True),
        ("FP8", (8, 0), True, False),
        ("NVFP4", (10, 0), True, True),
        ("NVFP4", (9, 0), True, False),
        ("W8A8", (8, 0), True, True),
        ("W8A8", (12, 0), False, False),
        ("AWQ", (8, 9), True, False),
        ("AWQ", (6, 1), False, False),
    ],
)
def test_what_a_card_does_with_a_format(
    kind: str, capability: tuple[int, int], loads: bool, native: bool
) -> None:
    """
    FP8 from Ada and Hopper on, NVFP4 on Blackwell, whole numbers of eight bits before it; Marlin unpacks the others.
    """
    found = kernels(kind, Card(total_bytes=GIB, capability=capability))

    assert found[:2] == (loads, native)


def test_a_cache_of_eight_bits_needs_ada() -> None:
    """
    Earlier cards have one of E5M2 alone, which nobody takes by itself.
    """
    assert cache_types(Card(total_bytes=GIB, capability=(8, 6))) == ("auto",)
    assert "fp8" in cache_types(Card(total_bytes=GIB, capability=(8, 9)))


def test_drafts_are_not_planned() -> None:
    """
    It would need another search.
    """
    with pytest.raises(UsageError) as caught:
        answer("H100", "qwen3-32b", spec_type="ngram-mod")
    assert caught.value.message.id == "error.engine-drafts"


@pytest.mark.parametrize("engine", ["vllm", "sglang", "mlx"])
def test_a_gguf_file_is_the_answer_no(engine: str) -> None:
    """
    With what to ask for instead; so is a model that nobody is known to publish for MLX.
    """
    file = msgspec.structs.replace(llmprobe.load_model("qwen3-8b"), source="gguf", quant="Q4_K_M")
    found = llmprobe.recommend(file, machine("H100"), engine=engine)

    assert found.choices == ()
    assert found.verdict == message("error.serving-gguf", engine=engine)
    nobody = msgspec.structs.replace(llmprobe.load_model("qwen3-8b"), repo=None)
    assert llmprobe.recommend(nobody, machine("M3 Max 64GB"), engine="mlx").choices == ()


def test_fit_leaves_serving_to_recommend() -> None:
    """
    It ranks files of llama.cpp.
    """
    with pytest.raises(UsageError) as caught:
        llmprobe.fit(machine("H100"), engine="vllm")

    assert caught.value.message.id == "error.engine-not-planned"


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_of_the_page_is_too_wide(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """
    But for the command, which is never broken.
    """
    from llmprobe.output.text import recommend
    from tests.output.pages import page_of

    found = answer("H100", "qwen3-32b")
    lines = page_of(monkeypatch, lambda page: recommend.show(page, found, explain=True), width)

    assert all(len(line) <= width for line in lines if not line.startswith("vllm serve"))
    text = " ".join(" ".join(lines).split())
    assert "Requests at once" in text
    assert "32 requests, 4,096 tokens of context" in text


def test_the_loss_of_a_format_is_told_with_what_it_rests_on() -> None:
    """
    FP8 of Qwen3 32B: 0.029 at 8.0B, by its size x (8.03 / 32.8)^0.4, measured in three files of two models, with a
    range.
    """
    best, _ = first("H100", "qwen3-32b")
    (told,) = (one for one in best.reasons if one.id == "reason.loss")
    basis = inner(told, "basis")
    assert best.quality.value is not None

    assert best.quality.value == pytest.approx(0.029 * (8.03 / 32.8) ** 0.4, rel=0.01)
    assert best.quality.low == pytest.approx(0.4 * best.quality.value)
    assert best.quality.high == pytest.approx(2.2 * best.quality.value)
    assert (basis.id, basis.values["files"], basis.values["models"]) == ("quality.basis.format", 3, 2)
    assert "measured in 3 files of 2 models" in str(told)


def test_weights_in_sixteen_bits_have_no_line_of_loss() -> None:
    """
    They lose nothing.
    """
    best, _ = first("RTX 4090", "llama3.1-8b")

    assert best.quant == "BF16"
    assert not [one for one in best.reasons if one.id == "reason.loss"]


@pytest.mark.parametrize(
    ("architecture", "kind", "able"),
    [
        ("gfx942", "FP8", (True, True)),
        ("gfx950", "FP8-block", (True, True)),
        ("gfx1201", "FP8", (True, True)),
        ("gfx1100", "FP8", (False, False)),
        ("gfx90a", "FP8-block", (False, False)),
        ("gfx942", "MXFP4-experts", (True, False)),
        ("gfx950", "MXFP4-experts", (True, True)),
        ("gfx1100", "AWQ", (True, False)),
        ("gfx942", "GPTQ-Int4", (True, False)),
        ("gfx942", "W8A8", (True, True)),
        ("gfx950", "NVFP4", (False, False)),
        ("gfx1100", "BF16", (True, True)),
    ],
)
def test_cards_of_amd_have_formats_of_their_own(
    architecture: str, kind: str, able: tuple[bool, bool]
) -> None:
    """VLLM 0.33, platforms/rocm.py: FP8 from gfx94 on and on gfx12, MXFP4 in units of gfx95, NVFP4 nowhere."""
    card = Card(total_bytes=GIB, backend="rocm", architecture=architecture)

    assert kernels(kind, card)[:2] == able
    assert ("fp8" in cache_types(card)) is (architecture in ("gfx942", "gfx950"))


@pytest.mark.parametrize(
    ("gpu", "is_first"), [("4x H100", "FP8"), ("2x MI300X", "FP8"), ("4x A100 80GB", "W8A8")]
)
def test_a_card_that_computes_fp8_is_served_in_fp8(gpu: str, is_first: str) -> None:
    """Whole numbers of eight bits are for cards that do not, an A100: elsewhere FP8 stands before them."""
    kinds = [choice.quant for choice in answer(gpu, "llama-3.3-70b", top=8).choices]

    assert next(kind for kind in kinds if kind in ("FP8", "W8A8")) == is_first


def test_graphs_are_not_given_up_for_a_length_that_nobody_asked_for() -> None:
    """16 bits of a 4B model on a T4: shorter requests with graphs; of a wished length the graphs go."""
    _, serving = first("T4", "qwen3-4b", quants="BF16")
    wished = llmprobe.recommend(
        llmprobe.load_model("qwen3-4b"), machine("T4"), engine="vllm", quants="BF16", ctx_size=32768
    ).choices[0]

    assert not serving.settings.enforce_eager
    assert serving.settings.max_model_len < 32768
    assert wished.serving is not None
    assert wished.serving.settings.enforce_eager


def test_one_that_reads_slowly_is_served_in_fewer_bits() -> None:
    """A Spark reads 273 GB/s: 32B in eight bits are under 7 tokens/s, in four nearly twice as many."""
    best, _ = first("DGX Spark", "qwen3-32b")

    assert packed_as(best.quant) in ("NVFP4", "INT4")
    assert packed_as(first("DGX Spark", "qwen3-32b", priority="quality")[0].quant) not in ("NVFP4", "INT4")


def test_one_choice_loses_least() -> None:
    """Of four formats of a 70B one alone is called the best in quality: the one in 16 bits."""
    labels = {choice.quant: choice.label for choice in answer("4x H100", "llama-3.3-70b").choices}

    assert [kind for kind, label in labels.items() if label == "best-quality"] == ["BF16"]


def test_a_mac_is_told_what_it_has() -> None:
    """MLX and llama.cpp, and nothing of a length that no device has room for."""
    found = answer("M3 Max 64GB", "qwen3-8b")

    assert [one.id for one in found.nearest] == ["nearest.serving-mac"]
    assert "note.serving-length-default" not in {one.id for one in found.notes}
