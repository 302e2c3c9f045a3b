"""
Prompt speed: what is arithmetic, what is read or sent once for a micro-batch, what the processor does, what is unknown.
"""

from typing import Any

import msgspec
import pytest

from benchmarks.fit_speed_processor import of_processor_prompts
from benchmarks.speed_predicted import predicted
from benchmarks.speed_rows import rows
from llmprobe.data import table
from llmprobe.estimation.speed.cores import processor_operations_per_s
from llmprobe.estimation.speed.parts import FEWEST_ROWS, Share
from llmprobe.estimation.speed.prompt import prompt_parts, prompt_speed
from llmprobe.facts.estimate import Range
from llmprobe.facts.processor import Processor
from llmprobe.words.message import Message, message
from tests.estimation import shares
from tests.estimation.shares import CORES, GB, HALF, HOST

GPU = msgspec.structs.replace(shares.GPU, link_bytes_per_s=16 * GB)


def said(*shares: Share, moe: bool = False, cores: Processor | None = CORES) -> Message:
    found, (why,) = prompt_speed(table("speed"), shares, moe=moe, processor=cores)
    assert found is None
    return why


def speed(*shares: Share, moe: bool = False, cores: Processor | None = CORES, **settings: Any) -> Range:
    found, _ = prompt_speed(table("speed"), shares, moe=moe, processor=cores, **settings)
    assert found is not None
    return found


def test_prompts_go_by_arithmetic() -> None:
    """
    An 8B on a 4090 reads several thousand tokens of a prompt a second: 14,000 were measured of one of 7B.
    """
    assert 4000 < speed(HOST, GPU).likely < 16000


@pytest.mark.parametrize(
    ("backend", "bandwidth", "capability"),
    [("cuda", 432, "8.9"), ("vulkan", 102, None), ("metal", 400, None)],
)
def test_the_bandwidth_stands_for_an_unknown_fp16_rate(
    backend: str, bandwidth: int, capability: str | None
) -> None:
    """
    A card whose FP16 rate no table has still reads prompts about as fast as its memory would let one think.
    """
    unrated = msgspec.structs.replace(
        GPU,
        backend=backend,
        bandwidth_bytes_per_s=bandwidth * GB,
        compute_capability=capability,
        flops=None,
    )

    operations_per_byte = 2 * 8 * GB * speed(HOST, unrated).likely / (bandwidth * GB)

    assert 15 < operations_per_byte < 250


def test_without_rate_and_bandwidth_there_is_no_prompt_speed() -> None:
    """
    Of a device of which neither is known nothing is said, and the reason says why.
    """
    unknown = msgspec.structs.replace(GPU, flops=None, bandwidth_bytes_per_s=None)

    assert said(HOST, unknown) == message("speed.device-unknown", device="NVIDIA GeForce RTX 4090")


def test_cards_before_tensor_cores_are_slower_by_their_bandwidth() -> None:
    """
    A Tesla P40 does about a third of the operations per byte of bandwidth that an RTX 4060 Ti does.
    """
    old, new = (
        msgspec.structs.replace(
            GPU, bandwidth_bytes_per_s=300 * GB, compute_capability=capability, flops=None
        )
        for capability in ("6.1", "8.9")
    )

    assert speed(HOST, new).likely > 2 * speed(HOST, old).likely


def test_unknown_parameters_are_an_unknown_prompt_speed() -> None:
    """
    Arithmetic needs to know how many weights a token is multiplied by.
    """
    assert said(HOST, msgspec.structs.replace(GPU, parameters=None)) == message(
        "speed.active-parameters-unknown"
    )


def test_experts_gain_most_from_a_larger_micro_batch() -> None:
    """
    All experts are read for a micro-batch, though a token is multiplied by few: as measured on a 4090, where 2048
    instead of 512 tokens are a quarter faster.
    """
    experts = msgspec.structs.replace(
        GPU,
        parameters=5 * GB // 2,
        widths=3_300_000,
        expert_parameters=1 * GB,
        resident_bytes=19 * GB,
        expert_bytes=18 * GB,
        expert_count=256,
        expert_used_count=8,
    )
    small, large = (speed(HOST, experts, moe=True, ubatch_size=size).likely for size in (512, 2048))

    assert 1.15 < large / small < 1.7


def test_weights_in_ram_cross_the_link_for_every_micro_batch() -> None:
    """
    A larger micro-batch is faster almost in proportion.
    """
    small, large = (speed(HALF, GPU, ubatch_size=size).likely for size in (256, 512))

    assert 1.7 < large / small < 2


def test_an_unknown_link_is_an_unknown_prompt_speed() -> None:
    """
    Where weights must be sent, nothing is said without the link's speed; where none must, it does not matter.
    """
    unlinked = msgspec.structs.replace(GPU, link_bytes_per_s=None)

    assert said(HALF, unlinked) == message("speed.link-unknown", bytes=HALF.resident_bytes)
    assert speed(HOST, unlinked) == speed(HOST, GPU)


@pytest.mark.parametrize("settings", [{"op_offload": False}, {"ubatch_size": 16}])
def test_the_processor_computes_what_is_not_offloaded(settings: dict[str, Any]) -> None:
    """
    Without operation offload, or in batches too small for it, the cores do the host's part, and more are faster.
    """
    few, many = (
        speed(HALF, GPU, cores=Processor(threads=threads, vectors=True), **settings).likely
        for threads in (4, 16)
    )

    assert many > 3 * few


def test_a_machine_without_a_gpu_has_a_prompt_speed() -> None:
    """
    An 8B as Q4_K_M on 8 cores of today reads 25 to 60 tokens of a prompt a second, in a range that says how unsure.
    """
    alone = msgspec.structs.replace(HALF, parameters=8 * GB, layers=32)
    found = speed(alone, cores=Processor(threads=8, vectors=True))

    assert 25 < found.likely < 60
    assert found.low < 0.6 * found.likely


def test_experts_are_slower_on_a_processor_and_less_sure() -> None:
    """
    Of experts the cores reach about half of what they do of dense layers, in a wider range.
    """
    dense, experts = (speed(HALF, moe=moe) for moe in (False, True))

    assert 0.4 < experts.likely / dense.likely < 0.7
    assert experts.high / experts.low > dense.high / dense.low


def test_unknown_cores_are_an_unknown_prompt_speed() -> None:
    """
    The processor's arithmetic is not told without the number of its cores.
    """
    assert said(HALF, cores=None) == message("speed.cores-unknown")


def test_attention_over_a_cache_in_ram_is_the_processors() -> None:
    """
    With the cache in RAM a deep prompt waits for the cores, though all layers are on the device.
    """
    attention = 4 * 32 * 128 * 32 * 32768
    in_ram = msgspec.structs.replace(HOST, attention_operations=attention, attends=True)
    on_device = msgspec.structs.replace(GPU, attention_operations=attention)
    deep = speed(in_ram, GPU, filled=1.0).likely

    assert deep < speed(HOST, on_device, filled=1.0).likely / 5
    assert speed(in_ram, GPU).likely == speed(HOST, GPU).likely


@pytest.mark.parametrize(
    ("slower", "quant"), [("Q5_K_M", "Q4_K_S"), ("IQ3_M", "Q3_K_S"), ("IQ1_S", "Q4_K_S"), ("Q4_K_S", "Q8_0")]
)
def test_file_types_differ_on_a_processor(slower: str, quant: str) -> None:
    """
    A type that was not measured is as fast as its kin: the first takes longer than the second.
    """
    first, second = (processor_operations_per_s(table("speed"), CORES, one) for one in (slower, quant))

    assert first is not None
    assert second is not None
    assert first < second


def test_processors_of_today_are_predicted_from_their_cores() -> None:
    """
    Half of the published prompts on processors are within 40% of cores x operations, and each is within the range.
    """
    constants = table("speed")
    row = constants["processor_prompts"]
    measured = [one for one in of_processor_prompts(rows()) if not one.moe]
    ratios = sorted(one.tokens_per_s / predicted(constants, one).likely for one in measured)

    assert len(ratios) == row["rows"] >= FEWEST_ROWS
    assert sum(0.6 < ratio < 1.4 for ratio in ratios) > len(ratios) / 2
    assert sum(row["low"] <= ratio <= row["high"] for ratio in ratios) >= 0.8 * len(ratios)


def test_prompt_speeds_are_rounded_to_a_tenth() -> None:
    """
    Of tokens per second, bounds included.
    """
    found = speed(HOST, GPU)

    assert [found.low, found.likely, found.high] == [
        round(one, 1) for one in (found.low, found.likely, found.high)
    ]


def test_what_is_not_offloaded_costs_the_device_nothing() -> None:
    """
    Where the processor multiplies the weights in RAM, the device's part is that of the device alone; where they are
    sent to the device, it is longer by their operations.
    """
    host, gpu = msgspec.structs.replace(HALF, attention_operations=0), GPU

    def device_part(*shares: Share, offloaded: bool) -> float:
        first, *_ = prompt_parts(
            table("speed"),
            shares,
            moe=False,
            quant="Q4_K_M",
            cores=CORES,
            ubatch_size=512,
            offloaded=offloaded,
            filled=0.0,
        )
        return first.likely

    alone = device_part(gpu, offloaded=False)

    assert device_part(host, gpu, offloaded=False) == alone
    assert device_part(host, gpu, offloaded=True) > alone
