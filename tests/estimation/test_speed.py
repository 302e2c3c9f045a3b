"""
Tokens per second: what adds time, what limits it, what is unknown, and how near it comes to measurements.
"""

from statistics import median

import msgspec
import pytest

from benchmarks.fit_speed import fit, on_devices
from benchmarks.speed_predicted import predicted
from benchmarks.speed_rows import rows
from llmprobe.data import table
from llmprobe.estimation.speed.generation import generation_speed, speed_at
from llmprobe.estimation.speed.parts import FEWEST_ROWS, Share, read_bytes
from llmprobe.estimation.speed.shares import fp16_flops
from llmprobe.facts.estimate import Range, Speed
from llmprobe.facts.machine import Cpu
from llmprobe.facts.processor import Processor, processor
from llmprobe.machine.gpu_table import named
from llmprobe.words.message import Message, message
from tests.estimation.shares import CORES, GB, GPU, HALF, HOST


def speed(*shares: Share, moe: bool = False, cores: Processor | None = CORES, **changes: object) -> Speed:
    return generation_speed(shares, moe=moe, processor=cores, **changes)  # type: ignore[arg-type]


def generation(found: Speed) -> Range:
    assert found.generation_tokens_per_s is not None
    return found.generation_tokens_per_s


def test_an_8b_on_a_4090_is_as_fast_as_people_measure() -> None:
    """
    5 GB a token at 1008 GB/s give 110 to 150 tokens a second, less than the bandwidth alone would.
    """
    assert 110 < generation(speed(HOST, GPU)).likely < 150


def test_parts_add_their_times() -> None:
    """
    Half on the processor and half on the device take as long as both one after the other.
    """
    device, both = generation(speed(GPU)).likely, generation(speed(HALF, GPU)).likely
    alone = generation(speed(HALF)).likely

    assert both == pytest.approx(1 / (1 / device + 1 / alone), rel=0.01)


def test_a_second_equal_device_adds_no_speed() -> None:
    """
    Layers on two devices run one after the other: the same bytes take the same time.
    """
    half = msgspec.structs.replace(GPU, active_bytes=GPU.active_bytes // 2, kernels=144)
    other = msgspec.structs.replace(half, device="gpu1")

    assert generation(speed(half, other)).likely == pytest.approx(generation(speed(GPU)).likely, rel=0.01)


def _parts(found: Speed) -> list[Message]:
    """The parts of a token that a reason names."""
    parts = found.reason.values["parts"]
    assert isinstance(parts, tuple)
    return [part for part in parts if isinstance(part, Message)]


def _read(share: Share) -> int:
    return share.active_bytes + share.cache_bytes + share.state_bytes


def test_a_full_context_is_slower() -> None:
    """
    With 4 GB of cache beside 5 GB of weights a full context takes over half as long again.
    """
    found = speed(GPU)
    full = found.generation_at_full_context_tokens_per_s

    assert full is not None
    assert full.likely < generation(found).likely / 1.5
    assert found.reason.values["tokens_per_s_at_full_context"] == full.likely


def test_small_models_are_held_up_by_kernels() -> None:
    """
    A tenth of the bytes is not ten times as fast: kernels have to be started all the same.
    """
    small = msgspec.structs.replace(GPU, active_bytes=GPU.active_bytes // 10)

    assert generation(speed(small)).likely < 5 * generation(speed(GPU)).likely


def test_cores_limit_what_the_ram_could_give() -> None:
    """
    Four threads read no more than four cores can, however fast the RAM is.
    """
    fast = msgspec.structs.replace(HALF, bandwidth_bytes_per_s=400 * GB)
    few, many = (Processor(threads=count, vectors=True) for count in (4, 64))

    assert generation(speed(fast, cores=few)).likely < generation(speed(fast, cores=many)).likely / 2


def test_an_unknown_processor_widens_the_range() -> None:
    """
    Where instruction sets are not known the slow end is lower, the likely figure the same.
    """
    known = generation(speed(HALF, cores=CORES))
    unknown = generation(speed(HALF, cores=Processor(threads=16)))

    assert (unknown.likely, unknown.high) == (known.likely, known.high)
    assert unknown.low < known.low


def test_no_vectors_are_slow() -> None:
    """
    A processor without AVX2 or NEON reads less per core.
    """
    assert (
        generation(speed(HALF, cores=Processor(threads=4, vectors=False))).likely
        < generation(speed(HALF, cores=Processor(threads=4, vectors=True))).likely
    )


def test_a_processor_is_its_cores_and_vectors() -> None:
    """
    As many threads count as cores that may be used; no list of instruction sets is unknown, not none.
    """
    cpu = Cpu(physical_cores=8, usable_threads=16, instruction_sets=("avx2",))

    assert processor(cpu) == Processor(threads=8, vectors=True)
    assert processor(Cpu(instruction_sets=("sse4_2",))) == Processor(threads=None, vectors=False)
    assert processor(Cpu()) == Processor()


@pytest.mark.parametrize(
    ("share", "why"),
    [
        (GPU, message("speed.bandwidth-unknown", device="gpu0", bytes=_read(GPU))),
        (HALF, message("speed.ram-bandwidth-unknown", bytes=_read(HALF))),
    ],
)
def test_unknown_bandwidth_is_unknown_speed(share: Share, why: Message) -> None:
    """
    No figure where the bandwidth is unknown, and the reason names what is.
    """
    found = speed(msgspec.structs.replace(share, bandwidth_bytes_per_s=None))

    assert found.generation_tokens_per_s is None
    assert (found.reason.id, found.reason.values["why"]) == ("speed.unknown", why)


def test_a_row_of_the_embedding_does_not_need_the_ram() -> None:
    """
    The host reads 2 KB a token: that its RAM's speed is unknown does not matter.
    """
    assert generation(speed(msgspec.structs.replace(HOST, bandwidth_bytes_per_s=None), GPU))


def test_a_cache_that_is_kept_in_ram_is_read_there() -> None:
    """
    With the cache on the host (-nkvo) a full context goes at the speed of the RAM.
    """
    device = msgspec.structs.replace(GPU, cache_bytes=0)
    host = msgspec.structs.replace(HOST, cache_bytes=GPU.cache_bytes)
    here, there = speed(HOST, GPU), speed(host, device)

    assert here.generation_at_full_context_tokens_per_s is not None
    assert there.generation_at_full_context_tokens_per_s is not None
    assert (
        there.generation_at_full_context_tokens_per_s.likely
        < here.generation_at_full_context_tokens_per_s.likely / 3
    )


def test_every_class_says_on_how_much_it_stands() -> None:
    """
    The reason of a speed names the rows, and a class that too few stand on calls itself assumed.
    """
    measured = _parts(speed(GPU))[0].values["measured"]
    assert isinstance(measured, Message)
    assert measured.id == "speed.measured"
    few = [row["name"] for row in table("speed")["devices"] if row["rows"] < FEWEST_ROWS]
    assert few == ["ROCm, Instinct"]
    instinct = msgspec.structs.replace(GPU, backend="rocm", name="AMD Instinct MI300X")
    assumed = _parts(speed(instinct))[0].values["measured"]
    assert isinstance(assumed, Message)
    assert assumed.id == "speed.assumed"


@pytest.mark.parametrize("backend", ["cuda", "metal", "rocm", "vulkan", "sycl", None])
@pytest.mark.parametrize("capability", ["5.2", "6.1", "8.0", "8.9", "9.0", "12.0", None])
def test_every_device_has_constants(backend: str | None, capability: str | None) -> None:
    """
    Whatever the backend and the chip, there is a row, and its range holds the likely figure.
    """
    found = generation(speed(msgspec.structs.replace(GPU, backend=backend, compute_capability=capability)))

    assert 0 < found.low < found.likely < found.high


def test_hbm_chips_reach_less_of_their_bandwidth() -> None:
    """
    An H100 has twice the bandwidth of a 4090 and is not twice as fast on an 8B, for both start as many kernels.
    """
    h100 = msgspec.structs.replace(GPU, bandwidth_bytes_per_s=2039 * GB, compute_capability="9.0")

    assert generation(speed(h100)).likely < 1.8 * generation(speed(GPU)).likely


def test_few_rows_of_todays_builds_are_said() -> None:
    """
    Most speeds of chips with HBM are by builds that left it half idle: the reason says how many are not.
    """
    h100 = msgspec.structs.replace(GPU, bandwidth_bytes_per_s=2039 * GB, compute_capability="9.0")

    (part,) = _parts(speed(h100))
    assert part.values["measured"] == message("speed.measured", rows=17, current=4)
    assert str(part).endswith("(17 measurements, 4 with a current build)")


def test_no_range_reaches_over_the_bandwidth() -> None:
    """
    However wide a range is, its high end reads no faster than the memory does.
    """
    h100 = msgspec.structs.replace(GPU, bandwidth_bytes_per_s=2039 * GB, compute_capability="9.0")

    assert generation(speed(msgspec.structs.replace(h100, kernels=9))).high <= 2039 / 5


@pytest.mark.parametrize(
    ("name", "bandwidth", "flops"),
    [("NVIDIA GeForce RTX 4090", 1008 * GB, 330_300 * GB), ("nobody's", 1008 * GB, None), (None, None, None)],
)
def test_the_fp16_rate_is_looked_up_by_name(
    name: str | None, bandwidth: int | None, flops: int | None
) -> None:
    """
    A name of the table has its rate, any other none.
    """
    assert fp16_flops(name, bandwidth) == flops


@pytest.mark.parametrize(
    ("name", "bandwidth", "tflops"),
    [
        ("NVIDIA GeForce RTX 3080", 760, 119.1),
        ("NVIDIA GeForce RTX 4070 Laptop GPU", 256, 36 * 1024 * 2.175 / 1000),
        ("NVIDIA GeForce GTX 1650", 128.1, 5.97),
        ("Tesla P40", 346, 2 * 11.76),
        ("Tesla P100-PCIE-16GB", 732, 19.05),
        ("Tesla M40 24GB", 288, 6.83),
        ("Tesla K80", 240.6, 4.11),
        ("Jetson AGX Orin", 204.8, 170 / 2 / 2),
        ("Intel Arc Pro B70", 608, 367 / 2),
        ("Intel UHD Graphics 770", 89.6, 1.59),
        ("Apple M5 Max", 460, 13.3),
    ],
)
def test_the_rate_is_that_of_the_units_that_multiply(name: str, bandwidth: float, tflops: float) -> None:
    """
    Of matrix units by the vendor's page; half of the 8-bit rate where a chip has that and no matrix units (2 x FP32
    of Pascal), FP16 or FP32 of the vector units where it has neither.
    """
    assert fp16_flops(name, round(bandwidth * GB)) == pytest.approx(tflops * 1000 * GB, rel=0.01)


@pytest.mark.parametrize("vendor", ["nvidia", "intel", "apple", "amd"])
def test_every_product_has_a_rate(vendor: str) -> None:
    """
    Of all products of the vendors for which engines have kernels; two that tell nobody what they are have none.
    """
    unnamed = {"Orin (nvgpu)", "AMD Instinct MI308X"}
    missing = {
        row["name"]
        for row in table("gpus")["rows"]
        if row["vendor"] == vendor
        and fp16_flops(row["name"], row.get("bandwidth_bytes_per_s"), row.get("cores")) is None
    }

    assert missing <= unnamed


def test_published_speeds_are_judged_with_the_rates_that_estimates_use() -> None:
    """
    The rate of a device in the published speeds is the one that its product has in the table.
    """
    found = {
        (one.device, one.bandwidth_bytes_per_s): one.fp16_flops
        for one in rows()
        if one.device is not None and one.backend != "cpu"
    }
    compared = 0
    for (device, bandwidth), flops in found.items():
        for name in {row.name for row in named(device)}:
            own = fp16_flops(name, bandwidth)
            if own is not None and flops is not None:
                compared += 1
                assert flops == pytest.approx(own, rel=0.03), (device, name)
    assert compared > 50


def test_a_chip_with_fewer_cores_is_slower() -> None:
    """
    An M1 Max with 24 of 32 cores has three quarters of the rate, and macOS adds GPU to its name.
    """
    assert fp16_flops("Apple M1 Max GPU", 400 * GB, 24) == 7_800 * GB


def test_the_shipped_constants_are_those_of_the_fit() -> None:
    """
    data/speed.json is what fitting the published speeds gives, but for the last digits of a platform's logarithm.
    """
    shipped = table("speed")
    found = fit(rows(), shipped, steps=2)

    for kind, name in (("devices", "kernel_us"), ("devices", "efficiency"), ("prompts", "efficiency")):
        assert [row[name] for row in found[kind]] == pytest.approx(
            [row[name] for row in shipped[kind]], rel=0.02
        )
    assert found["processor_prompts"]["quants"] == shipped["processor_prompts"]["quants"]
    traits = ("moe", "recurrent", "processor", "processor_prompts", "old_builds")
    assert [found[trait]["rows"] for trait in traits] == [shipped[trait]["rows"] for trait in traits]


def test_a_machine_that_the_fit_did_not_see_is_predicted_within_a_tenth() -> None:
    """
    Without the rows of an RTX 2080, its speeds are predicted from other cards' within 10% at the median.
    """
    measured = rows()
    own = [row for row in on_devices(measured, "generation") if row.device == "GeForce RTX 2080"]
    sources = {row.source for row in own}
    blind = fit([row for row in measured if row.source not in sources], table("speed"), steps=3)
    errors = [abs(predicted(blind, row).likely / row.tokens_per_s - 1) for row in own]

    assert len(own) >= 10
    assert median(errors) < 0.1


def test_a_half_full_context_is_between_an_empty_and_a_full_one() -> None:
    """
    The likely speed at a filled part is that of the ends at the ends, and between them in the middle.
    """
    found = speed(HOST, GPU)
    empty, half, full = (
        speed_at((HOST, GPU), filled=filled, moe=False, processor=CORES) for filled in (0.0, 0.5, 1.0)
    )

    assert empty == pytest.approx(generation(found).likely, abs=0.01)
    assert found.generation_at_full_context_tokens_per_s is not None
    assert full == pytest.approx(found.generation_at_full_context_tokens_per_s.likely, abs=0.01)
    assert empty is not None
    assert half is not None
    assert full is not None
    assert full < half < empty


def test_no_speed_at_a_depth_without_a_bandwidth() -> None:
    """
    Unknown at a short context is unknown at any.
    """
    unknown = msgspec.structs.replace(GPU, bandwidth_bytes_per_s=None)

    assert speed_at((HOST, unknown), filled=0.5, moe=False) is None


def test_a_prompt_is_read_no_slower_than_text_is_written() -> None:
    """
    Where a processor is slow in arithmetic on a mixture of code books, a prompt can still go a token at a time.
    """
    small = msgspec.structs.replace(HALF, active_bytes=GB // 2, parameters=3 * GB)
    found = speed(small, moe=True, quant="IQ2_M", cores=Processor(threads=2, vectors=True))
    prompt = found.prompt_tokens_per_s

    assert prompt is not None
    assert prompt.likely == generation(found).likely
    prompt_words = found.reason.values["prompt"]
    assert isinstance(prompt_words, Message)
    assert prompt_words.id == "speed.prompt-as-generation"


def test_the_bytes_of_a_reason_are_those_that_a_token_reads() -> None:
    """
    Weights, the part of the cache that is in use, and the state, which is read at any length.
    """
    share = msgspec.structs.replace(GPU, active_bytes=1000, cache_bytes=100, state_bytes=7)

    assert [read_bytes(share, filled) for filled in (0.0, 0.5, 1.0)] == [1007, 1057, 1107]


def test_a_share_reads_no_cache_and_no_state_unless_it_has_them() -> None:
    """
    Nothing is added to what is not stated.
    """
    bare = Share(device="gpu0", backend="cuda", bandwidth_bytes_per_s=GB, active_bytes=5, layers=1)

    assert read_bytes(bare, 1.0) == 5
    assert (bare.switches, bare.attention_operations, bare.recurrent) == (0, 0, False)


def test_memory_of_unknown_speed_widens_the_range() -> None:
    """
    Half and twice the rate are half and nearly twice the tokens; the likely figure stays.
    """
    many = Processor(threads=1000, vectors=True)
    known = generation(speed(HALF, cores=many))
    doubted = generation(speed(HALF, cores=msgspec.structs.replace(many, ram_low=0.5, ram_high=2.0)))

    assert doubted.likely == known.likely
    assert doubted.low == pytest.approx(known.low / 2, rel=0.05)
    assert doubted.high == pytest.approx(known.high * 2, rel=0.05)


def test_faster_memory_helps_no_more_than_the_cores_read() -> None:
    """
    One thread reads less than any memory gives: only slower memory could change its figure.
    """
    one = Processor(threads=1, vectors=True)
    known = generation(speed(HALF, cores=one))
    doubted = generation(speed(HALF, cores=msgspec.structs.replace(one, ram_low=0.9, ram_high=10.0)))

    assert doubted.high == known.high


def test_a_prompt_that_nobody_measured_is_assumed() -> None:
    """
    Without the link's rate the weights in RAM cross it as they would on usual ones: a quarter to two and a half times.
    """
    found = speed(HALF, msgspec.structs.replace(GPU, link_bytes_per_s=None, flops=330 * 10**12))
    prompt = found.prompt_tokens_per_s

    assert found.prompt_is_assumed
    assert prompt is not None
    assert prompt.low == pytest.approx(prompt.likely / 4, abs=0.1)
    assert prompt.high == pytest.approx(prompt.likely * 2.5, abs=0.2)
    about = found.reason.values["prompt"]
    assert isinstance(about, Message)
    assert about.id == "speed.prompt-assumed"
    assert not speed(GPU).prompt_is_assumed
