"""
vLLM's budget: weights of a rank, what a step takes, defaults, and what does not start.
"""

import math
from typing import Unpack

import msgspec
import pytest

from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.case import Case, RankWeights, Result
from llmprobe.estimation.serving.vllm import step, versions
from llmprobe.estimation.serving.vllm.model import loading_of
from llmprobe.estimation.serving.weights import rank_weights
from llmprobe.facts.serving import Card, ServingOptions, ServingSettings
from llmprobe.model.checkpoints import quantization_of
from llmprobe.model.from_catalog import named
from llmprobe.units import GIB, MIB

H100 = Card(
    id="gpu0",
    name="H100",
    total_bytes=int(79.18 * GIB),
    free_bytes=int(78.57 * GIB),
    capability=(9, 0),
)
RTX_4090 = Card(id="gpu0", name="RTX 4090", total_bytes=int(23.53 * GIB), capability=(8, 9))
MEMORY = memory_model("vllm")


def case_of(name: str, kind: str = "BF16", card: Card = H100, cards: int = 1, version: str = "0.33") -> Case:
    return Case(named(name, None), quantization_of(kind)[1], (card,) * cards, MEMORY.version(version))


def settings_of(case: Case, **given: Unpack[ServingOptions]) -> ServingSettings:
    return MEMORY.settled(case, given)


def weights_of(
    name: str, kind: str = "BF16", card: Card = H100, stage: int = 0, **given: Unpack[ServingOptions]
) -> RankWeights:
    case = case_of(name, kind, card, 8)
    given = {"tensor_parallel_size": 1, "pipeline_parallel_size": 1, **given}
    return rank_weights(case, settings_of(case, **given), stage)


def estimated(case: Case, **given: Unpack[ServingOptions]) -> Result:
    return MEMORY.estimate(case, settings_of(case, **given))


@pytest.mark.parametrize(
    ("name", "kind", "ranks", "gib"),
    [
        ("llama-3.1-8b", "BF16", 1, 14.9889),
        ("qwen3-32b", "BF16", 1, 61.03),
        ("qwen3-0.6b", "BF16", 1, 1.12),
        ("llama-3.3-70b", "W8A8", 1, 67.7229),
        ("llama-3.3-70b", "FP8", 2, 33.88),
        ("qwen3-8b", "FP8-block", 1, 8.80),
        ("gemma-3-1b", "BF16", 1, 1.9148),
        ("qwen2-7b", "BF16", 2, 7.1217),
        ("qwen3-235b-a22b", "FP8-block", 4, 55.19),
        ("gpt-oss-20b", "MXFP4-experts", 1, 13.47),
        ("gpt-oss-120b", "MXFP4-experts", 1, 64.38),
        ("qwen3-next-80b", "BF16", 2, 74.2812),
    ],
)
def test_weights_are_those_of_the_log(name: str, kind: str, ranks: int, gib: float) -> None:
    """
    "Model loading took …", to half a percent.
    """
    assert weights_of(name, kind, tensor_parallel_size=ranks).total / GIB == pytest.approx(gib, rel=0.005)


@pytest.mark.parametrize(
    ("name", "kind", "version", "ranks", "gib"),
    [
        ("llama-4-maverick", "BF16", "0.11.2", 8, 126.7246),
        ("llama-4-maverick", "FP8-experts", "0.11.2", 8, 50.2734),
        ("qwen3-235b-a22b", "BF16", "0.11.2", 4, 112.6113),
        ("qwen3-vl-30b-a3b", "BF16", "0.18.0", 1, 79.29),
        ("Ministral-3-14B-Instruct-2512", "FP8", "0.18.0", 1, 17.57),
        ("llama-3.3-70b", "FP8-dynamic", "0.18.0", 1, 68.37),
        ("llama-3.3-70b", "BF16", "0.13.0", 4, 32.959),
    ],
)
def test_weights_on_an_mi300x_are_those_of_the_device(
    name: str, kind: str, version: str, ranks: int, gib: float
) -> None:
    """
    "Model loading took …" there, with copies and what the allocator keeps, to a percent.
    """
    case = case_of(name, kind, Card(id="gpu0", total_bytes=192 * GIB, backend="rocm"), ranks, version)
    settings = settings_of(case, tensor_parallel_size=ranks, max_model_len=8192)

    assert rank_weights(case, settings, 0, loading_of(case)).total / GIB == pytest.approx(gib, rel=0.01)


def test_heads_of_k_and_v_are_repeated_beyond_their_number() -> None:
    """
    Qwen3 8B has 8 of them: a rank of 16 holds as much of K and V as one of 8, and half of all else that is cut.
    """
    eight = weights_of("qwen3-8b", tensor_parallel_size=8).layers
    sixteen = weights_of("qwen3-8b", tensor_parallel_size=16).layers
    repeated = 36 * 2 * (4096 * 128) * 2
    norms = 36 * (2 * 4096 + 2 * 128) * 2

    assert 2 * (sixteen - repeated - norms) == eight - repeated - norms


def test_the_vocabulary_is_padded_and_cut() -> None:
    """
    Falcon H1 7B has 130,049 words: 130,112 on one rank, half of them on two.
    """
    assert weights_of("falcon-h1-7b").embedding == 130112 * 3072 * 2
    assert weights_of("falcon-h1-7b", tensor_parallel_size=2).embedding == 130112 * 3072


def test_a_tied_embedding_is_held_twice_in_a_pipeline() -> None:
    """
    The first stage has it for its input, the last for its output; alone there is one.
    """
    whole = weights_of("qwen3-0.6b")
    last = weights_of("qwen3-0.6b", stage=1, pipeline_parallel_size=2)

    assert whole.output < MIB < whole.embedding
    assert last.embedding == 0
    assert last.output >= whole.embedding


def test_experts_are_cut_or_dealt_out() -> None:
    """
    A rank of 8 holds an eighth of the experts either way; MXFP4's tiles round the cut ones up.
    """
    cut = weights_of("deepseek-v3", "FP8-block", tensor_parallel_size=8)
    dealt = weights_of("deepseek-v3", "FP8-block", tensor_parallel_size=8, enable_expert_parallel=True)
    rounded = weights_of("gpt-oss-120b", "MXFP4-experts", tensor_parallel_size=8)
    whole = weights_of("gpt-oss-120b", "MXFP4-experts", tensor_parallel_size=8, enable_expert_parallel=True)

    assert cut.experts == dealt.experts
    assert rounded.padded_bytes > whole.padded_bytes > 0


def test_latent_attention_is_unpacked_again() -> None:
    """
    DeepSeek V3: 61 layers x 128 heads x (128 + 128) x 512 numbers x 2 bytes, an eighth on each of 8 ranks.
    """
    found = weights_of("deepseek-v3", "FP8-block", tensor_parallel_size=8)

    assert found.copies == 61 * 128 * 256 * 512 * 2 // 8


def loaded(name: str, kind: str, version: str, ranks: int, card: Card = H100) -> float:
    """
    The loaded weights of a rank in GiB.
    """
    found = named(name, None)
    case = Case(found, quantization_of(kind, found)[1], (card,) * ranks, MEMORY.version(version))
    return estimated(case, max_model_len=8192, tensor_parallel_size=ranks).weights_bytes / GIB


@pytest.mark.parametrize(
    ("name", "kind", "version", "ranks", "gib"),
    [
        ("ministral-3-14b", "BF16", "0.13", 8, 4.0329),
        ("gpt-oss-120b", "MXFP4-experts", "0.10.1", 1, 65.9651),
        ("gpt-oss-120b", "MXFP4-experts", "0.11", 1, 64.38),
        ("qwen2.5-7b", "GPTQ-Int4", "0.27.1", 1, 5.27),
        ("qwen2.5-7b-instruct", "BF16", "0.27.1", 1, 14.29),
        ("qwen3.6-35b-a3b", "NVFP4", "0.20", 1, 21.86),
        ("qwen3-coder-next", "FP8-dynamic", "0.18", 1, 76.27),
        ("llama-4-maverick", "FP8-experts", "0.11.2", 8, 48.8685),
        ("gemma-3-4b", "BF16", "0.19", 1, 8.58),
        ("gemma-3-27b", "BF16", "0.8.2", 4, 13.1665),
        ("mistral-small-3.1", "W8A8", "0.19", 2, 12.11),
        ("mistral-small-3.1", "BF16", "0.19", 1, 44.76),
    ],
)
def test_weights_by_version_and_recipe(name: str, kind: str, version: str, ranks: int, gib: float) -> None:
    """
    "Model loading took …", to a percent: Mistral's encoder whole on each rank (but not as others publish it), experts
    of gpt-oss rounded as Marlin wants them, the allocator's pieces, delta nets that llm-compressor leaves in 16 bits,
    the table of positions of Gemma 3 that is eight times as long.
    """
    assert loaded(name, kind, version, ranks) == pytest.approx(gib, rel=0.01)


def test_mistrals_encoder_is_cut_since_0_20() -> None:
    """
    439 million numbers in 16 bits, of which a rank of 8 has an eighth.
    """
    tower = 438_963_200 * 2 / GIB

    before, after = loaded("ministral-3-14b", "BF16", "0.19", 8), loaded("ministral-3-14b", "BF16", "0.20", 8)

    assert before - after == pytest.approx(tower * 7 / 8, abs=0.001)


def test_prompts_up_to_32768_tokens_are_one_batch_before_0_8() -> None:
    """
    One token more, and they are cut.
    """
    case = case_of("qwen2.5-1.5b", version="0.7.3")

    assert settings_of(case, max_model_len=32768).max_num_batched_tokens == 32768
    assert settings_of(case, max_model_len=32769).max_num_batched_tokens == 2048


def test_an_encoder_lies_on_the_first_stage() -> None:
    """
    The tower of images of Qwen3.5 9B, in 16 bits.
    """
    first = weights_of("qwen3.5-9b", pipeline_parallel_size=2)
    last = weights_of("qwen3.5-9b", stage=1, pipeline_parallel_size=2)

    assert first.encoder > 0.7 * GIB
    assert last.encoder == 0


def test_an_encoder_of_a_configuration_counts_without_a_projector() -> None:
    """
    500 million numbers in 16 bits, and its output in the peak of a step.
    """
    text = named("qwen3-8b", None)
    sees = msgspec.structs.replace(text, encoder_parameters=500_000_000)
    without, found = (Case(model, None, (H100,), MEMORY.version("0.31")) for model in (text, sees))

    assert estimated(found).weights_bytes - estimated(without).weights_bytes == 10**9
    added = (
        step.activations(found, settings_of(found)).bytes.likely_bytes
        - step.activations(without, settings_of(without)).bytes.likely_bytes
    )
    assert added == 8192 * 4096 * 2


@pytest.mark.parametrize(
    ("card", "version", "requests", "tokens"),
    [
        (H100, "0.33", 1024, 8192),
        (RTX_4090, "0.33", 256, 2048),
        (msgspec.structs.replace(H100, name="A100"), "0.33", 256, 2048),
        (msgspec.structs.replace(H100, capability=(12, 1)), "0.33", 256, 2048),
        (msgspec.structs.replace(H100, total_bytes=180 * GIB), "0.33", 1024, 16384),
        (H100, "0.7", 256, 8192),
    ],
)
def test_the_batch_follows_the_device(card: Card, version: str, requests: int, tokens: int) -> None:
    """
    The defaults of a server, by the memory of the device; 0.7 makes the batch as long as a prompt.
    """
    found = settings_of(case_of("llama-3-8b", card=card, version=version), max_model_len=8192)

    assert (found.max_num_seqs, found.max_num_batched_tokens) == (requests, tokens)


def test_the_share_and_the_ranks_that_nobody_named() -> None:
    """
    0.92 now and 0.9 before; all devices are cut over as far as the heads go, the rest is a pipeline.
    """
    four, three = case_of("qwen3-32b", cards=4), case_of("qwen3-32b", cards=3)

    assert settings_of(four).gpu_memory_utilization == 0.92
    assert settings_of(case_of("qwen3-32b", version="0.19")).gpu_memory_utilization == 0.9
    assert settings_of(four).tensor_parallel_size == 4
    assert (settings_of(three).tensor_parallel_size, settings_of(three).pipeline_parallel_size) == (2, 1)


def test_the_sampler_sets_the_peak_of_the_first_runner() -> None:
    """
    1024 requests x 151,936 words x 4 bytes x 9.7: 5.62 GiB, 5.56 to 5.64 in logs of models 50 times apart in size.
    """
    for name in ("qwen3-0.6b", "qwen3-32b"):
        case = case_of(name, version="0.11")
        peak = step.activations(case, settings_of(case)).bytes
        assert peak.likely_bytes / GIB == pytest.approx(5.6, abs=0.05)
        assert peak.low_bytes / GIB < 5.56
        assert peak.high_bytes / GIB > 5.64


def test_graphs_are_for_batches_up_to_twice_the_requests() -> None:
    """
    32 requests: 1, 2, 4 and eight steps of 8 up to 64, and seven for decoding alone; none with ``--enforce-eager``.
    """
    case = case_of("qwen3-235b-a22b")
    few = settings_of(case, max_num_seqs=32)

    assert step.captured(few) == 11 + 7
    assert step.graphs(case, settings_of(case, enforce_eager=True)) is None


def test_graphs_are_outside_of_the_budget_before_0_20() -> None:
    """
    They then come on top of it, so that the pool does not depend on them and the device's total does. With ROCm they
    always do.
    """
    case = case_of("llama-3.1-8b", version="0.17")
    with_graphs, without = estimated(case), estimated(case, enforce_eager=True)

    assert with_graphs.pool == without.pool
    assert with_graphs.devices[0].total_bytes > without.devices[0].total_bytes
    new = case_of("llama-3.1-8b", version="0.20")
    assert step.counts_graphs(new)
    assert not step.counts_graphs(case_of("llama-3.1-8b", version="0.19.1"))
    rocm = msgspec.structs.replace(H100, backend="rocm", capability=None)
    assert not step.counts_graphs(case_of("llama-3.1-8b", card=rocm, version="0.20"))


@pytest.mark.parametrize(
    ("version", "name", "kind", "second"),
    [
        ("0.21", "qwen3-8b", "BF16", False),
        ("0.22", "qwen3-8b", "BF16", True),
        ("0.22", "qwen3-8b", "FP8", False),
        ("0.22", "llama-3.1-8b", "BF16", False),
        ("0.23", "llama-3.1-8b", "BF16", True),
        ("0.24", "llama-3.1-8b", "FP8", True),
        ("0.24", "qwen2.5-7b", "BF16", False),
        ("0.25", "qwen2.5-7b", "FP8", True),
        ("0.27", "qwen3-30b-a3b", "BF16", False),
        ("0.28", "qwen3.5-9b", "BF16", False),
        ("0.29", "qwen3.5-9b", "BF16", True),
        ("0.29", "qwen3-30b-a3b", "BF16", True),
    ],
)
def test_which_runner_runs_a_model(version: str, name: str, kind: str, second: bool) -> None:
    """
    As config/vllm.py of these versions has it: plain Qwen3, then Llama, then both in any format, then all without
    experts and states, then all.
    """
    case = case_of(name, kind, version=version)
    found = versions.second_runner(
        case.version,
        case.model.architecture,
        experts=bool(case.sizes.n_expert),
        states=case.layout.state is not None,
        quantized=case.scheme is not None,
    )

    assert found is second


@pytest.mark.parametrize(
    ("name", "gib"), [("llama-3.1-8b", 1.89), ("qwen3-8b", 2.21), ("gemma-2-27b", 3.66), ("phi-4", 1.52)]
)
def test_the_sampler_masks_since_0_17(name: str, gib: float) -> None:
    """
    3.85 times 1024 requests x words x 4 bytes, where it was 9.7 times, over ranks as well: "peak activation" of logs of
    0.19 on an H100.
    """
    for ranks in (1, 2):
        case = case_of(name, cards=ranks, version="0.19")
        run = settings_of(case, max_num_seqs=1024, max_num_batched_tokens=8192, tensor_parallel_size=ranks)
        peak = step.activations(case, run).bytes.likely_bytes
        assert peak / GIB == pytest.approx(gib, rel=0.05)


def test_experts_keep_their_workspace_beside_the_sampler() -> None:
    """
    DeepSeek V3 over 8 ranks: 8192 tokens x 8 experts x twice the width of 7168 in 16 bits, 1.75 GiB, since 0.17.
    """
    old, new = (
        step.activations(
            case,
            settings_of(
                case,
                max_model_len=8192,
                tensor_parallel_size=8,
                max_num_batched_tokens=8192,
                max_num_seqs=256,
            ),
        ).bytes.likely_bytes
        for case in (
            case_of("deepseek-v3", "FP8-block", cards=8, version="0.16"),
            case_of("deepseek-v3", "FP8-block", cards=8, version="0.18"),
        )
    )
    logits = 256 * 129280 * 4

    assert old == pytest.approx(9.7 * logits, rel=0.01)
    assert new - max(3.85 * logits, 0.93 * GIB) == pytest.approx(1.75 * GIB, rel=0.15)


def test_terms_are_the_device() -> None:
    """
    The terms add up to the total, and all but the context lie in the budget.
    """
    device = estimated(case_of("qwen3-32b"), max_model_len=16384).devices[0]

    assert sum(term.bytes for term in device.terms) == device.total_bytes
    outside = next(term for term in device.terms if term.name == "driver-context")
    share = math.ceil(H100.total_bytes * 0.92)
    assert abs(device.total_bytes - outside.bytes - share) < 10
    assert device.budget_bytes == H100.total_bytes


def failure(case: Case, **given: Unpack[ServingOptions]) -> tuple[str | None, bool]:
    found = estimated(case, **given)
    return None if found.failure is None else found.failure.id, found.sure


def test_a_pipeline_alone_has_no_buffers_for_sums() -> None:
    """
    0.07 GiB beside tensors on each of two stages, as on one device.
    """
    case = case_of("llama-3.1-8b", cards=2, version="0.19")
    run = settings_of(case, tensor_parallel_size=1, pipeline_parallel_size=2)

    assert step.process(case, run).bytes.likely_bytes < 0.3 * GIB


def test_what_does_not_start() -> None:
    """
    In the order in which vLLM looks: devices, free memory, loading, pool, length.
    """
    two = {"tensor_parallel_size": 2, "pipeline_parallel_size": 1}
    used = case_of("qwen3-8b", card=msgspec.structs.replace(H100, free_bytes=70 * GIB))

    assert failure(case_of("qwen3-8b"), **two) == ("failure.serving-ranks", True)  # type: ignore[arg-type]
    assert failure(used) == ("failure.serving-free", True)
    assert failure(used, gpu_memory_utilization=0.8)[0] is None
    assert failure(case_of("deepseek-v3", "FP8-block")) == ("failure.serving-loading", True)
    assert failure(case_of("llama-3.3-70b", "FP8", version="0.11"), gpu_memory_utilization=0.9)[0] == (
        "failure.serving-no-pool"
    )
    assert failure(case_of("qwen3-32b", version="0.11"), gpu_memory_utilization=0.9, max_model_len=32000) == (
        "failure.serving-length",
        True,
    )


def test_a_given_pool_asks_for_no_share() -> None:
    """
    ``--kv-cache-memory-bytes``: free memory is not compared with the share, and the pool is exactly that.
    """
    case = case_of("qwen3-8b", card=msgspec.structs.replace(H100, free_bytes=30 * GIB))
    found = estimated(case, kv_cache_memory_bytes=5713920000, max_model_len=16)

    assert found.failure is None
    assert found.pool is not None
    assert found.pool.bytes.low_bytes == found.pool.bytes.high_bytes == 5713920000
    assert found.pool.given
    assert found.pool.tokens.likely == 38736


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"gpu_memory_utilization": 1.2}, "error.serving-share"),
        ({"gpu_memory_utilization": 0.0}, "error.serving-share"),
        ({"tensor_parallel_size": 7}, "error.serving-heads"),
    ],
)
def test_settings_out_of_range(given: ServingOptions, error: str) -> None:
    """
    Each is refused with its reason.
    """
    with pytest.raises(UsageError) as caught:
        settings_of(case_of("qwen3-8b"), **given)

    assert caught.value.message.id == error


@pytest.mark.parametrize("text", ["x", "12", "newest"])
def test_no_version(text: str) -> None:
    """
    A version has at least two numbers.
    """
    with pytest.raises(ValueError, match=text):
        MEMORY.version(text)


def test_versions() -> None:
    """
    Endings of candidates do not matter; none is the newest known.
    """
    assert MEMORY.version("v0.19.1rc1") == (0, 19, 1)
    assert MEMORY.version("0.11.2") == (0, 11, 2)
    assert MEMORY.version(None) >= (0, 33)


@pytest.mark.parametrize(
    ("version", "ranks", "unified", "gib"),
    [
        ("0.11", 1, False, (0.02, 0.13, 0.5)),
        ("0.17", 2, False, (0.05, 0.6, 1.8)),
        ("0.18", 1, False, (0.02, 0.25, 1.0)),
        ("0.31", 4, False, (0.3, 2.05, 3.4)),
        ("0.31", 1, True, (-2.5, 2.0, 5.5)),
    ],
)
def test_what_the_process_takes_beside_tensors(
    version: str, ranks: int, unified: bool, gib: tuple[float, float, float]
) -> None:
    """
    As the rows of logs have it: 0.13 GiB on one H100 and 0.55 on two; since 0.18, which captures graphs before the pool
    is sized, 0.24 to 0.27 and on two and four 2.06 to 2.21; 4.64 on a GB10, and on another 2.1 less than its weights.
    """
    card = msgspec.structs.replace(H100, unified=unified)
    case = case_of("qwen3-32b", card=card, cards=ranks, version=version)
    found = step.process(case, settings_of(case, tensor_parallel_size=ranks)).bytes

    bytes_ = (found.low_bytes, found.likely_bytes, found.high_bytes)
    assert [size / GIB for size in bytes_] == pytest.approx(gib, abs=0.001)


def test_the_ends_of_a_pool_are_those_of_its_parts() -> None:
    """
    Low is the budget less the most of each part, half a percent of the weights and the doubt about the card; high the
    reverse.
    """
    card = msgspec.structs.replace(H100, assumed=True)
    case = case_of("qwen3-8b", card=card, version="0.31")
    run = settings_of(case, max_model_len=8192)
    pool = MEMORY.estimate(case, run).pool
    assert pool is not None
    parts = [
        part.bytes
        for part in (step.activations(case, run), step.process(case, run), step.graphs(case, run))
        if part
    ]
    held = rank_weights(case, run, 0).total
    budget = math.ceil(card.total_bytes * 0.92)
    doubt = held // 200 + int(card.total_bytes * 0.004)

    assert pool.bytes.likely_bytes == budget - held - sum(part.likely_bytes for part in parts)
    assert pool.bytes.low_bytes == budget - held - doubt - sum(part.high_bytes for part in parts)
    assert pool.bytes.high_bytes == budget - held + doubt - sum(part.low_bytes for part in parts)


def test_positions_of_films_have_a_table_four_times_as_long() -> None:
    """
    Qwen3.5 9B turns 64 of 256 numbers for 262,144 positions: 4 x 262,144 x 64 x 2 bytes; Qwen3 8B, without films, turns
    128 for 40,960 positions, once.
    """
    found = {}
    for name in ("Qwen3.5-9B", "Qwen3-8B"):
        case = Case(named(name, None), None, (Card(total_bytes=80 * GIB, capability=(9, 0)),), (0, 33, 0))
        settings = memory_model("vllm").settled(case, {"max_model_len": 4096})
        found[name] = rank_weights(case, settings, 0).tables

    assert found == {"Qwen3.5-9B": 4 * 262_144 * 64 * 2, "Qwen3-8B": 40_960 * 128 * 2}
