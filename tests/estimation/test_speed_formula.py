"""
The formulas of speed with round constants, so that every figure can be computed by hand.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.estimation.speed.generation import generation_speed
from llmprobe.estimation.speed.parts import (
    Share,
    device_part,
    device_row,
    host_part,
    quant_efficiency,
    read_bytes,
    standing,
)
from llmprobe.estimation.speed.prompt import (
    multiplies,
    offloads,
    processor_operations_per_s,
    prompt_parts,
    prompt_row,
    prompt_speed,
)
from llmprobe.facts.processor import Processor
from llmprobe.words.message import message

Row = dict[str, Any]


def device(**changes: Any) -> Row:
    usual: Row = {
        "backends": ["cuda"],
        "capabilities": None,
        "names": None,
        "bandwidth_up_to": None,
        "efficiency": 0.5,
        "kernel_us": 10.0,
        "cache_reading": 2.0,
        "rows": 9,
        "current": 9,
        "low": 0.5,
        "high": 4.0,
    }
    return usual | changes


def prompt(**changes: Any) -> Row:
    usual: Row = {
        "backends": ["cuda"],
        "moe": False,
        "capabilities": None,
        "bandwidth_up_to": None,
        "efficiency": 0.5,
        "rows": 9,
        "low": 0.5,
        "high": 2.0,
        "by_bandwidth": {"operations_per_byte": 4.0, "rows": 9, "low": 0.25, "high": 4.0, "preferred": False},
    }
    return usual | changes


CONSTANTS: Row = {
    "devices": [
        device(names=["H20"], efficiency=0.1),
        device(capabilities=["8.0"], efficiency=0.2),
        device(bandwidth_up_to=500),
        device(efficiency=0.25),
        device(backends=["vulkan", None], efficiency=0.4),
    ],
    "moe": {"reading": 2.0, "kernels": 0.5, "rows": 9, "low": 0.25, "high": 2.0},
    "recurrent": {"kernels": 3.0},
    "quants": {"gpu": {"Q2_K": 0.5}, "cpu_code_book": 0.75},
    "processor": {
        "efficiency": 0.5,
        "core_bytes_per_s": 100.0,
        "without_vectors": 0.5,
        "switch_us": 100.0,
        "kernel_us": 20.0,
        "unknown_processor": 0.5,
        "rows": 9,
        "low": 0.5,
        "high": 2.0,
    },
    "prompts": [
        prompt(capabilities=["8.0"], efficiency=0.1),
        prompt(bandwidth_up_to=500),
        prompt(efficiency=0.25),
        prompt(moe=True, efficiency=0.2),
        prompt(backends=["vulkan", None], rows=4),
    ],
    "processor_prompts": {
        "core_operations": 1000.0,
        "quants": {"F16": 2.0, "Q4_K_S": 1.0, "Q2_K_S": 0.5, "IQ2_M": 0.25, "IQ2_XS": 0.2},
        "moe": 0.5,
        "moe_rows": 5,
        "moe_low": 0.25,
        "moe_high": 4.0,
        "rows": 9,
        "low": 0.5,
        "high": 2.0,
    },
}


def card(**changes: Any) -> Share:
    usual: Row = {
        "device": "gpu0",
        "backend": "cuda",
        "bandwidth_bytes_per_s": 1000,
        "active_bytes": 100,
        "layers": 2,
        "kernels": 1000,
        "parameters": 50,
        "resident_bytes": 0,
        "flops": 10_000,
        "link_bytes_per_s": 100,
    }
    return Share(**(usual | changes))


def host(**changes: Any) -> Share:
    usual: Row = {
        "device": "host",
        "backend": "cpu",
        "bandwidth_bytes_per_s": 400,
        "active_bytes": 100,
        "layers": 2,
        "parameters": 50,
        "resident_bytes": 80,
    }
    return Share(**(usual | changes))


CORES = Processor(threads=4, vectors=True)


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
    ("share", "moe", "efficiency"),
    [
        (card(compute_capability="8.0"), False, 0.1),
        (card(bandwidth_bytes_per_s=500), False, 0.5),
        (card(bandwidth_bytes_per_s=501), False, 0.25),
        (card(), True, 0.2),
        (card(bandwidth_bytes_per_s=None), False, 0.5),
    ],
)
def test_the_first_row_for_prompts_that_matches_counts(share: Share, moe: bool, efficiency: float) -> None:
    """
    Experts have rows of their own.
    """
    assert prompt_row(CONSTANTS, share, moe=moe)["efficiency"] == efficiency


@pytest.mark.parametrize(
    ("quant", "backend", "expected"),
    [
        ("q2_k", "cuda", 0.5),
        ("Q4_K_M", "cuda", 1.0),
        ("IQ2_M", "cuda", 1.0),
        ("iq2_m", "cpu", 0.75),
        ("Q2_K", "cpu", 0.5),
    ],
)
def test_a_file_type_reaches_a_part_of_the_bandwidth(quant: str, backend: str, expected: float) -> None:
    """
    One with a code book less on a processor.
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
    assert whole.fastest == pytest.approx((0.35 / 0.25 + 0.01) / 4)


@pytest.mark.parametrize(
    ("share", "cores", "seconds", "doubt"),
    [
        (host(bandwidth_bytes_per_s=400), CORES, 100 / 200, 1.0),
        (host(bandwidth_bytes_per_s=4000), CORES, 100 / 400, 1.0),
        (host(bandwidth_bytes_per_s=4000), Processor(threads=4, vectors=False), 100 / 200, 1.0),
        (host(bandwidth_bytes_per_s=4000), Processor(threads=4), 100 / 400, 0.5),
        (host(bandwidth_bytes_per_s=4000), Processor(), 100 / 2000, 0.5),
        (host(kernels=1000), CORES, 100 / 200 + 0.02, 1.0),
        (host(switches=10), CORES, 100 / 200 + 0.001, 1.0),
        (host(cache_bytes=100, state_bytes=50), CORES, 200 / 200, 1.0),
    ],
)
def test_a_processor_reads_no_faster_than_its_cores(
    share: Share, cores: Processor, seconds: float, doubt: float
) -> None:
    """
    Half of the RAM's bandwidth, 100 bytes a second for each core; an unknown processor may be slower.
    """
    part = host_part(CONSTANTS, share, cores, quant="Q4_K_M", filled=0.5)

    assert part.likely == pytest.approx(seconds)
    assert (part.fastest, part.slowest) == pytest.approx((seconds / 2, seconds / (0.5 * doubt)))


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
    ("share", "options", "seconds"),
    [
        (card(), {}, 100 / 2500),
        (card(attention_operations=100), {}, 150 / 2500),
        (card(attention_operations=100), {"filled": 0.0}, 100 / 2500),
        (card(parameters=None), {}, 0.0),
        (card(), {"moe": True}, 100 / 2000),
        (card(resident_bytes=500), {}, 100 / 2500 + 500 / 2500),
        (card(resident_bytes=500, bandwidth_bytes_per_s=None), {}, 100 / 5000),
    ],
)
def test_a_prompt_is_arithmetic_and_weights_for_each_micro_batch(
    share: Share, options: Row, seconds: float
) -> None:
    """
    Two operations a weight; weights are read once for ten tokens.
    """
    ((likely, fastest, slowest),) = parts(share, **options)

    assert (likely, fastest, slowest) == pytest.approx((seconds, seconds / 2, seconds * 2))


def test_the_bandwidth_tells_the_arithmetic_where_nothing_else_does() -> None:
    """
    Four operations a byte, with the spread of such rows.
    """
    assert parts(card(flops=None)) == [pytest.approx((100 / 4000, 100 / 16000, 100 / 1000))]


def test_weights_in_ram_are_sent_and_multiplied_on_the_first_device() -> None:
    """
    At four fifths of the link, once for ten tokens; a second device has its own alone.
    """
    found = parts(host(), card(), card(device="gpu1"))

    assert [one[0] for one in found] == pytest.approx([200 / 2500, 100 / 2500, 80 / (80 * 10)])
    assert found[2] == pytest.approx((0.1, 0.1, 0.1))


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
    Also where the weights are sent, and with the spread of no experts.
    """
    found = parts(host(attention_operations=160), card(), moe=True)

    assert len(found) == 3
    assert found[2] == pytest.approx((80 / 8000, 80 / 16000, 80 / 4000))
    assert len(parts(host(attention_operations=160), card(), filled=0.0)) == 2


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
        ((card(backend="vulkan"),), {}, "speed.too-few-prompts-on-device"),
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
            (host(attention_operations=9), card()),
            {"processor": Processor(), "filled": 0.5},
            "speed.cores-unknown",
        ),
        ((host(),), {"moe": True}, None),
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
    assert (found.low, found.likely, found.high) == (6.2, 12.5, 25.0)


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
