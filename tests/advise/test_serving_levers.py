"""
How a search varies what a serving engine is told: devices, ranks, experts, and the settings that it gives up.

The memory model is a stand-in that keeps what it was asked, so that each test decides what holds the requests.
"""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from llmprobe.advise.serving.search import Offer, Way, ways
from llmprobe.estimation.serving.case import Case, Result
from llmprobe.facts.estimate import Range
from llmprobe.facts.serving import Bounds, Card, Checkpoint, Counts, Pool, ServingOptions, ServingSettings
from llmprobe.model.from_catalog import named
from llmprobe.units import GIB
from llmprobe.words.message import message

LLAMA = named("llama3.1-8b", None)
PLAIN: Offer = (Checkpoint(format="BF16"), None)
IN_BLOCKS: Offer = (
    Checkpoint(format="FP8"),
    {"quant_method": "fp8", "weight_block_size": [128, 128]},
)
LEVERS = {
    name: f"--{name.replace('_', '-')}"
    for name in (
        "max_num_seqs",
        "max_num_batched_tokens",
        "gpu_memory_utilization",
        "kv_cache_dtype",
        "enforce_eager",
    )
}


def card(total_gib: float = 24, free_gib: float | None = None, capability: tuple[int, int] = (8, 9)) -> Card:
    return Card(
        total_bytes=int(total_gib * GIB),
        free_bytes=None if free_gib is None else int(free_gib * GIB),
        capability=capability,
        bandwidth_bytes_per_s=10**12,
    )


def pool(likely: float, low: float | None = None) -> Pool:
    nothing = Counts(low=0, likely=0, high=0)
    return Pool(
        bytes=Bounds(low_bytes=0, likely_bytes=0, high_bytes=0),
        tokens=nothing,
        concurrency=Range(low=likely if low is None else low, likely=likely, high=likely),
        longest=nothing,
        request_bytes=1,
        block_bytes=1,
        block_size=16,
        groups=1,
    )


NOTHING = Result(devices=(), pool=pool(0.0))
SURELY = Result(devices=(), pool=pool(1.0))
LIKELY = Result(devices=(), pool=pool(1.0, low=0.5))


class Memory:
    """
    A memory model with an answer to each number of questions asked before.
    """

    levers: Mapping[str, str] = LEVERS

    def __init__(self, answer: Callable[[int], Result] = lambda _: NOTHING) -> None:
        self.asked: list[ServingOptions] = []
        self.cards: list[int] = []
        self._answer = answer

    def version(self, text: str | None) -> tuple[int, ...]:
        raise NotImplementedError

    def settled(self, case: Case, given: ServingOptions) -> ServingSettings:
        self.asked.append(given)
        self.cards.append(len(case.cards))
        known: dict[str, Any] = {"max_num_seqs": 256, "max_num_batched_tokens": 8192, **given}
        return ServingSettings(engine="vllm", version="0.33", **known)

    def estimate(self, case: Case, settings: ServingSettings) -> Result:
        return self._answer(len(self.asked) - 1)

    def cache_read(self, case: Case, settings: ServingSettings, ctx_size: int) -> int:
        return 0


def search(
    memory: Memory, *cards: Card, model: Any = LLAMA, offer: Offer = PLAIN, users: int = 1, **given: Any
) -> list[Way]:
    return list(ways(model, (offer,), cards, memory, (0, 33), length=8192, users=users, **given))


def share(memory: Memory) -> float:
    """
    The share of each device that the first question asks for.
    """
    found = memory.asked[0]["gpu_memory_utilization"]
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("count", "tried"),
    [(1, [1]), (2, [2, 1]), (3, [3, 2, 1]), (4, [4, 2, 1]), (6, [6, 4, 2, 1]), (8, [8, 4, 2, 1])],
)
def test_all_devices_are_tried_and_powers_of_two_below(count: int, tried: list[int]) -> None:
    """
    Tensor parallelism divides heads, which are powers of two in most models, over equal ranks.
    """
    memory = Memory(lambda _: SURELY)

    search(memory, *[card()] * count)

    assert memory.cards == tried


def test_one_thing_after_the_other_is_given_up() -> None:
    """
    Fewer requests, then a smaller batch, a larger share, a narrower cache, and graphs last; each keeps the ones before.
    """
    memory = Memory()

    search(memory, card())

    changes = [
        {name: value for name, value in after.items() if name not in before or before[name] != value}  # type: ignore[literal-required]  # as found
        for before, after in zip(memory.asked, memory.asked[1:], strict=False)
    ]
    assert changes == [
        {"max_num_seqs": 64},
        {"max_num_seqs": 16},
        {"max_num_batched_tokens": 2048},
        {"gpu_memory_utilization": 0.95},
        {"kv_cache_dtype": "fp8"},
        {"enforce_eager": True},
    ]


def test_requests_are_never_cut_below_the_users() -> None:
    """
    For 40 users a batch of 64 is tried and none of 16.
    """
    memory = Memory()

    search(memory, card(), users=40)

    assert [one.get("max_num_seqs") for one in memory.asked][:3] == [None, 64, 40]


@pytest.mark.parametrize("free", [0.3, 0.5, 0.75, 0.8, 0.9, 0.9333, 0.9499])
def test_the_share_leaves_what_others_hold(free: float) -> None:
    """
    A start of vLLM fails where its share of the whole device is more than what is free (its issue 20305); what is left
    over is at most 1.5% of the device.
    """
    memory = Memory(lambda _: SURELY)

    search(memory, card(24, 24 * free))

    assert free - 0.015 <= share(memory) <= free


def test_the_fullest_device_decides_the_share() -> None:
    """
    All ranks are told one share, so that of the device with the least is the one that starts.
    """
    memory = Memory(lambda _: SURELY)

    search(memory, card(24, 23.9), card(24, 12))

    assert share(memory) <= 0.5


@pytest.mark.parametrize(("total", "free"), [(24, None), (24, 24), (24, 24 * 0.956), (0, 0)])
def test_a_device_that_is_free_or_unknown_is_left_to_the_engine(total: float, free: float | None) -> None:
    """
    No share is given where more is free than the engine asks for by itself, or where that is not known.
    """
    memory = Memory(lambda _: SURELY)

    search(memory, card(total, free))

    assert "gpu_memory_utilization" not in memory.asked[0]


def test_the_first_that_surely_holds_is_taken() -> None:
    """
    What likely holds does not end the search while a later setting may hold at the worst end of the range.
    """
    memory = Memory(lambda number: SURELY if number == 2 else LIKELY)

    (way,) = search(memory, card())

    assert way.sure
    assert len(memory.asked) == 3
    assert way.gives_up == ("max_num_seqs",)


def test_of_those_that_likely_hold_the_last_with_graphs_is_taken() -> None:
    """
    Without graphs every step is slower, which a merely likely success is not worth.
    """
    memory = Memory(lambda _: LIKELY)

    (way,) = search(memory, card())

    assert (way.serves, way.sure) == (True, False)
    assert not way.settings.enforce_eager
    assert way.settings.kv_cache_dtype == "fp8"


def test_a_setting_that_does_not_hold_never_replaces_one_that_does() -> None:
    """
    Only the second setting likely holds the request.
    """
    memory = Memory(lambda number: LIKELY if number == 1 else NOTHING)

    (way,) = search(memory, card())

    assert way.serves
    assert way.settings.max_num_seqs == 64


def test_a_start_that_is_not_sure_serves_likely() -> None:
    """
    A pool that is large enough at both ends is of use only if the engine starts.
    """
    memory = Memory(lambda _: Result(devices=(), pool=pool(4.0), sure=False))

    (way,) = search(memory, card())

    assert (way.serves, way.sure) == (True, False)


@pytest.mark.parametrize(
    "result",
    [
        Result(devices=(), pool=None),
        Result(devices=(), pool=pool(4.0), failure=message("failure.serving-loading")),
    ],
    ids=["no pool", "a failure"],
)
def test_without_a_pool_or_a_start_nothing_is_served(result: Result) -> None:
    """
    Neither is taken for a success.
    """
    (way,) = search(Memory(lambda _: result), card())

    assert (way.serves, way.sure) == (False, False)


def test_weights_that_are_too_large_end_the_search() -> None:
    """
    No setting of the pool helps where the weights alone do not fit.
    """
    memory = Memory(lambda _: Result(devices=(), pool=None, failure=message("failure.serving-loading")))

    search(memory, card())

    assert len(memory.asked) == 1


@pytest.mark.parametrize(
    ("name", "offer", "ranks", "dealt"),
    [
        # 768 columns of each expert over 2 ranks are three blocks of 128 each; over 4 they are one and a half.
        ("qwen3-30b-a3b", IN_BLOCKS, 2, False),
        ("qwen3-30b-a3b", IN_BLOCKS, 4, True),
        # 1408 columns over 2 ranks are five and a half.
        ("qwen1.5-moe-a2.7b-chat", IN_BLOCKS, 2, True),
        # Without a scale for a block any column may be cut; one rank cuts none.
        ("qwen1.5-moe-a2.7b-chat", PLAIN, 2, False),
        ("qwen1.5-moe-a2.7b-chat", IN_BLOCKS, 1, False),
        # 128 experts over 8 ranks are small pieces; 60 are not so many.
        ("qwen3-30b-a3b", PLAIN, 8, True),
        ("qwen1.5-moe-a2.7b-chat", PLAIN, 8, False),
        ("llama3.1-8b", IN_BLOCKS, 8, False),
    ],
)
def test_experts_are_dealt_where_a_cut_would_split_a_block(
    name: str, offer: Offer, ranks: int, dealt: bool
) -> None:
    """
    A block in two parts is refused by vLLM unless experts are dealt out whole: its issue 25292 is Qwen3 30B A3B in FP8
    on four cards, where 768 / 4 = 192 columns are no multiple of 128.
    """
    memory = Memory(lambda _: SURELY)

    search(memory, *[card()] * ranks, model=named(name, None), offer=offer)

    assert memory.asked[0]["tensor_parallel_size"] == ranks
    assert memory.asked[0]["enable_expert_parallel"] is dealt


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [
        (((8, 9), (8, 9)), True),
        (((8, 6), (8, 6)), False),
        (((8, 9), (8, 6)), False),
        (((8, 6), (8, 9)), False),
    ],
)
def test_a_format_is_native_if_every_card_computes_it(
    capabilities: tuple[tuple[int, int], ...], native: bool
) -> None:
    """
    FP8 is computed by Ada (8.9) and unpacked by Ampere (8.6): of both together the slower counts.
    """
    memory = Memory(lambda _: SURELY)

    way = search(memory, *(card(capability=each) for each in capabilities), offer=IN_BLOCKS)[0]

    assert way.native is native
