"""
The formulas of prompts with round constants, so that every figure can be computed by hand.
"""

import math
from typing import Any

import pytest
from msgspec.structs import replace

from llmprobe.estimation.speed.cores import processor_operations_per_s
from llmprobe.estimation.speed.parts import (
    Share,
)
from llmprobe.estimation.speed.prompt import (
    at_once,
    multiplies,
    offloads,
    prompt_parts,
    prompt_row,
    prompt_speed,
)
from llmprobe.facts.processor import Processor
from llmprobe.words.message import message
from tests.estimation.round_constants import CONSTANTS, CORES, Row, card, host, prompt


def parts(*shares: Share, **options: Any) -> list[tuple[float, float, float]]:
    """
    The times of a prompt's token by part: likely, fastest and slowest.
    """
    usual: Row = {
        "moe": False,
        "quant": "Q4_K_S",
        "cores": CORES,
        "ubatch_size": 10,
        "offloaded": True,
        "filled": 0.5,
    }
    found = prompt_parts(CONSTANTS, shares, **(usual | options))
    return [(one.likely, one.fastest, one.slowest) for one in found]


@pytest.mark.parametrize(
    ("share", "efficiency"),
    [
        (card(compute_capability="8.0"), 0.1),
        (card(name="NVIDIA H20"), 0.2),
        (card(), 0.25),
        (card(backend="vulkan"), 0.4),
        (card(backend="rocm"), 0.4),
        (card(backend=None), 0.4),
    ],
)
def test_the_first_row_for_prompts_that_matches_counts(share: Share, efficiency: float) -> None:
    """
    By capability and name; a backend that was never measured is an unknown one.
    """
    assert prompt_row(CONSTANTS, share)["efficiency"] == efficiency


@pytest.mark.parametrize(
    ("share", "options", "seconds"),
    [
        (card(), {}, 100 / 2500),
        (card(attention_operations=100), {}, 100 / 2500 + 50 / 1000),
        (card(attention_operations=100), {"filled": 0.0}, 100 / 2500),
        (card(cache_bytes=200), {}, 100 / 2500 + 100 / (1000 * 10)),
        (card(cells=4), {}, 100 / 2500 + 2 * 0.1),
        (card(attention_operations=100, wide_operations=60), {}, 100 / 2500 + 50 / 1000),
        (card(parameters=None), {}, 0.0),
        (card(widths=10), {}, 100 / 2500 + 10 * 4 * 2 / 1000),
        (card(widths=10, bandwidth_bytes_per_s=None), {}, 100 / 2500),
        (card(), {"quant": "BF16"}, 300 / 2500),
        (card(resident_bytes=500), {}, 100 / 2500 + 500 / 2500),
        (card(resident_bytes=500), {"tokens": 5}, 100 / 2500 + 500 / 1250),
        (card(resident_bytes=500, bandwidth_bytes_per_s=None), {}, 100 / 2500),
    ],
)
def test_a_prompt_is_arithmetic_and_weights_for_each_micro_batch(
    share: Share, options: Row, seconds: float
) -> None:
    """
    Two operations a weight, values of 4 bytes that are moved twice; weights are read once for ten tokens.
    """
    ((likely, _, _),) = parts(share, **options)

    assert likely == pytest.approx(seconds)


def test_heads_without_a_matrix_kernel_are_computed_as_fast_as_vectors() -> None:
    """
    Of 100 operations 60 are for such heads, and half of the context is there: 20 at 1000 a second, 30 at 500.
    """
    constants = CONSTANTS | {"prompts": [prompt(wide_attention=0.05, efficiency=0.25)]}
    (found,) = prompt_parts(
        constants,
        [card(attention_operations=100, wide_operations=60)],
        moe=False,
        quant="Q4_K_S",
        cores=CORES,
        ubatch_size=10,
        offloaded=True,
        filled=0.5,
    )

    assert found.likely == pytest.approx(100 / 2500 + 20 / 1000 + 30 / 500)


def test_one_device_waits_for_the_mask() -> None:
    """
    The host writes it once for all: 0.1 s for each of the cells in use, four of which are half.
    """
    first, second = parts(card(cells=8), card(cells=8))

    assert first[0] - second[0] == pytest.approx(4 * 0.1)


def test_the_driver_of_windows_has_a_class_of_its_own() -> None:
    """
    Where a class says whose driver it is for; any other takes both.
    """
    constants = CONSTANTS | {
        "prompts": [
            prompt(backends=["vulkan", None], windows=True, efficiency=0.9),
            prompt(backends=["vulkan", None], windows=False, efficiency=0.3),
        ]
    }

    assert prompt_row(constants, card(backend="vulkan", windows=True))["efficiency"] == 0.9
    assert prompt_row(constants, card(backend="vulkan"))["efficiency"] == 0.3
    assert prompt_row(CONSTANTS, card(backend="vulkan", windows=True))["efficiency"] == 0.4


def test_the_range_of_a_prompt_is_that_of_its_class_and_of_its_depth() -> None:
    """
    Half to twice for the arithmetic and a quarter to twice for attention; mixtures have their own.
    """
    share = card(attention_operations=100)
    arithmetic, attention = 0.04, 0.05

    assert parts(share)[0][1:] == pytest.approx(
        (arithmetic / 2 + attention / 2, arithmetic * 2 + attention * 4)
    )
    assert parts(share, moe=True)[0][1:] == pytest.approx(
        (arithmetic / 4 + attention / 4, arithmetic * 4 + attention * 2)
    )


def test_experts_that_meet_few_tokens_reach_less() -> None:
    """
    Of eight experts each token uses two: of ten tokens an expert meets 2.5, and costs 5 more, at half the rate.
    """
    share = card(parameters=50, expert_parameters=20, expert_count=8, expert_used_count=2)

    ((likely, _, _),) = parts(share, moe=True)

    assert likely == pytest.approx((60 + 40 * (1 + 5 / 2.5) / 0.5) / 2500)


def test_experts_in_bf16_are_slower_than_layers_in_it() -> None:
    """
    Of the same card without limits of experts: 30 weights take three times as long, 20 of experts five times.
    """
    share = card(parameters=50, expert_parameters=20, expert_count=8, expert_used_count=2)

    ((likely, _, _),) = parts(share, moe=True, quant="BF16")

    assert likely == pytest.approx(2 * (30 * 3 + 20 * 5 * (1 + 5 / 2.5) / 0.5) / 2500)


def test_only_experts_that_are_used_are_read() -> None:
    """
    Of equally popular experts five tokens with two each use as many as ten draws from eight do.
    """
    part = 1 - math.exp(-10 / 8)
    share = card(resident_bytes=500, expert_bytes=400, expert_count=8, expert_used_count=2)

    ((likely, _, _),) = parts(share, moe=True, tokens=5)

    assert likely == pytest.approx(100 / 2500 + (100 + 400 * part) / 1250, rel=0.01)


def test_the_bandwidth_tells_the_arithmetic_where_nothing_else_does() -> None:
    """
    Eight operations a byte, of which a quarter are reached, in a range twice as wide on either side.
    """
    assert parts(card(flops=None)) == [pytest.approx((100 / 2000, 100 / 8000, 100 / 500))]


def test_weights_in_ram_are_sent_and_multiplied_on_the_first_device() -> None:
    """
    At four fifths of the link, once for ten tokens; a second device has its own alone.
    """
    found = parts(host(), card(), card(device="gpu1"))

    assert [one[0] for one in found] == pytest.approx([200 / 2500, 100 / 2500, 80 / (80 * 10)])
    assert found[2] == pytest.approx((0.1, 0.1 / 1.25, 0.1 / 0.8))


@pytest.mark.parametrize(
    ("device", "rate"),
    [
        (card(), 80),
        (card(link_bytes_per_s=1000), 400),
        (card(backend="vulkan"), 40),
        (card(backend="rocm"), 80),
    ],
)
def test_weights_cross_the_link_as_fast_as_a_mapped_file_is_copied(device: Share, rate: float) -> None:
    """
    No faster than 400 bytes a second, however fast the link is; Vulkan copies slower.
    """
    assert parts(host(), device)[1][0] == pytest.approx(80 / (rate * 10))


def test_pinned_memory_crosses_the_link_as_fast_as_it_carries() -> None:
    """
    Eight tenths of 1,000 bytes a second, where a mapped file is copied at 400.
    """
    assert parts(host(mapped=False), card(link_bytes_per_s=1000))[1][0] == pytest.approx(80 / (800 * 10))


@pytest.mark.parametrize(
    ("options", "ram", "ends"),
    [({}, None, (1.25, 0.8)), ({"expert_bytes": 10}, None, (2, 0.5)), ({"expert_bytes": 10}, 80, (1.6, 0.1))],
)
def test_what_is_sent_has_the_range_of_layers_or_experts_or_of_a_file_that_fills_the_ram(
    options: Row, ram: int | None, ends: tuple[float, float]
) -> None:
    """
    80 bytes of weights leave 80 of RAM no room.
    """
    cores = replace(CORES, ram_bytes=ram)
    _, (likely, fastest, slowest) = parts(host(**options), card(), cores=cores)

    assert (likely / fastest, likely / slowest) == pytest.approx(ends)


@pytest.mark.parametrize(
    ("devices", "tokens", "times"),
    [
        (1, 40, 1.0),
        (4, 10, 1.0),
        (4, 11, 8 / 5),
        (4, 40, 16 / 7),
        (2, 400, 80 / 41),
        (8, 20, 16 / 9),
        (8, 80, 64 / 19),
    ],
)
def test_devices_read_several_micro_batches_at_once(devices: int, tokens: int, times: float) -> None:
    """
    As a pipeline of up to four batches of ten tokens, of whose gain the root is reached.

    Two batches over four devices are 8 steps in 5; eight over eight are 64 in twice 8 and 3 more, as four are on
    their way.
    """
    shares = [card(device=f"gpu{number}") for number in range(devices)]

    found = at_once(CONSTANTS, shares, ubatch_size=10, tokens=tokens)

    assert (found.low, found.likely, found.high) == pytest.approx((1.0, times**0.5, times))
    for alone in (
        at_once(CONSTANTS, [host(), *shares], ubatch_size=10, tokens=tokens),
        at_once(CONSTANTS, shares, ubatch_size=10, tokens=None),
    ):
        assert (alone.low, alone.likely, alone.high) == (1.0, 1.0, 1.0)


def test_what_devices_gain_at_once_widens_the_range() -> None:
    """
    Two batches over four devices: at the least no gain, at the most 8 steps in 5.
    """
    shares = [card(device=f"gpu{number}", parameters=1000) for number in range(4)]
    one, two = (
        prompt_speed(CONSTANTS, shares, moe=False, quant="Q4_K_S", ubatch_size=10, tokens=tokens)[0]
        for tokens in (10, 20)
    )

    assert one is not None
    assert two is not None
    assert two.low == pytest.approx(one.low, abs=0.1)
    assert two.likely == pytest.approx(one.likely * (8 / 5) ** 0.5, abs=0.1)
    assert two.high == pytest.approx(one.high * 8 / 5, abs=0.1)


@pytest.mark.parametrize(
    ("share", "options", "seconds", "low", "high"),
    [
        (host(), {}, 100 / 4000, 0.5, 2.0),
        (host(attention_operations=160), {}, 100 / 4000 + 80 / 8000, 0.5, 2.0),
        (host(), {"quant": "IQ2_M"}, 100 / 1000, 0.5, 2.0),
        (host(), {"cores": Processor(threads=4, vectors=False)}, 100 / 2000, 0.5, 2.0),
        (host(), {"cores": Processor(threads=4)}, 100 / 4000, 0.25, 2.0),
        (host(), {"moe": True}, 100 / 2000, 0.25, 4.0),
    ],
)
def test_the_processor_multiplies_what_is_not_sent(
    share: Share, options: Row, seconds: float, low: float, high: float
) -> None:
    """
    By its cores; experts reach half, and an unknown processor may be slower.
    """
    ((likely, fastest, slowest),) = parts(share, offloaded=False, **options)

    assert (likely, fastest, slowest) == pytest.approx((seconds, seconds / high, seconds / low))


def test_attention_over_a_cache_in_ram_is_the_processors_own() -> None:
    """
    Also where the weights are sent, and with the spread of no experts; of layers in RAM the device attends.
    """
    found = parts(host(attention_operations=160, attends=True), card(), moe=True)
    sent = parts(host(attention_operations=160), card())

    assert len(found) == 3
    assert found[2] == pytest.approx((80 / 8000, 80 / 16000, 80 / 4000))
    assert len(parts(host(attention_operations=160, attends=True), card(), filled=0.0)) == 2
    assert [one[0] for one in sent] == pytest.approx([200 / 2500 + 80 / 1000, 0.1])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"layers": 0}, False),
        ({"layers": 0, "switches": 3}, True),
        ({"layers": 0, "switches": 3, "resident_bytes": 0}, False),
        ({"layers": 0, "switches": 3, "resident_bytes": None}, True),
    ],
)
def test_rows_of_an_embedding_are_nothing_to_multiply(changes: Row, *, expected: bool) -> None:
    """
    Layers are, and experts whose layers are elsewhere.
    """
    assert multiplies(host(**changes)) is expected


@pytest.mark.parametrize(
    ("shares", "size", "wished", "expected"),
    [
        ((host(), card()), 32, True, True),
        ((host(), card()), 31, True, False),
        ((host(), card()), 32, False, False),
        ((host(),), 32, True, False),
    ],
)
def test_weights_are_sent_to_a_device_for_32_tokens(
    shares: tuple[Share, ...], size: int, wished: bool, *, expected: bool
) -> None:
    """
    Fewer are not worth it.
    """
    assert offloads(shares, ubatch_size=size, op_offload=wished) is expected


@pytest.mark.parametrize(
    ("quant", "rate"),
    [
        ("f16", 8000),
        ("Q4_K_S", 4000),
        ("Q4_K_M", 4000),
        ("IQ2_S", 800),
        ("IQ3_M", 800),
        ("Q9", 4000),
        ("Q2_K", 2000),
    ],
)
def test_a_file_type_that_was_not_measured_is_like_its_kin(quant: str, rate: float) -> None:
    """
    The slowest of those that begin alike, then of all with a code book, then none.
    """
    assert processor_operations_per_s(CONSTANTS, CORES, quant) == pytest.approx(rate)
    assert processor_operations_per_s(CONSTANTS, Processor(), quant) is None


@pytest.mark.parametrize(
    ("shares", "options", "why"),
    [
        ((card(),), {}, None),
        ((card(flops=None, bandwidth_bytes_per_s=None),), {}, "speed.device-unknown"),
        ((card(backend="vulkan"),), {}, None),
        ((card(parameters=None),), {}, "speed.active-parameters-unknown"),
        ((host(parameters=None), card()), {}, "speed.active-parameters-unknown"),
        ((host(parameters=None, layers=0), card()), {}, None),
        ((host(), card(link_bytes_per_s=None)), {}, "speed.link-unknown"),
        ((host(resident_bytes=0), card(link_bytes_per_s=100)), {}, None),
        ((host(layers=0), card(link_bytes_per_s=None)), {}, None),
        ((host(), card(link_bytes_per_s=None)), {"op_offload": False}, None),
        ((host(),), {"processor": Processor()}, "speed.cores-unknown"),
        ((host(), card()), {"processor": Processor()}, None),
        ((host(attention_operations=9), card()), {"processor": Processor()}, None),
        (
            (host(attention_operations=9, attends=True), card()),
            {"processor": Processor(), "filled": 0.5},
            "speed.cores-unknown",
        ),
        ((host(),), {"moe": True}, None),
        ((host(attention_operations=9), card()), {"processor": Processor(), "filled": 0.5}, None),
        ((card(parameters=0),), {}, "speed.nothing-multiplied"),
    ],
)
def test_why_the_speed_of_prompts_is_unknown(
    shares: tuple[Share, ...], options: Row, why: str | None
) -> None:
    """
    What it needs and nobody knows, or what too few measured.
    """
    asked: Row = {"moe": False, "processor": CORES} | options
    found, words = prompt_speed(CONSTANTS, shares, **asked)

    assert (found is None) is (why is not None)
    if why is not None:
        assert [one.id for one in words] == [why]


def test_prompts_of_experts_need_rows_of_their_own() -> None:
    """
    Four are too few on a processor, five are not.
    """
    few = CONSTANTS | {"processor_prompts": CONSTANTS["processor_prompts"] | {"moe_rows": 4}}
    found, (why, *_) = prompt_speed(few, (host(),), moe=True, processor=CORES)
    dense, _ = prompt_speed(few, (host(),), moe=False, processor=CORES)
    sent, _ = prompt_speed(few, (host(attention_operations=9), card()), moe=True, processor=CORES, filled=0.5)

    assert found is None
    assert why == message("speed.too-few-prompts-on-processor", rows=4, experts=1)
    assert dense is not None
    assert sent is not None


def test_parts_of_a_prompt_are_added() -> None:
    """
    The inverse of all times, rounded to a tenth.
    """
    found, _ = prompt_speed(CONSTANTS, (card(), card()), moe=False, processor=CORES)

    assert found is not None
    assert (found.low, found.likely, found.high) == (6.3, 12.5, 25.0)
