"""
Layers that are left out are reservation as often as they are left out, if the built ones show that they repeat.
"""

from collections.abc import Sequence
from functools import cache

import msgspec
import pytest

from benchmarks.accuracy_compute import request_of
from benchmarks.truth.loads import memory_cases, spec
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.allocator import ALLOCATE, FREE, Event
from llmprobe.estimation.compute.layers import Repeat
from llmprobe.estimation.compute.lifetimes import Lifetimes
from llmprobe.estimation.compute.repeat import AllocationPlan, Copy
from llmprobe.estimation.compute.request import request
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load

pytestmark = pytest.mark.sweep

DEVICES = tuple(Device(id=f"gpu{i}", free_bytes=24 << 30) for i in range(2))
QUANTS = ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_S", "Q6_K", "Q8_0", "IQ2_M", "IQ4_XS")
EACH = (128, 256)
"""Sizes: of what a layer hands on, and of what it works with."""
NEAR = 4 << 20


@cache
def shared(name: str) -> Estimator:
    """
    The estimator of a model, whose graphs serve all quantizations.
    """
    return Estimator(load(name))


def _chain(layers: int, *, leaks: bool = False) -> Lifetimes:
    """
    Layers each of which takes its result, gives back that of the one before, and copies a weight in between.
    """
    events: list[Event] = [(0, 0, 0, ALLOCATE)]
    marks = []
    last = 0
    for layer in range(layers):
        marks.append(len(events))
        mine, weight = last + 1, last + 2
        events += [(0, mine, 0, ALLOCATE), (0, weight, ~layer, ALLOCATE), (0, weight, ~layer, FREE)]
        if not leaks:
            events.append((0, mine - 2 if layer else 0, 0, FREE))
        last = weight
    marks.append(len(events))
    return Lifetimes(events, last + 1, marks)


def _copies(layers: int) -> tuple[Copy, ...]:
    return tuple((layer, "ffn", False) for layer in range(layers))


def _peak(found: Lifetimes, built: int, repeats: tuple[Repeat, ...], weights: Sequence[int]) -> int | None:
    layers = (0, 1, *range(len(weights) - built + 2, len(weights))) if repeats else range(len(weights))
    plan = AllocationPlan(found, built, _copies(built), frozenset())
    peaks = plan.peaks(repeats, layers, (), EACH, lambda name, host: weights, (None,))
    return None if peaks is None else peaks[0]


@pytest.mark.parametrize("largest", range(10))
def test_each_layer_that_is_left_out_has_its_own_weights(largest: int) -> None:
    """
    Of ten layers four are built, and whichever has the largest weight, the peak is that of all ten.
    """
    weights = [1024] * 10
    weights[largest] = 4096
    peak = _peak(_chain(4), 4, (Repeat(0, 1, 4, 6),), weights)
    assert peak == _peak(_chain(10), 10, (), weights)
    assert peak is not None
    assert peak >= 4096


def test_layers_that_leave_something_behind_are_not_repeated() -> None:
    """
    Where each layer keeps what it took, a few do not stand for all.
    """
    assert _peak(_chain(4, leaks=True), 4, (Repeat(0, 1, 4, 6),), [1024] * 10) is None


def _with_zeros(layers: int, late: int) -> Lifetimes:
    """
    Layers each of which has a block from the beginning, which the layer ``late`` behind it gives back; of the last ones
    nobody does.
    """
    events: list[Event] = [(0, layer, 1, ALLOCATE) for layer in range(layers)]
    events.append((0, layers, 0, ALLOCATE))
    marks, last = [], layers
    for layer in range(layers):
        marks.append(len(events))
        mine, weight = last + 1, last + 2
        events += [(0, mine, 0, ALLOCATE), (0, weight, ~layer, ALLOCATE), (0, weight, ~layer, FREE)]
        if layer >= late:
            events.append((0, layer - late, 1, FREE))
        events.append((0, mine - 2 if layer else layers, 0, FREE))
        last = weight
    marks.append(len(events))
    return Lifetimes(events, last + 1, marks, list(range(layers + 1)))


@pytest.mark.parametrize("late", [0, 1])
@pytest.mark.parametrize("largest", range(12))
@pytest.mark.parametrize("size", [320, 700, 4096])
def test_what_layers_have_from_the_beginning_is_placed_for_all_of_them(
    late: int, largest: int, size: int
) -> None:
    """
    Of twelve layers four are built, and each of the twelve has a block that is placed before everything else: a weight
    that grows finds the place of those that were given back, and all of them add to the peak.
    """
    weights = [300] * 12
    weights[largest] = size
    peak = _peak(_with_zeros(4, late), 4, (Repeat(0, 1, 4, 8),), weights)
    assert peak == _peak(_with_zeros(12, late), 12, (), weights)
    assert peak is not None
    assert peak >= 12 * EACH[1]


def test_what_is_given_back_two_layers_later_is_not_repeated() -> None:
    """
    A block that lives through a whole layer between is not told by two neighbours.
    """
    assert _peak(_with_zeros(4, 2), 4, (Repeat(0, 1, 4, 8),), [300] * 12) is None


@pytest.mark.parametrize("name", ["deepseek-v4-flash", "glm-5.2", "glm-5.3-flash"])
@pytest.mark.parametrize(
    ("count", "settings"),
    [
        (1, Settings(ctx_size=16384, n_cpu_moe=30)),
        (2, Settings(ctx_size=16384, gpu_layers=30, n_cpu_moe=38, ubatch_size=1024)),
    ],
)
def test_a_model_with_an_indexer_is_shortened(name: str, count: int, settings: Settings) -> None:
    """
    What an indexer's layer fills is placed before everything else, and a few layers stand for all nevertheless.
    """
    estimator, hardware = Estimator(load(name)), Hardware(devices=DEVICES[:count])
    setup = estimator.setup(settings, hardware)
    asked = request(estimator.model, estimator.typed_tensors("Q4_K_M"), setup, old_masks=False)
    shortened, whole = (
        estimator.compute_engine.buffers(asked),
        estimator.compute_engine.buffers_in_full(asked),
    )
    assert (shortened.bytes, shortened.allocated_bytes) == (whole.bytes, whole.allocated_bytes)


def test_layers_whose_copies_are_kept_are_not_repeated() -> None:
    """
    Copies that are kept are placed before everything else, so that each layer's counts.
    """
    plan = AllocationPlan(_chain(4), 4, _copies(4), frozenset({1, 2}))
    nothing = [0] * 10
    assert (
        plan.peaks((Repeat(0, 1, 4, 6),), (0, 1, 8, 9), (), EACH, lambda name, host: nothing, (None,)) is None
    )


def test_buffers_without_copies_are_told_apart_and_by_what_is_asked() -> None:
    """
    One takes a block of 128 bytes, the other one of 256 beside it; twice that for inputs that are twice as large.
    """
    events: list[Event] = [(0, 0, 0, ALLOCATE), (1, 1, 0, ALLOCATE), (1, 2, 1, ALLOCATE)]
    plan = AllocationPlan(Lifetimes(events, 3, []), 0, (), frozenset())

    def peaks(tokens: int) -> tuple[int, ...] | None:
        sizes = [tokens * size for size in EACH]
        return plan.peaks((), (), (tokens,), sizes, lambda name, host: [], (None, None))

    assert [peaks(tokens) for tokens in (1, 2, 1)] == [(128, 384), (256, 768), (128, 384)]


def test_what_the_last_group_alone_gives_back_is_free_behind_it() -> None:
    """
    A block from before all layers goes back with the last that repeats, and what comes at the end takes its place.
    """
    chain = _chain(4)
    layers: list[Event] = [(0, block + 1, at, what) for _, block, at, what in chain.events]
    back = chain.marks[3]
    events: list[Event] = [(0, 0, 1, ALLOCATE), *layers[:back], (0, 0, 1, FREE), *layers[back:]]
    events.append((0, chain.blocks + 1, 1, ALLOCATE))
    marks = [mark + (1 if mark < back else 2) for mark in chain.marks]
    plan = AllocationPlan(Lifetimes(events, chain.blocks + 2, marks), 4, _copies(4), frozenset())
    weights = [64] * 10

    peaks = plan.peaks((Repeat(0, 1, 3, 6),), (0, 1, 8, 9), (), EACH, lambda name, host: weights, (None,))

    # The block of 256 bytes, a result, the one before it, and a weight.
    assert peaks == (256 + 128 + 128 + 64,)


@pytest.mark.parametrize("model", ["qwen3-30b-a3b", "glm-4.5-air", "gpt-oss-20b", "qwen3-next-80b-a3b"])
@pytest.mark.parametrize("quant", ["Q4_K_M", "Q8_0"])
@pytest.mark.parametrize("experts", [0, 3, 17])
@pytest.mark.parametrize("host_layers", [0, 9])
def test_a_shortened_model_takes_what_the_whole_takes(
    model: str, quant: str, experts: int, host_layers: int
) -> None:
    """
    Wherever a model is cut, with types that change from layer to layer, on two devices and the host.
    """
    estimator = Estimator(spec(model))
    case = next(
        case
        for case in memory_cases(model)
        if len(case.hardware.devices) == 1 and case.told.gpu_layers is None
    )
    base = request_of(case, estimator)
    count = len(base.layer_devices)
    first = (count - host_layers) // 2
    asked = msgspec.structs.replace(
        base,
        tensors=estimator.typed_tensors(quant),
        settings=msgspec.structs.replace(base.settings, devices=("gpu0", "gpu1")),
        layer_devices=("host",) * host_layers + ("gpu0",) * first + ("gpu1",) * (count - host_layers - first),
        host_experts=frozenset(range(experts)),
    )
    engine = estimator.compute_engine
    assert engine.buffers(asked).bytes == engine.buffers_in_full(asked).bytes


@pytest.mark.parametrize(
    "name", ["qwen3-30b-a3b", "glm-4.5-air", "llama-3.1-8b-instruct", "granite-4.0-h-tiny"]
)
@pytest.mark.parametrize(
    ("count", "settings"),
    [
        (1, Settings(ctx_size=8192, gpu_layers=11)),
        (2, Settings(ctx_size=8192, gpu_layers=27, n_cpu_moe=20)),
        (2, Settings(ctx_size=8192, gpu_layers=20, kv_offload=False)),
    ],
)
def test_a_graph_answers_for_all_quantizations(name: str, count: int, settings: Settings) -> None:
    """
    One estimator is asked for all quantizations, and a new one for each.
    """
    model, hardware = load(name), Hardware(devices=DEVICES[:count])
    estimator = Estimator(model)
    shared = [estimator.parts(quant, settings, hardware).compute for quant in QUANTS]
    anew = []
    for quant in QUANTS:
        copied = msgspec.structs.replace(model, hparams=dict(model.hparams))
        anew.append(Estimator(copied).parts(quant, settings, hardware).compute)
    assert shared == anew
    assert len({answer.bytes["gpu0"] for answer in shared}) > 1


@pytest.mark.parametrize(
    "name", ["qwen3-30b-a3b", "llama-3.1-8b-instruct", "gemma-3-12b-it", "granite-4.0-h-tiny"]
)
@pytest.mark.parametrize("quant", ["Q4_K_M", "Q3_K_M"])
@pytest.mark.parametrize("devices", [DEVICES[:1], DEVICES])
def test_a_bound_covers_all_placements_of_its_kind(
    name: str, quant: str, devices: tuple[Device, ...]
) -> None:
    """
    However many layers or experts stay on the host, no device needs more than a few MiB beyond its bound.
    """
    estimator, hardware = shared(name), Hardware(devices=devices)
    placements = [
        Settings(ctx_size=8192, gpu_layers=layers, n_cpu_moe=experts)
        for layers in (None, 0, 1, 2, 7, 16, 23)
        for experts in (0, 1, 9, 24)
    ]
    lacking = 0
    for settings in placements:
        bound = estimator.totals(quant, settings, hardware)
        exact = estimator.totals(quant, settings, hardware, exact=True)
        lacking = max(lacking, *(exact[device] - bound[device] for device in exact))
    assert lacking <= NEAR
