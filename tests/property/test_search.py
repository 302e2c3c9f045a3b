"""
Brute force over all placements of small models on small machines: nothing that fits is faster than what is found.

What a placement takes does not depend on how much is free, so every placement is estimated once for all machines.
"""

from collections.abc import Iterator
from functools import cache
from itertools import combinations, product

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.weighing import weigh
from llmprobe.advise.search.case import Case, Placed
from llmprobe.advise.search.place import place, refine
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Site, survey
from tests.advise.machines import LLAMA_8B, QWEN3_30B, machine, model

DENSE = Estimator(model("llama", LLAMA_8B | {"block_count": 6}))
MOE = Estimator(model("qwen3moe", QWEN3_30B | {"block_count": 5}))
SHORT = Settings(ctx_size=2048)
LONG = Settings(ctx_size=65536)
AWAY = Settings(ctx_size=65536, kv_offload=False)
WISHES = Wishes(ctx_size=2048, reserve_bytes=0)
QUANT = "Q4_K_M"
WITHIN = 0.995
"""Placements whose times per token differ by less than this are the same to the search, which then takes the plain."""

FAST, SLOW = 1_008_000_000_000, 192_000_000_000


def speed(estimator: Estimator, site: Site, placed: Placed) -> float:
    problem = Problem(estimator, site, WISHES, placed.settings.ctx_size)
    return weigh(problem, QUANT, placed).ranking_speed


def splits(layers: int, devices: int) -> Iterator[tuple[int, ...]]:
    """
    Yield all ways to share layers out to devices, some to each.
    """
    if devices == 1:
        yield (layers,)
        return
    for first in range(1, layers - devices + 2):
        for others in splits(layers - first, devices - 1):
            yield (first, *others)


def placements(estimator: Estimator, devices: tuple[Device, ...], told: Settings) -> Iterator[Settings]:
    """
    Yield all placements on these devices: layers, split, and how many layers of each device leave their experts to
    the host.
    """
    for layers in range(len(devices), estimator.total_layers + 1):
        for counts in splits(layers, len(devices)):
            choices = [range(count + 1) if estimator.is_moe else (0,) for count in counts]
            for kept in product(*choices):
                start = estimator.total_layers - layers
                others: list[int] = []
                for count, number in zip(counts, kept, strict=True):
                    others += range(start, min(start + number, estimator.n_layer))
                    start += count
                yield msgspec.structs.replace(
                    told,
                    gpu_layers=layers,
                    cpu_moe_layers=tuple(others),
                    tensor_split=tuple(map(float, counts)) if len(devices) > 1 else (),
                )


@cache
def all_of(
    estimator: Estimator, bandwidths: tuple[int, ...], told: Settings
) -> list[tuple[dict[str, int], float]]:
    """
    The memory and the speed of every placement, the fastest first.
    """
    site = survey(sized((8.0,) * len(bandwidths), bandwidths, 64), WISHES)
    every = max(site.device_sets, key=len)
    found = []
    for number in range(1, len(every) + 1):
        for devices in combinations(every, number):
            hardware = Hardware(devices=devices)
            for one in placements(estimator, devices, told):
                totals = estimator.totals(QUANT, one, hardware, exact=True)
                placed = Placed(settings=one, hardware=hardware, totals=totals)
                found.append((totals, speed(estimator, site, placed)))
    return sorted(found, key=lambda one: -one[1])


def sized(vram_gib: tuple[float, ...], bandwidths: tuple[int, ...], ram_gib: float) -> Snapshot:
    """
    Return a machine whose devices have these sizes and bandwidths.
    """
    made = machine(vram_gib, ram_gib=ram_gib)
    return msgspec.structs.replace(
        made,
        accelerators=tuple(
            msgspec.structs.replace(one, bandwidth_bytes_per_s=bandwidth)
            for one, bandwidth in zip(made.accelerators, bandwidths, strict=True)
        ),
    )


def compare(
    estimator: Estimator,
    vram_gib: tuple[float, ...],
    bandwidths: tuple[int, ...],
    ram_gib: float,
    told: Settings = SHORT,
) -> tuple[float, float]:
    """
    Return the speed of what is found and the best of all that fit; 0 is nothing.
    """
    site = survey(sized(vram_gib, bandwidths, ram_gib), WISHES)
    reached = 0.0
    for devices in filter(None, site.device_sets):
        case = Case(
            estimator=estimator,
            quant=QUANT,
            settings=told,
            devices=devices,
            site=site,
        )
        found = place(case)
        if isinstance(found, Placed):
            found = refine(case, found)
        if isinstance(found, Placed):
            assert not site.shortfalls(estimator.totals(QUANT, found.settings, found.hardware, exact=True))
            reached = max(reached, speed(estimator, site, found))
    every = all_of(estimator, bandwidths, told)
    return reached, next((speed for totals, speed in every if not site.shortfalls(totals)), 0.0)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(vram=st.floats(0.6, 3.5), ram=st.floats(0.5, 4))
def test_no_placement_on_one_gpu_is_faster(vram: float, ram: float) -> None:
    """
    On one GPU, dense or a mixture of experts, the search finds the fastest placement that fits, if any does.
    """
    for estimator in (DENSE, MOE):
        found, best = compare(estimator, (vram,), (FAST,), ram)

        assert found >= WITHIN * best


@settings(max_examples=60, deadline=None, derandomize=True)
@given(first=st.floats(0.6, 2.5), second=st.floats(0.6, 2.5))
@example(first=1.0, second=0.875)
def test_no_split_over_two_gpus_is_faster(first: float, second: float) -> None:
    """
    On two GPUs of any sizes no other split or number of layers that fits is faster.
    """
    found, best = compare(DENSE, (first, second), (FAST, FAST), 8)

    assert found >= WITHIN * best


@settings(max_examples=60, deadline=None, derandomize=True)
@given(first=st.floats(0.6, 2.5), second=st.floats(0.6, 2.5))
def test_no_split_over_a_fast_and_a_slow_gpu_is_faster(first: float, second: float) -> None:
    """
    Of two GPUs the fast one is filled first, in either order, unless more layers fit otherwise.
    """
    for bandwidths in ((FAST, SLOW), (SLOW, FAST)):
        found, best = compare(DENSE, (first, second), bandwidths, 8)

        assert found >= WITHIN * best


@settings(max_examples=60, deadline=None, derandomize=True)
@given(first=st.floats(0.6, 2.5), second=st.floats(0.6, 2.5))
def test_no_experts_of_two_gpus_belong_elsewhere(first: float, second: float) -> None:
    """
    Of a mixture of experts on two GPUs no other split, with any experts of either on the host, is faster.
    """
    for bandwidths in ((FAST, FAST), (FAST, SLOW)):
        found, best = compare(MOE, (first, second), bandwidths, 8)

        assert found >= WITHIN * best


@settings(max_examples=40, deadline=None, derandomize=True)
@given(first=st.floats(0.6, 2), second=st.floats(0.6, 2), third=st.floats(0.6, 2))
def test_no_split_over_three_gpus_is_faster(first: float, second: float, third: float) -> None:
    """
    On three GPUs of any sizes no other split is faster.
    """
    found, best = compare(DENSE, (first, second, third), (FAST, FAST, FAST), 8)

    assert found >= WITHIN * best


@settings(max_examples=40, deadline=None, derandomize=True)
@given(vram=st.floats(0.6, 6))
def test_no_placement_with_the_cache_on_the_host_is_faster(vram: float) -> None:
    """
    With the cache kept in RAM the search finds the fastest placement too.
    """
    for estimator in (DENSE, MOE):
        found, best = compare(estimator, (vram,), (FAST,), 16, AWAY)

        assert found >= WITHIN * best
