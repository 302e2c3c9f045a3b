"""
Prompt speed to order choices by: always a figure, and in the order that the bytes and the cores give.
"""

import msgspec
import pytest

from llmprobe.estimation.speed.parts import Share
from llmprobe.estimation.speed.ranking import DEVICE_BANDWIDTH, LINK, ranking_prompt_speed
from llmprobe.facts.processor import Processor

GB = 1_000_000_000
GPU = Share(
    device="gpu0",
    backend="cuda",
    bandwidth_bytes_per_s=360 * GB,
    compute_capability="8.6",
    active_bytes=3 * GB,
    layers=20,
    parameters=5 * GB,
    resident_bytes=3 * GB,
    flops=51_000 * GB,
    link_bytes_per_s=31 * GB,
)
HOST = Share(
    device="host",
    backend="cpu",
    bandwidth_bytes_per_s=50 * GB,
    active_bytes=2 * GB,
    layers=12,
    parameters=3 * GB,
    resident_bytes=2 * GB,
)
CORES = Processor(threads=8, vectors=True)


def rank(
    *shares: Share, ubatch_size: int = 512, op_offload: bool = True, processor: Processor | None = CORES
) -> float:
    return ranking_prompt_speed(
        shares, moe=False, ubatch_size=ubatch_size, op_offload=op_offload, processor=processor
    )


@pytest.mark.parametrize("backend", ["cuda", "metal", "rocm", "vulkan", "sycl", None])
def test_what_is_unknown_is_assumed(backend: str | None) -> None:
    """
    A card, a link and a processor of which nothing is known still give a figure: about that of a slow card.
    """
    bare = Share(device="gpu0", backend=backend, bandwidth_bytes_per_s=None, active_bytes=3 * GB, layers=20)
    host = Share(device="host", backend="cpu", bandwidth_bytes_per_s=None, active_bytes=2 * GB, layers=12)

    assert 0 < rank(host, bare, processor=None) < 1.1 * rank(HOST, GPU)


def test_more_in_ram_is_slower() -> None:
    """
    Weights in RAM cross the link: with more of them a prompt takes longer.
    """
    more = msgspec.structs.replace(HOST, resident_bytes=4 * GB, active_bytes=4 * GB)

    assert rank(more, GPU) < rank(HOST, GPU)


def test_a_larger_micro_batch_is_faster_with_weights_in_ram() -> None:
    """
    They cross once for every micro-batch, and with much of them that is most of the time.
    """
    much = msgspec.structs.replace(HOST, resident_bytes=60 * GB)

    assert rank(much, GPU, ubatch_size=2048) > 2 * rank(much, GPU, ubatch_size=512)


def test_the_processor_computes_what_is_not_offloaded() -> None:
    """
    Without operation offload, or in batches too small for it, cores are what counts.
    """
    few, many = (
        rank(HOST, GPU, op_offload=False, processor=Processor(threads=threads)) for threads in (4, 16)
    )

    assert few < many < rank(HOST, GPU)


def test_a_cache_in_ram_costs_the_processor_its_attention() -> None:
    """
    Attention over a cache that is kept in RAM is the processor's arithmetic, not the device's.
    """
    attention = 2 * GB
    on_device = rank(
        msgspec.structs.replace(HOST, layers=0),
        msgspec.structs.replace(GPU, attention_operations=attention),
    )
    in_ram = rank(
        msgspec.structs.replace(HOST, layers=0, attention_operations=attention, attends=True),
        GPU,
    )

    assert in_ram < on_device / 2


def test_parameters_that_are_unknown_follow_from_the_bytes() -> None:
    """
    At five bits per weight: what is given by bytes alone ranks as what has its parameters.
    """
    counted = msgspec.structs.replace(GPU, parameters=round(GPU.active_bytes * 8 / 5))

    assert rank(msgspec.structs.replace(GPU, parameters=None)) == rank(counted)


@pytest.mark.parametrize(
    ("field", "assumed"),
    [("bandwidth_bytes_per_s", DEVICE_BANDWIDTH), ("link_bytes_per_s", LINK), ("resident_bytes", 3 * GB)],
)
def test_each_unknown_has_its_own_assumption(field: str, assumed: int) -> None:
    """
    What is unknown of a device ranks as the stated figure, and no other fact is touched.
    """
    unknown = msgspec.structs.replace(GPU, **{field: None})
    stated = msgspec.structs.replace(GPU, **{field: assumed})

    assert rank(HOST, unknown) == rank(HOST, stated)


def test_an_unknown_processor_has_four_cores() -> None:
    """
    The same for every choice, so that the order stands on what is known.
    """
    assert rank(HOST, processor=None) == rank(HOST, processor=Processor(threads=4))


@pytest.mark.parametrize("field", ["link_bytes_per_s", "resident_bytes", "parameters"])
def test_what_is_known_is_not_assumed(field: str) -> None:
    """
    Half or twice of a known figure changes the rank.
    """
    known = getattr(GPU, field)

    assert rank(HOST, msgspec.structs.replace(GPU, **{field: known // 2})) != rank(HOST, GPU)
