"""
The sums of a search agree with the estimator that judges what it finds: bytes and seconds of every placement.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.advise.recommend import Advice
from llmprobe.advise.search.best import Search, kind_of
from llmprobe.advise.search.case import Case
from llmprobe.advise.search.layouts import Layout, Layouts, Rooms
from llmprobe.advise.search.ledger import (
    FILLED,
    RANKING_DEVICE_BANDWIDTH,
    Ledger,
)
from llmprobe.estimation.memory.overhead import device_overhead
from llmprobe.estimation.speed.generation import speed_at
from llmprobe.facts.engine import Abilities
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Wishes
from llmprobe.facts.settings import Settings
from llmprobe.units import GIB
from tests.advise.machines import LLAMA_8B, QWEN3_30B, machine, model
from tests.catalog_models import loaded

DENSE = model("llama", LLAMA_8B)
SPARSE = model("qwen3moe", QWEN3_30B)
QUANT = "Q4_K_M"

AMPLE, TIGHT = 1 << 50, 6 << 30


def case(spec: ModelSpec, snapshot: Snapshot, abilities: Abilities | None = None, **settings: Any) -> Case:
    """
    A model to be placed on all devices of a machine.
    """
    asked = Advice(spec, {}, abilities=abilities or Abilities()).problem(snapshot, Wishes(ctx_size=8192))
    wanted = Settings(**({"ctx_size": 8192} | settings))
    return asked.case(QUANT, wanted, asked.site.device_sets[0])


def ledger(asked: Case) -> Ledger:
    return Ledger(asked.estimator, asked.quant, asked.settings, asked.devices, asked.site)


def laid(asked: Case, counts: tuple[int, ...], room: int) -> Layout:
    """
    The layout with these layers, where each device has so much room and experts are left where it lacks.
    """
    rooms = Rooms((room,) * len(counts), (room,) * len(counts), (room,) * len(counts))
    return Layouts(ledger(asked), rooms, keep=room != AMPLE).of(counts)


def seconds(asked: Case, settings: Settings) -> float:
    """
    How long the estimator says that a token takes, with the context half full.
    """
    shares = asked.estimator.shares(
        asked.quant,
        settings,
        asked.hardware,
        ram_bandwidth=asked.site.ram_bandwidth_bytes_per_s,
    )
    known = tuple(
        msgspec.structs.replace(
            share, bandwidth_bytes_per_s=share.bandwidth_bytes_per_s or RANKING_DEVICE_BANDWIDTH
        )
        for share in shares
    )
    rate = speed_at(
        known, filled=FILLED, moe=asked.estimator.is_moe, quant=asked.quant, processor=asked.site.processor
    )
    assert rate is not None
    return 1 / rate


@pytest.mark.parametrize("spec", [DENSE, SPARSE], ids=["dense", "experts"])
@pytest.mark.parametrize(
    ("settings", "bandwidth", "ram"),
    [
        ({}, 1008e9, 90e9),
        ({"kv_offload": False}, 1008e9, 90e9),
        ({"parallel": 2, "cache_type_k": "q8_0"}, 1008e9, 90e9),
        ({"cache_type_k": "q8_0", "cache_type_v": "q8_0"}, 1008e9, 90e9),
        ({"flash_attn": "off"}, 1008e9, 90e9),
        ({}, None, None),
    ],
)
@pytest.mark.parametrize("room", [AMPLE, TIGHT])
def test_sums_are_what_the_estimator_says(
    spec: ModelSpec, settings: dict[str, Any], bandwidth: float | None, ram: float | None, room: int
) -> None:
    """
    Of every number of layers: the bytes on the card to the byte, and the seconds to a microsecond.
    """
    asked = case(spec, machine((24,), bandwidth=bandwidth, ram_bandwidth=ram), **settings)
    shares = asked.estimator.table(QUANT).shares("cuda")
    total = asked.estimator.total_layers
    for count in (0, 1, 2, 7, total - 1, total):
        layout = laid(asked, (count,), room)
        if count == total and room == TIGHT and spec is DENSE:
            continue
        told = asked.laid_out(layout)
        held = asked.without_compute(told).get("gpu0", 0)

        assert held - layout.on_devices == device_overhead(asked.devices[0]).bytes + shares.rope
        assert abs(seconds(asked, told) - layout.seconds) < 1e-6
        assert told.gpu_layers == count


def test_sums_hold_for_unlike_cards() -> None:
    """
    Each card has its own layers at its own speed.
    """
    made = machine((24, 24))
    first, second = made.accelerators
    slow = msgspec.structs.replace(second, bandwidth_bytes_per_s=400_000_000_000, name="slow")
    asked = case(SPARSE, msgspec.structs.replace(made, accelerators=(first, slow)))
    for counts in ((20, 10), (10, 20), (0, 7), (40, 9)):
        layout = laid(asked, counts, 3 * GIB)
        told = asked.laid_out(layout)
        held = asked.without_compute(told)

        assert abs(seconds(asked, told) - layout.seconds) < 1e-6
        assert told.tensor_split == tuple(map(float, counts))
        assert held["gpu0"] + held["gpu1"] - layout.on_devices == sum(
            device_overhead(device).bytes for device in asked.devices
        )


@pytest.mark.parametrize("spec", [DENSE, SPARSE], ids=["dense", "experts"])
def test_the_least_is_what_all_layers_take_on_the_device_that_needs_least(spec: ModelSpec) -> None:
    """
    With experts or without any.
    """
    asked = case(spec, machine((24,)))
    total = asked.estimator.total_layers
    sums = ledger(asked)

    assert sums.least(keep=False) == laid(asked, (total,), AMPLE).on_devices
    assert sums.least(keep=True) == laid(asked, (total,), 1).on_devices


@pytest.mark.parametrize(
    ("placement", "kind"),
    [
        ({"gpu_layers": None}, "whole"),
        ({"gpu_layers": 49}, "whole"),
        ({"gpu_layers": 49, "n_cpu_moe": 1}, "experts"),
        ({"gpu_layers": None, "cpu_moe_layers": (3,)}, "experts"),
        ({"gpu_layers": 48}, "partial"),
        ({"gpu_layers": 48, "n_cpu_moe": 1}, "partial"),
        ({"gpu_layers": 0}, "partial"),
    ],
)
def test_a_placement_is_of_a_kind(placement: dict[str, Any], kind: str) -> None:
    """
    Everything on the devices, all but experts, or some layers.
    """
    assert kind_of(case(SPARSE, machine((24,))), Settings(ctx_size=8192, **placement)) == kind


@pytest.mark.parametrize("spec", [DENSE, SPARSE], ids=["dense", "experts"])
@pytest.mark.parametrize("vram", [0.55, 0.9, 1.3, 2, 3, 5, 8, 12, 24])
def test_a_layout_that_fits_is_found_without_more_trouble_too(spec: ModelSpec, vram: float) -> None:
    """
    What is fitted by sums is judged to fit, and the quick search finds something wherever the thorough one does.
    """
    asked = case(spec, machine((vram,)))
    search = Search(asked)
    quick, thorough = search.best({}, thorough=False), search.best({})

    assert bool(quick.excess) is bool(thorough.excess)
    assert thorough.rank() <= quick.rank()
    if quick.gpu_layers and not quick.excess:
        told = asked.laid_out(quick)
        assert asked.site.shortfalls(asked.totals(told)) == ()


@pytest.mark.parametrize("spec", [DENSE, SPARSE], ids=["dense", "experts"])
@pytest.mark.parametrize("vram", [1.3, 2, 3, 5])
def test_no_other_number_of_layers_is_faster(spec: ModelSpec, vram: float) -> None:
    """
    Of all placements of one card that fit without compute buffers the search takes one of the fastest.
    """
    asked = case(spec, machine((vram,)))
    found = Search(asked).best(None)
    total, n_layer = asked.estimator.total_layers, asked.estimator.n_layer
    lefts = range(n_layer + 1) if spec is SPARSE else (0,)
    ways = [asked.placed(count, n_cpu_moe=left) for count in range(total + 1) for left in lefts]
    fitting = [told for told in ways if not asked.site.shortfalls(asked.without_compute(told))]

    assert found.excess == 0
    assert found.seconds <= min(seconds(asked, told) for told in fitting) * 1.01


@pytest.mark.parametrize("name", ["qwen3-30b-a3b", "gpt-oss-20b"])
@pytest.mark.parametrize(
    "change",
    [
        {"ubatch_size": 2048},
        {"ubatch_size": 2048, "batch_size": 4096},
        {"kv_offload": False},
        {"ctx_size": 4096},
        {"cache_type_k": "q8_0", "cache_type_v": "q8_0"},
    ],
    ids=lambda change: "-".join(change),
)
def test_sums_that_cases_share_are_those_that_each_would_make(name: str, change: dict[str, Any]) -> None:
    """
    Of a model without windows, and of one whose windows have cells for the micro-batch.
    """
    first = case(loaded(name), machine((24,)))
    other = msgspec.structs.replace(first, settings=msgspec.structs.replace(first.settings, **change))
    first.summed()
    shared, own = other.summed().ledger, ledger(other)

    assert other.kept is first.kept
    assert (shared.host, shared.devices) == (own.host, own.devices)
    assert (shared.away_s, shared.switch_s) == (own.away_s, own.switch_s)


def test_another_micro_batch_makes_no_sums_anew() -> None:
    """
    Where no cache has a window, the placements of all micro-batches are based on the same sums.
    """
    first = case(SPARSE, machine((24,)))
    other = msgspec.structs.replace(
        first, settings=msgspec.structs.replace(first.settings, ubatch_size=2048, batch_size=4096)
    )

    assert other.summed() is first.summed()


@pytest.mark.parametrize(("tensor_split", "counts"), [(True, None), (False, (24, 25))])
def test_an_engine_that_splits_by_itself_has_one_layout(
    tensor_split: bool, counts: tuple[int, ...] | None
) -> None:
    """
    Two equal cards then share the layers in halves, and it is told nothing of how.
    """
    asked = case(SPARSE, machine((24, 24)), Abilities(tensor_split=tensor_split))
    found = Search(asked).best({})

    assert sum(found.counts) == 49
    if counts is not None:
        assert sorted(found.counts) == sorted(counts)
    assert bool(asked.laid_out(found).tensor_split) is tensor_split


def test_experts_of_the_first_layers_are_told_by_their_number() -> None:
    """
    Those of other layers one by one.
    """
    asked = case(SPARSE, machine((24, 24)))
    first = laid(asked, (0, 49), 6 * GIB)
    second = laid(asked, (9, 40), 6 * GIB)
    plain, scattered = asked.laid_out(first), asked.laid_out(second)

    assert (plain.n_cpu_moe, plain.cpu_moe_layers) == (first.kept[0].stop, ())
    assert first.kept[0].start == 0
    assert scattered.n_cpu_moe == 0
    assert scattered.cpu_moe_layers == tuple(layer for run in second.kept for layer in run)
    assert len(scattered.cpu_moe_layers) > 1


def test_on_the_processor_alone_the_cache_is_in_ram() -> None:
    """
    There is no device for it.
    """
    asked = case(DENSE, machine((24,)))
    alone = msgspec.structs.replace(asked, devices=())

    assert (asked.placed(3).kv_offload, alone.placed(0).kv_offload) == (True, True)
    off = msgspec.structs.replace(asked.settings, kv_offload=False)
    assert msgspec.structs.replace(asked, settings=off).placed(3).kv_offload is False
    assert msgspec.structs.replace(alone, settings=off).placed(0).kv_offload is True
