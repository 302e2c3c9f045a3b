"""
The pool of vLLM: pages, groups, states, and what a request takes of them, beside what its logs print.
"""

from typing import Unpack

import pytest

from llmprobe.errors import UsageError
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.stages import stages
from llmprobe.estimation.serving.vllm.pages import Group, Plan, Spec, _unlike, plan
from llmprobe.facts.serving import Card, Pool, ServingOptions
from llmprobe.model.from_catalog import named
from llmprobe.units import GIB

ONE = Card(id="gpu0", total_bytes=80 * GIB, capability=(9, 0))


def case_of(name: str, cards: int = 1, version: str = "0.33") -> Case:
    return Case(named(name, None), None, (ONE,) * cards, memory_model("vllm").version(version))


def plan_of(name: str, version: str = "0.33", **given: Unpack[ServingOptions]) -> Plan:
    ranks = (given.get("tensor_parallel_size") or 1) * (given.get("pipeline_parallel_size") or 1)
    case = case_of(name, ranks, version)
    found = plan(case, memory_model("vllm").settled(case, given))
    assert found is not None
    return found


def pool_of(name: str, gib: float, version: str = "0.33", **given: Unpack[ServingOptions]) -> Pool:
    ranks = (given.get("tensor_parallel_size") or 1) * (given.get("pipeline_parallel_size") or 1)
    case, memory = case_of(name, ranks, version), memory_model("vllm")
    given["kv_cache_memory_bytes"] = int(gib * GIB)
    pool = memory.estimate(case, memory.settled(case, given)).pool
    assert pool is not None
    return pool


def test_stages_of_a_pipeline() -> None:
    """
    62 layers on 4 ranks: 15 each, and one more for the last but one and the one before it.
    """
    assert [len(part) for part in stages(62, 4)] == [15, 16, 16, 15]
    assert [len(part) for part in stages(61, 2)] == [31, 30]
    assert [part.start for part in stages(32, 2)] == [0, 16]


def test_a_page_of_full_attention() -> None:
    """
    Llama 3.1 8B: 32 layers x 8 heads x (128 + 128) numbers x 2 bytes x 16 tokens.
    """
    found = plan_of("llama-3.1-8b")

    assert found.block_bytes == (32 * 8 * 256 * 2 * 16,)
    assert found.request_blocks(8192) == 512


def test_heads_that_are_fewer_than_ranks_are_repeated() -> None:
    """
    Qwen3 235B has 4 heads of K and V: on 8 ranks each has one, as on 4.
    """
    four = plan_of("qwen3-235b-a22b", tensor_parallel_size=4)
    eight = plan_of("qwen3-235b-a22b", tensor_parallel_size=8)

    assert four.block_bytes == eight.block_bytes == (94 * 1 * 256 * 2 * 16,)


def test_a_latent_is_whole_on_every_rank() -> None:
    """
    DeepSeek V3: 576 numbers a layer and token, however many ranks; spread over 8, a block holds 8 times the tokens.
    """
    whole = plan_of("deepseek-v3", tensor_parallel_size=8)
    spread = plan_of("deepseek-v3", tensor_parallel_size=8, decode_context_parallel_size=8)

    assert whole.block_bytes == spread.block_bytes == (61 * 576 * 2 * 64,)
    assert whole.request_blocks(65536) == 8 * spread.request_blocks(65536)


def test_an_indexer_adds_its_keys() -> None:
    """
    GLM 5.1 keeps 128 bytes and a scale for each token and layer beside the latent.
    """
    assert plan_of("glm-5.1", tensor_parallel_size=8).block_bytes == (78 * (576 * 2 + 132) * 64,)


@pytest.mark.parametrize(
    ("name", "settings", "block"),
    [
        ("qwen3-next-80b", {"tensor_parallel_size": 2}, 544),
        ("qwen3.5-9b", {}, 528),
        ("qwen3.5-35b-a3b", {}, 1056),
        ("qwen3.8-27b", {}, 784),
        ("qwen3.8-27b", {"speculative_tokens": 3}, 800),
        ("qwen3.8-27b", {"speculative_tokens": 3, "kv_cache_dtype": "fp8"}, 1600),
        ("qwen3.8-27b", {"speculative_tokens": 3, "kv_cache_dtype": "int8_per_token_head"}, 1584),
        ("qwen3.8-27b", {"speculative_tokens": 3, "kv_cache_dtype": "int4_per_token_head"}, 3104),
    ],
)
def test_a_page_is_enlarged_to_a_state(name: str, settings: ServingOptions, block: int) -> None:
    """
    The sizes that vLLM prints for models with states ("Setting attention block size to").
    """
    assert plan_of(name, **settings).block == block


def test_kinds_of_layers_are_grouped() -> None:
    """
    Gemma 3 1B: 4 full layers and 22 with a window are groups of 4, the last filled up; 25.39 GiB are 461.21 requests.
    """
    found = plan_of("gemma-3-1b", "0.13")
    pool = pool_of("gemma-3-1b", 25.39, "0.13", max_model_len=2048, max_num_batched_tokens=8192)

    assert len(found.groups) == 1 + 6
    assert found.block_bytes == (4 * 1 * 512 * 2 * 16,)
    assert pool.concurrency.likely == pytest.approx(461.21, rel=0.001)


def test_a_window_holds_the_batches_in_flight() -> None:
    """
    gpt-oss: 18 layers look back 128 tokens and hold a batch of 2048 besides, two batches since 0.26.
    """
    before = plan_of("gpt-oss-120b", "0.25", max_num_batched_tokens=2048)
    now = plan_of("gpt-oss-120b", "0.26", max_num_batched_tokens=2048)

    assert before.request_blocks(131072) == 8192 + (127 + 2048 + 15) // 16 + 1
    assert now.request_blocks(131072) == 8192 + (127 + 4096 + 15) // 16 + 1


def test_alike_kinds_share_the_larger_size() -> None:
    """
    A model with as many full layers as layers with a window has one group of each.
    """
    assert [len(group.layers) for group in plan_of("gpt-oss-120b").groups] == [18, 18]


def test_unlike_pages_are_made_alike() -> None:
    """
    Gemma 4 31B: full layers take 8192 bytes a token, those with a window 16384, so that a page of the former has twice
    the tokens.
    """
    found = plan_of("gemma-4-31b")

    assert {(group.spec.kind, group.block) for group in found.groups} == {("full", 32), ("window", 16)}
    assert found.block_bytes == (10 * 16384 * 16,)


def test_pages_of_latents_beside_states_by_version() -> None:
    """
    Kimi-Linear on two ranks: 75,840 tokens in 2.30 GiB with 0.11.1 are pages of 960 tokens.
    """
    given: ServingOptions = {
        "tensor_parallel_size": 2,
        "max_model_len": 120000,
        "enable_prefix_caching": True,
    }
    old = plan_of("kimi-linear-48b-a3b", "0.11.1", **given)

    assert old.block == 960
    assert old.request_blocks(120000) == 125 + 3
    assert plan_of("kimi-linear-48b-a3b", "0.27", **given).block == 1024


def test_requests_keep_a_second_state_for_prefixes() -> None:
    """
    Qwen3.8 27B with its 262,144 tokens: 335 pages and 3 groups of states, of which two each are kept.
    """
    assert plan_of("qwen3.8-27b").request_blocks(262144) == 335 + 3 * 2
    assert plan_of("qwen3.8-27b", enable_prefix_caching=False).request_blocks(262144) == 335 + 3
    assert plan_of("qwen3.8-27b", "0.19").request_blocks(262144) == 335 + 3


def test_the_longest_request_leaves_a_block() -> None:
    """
    VLLM keeps one block back: of 100 blocks of 16 tokens a request may fill 99.
    """
    found = plan_of("llama-3.1-8b")

    assert found.longest(100, 10**6) == 99 * 16
    assert found.longest(100, 100) == 100
    assert found.longest(0, 10**6) == 0


def test_the_stage_with_most_layers_counts() -> None:
    """
    31 and 30 layers: the blocks are those that the first rank has room for.
    """
    found = plan_of("deepseek-v3", pipeline_parallel_size=2, tensor_parallel_size=8)
    first, second = found.block_bytes

    assert (first, second) == (31 * 576 * 2 * 64, 30 * 576 * 2 * 64)
    assert found.blocks([first * 7, second * 9]) == 7


def test_a_model_without_attention_has_states_alone() -> None:
    """
    A pure state model has one group, whose blocks do not depend on the length.
    """
    found = plan_of("lfm2-1.2b")

    assert found.request_blocks(16) > 0


def test_a_cache_type_of_no_known_size_is_refused() -> None:
    """
    With the types that are known.
    """
    with pytest.raises(UsageError) as caught:
        plan_of("llama-3.1-8b", kv_cache_dtype="turboquant_4bit_nc")

    assert caught.value.message.id == "error.serving-cache-type"


FULL, NEAR = Spec("full", 1024), Spec("window", 1024, 512)


def grouped(full: int, near: int, narrow: Spec = FULL) -> tuple[list[int], int]:
    """
    Return the layers of each group, and the bytes of a block, of so many layers of two kinds with pages of 16 tokens.
    """
    specs = dict.fromkeys(range(full), narrow) | dict.fromkeys(range(full, full + near), NEAR)
    groups, (size,) = _unlike(specs, 16, (range(full + near),))
    return [len(group.layers) for group in groups], size


def test_groups_are_as_large_as_the_smaller_kind() -> None:
    """
    8 and 9 layers are two groups of 9, the first filled up; 4 and 6 are groups of 4, as 6 is half as much again.
    """
    assert grouped(8, 9) == ([8, 9], 9 * 1024 * 16)
    assert grouped(4, 6) == ([4, 3, 3], 4 * 1024 * 16)
    assert grouped(4, 5) == ([4, 5], 5 * 1024 * 16)


def test_a_page_that_does_not_divide_is_padded() -> None:
    """
    A layer of 768 bytes a token keeps 16 of them in a page of 1024 x 16 bytes, one of 512 keeps 32.
    """
    for token, tokens in ((768, 16), (512, 32)):
        specs = {0: Spec("full", token), 1: NEAR}
        groups, sizes = _unlike(specs, 16, (range(2),))
        assert [group.block for group in groups] == [tokens, 16]
        assert sizes == (1024 * 16,)


def test_what_is_counted_behind_the_layers_lies_on_a_stage() -> None:
    """
    The second half of a layer on that of the layer, a layer that drafts on the last.
    """
    parts = (range(2), range(2, 4))
    specs = dict.fromkeys(range(4), FULL) | {4 + layer: Spec("state", state_bytes=9000) for layer in range(4)}
    groups, sizes = _unlike(specs | {8: FULL}, 16, parts)

    assert sorted(len(group.layers) for group in groups) == [4, 5]
    assert sizes == (2 * 16384, 3 * 16384)


def test_a_window_and_its_blocks_by_hand() -> None:
    """
    A window of 512 and one batch of 100: 611 tokens touch 40 blocks of 16; a shorter request all of its own and one.
    """
    found = Plan(
        groups=(Group(NEAR, 16, (0,)),), block=16, block_bytes=(16384,), in_flight=100, state_blocks=1
    )

    assert found.request_blocks(10000) == 39 + 1
    assert found.request_blocks(100) == 7 + 1
    assert found.blocks([16384 * 5 + 1]) == 5
    assert found.blocks([100]) == 0


def test_a_stage_of_more_layers_keeps_more_of_each_token() -> None:
    """
    Qwen3 Coder 30B has 48 layers of 4 KV heads of 128: 2048 bytes of a token each in 16 bits. 262,144 tokens are 12 GiB
    on a stage of 24 layers and 16 GiB on one of 32 (VLLM_PP_LAYER_PARTITION=16,32, vllm-project/vllm#34076).
    """
    cards = (Card(id="gpu0", total_bytes=16 * GIB), Card(id="gpu1", total_bytes=32 * GIB))
    memory = memory_model("vllm")
    found = []
    for partition in (None, (16, 32)):
        model = named("Qwen3-Coder-30B-A3B-Instruct", None)
        case = Case(model, None, cards, memory.version("0.20"), partition=partition)
        settings = memory.settled(
            case, {"max_model_len": 262144, "tensor_parallel_size": 1, "pipeline_parallel_size": 2}
        )
        pages = plan(case, settings)
        assert pages is not None
        found.append(pages.request_bytes(262144))

    assert found == [12 * GIB, 16 * GIB]
