"""
Our placements beside those of llama.cpp's own fitter, on the same GPUs with the same margin.

``python -m benchmarks.accuracy_fit`` goes through all of ``fixtures/truth/fit.json`` and prints where we put fewer
layers, or the experts of fewer layers, on the GPUs.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from benchmarks.truth.loads import spec
from benchmarks.truth.models import TRUTH
from llmprobe.advise.search.case import Case as Asked
from llmprobe.advise.search.case import Misfit, Placed
from llmprobe.advise.search.place import place, refine
from llmprobe.engines.llamacpp import PROFILES
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.memory.overhead import device_overhead
from llmprobe.estimation.placement import host_experts
from llmprobe.facts.devices import Device
from llmprobe.facts.settings import Settings
from llmprobe.site.site import Site
from llmprobe.units import GIB, MIB

MARGIN_BYTES = 1024 * MIB
PLENTY_BYTES = 10**15


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """
    One answer of the fitter. ``gpu_layers`` -1 is all; of ``overflowing`` layers experts stay on the host.
    """

    model: str
    quant: str
    gpu_gib: tuple[int, ...]
    ctx_size: int
    gpu_layers: int
    tensor_split: tuple[float, ...]
    overflowing: int


def cases(step: int = 1) -> Iterator[Case]:
    """
    Yield every ``step``-th answer of the fitter.
    """
    content = msgspec.json.decode((TRUTH / "fit.json").read_bytes())
    for row in content["rows"][::step]:
        yield msgspec.convert(dict(zip(content["columns"], row, strict=True)), Case)


def compared(case: Case) -> str:
    """
    Return ``more``, ``equal`` or ``fewer`` layers (of experts first, for a mixture) on the GPUs than the fitter's;
    ``theirs over`` where the fitter's answer breaks its own margin, which its interpolation sometimes does.
    """
    estimator = Estimator(spec(case.model), PROFILES["llama-bench"])
    devices = tuple(
        Device(id=f"gpu{at}", pool=f"vram{at}", free_bytes=gib * GIB, compute_capability="8.9")
        for at, gib in enumerate(case.gpu_gib)
    )
    site = _site(devices)
    settings = Settings(ctx_size=case.ctx_size)
    asked = Asked(estimator=estimator, quant=case.quant, settings=settings, devices=devices, site=site)
    found = place(asked)
    if isinstance(found, Placed):
        found = refine(asked, found)
    theirs = _score_of_theirs(estimator, case)
    ours = (-1, -1) if isinstance(found, Misfit) else _score(estimator, found)
    if ours >= theirs:
        return "equal" if ours == theirs else "more"
    return "fewer" if _fits(estimator, case, asked) else "theirs over"


def _site(devices: tuple[Device, ...]) -> Site:
    # The fitter does not count what the driver takes beside the buffers, so neither may the comparison.
    capacities: dict[str, int | None] = {
        device.id: (device.free_bytes or 0) - MARGIN_BYTES + device_overhead(device).bytes
        for device in devices
    }
    capacities["host"] = PLENTY_BYTES
    return Site(
        device_sets=(devices,),
        budgets=capacities,
        capacities=capacities,
        pools={"host": "ram"} | {device.id: device.pool or device.id for device in devices},
        shared_free_bytes=None,
        reserve_bytes=0,
        ram_bandwidth_bytes_per_s=50_000_000_000,
    )


def _score(estimator: Estimator, placed: Placed) -> tuple[int, int]:
    """
    Return the layers whose experts are on the GPUs, which are most of the bytes, and the layers that are.
    """
    layers = placed.settings.gpu_layers or 0
    first = estimator.total_layers - layers
    with_experts = {t.layer for t in estimator.model.tensors if t.layer is not None and "_exps" in t.name}
    kept = host_experts(placed.settings, placed.hardware, estimator.n_layer)
    return sum(layer >= first and layer not in kept for layer in with_experts), layers


def _score_of_theirs(estimator: Estimator, case: Case) -> tuple[int, int]:
    layers = estimator.total_layers if case.gpu_layers < 0 else case.gpu_layers
    with_experts = len(
        {t.layer for t in estimator.model.tensors if t.layer is not None and "_exps" in t.name}
    )
    if not with_experts or layers < estimator.total_layers:
        # It offloads layers of a mixture in part only after every expert is on the host.
        return 0, layers
    experts = max(0, min(with_experts, estimator.n_layer + 1 - case.overflowing - _dense(estimator)))
    return experts, layers


def _dense(estimator: Estimator) -> int:
    """Return how many layers, the output among them, have no experts."""
    with_experts = {t.layer for t in estimator.model.tensors if t.layer is not None and "_exps" in t.name}
    return estimator.total_layers - len(with_experts)


def _fits(estimator: Estimator, case: Case, asked: Asked) -> bool:
    """
    Tell whether the fitter's own choice keeps its margin, where it can be written without overrides.
    """
    if case.overflowing:
        return True
    theirs = asked.placed(None if case.gpu_layers < 0 else case.gpu_layers, tensor_split=case.tensor_split)
    return not asked.site.shortfalls(estimator.totals(case.quant, theirs, asked.hardware, exact=True))


def measure(step: int = 1) -> dict[str, Any]:
    """
    Return how often each comparison came out, and the cases with fewer.
    """
    results = [(case, compared(case)) for case in cases(step)]
    return {
        "counts": dict(Counter(result for _, result in results)),
        "fewer": [msgspec.to_builtins(case) for case, result in results if result == "fewer"],
    }


if __name__ == "__main__":
    answer = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(answer["counts"])
    for row in answer["fewer"]:
        print(row)
