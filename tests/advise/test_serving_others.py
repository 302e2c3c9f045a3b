"""
SGLang and MLX: their estimates beside what they print, their commands, and MLX beside llama.cpp on a Mac.
"""

from functools import cache
from typing import Any, Unpack

import pytest

import llmprobe
from benchmarks.accuracy_serving import cells_of, peak_of, rows
from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.mlx.model import FUSED, cache_bytes, step_bytes
from llmprobe.facts.recommendation import Choice, Recommendation
from llmprobe.facts.serving import Card, ServingOptions
from llmprobe.model.from_catalog import named
from llmprobe.units import GIB, MIB
from tests.cli.test_main import ended


@cache
def machine(gpu: str) -> Any:
    return llmprobe.probe(gpus=gpu) if gpu.startswith("M") else llmprobe.probe(gpus=gpu, ram="256GiB")


@cache
def answer(gpu: str, model: str, engine: str, **wishes: Any) -> Recommendation:
    return llmprobe.recommend(llmprobe.load_model(model), machine(gpu), engine=engine, **wishes)


def best(gpu: str, model: str, engine: str, **wishes: Any) -> Choice:
    return answer(gpu, model, engine, **wishes).choices[0]


def test_figures_are_in_their_ranges() -> None:
    """
    In 85 of 100 rows of both engines.
    """
    cells, peaks = rows()
    found = [*(one for row in cells for one in cells_of(row)), *map(peak_of, peaks)]

    assert sum(one.in_range for one in found) >= 0.85 * len(found)
    assert all(abs(one.off) < 0.01 for one in found if one.id.endswith("tokens"))


def step(model: str, version: tuple[int, ...], tokens: int) -> int:
    case = Case(named(model, None), None, (Card(total_bytes=64 * GIB),), version)
    return step_bytes(case, memory_model("mlx").settled(case, {"max_model_len": tokens})).likely_bytes


def test_a_layers_cache_of_mlx_is_copied_to_grow() -> None:
    """
    Qwen3 4B: 8 heads x 256 numbers x 2 bytes a token; gpt-oss's layers without a window 8 x 128 x 2.
    """
    for model, token in (("qwen3-4b", 8 * 256 * 2), ("gpt-oss-20b", 8 * 128 * 2)):
        assert abs(step(model, FUSED, 32768) - step(model, FUSED, 4096) - 28672 * token) <= 1


def test_older_mlx_lm_holds_scores_of_attention() -> None:
    """
    Six tenths of 32 heads x 2048 tokens x 32768 x 2 bytes for Qwen3 4B.
    """
    more = step("qwen3-4b", (0, 22, 1), 32768) - step("qwen3-4b", FUSED, 32768)

    assert abs(more - 0.6 * 32 * 2048 * 32768 * 2) <= 1


def test_mlx_holds_states_of_mamba_2_for_every_token_of_a_piece() -> None:
    """
    Granite 4.0 H small: 128 heads x 64 x 128 numbers of 2 bytes.
    """
    model, vocabulary, layer = "granite-4.0-h-small", 100352, 8 * 256 * 2
    more = step(model, FUSED, 2048) - step(model, FUSED, 1024)

    assert abs(more - 1024 * (128 * 64 * 128 * 2 + 1.1 * 2 * vocabulary + layer)) <= 1


def test_a_cache_of_mlx_grows_by_256_tokens() -> None:
    """
    Qwen3 4B: 36 layers x 8 heads x 256 numbers x 2 bytes a token; gpt-oss keeps 128 and 4 in every other layer.
    """
    card = Card(total_bytes=64 * GIB)
    plain = Case(named("qwen3-4b", None), None, (card,), (0, 32, 2))
    windowed = Case(named("gpt-oss-20b", None), None, (card,), (0, 32, 2))
    token = 36 * 8 * 256 * 2

    assert cache_bytes(plain, 1) == cache_bytes(plain, 256) == 256 * token
    assert cache_bytes(plain, 257) == 512 * token
    half = 12 * 8 * 128 * 2
    assert cache_bytes(windowed, 4096) == half * (4096 + 256)


def test_the_static_part_follows_the_device() -> None:
    """
    An RTX 4090: 512 + 1.5 x 4096 + 128 + 2 x 48 + 8 x 50 MiB are not static; a card of 79 GiB keeps 10 GiB at least.
    """
    memory = memory_model("sglang")
    small = Case(
        named("qwen3-8b", None),
        None,
        (Card(total_bytes=int(23.53 * GIB), capability=(8, 9)),),
        memory.version(None),
    )
    large = Case(named("qwen3-8b", None), None, (Card(total_bytes=79 * GIB),), memory.version(None))
    sizes = 8 + 14 + 8 + 8 + 12
    reserve = (512 + 6144 + 128 + 96 + 8 * sizes) * MIB

    assert memory.settled(small, {}).mem_fraction_static == round(1 - reserve / (23.53 * GIB), 3)
    more = (512 + 1.5 * 8192 + 128 + 2 * 256 + 8 * (sizes + 8)) * MIB
    assert memory.settled(large, {}).mem_fraction_static == round(1 - more / (79 * GIB), 3)
    few = memory.settled(large, {"max_num_batched_tokens": 2048, "max_num_seqs": 8})
    assert few.mem_fraction_static == round(69 / 79, 3)
    assert memory.settled(small, {"mem_fraction_static": 0.8}).mem_fraction_static == 0.8


@pytest.mark.parametrize(
    ("engine", "gpu", "model"),
    [
        ("sglang", "8x H200", "deepseek-v3"),
        ("sglang", "2x RTX 4090", "llama3-70b"),
        ("sglang", "H100", "qwen3-32b"),
        ("mlx", "M3 Max 64GB", "qwen3-32b"),
        ("mlx", "M2 16GB", "llama-3.1-8b"),
    ],
)
def test_every_option_of_a_command_is_in_the_parser(engine: str, gpu: str, model: str) -> None:
    """
    Of the version whose rules count.
    """
    known = set(table(f"{engine}_options")["options"])

    for choice in answer(gpu, model, engine).choices:
        line = choice.commands[engine]
        assert {word for word in line.split() if word.startswith("--")} <= known
        assert choice.serving is not None
        assert choice.serving.settings.version == table(f"{engine}_options")["version"]


def test_sglang_serves_deepseek_on_eight_cards() -> None:
    """
    Its own FP8 over all ranks, with a static part.
    """
    line = best("8x H200", "deepseek-v3", "sglang").commands["sglang"]

    assert line.startswith("python -m sglang.launch_server --model-path deepseek-ai/DeepSeek-V3 --tp-size 8 ")
    assert "--mem-fraction-static" in line


def test_mlx_takes_a_conversion_that_fits() -> None:
    """
    Of an 8B on 16 GB one whose weights lie below the working set, and of a model too large none.
    """
    choice = best("M2 16GB", "llama-3.1-8b", "mlx")
    device = choice.devices[0]

    assert choice.commands["mlx"].startswith("mlx_lm.server --model mlx-community/Llama-3.1-8B-Instruct-")
    assert device.budget_bytes is not None
    assert device.total_bytes < device.budget_bytes
    assert answer("M2 16GB", "llama3-70b", "mlx").choices == ()


@pytest.mark.parametrize(("engine", "gpu"), [("mlx", "RTX 4090"), ("sglang", "M2 16GB")])
def test_an_engine_that_does_not_run_there(engine: str, gpu: str) -> None:
    """
    The answer is "no", with what it uses.
    """
    found = answer(gpu, "qwen3-8b", engine)

    assert found.choices == ()
    assert found.verdict is not None
    assert found.verdict.id == "verdict.serving-no-device"


@pytest.mark.parametrize(
    ("gpu", "model", "note"),
    [
        ("M3 Max 64GB", "qwen3-32b", "note.mlx-worse"),
        ("M2 16GB", "llama-3.1-8b", "note.mlx-alike"),
        ("M4 Max 128GB", "gpt-oss-120b", None),
        ("RTX 4090", "qwen3-8b", None),
    ],
)
def test_mlx_is_compared_on_a_mac(gpu: str, model: str, note: str | None) -> None:
    """
    By the bytes of the smallest conversion that loses no more; weights that llama.cpp keeps as published lose nothing.
    """
    found = [each.id for each in answer(gpu, model, "llama.cpp").notes if each.id.startswith("note.mlx")]

    assert found == ([] if note is None else [note])


def test_estimates_of_both(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Term by term on a page; SGLang says that it cuts a context, MLX has one device.
    """
    words = (
        "--gpu",
        "RTX 4090",
        "--ram",
        "64GiB",
        "estimate",
        "qwen3-8b",
        "--engine",
        "sglang",
        "-c",
        "1000000",
    )
    code, out, _ = ended(capsys, *words)
    text = " ".join(out.split())
    assert code == 0
    assert "cuts a context of 1,000,000" in text

    code, out, _ = ended(
        capsys, "--gpu", "M3 Max 64GB", "estimate", "qwen3-8b", "--engine", "mlx", "--quant", "mlx-4bit"
    )
    assert code == 0
    assert "grown in steps of 256" in " ".join(out.split())

    with pytest.raises(UsageError) as caught:
        llmprobe.serving(
            llmprobe.load_model("qwen3-8b"),
            engine="mlx",
            snapshot=machine("M3 Max 64GB"),
            tensor_parallel_size=2,
        )
    assert caught.value.message.id == "error.serving-one-device"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"mem_fraction_static": 1.5, "tensor_parallel_size": 1}, "error.serving-share"),
        ({"kv_cache_dtype": "nvfp4", "tensor_parallel_size": 1}, "error.serving-cache-type"),
        ({"tensor_parallel_size": 3}, "error.serving-heads"),
    ],
)
def test_settings_out_of_range(given: Any, error: str) -> None:
    """
    Each is refused with its reason.
    """
    memory = memory_model("sglang")
    case = Case(named("qwen3-8b", None), None, (Card(total_bytes=24 * GIB),) * 3, memory.version(None))
    with pytest.raises(UsageError) as caught:
        memory.settled(case, given)

    assert caught.value.message.id == error


@pytest.mark.parametrize(("engine", "gpu"), [("vllm", "H100"), ("sglang", "H100"), ("mlx", "M3 Max 64GB")])
def test_a_model_that_keeps_nothing_has_no_pool(engine: str, gpu: str) -> None:
    """
    An encoder is no choice, and the answer says why; its weights can be estimated.
    """
    found = answer(gpu, "bge-m3", engine)

    assert found.choices == ()
    assert found.verdict is not None
    assert found.verdict.id == "rejected.serving-vectors"
    assert llmprobe.serving(llmprobe.load_model("bge-m3"), engine=engine, snapshot=machine(gpu)).pool is None


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_a_choice_that_fits_is_within_its_devices(engine: str) -> None:
    """
    Everything counted, what is outside of a share too.
    """
    for model in ("qwen3-8b", "mistral-7b-instruct-v0.2", "gpt-oss-20b"):
        for choice in answer("H100", model, engine).choices:
            assert all(device.total_bytes <= (device.budget_bytes or 0) for device in choice.devices)


def test_what_does_not_start() -> None:
    """
    Too few devices, weights that do not fit, a static part smaller than the weights.
    """
    memory = memory_model("sglang")
    card = Card(total_bytes=20 * GIB, free_bytes=20 * GIB, capability=(8, 9))

    def failure(model: str, **given: Unpack[ServingOptions]) -> str | None:
        case = Case(named(model, None), None, (card,), memory.version(None))
        given.setdefault("tensor_parallel_size", 1)
        found = memory.estimate(case, memory.settled(case, given)).failure
        assert found is None or all(size > 0 for size in found.values.values() if isinstance(size, int))
        return None if found is None else found.id

    assert failure("qwen3-8b", mem_fraction_static=0.9) is None
    assert failure("qwen3-8b") == "failure.serving-static"
    assert failure("qwen3-32b") == "failure.serving-loading"
    assert failure("qwen3-8b", tensor_parallel_size=2) == "failure.serving-ranks"
