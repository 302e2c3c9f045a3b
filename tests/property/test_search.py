"""
Brute force over all placements of small models on small machines: nothing that fits is faster than what is found.
"""

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from llmprobe.advise.candidates import weigh
from llmprobe.advise.search import Misfit, Placed, place, refine
from llmprobe.advise.site import Site, survey
from llmprobe.estimate.estimator import Estimator
from llmprobe.facts.plan import Device, Placement, Wishes, Workload
from tests.advise.machines import LLAMA_8B, QWEN3_30B, machine, model

DENSE = Estimator(model("llama", LLAMA_8B | {"block_count": 6}))
MOE = Estimator(model("qwen3moe", QWEN3_30B | {"block_count": 5}))
WORKLOAD = Workload(ctx_size=2048)
WISHES = Wishes(ctx_size=2048, reserve_bytes=0)
QUANT = "Q4_K_M"
WITHIN = 0.995
"""Placements of the same layers that differ by a rounding of the split are the same."""


def speed(estimator: Estimator, site: Site, placed: Placed) -> float:
    return weigh(estimator, site, WISHES, QUANT, WORKLOAD, placed).ranking_speed


def fastest_of_all(estimator: Estimator, site: Site, devices: tuple[Device, ...]) -> float:
    """
    Return the speed of the best placement among all, 0 where none fits.
    """
    best = 0.0
    experts = range(estimator.moe_layers + 1)
    for layers, n_cpu_moe in product(range(estimator.total_layers + 1), experts):
        splits: list[tuple[float, ...]] = [()]
        if len(devices) == 2 and layers:
            splits = [(float(first), float(layers - first)) for first in range(layers + 1)]
        for split in splits:
            placement = Placement(devices=devices, gpu_layers=layers, n_cpu_moe=n_cpu_moe, tensor_split=split)
            totals = estimator.totals(QUANT, WORKLOAD, placement, exact=True)
            if not site.shortfalls(totals):
                best = max(best, speed(estimator, site, Placed(placement=placement, totals=totals)))
    return best


def found_speed(estimator: Estimator, site: Site, devices: tuple[Device, ...]) -> float:
    found: Placed | Misfit = place(estimator, QUANT, WORKLOAD, devices, site)
    if isinstance(found, Placed):
        found = refine(estimator, QUANT, WORKLOAD, found, site)
    return speed(estimator, site, found) if isinstance(found, Placed) else 0.0


@settings(max_examples=12, deadline=None)
@given(vram=st.floats(0.6, 3.5), ram=st.floats(0.5, 4))
def test_no_placement_on_one_gpu_is_faster(vram: float, ram: float) -> None:
    """
    On one GPU, dense or a mixture of experts, the search finds the fastest placement that fits, if any does.
    """
    for estimator in (DENSE, MOE):
        site = survey(machine((vram,), ram_gib=ram), WISHES)
        devices = site.device_sets[0]

        assert found_speed(estimator, site, devices) >= WITHIN * fastest_of_all(estimator, site, devices)


@settings(max_examples=6, deadline=None)
@given(first=st.floats(0.6, 2.5), second=st.floats(0.6, 2.5))
def test_no_split_over_two_gpus_is_faster(first: float, second: float) -> None:
    """
    On two GPUs of any sizes no other split or number of layers that fits is faster.
    """
    site = survey(machine((first, second), ram_gib=8), WISHES)
    devices = site.device_sets[0]

    assert found_speed(DENSE, site, devices) >= WITHIN * fastest_of_all(DENSE, site, devices)
