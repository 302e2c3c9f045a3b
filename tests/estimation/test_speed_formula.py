"""
The formulas of speed with round constants, so that every figure can be computed by hand.
"""

from typing import Literal

import msgspec
import pytest
from msgspec.structs import replace

from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.estimation.speed.parts import (
    Part,
    Share,
    device_part,
    device_row,
    fills_ram,
    host_part,
    quant_efficiency,
    read_bytes,
    standing,
    total,
)
from llmprobe.facts.processor import Processor
from llmprobe.words.message import Message, message
from tests.estimation.round_constants import CONSTANTS, CORES, Row, card, device, host


@pytest.mark.parametrize(
    ("share", "efficiency"),
    [
        (card(name="NVIDIA H20", compute_capability="8.0"), 0.1),
        (card(compute_capability="8.0"), 0.2),
        (card(bandwidth_bytes_per_s=500), 0.5),
        (card(bandwidth_bytes_per_s=501), 0.25),
        (card(bandwidth_bytes_per_s=None), 0.5),
        (card(backend="vulkan"), 0.4),
        (card(backend="rocm"), 0.4),
        (card(backend=None), 0.4),
    ],
)
def test_the_first_row_that_matches_counts(share: Share, efficiency: float) -> None:
    """
    By name, capability and bandwidth; a backend that was never measured is an unknown one.
    """
    assert device_row(CONSTANTS, share)["efficiency"] == efficiency


@pytest.mark.parametrize(
    ("quant", "backend", "expected"),
    [
        ("q2_k", "cuda", 0.5),
        ("Q4_K_M", "cuda", 1.0),
        ("IQ2_M", "cuda", 1.0),
        ("iq2_m", "cpu", 0.75),
        ("IQ3_S", "cpu", 1.0),
        ("IQ4_XS", "cpu", 1.0),
        ("Q2_K", "cpu", 0.5),
    ],
)
def test_a_file_type_reaches_a_part_of_the_bandwidth(quant: str, backend: str, expected: float) -> None:
    """
    One whose kin has a large code book less on a processor.
    """
    assert quant_efficiency(CONSTANTS, quant, backend) == expected


@pytest.mark.parametrize(
    ("share", "options", "seconds"),
    [
        (card(), {}, 0.1 / 0.25 + 0.01),
        (card(), {"quant": "Q2_K"}, 0.2 / 0.25 + 0.01),
        (card(), {"moe": True}, 0.2 / 0.25 + 0.005),
        (card(recurrent=True), {}, 0.1 / 0.25 + 0.03),
        (card(kernels=None), {}, 0.1 / 0.25 + 18e-5),
        (card(cache_bytes=100), {"filled": 0.5}, 0.2 / 0.25 + 0.01),
        (card(cache_bytes=100), {}, 0.1 / 0.25 + 0.01),
        (card(state_bytes=100), {}, 0.2 / 0.25 + 0.01),
    ],
)
def test_a_device_reads_and_starts_kernels(share: Share, options: Row, seconds: float) -> None:
    """
    Bytes by bandwidth and efficiency, and kernels of 10 microseconds, of which a layer has nine if nobody counts.
    """
    asked: Row = {"moe": False, "quant": "Q4_K_M"} | options

    assert device_part(CONSTANTS, share, **asked).likely == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("capability", "changes", "seconds"),
    [
        (None, {}, 50 / 1000),
        ("8.6", {}, 50 / 1000),
        ("7.0", {}, 50 / 380),
        ("8.6", {"flops": None}, 50 / 10_000),
        (None, {"latent_heads": 20}, 50 / 1000),
        ("8.6", {"latent_heads": 16}, 50 / 1000),
        ("8.6", {"latent_heads": 20}, 50 * 32 / 20 / 1000),
        ("12.0", {"latent_heads": 128}, 50 / 1000),
        ("8.6", {"single_operations": 100}, 50 / 100),
        ("8.6", {"single_operations": 40}, 30 / 1000 + 20 / 100),
    ],
)
def test_heads_compute_with_the_cache(capability: str | None, changes: Row, seconds: float) -> None:
    """
    Half of 100 operations at a tenth of 10,000 a second, 38% of it on Volta, and of 100 x 1,000 where no rate is
    known; CUDA takes 16 heads of a latent cache at once, and heads that compute for themselves reach a tenth of that.
    """
    share = card(**({"attention_operations": 100, "compute_capability": capability} | changes))

    found = device_part(CONSTANTS, share, moe=False, quant="Q4_K_M", filled=0.5).likely

    assert found == pytest.approx(0.1 / 0.25 + 0.01 + seconds)


def test_the_range_of_a_device_ends_at_its_bandwidth() -> None:
    """
    Measured ones spread from half to four times; none reads faster than its memory.
    """
    part = device_part(CONSTANTS, card(), moe=False, quant="Q4_K_M")
    experts = device_part(CONSTANTS, card(), moe=True, quant="Q4_K_M")
    small = device_part(CONSTANTS, card(active_bytes=0), moe=False, quant="Q4_K_M")

    assert (part.slowest, part.fastest) == pytest.approx((0.82, 0.1025))
    assert (experts.slowest, experts.fastest) == pytest.approx((0.805 * 4, 0.4025))
    assert small.fastest == pytest.approx(0.0025)
    whole = device_part(
        CONSTANTS, card(cache_bytes=200, state_bytes=50), moe=False, quant="Q4_K_M", filled=0.5
    )
    assert whole.fastest == pytest.approx((0.15 / 0.25 + 0.01) / 4 + 0.2 / 0.25 / 2)
    assert whole.slowest == pytest.approx((0.15 / 0.25 + 0.01) * 2 + 0.2 / 0.25 * 4)


@pytest.mark.parametrize(
    ("share", "cores", "seconds", "doubt"),
    [
        (host(bandwidth_bytes_per_s=400), CORES, 100 / 200, 1.0),
        (host(bandwidth_bytes_per_s=4000), CORES, 100 / 400, 1.0),
        (host(bandwidth_bytes_per_s=4000), Processor(threads=4, vectors=False), 100 / 200, 1.0),
        (host(bandwidth_bytes_per_s=4000), Processor(threads=4), 100 / 400, 0.5),
        (host(bandwidth_bytes_per_s=4000), Processor(), 100 / 2000, 0.5),
        (host(bandwidth_bytes_per_s=4000), replace(CORES, dies=1, dies_bytes_per_s=250), 100 / 250, 1.0),
        (host(bandwidth_bytes_per_s=4000), replace(CORES, dies=9, dies_bytes_per_s=500), 100 / 400, 1.0),
        (host(kernels=1000), CORES, 100 / 200 + 0.02, 1.0),
        (host(cache_bytes=100, state_bytes=50), CORES, 200 / 200, 1.0),
    ],
)
def test_a_processor_reads_no_faster_than_its_cores(
    share: Share, cores: Processor, seconds: float, doubt: float
) -> None:
    """
    Half of the RAM's bandwidth, 100 bytes a second for each core, and what its dies read; an unknown one may be slower.
    """
    part = host_part(CONSTANTS, share, cores, quant="Q4_K_M", filled=0.5)

    assert part.likely == pytest.approx(seconds)
    assert (part.fastest, part.slowest) == pytest.approx((seconds / 2, seconds / (0.5 * doubt)))


def test_a_measured_rate_is_reached() -> None:
    """
    Threads did read 200 bytes a second, so 100 bytes take half of one; the RAM of one node gives half of that. No
    engine is much faster than a loop that does nothing else.
    """
    cores = msgspec.structs.replace(CORES, ram_measured=True, ram_low=0.5)
    part = host_part(CONSTANTS, host(bandwidth_bytes_per_s=200), cores, quant="Q4_K_M")

    assert part.likely == pytest.approx(100 / 200)
    assert part.fastest == pytest.approx(100 / 200 / 1.15)
    assert part.slowest == pytest.approx(100 / 100 / 0.6)
    assert part.words.values["rate"] == message("speed.ram-measured", bytes_per_s=200)


def test_experts_beside_a_device_have_a_range_of_their_own() -> None:
    """
    Each of ten layers goes to the processor and back in 100 microseconds, and four times as fast or slow is possible.
    """
    part = host_part(CONSTANTS, host(switches=10), CORES, quant="Q4_K_M")

    assert part.likely == pytest.approx(0.501)
    assert (part.fastest, part.slowest) == pytest.approx((0.501 / 4, 0.501 * 4))


@pytest.mark.parametrize(
    ("share", "crowded", "ends"),
    [
        (host(), False, (2, 0.5)),
        (host(beside=True), False, (1.25, 0.8)),
        (host(beside=True), True, (1.6, 0.1)),
        (host(beside=True, switches=10), True, (1.6, 0.1)),
    ],
)
def test_layers_beside_a_device_are_surer_than_a_whole_model_and_a_file_that_fills_the_ram_less(
    share: Share, crowded: bool, ends: tuple[float, float]
) -> None:
    """
    Each has its own ends in the constants; what is likely is the same.
    """
    part = host_part(CONSTANTS, share, CORES, quant="Q4_K_M", crowded=crowded)

    assert (part.likely / part.fastest, part.likely / part.slowest) == pytest.approx(ends)
    rate = part.words.values["rate"]
    assert isinstance(rate, Message)
    assert (rate.id == "speed.ram-crowded") is crowded


def test_a_measured_rate_says_nothing_of_a_file_that_fills_the_ram() -> None:
    """
    Threads read RAM, not the disk: the low end is the tenth of such files, the high one that of measured rates.
    """
    cores = msgspec.structs.replace(CORES, ram_measured=True)
    part = host_part(CONSTANTS, host(bandwidth_bytes_per_s=200), cores, quant="Q4_K_M", crowded=True)

    assert part.slowest == pytest.approx(100 / 200 / 0.1)
    assert part.fastest == pytest.approx(100 / 200 / 1.15)


@pytest.mark.parametrize(("ram", "filled"), [(None, False), (1000, False), (999, True)])
def test_a_file_fills_the_ram_wherever_its_parts_go(ram: int | None, filled: bool) -> None:
    """
    900 bytes of weights, of which a device gets 600: of 1,000 bytes of RAM that is nine tenths, of 999 more.
    """
    shares = [card(resident_bytes=600), host(resident_bytes=300), host(resident_bytes=None)]

    assert fills_ram(shares, msgspec.structs.replace(CORES, ram_bytes=ram)) is filled


@pytest.mark.parametrize(
    ("flops", "reached"), [(None, 0.25), (20_000, 0.25), (10_000, 0.25), (4_000, 0.1), (1_000, 0.025)]
)
def test_a_device_reads_no_faster_than_its_arithmetic_follows(flops: int | None, reached: float) -> None:
    """
    Ten operations beside each byte, 1,000 bytes a second: 10,000 operations a second are enough for all of it, 4,000
    for four tenths. Where nobody knows them it counts as enough.
    """
    row = device(efficiency=0.25) | {"operations_per_byte": 10}
    constants = CONSTANTS | {"devices": [row]}
    share = card(flops=flops, kernels=0, cache_bytes=100)
    found = device_part(constants, share, moe=False, quant="Q4_K_M", filled=1.0)

    assert found.likely == pytest.approx((0.1 + 0.1 * row["cache_reading"]) / reached)
    assert found.words.values["efficiency"] == pytest.approx(reached)


def test_errors_of_one_kind_add_and_of_several_by_chance() -> None:
    """
    Two devices that may both be 3 s slower and a processor that may be 8 s slower: at the most 10 s in all.
    """

    def part(kind: Literal["device", "processor"], slowest: float) -> Part:
        return Part(
            likely=10.0, fastest=10.0, slowest=slowest, words=message("speed.nothing-read"), kind=kind
        )

    both = [part("device", 13.0), part("device", 13.0), part("processor", 18.0)]

    assert total(both) == pytest.approx((30.0, 30.0, 40.0))
    assert total([]) == (0.0, 0.0, 0.0)


def test_a_share_reads_what_it_has() -> None:
    """
    The part of the cache that is in use, and all of a state.
    """
    assert read_bytes(card(cache_bytes=10, state_bytes=3), 0.5) == 108


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"rows": 4}, message("speed.assumed", rows=4)),
        ({"rows": 5}, message("speed.measured", rows=5, current=None)),
        ({"rows": 9, "current": 4}, message("speed.measured", rows=9, current=4)),
        ({"rows": 9, "current": 5}, message("speed.measured", rows=9, current=None)),
    ],
)
def test_a_constant_stands_on_five_rows(row: Row, expected: object) -> None:
    """
    On fewer it is assumed; few of today's builds are said.
    """
    assert standing(row) == expected


@pytest.mark.parametrize(("cache", "said"), [(0, False), (2, False), (4, True)])
def test_a_full_context_is_said_where_it_is_a_twentieth_slower(cache: int, *, said: bool) -> None:
    """
    Of 100 bytes and a cache that costs twice: 4 bytes of it are 8 % more.
    """
    found = generation_speed(
        (card(cache_bytes=cache, kernels=0),), moe=False, processor=CORES, constants=CONSTANTS
    )

    assert (found.reason.values["tokens_per_s_at_full_context"] is not None) is said


@pytest.mark.parametrize(
    ("shares", "why"),
    [
        ((host(active_bytes=1, layers=0, bandwidth_bytes_per_s=None), card(active_bytes=2000)), None),
        (
            (host(active_bytes=3, layers=0, bandwidth_bytes_per_s=None), card(active_bytes=2000)),
            "speed.ram-bandwidth-unknown",
        ),
        (
            (host(active_bytes=0, cache_bytes=3, bandwidth_bytes_per_s=None), card()),
            "speed.ram-bandwidth-unknown",
        ),
        (
            (host(active_bytes=0, switches=1, bandwidth_bytes_per_s=None), card()),
            "speed.ram-bandwidth-unknown",
        ),
        ((card(bandwidth_bytes_per_s=None),), "speed.bandwidth-unknown"),
        ((), "speed.nothing-read"),
    ],
)
def test_a_thousandth_of_all_bytes_need_no_bandwidth(shares: tuple[Share, ...], why: str | None) -> None:
    """
    Weights, cache and state count; a device that is switched to counts always.
    """
    found = generation_speed(shares, moe=False, processor=CORES, constants=CONSTANTS)

    assert (found.generation_tokens_per_s is None) is (why is not None)
    if why is not None:
        assert getattr(found.reason.values["why"], "id", None) == why


def test_a_prompt_is_no_slower_than_text() -> None:
    """
    It could be read a token at a time, so that its range begins no lower.
    """
    slow = msgspec.structs.replace(card(), flops=100, kernels=0)
    found = generation_speed((slow,), moe=False, processor=CORES, constants=CONSTANTS)
    text, prompts = found.generation_tokens_per_s, found.prompt_tokens_per_s

    assert text is not None
    assert prompts is not None
    assert prompts.likely == text.likely == 2.5
    assert (prompts.low, prompts.high) == (text.low, text.high)
