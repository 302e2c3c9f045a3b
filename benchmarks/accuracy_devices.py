"""
How close the buffers of several devices come to what llama.cpp allocated, split by layers and by tensors.
"""

from collections.abc import Iterable, Iterator

import msgspec

from benchmarks.accuracy_table import Quantity, percent
from benchmarks.truth.devices import (
    DevicesCase,
    devices_cases,
    experts_cases,
    hybrid_cases,
    refused_on_devices,
)
from benchmarks.truth.loads import spec
from benchmarks.truth.remote import remote_cases
from llmprobe.errors import RefusedError
from llmprobe.estimation import Estimator
from llmprobe.estimation.placement import HOST


class Counts(msgspec.Struct):
    """
    Loads compared and their buffers (weights, caches and compute of each device, measured and allocated): how many are
    equal to the byte.
    """

    loads: int = 0
    buffers: int = 0
    equal: int = 0
    differing: list[str] = []


def quantities() -> tuple[Quantity, ...]:
    """
    The claims about several devices.
    """
    refused, taken = measure_refusals()
    return (
        _equal(
            "three, four and eight devices, by layers",
            "each buffer equal to the byte, measured and allocated",
            measure(of_split("layer")),
        ),
        _equal(
            "two to four devices, by tensors (-sm tensor)",
            "each buffer equal to the byte, allocated",
            measure(of_split("tensor")),
        ),
        _equal(
            "the expert cache, and feed-forward weights on the host (--n-cpu-ffn)",
            "each buffer equal to the byte",
            measure(experts_cases()),
        ),
        _equal(
            "recurrent and hybrid models with cache or experts on the host",
            "each buffer equal to the byte",
            measure(hybrid_cases()),
        ),
        _equal(
            "devices of other machines (--rpc), alone and beside a GPU of this one",
            "each buffer equal to the byte",
            measure(remote_cases()),
        ),
        Quantity(
            name="splits and expert caches that llama.cpp refuses",
            must="all refused",
            found=f"{refused - len(taken)} of {refused} refused",
            held=refused > 0 and not taken,
        ),
    )


def of_split(mode: str) -> Iterator[DevicesCase]:
    """
    Yield the loads that are split in one way.
    """
    return (case for case in devices_cases() if case.measured.told.split_mode == mode)


def measure_refusals() -> tuple[int, list[str]]:
    """
    Return how many splits llama.cpp refused, and those of them that we do not refuse.
    """
    count, taken = 0, []
    for case in refused_on_devices():
        count += 1
        try:
            Estimator(spec(case.model)).parts(case.quant, case.told, case.hardware)
        except RefusedError:
            continue
        taken.append(f"{case.model}: {case.words}")
    return count, taken


def _equal(name: str, must: str, counts: Counts) -> Quantity:
    return Quantity(
        name=name,
        must=must,
        found=f"{counts.equal:,} of {counts.buffers:,} buffers of {counts.loads} loads equal "
        f"({percent(counts.equal, counts.buffers)})",
        held=counts.equal == counts.buffers > 0,
    )


def measure(cases: Iterable[DevicesCase]) -> Counts:
    """
    Compare measured loads; those of one model should follow each other.
    """
    counts = Counts()
    model, estimator = "", None
    for case in cases:
        load = case.measured
        if estimator is None or load.model != model:
            model, estimator = load.model, Estimator(spec(load.model))
        _compare(case, estimator, counts)
    return counts


def _compare(case: DevicesCase, estimator: Estimator, counts: Counts) -> None:
    load = case.measured
    parts = estimator.parts(load.quant, load.told, load.hardware)
    counts.loads += 1
    for device, (weights, cache, compute) in load.bytes.items():
        pairs = [
            ("weights", parts.weights[device].total, weights),
            (
                "cache",
                sum(size for _, size in parts.caches[device]) + parts.experts.bytes.get(device, 0),
                cache,
            ),
            ("compute", parts.compute.bytes[device], compute),
        ]
        if case.allocated is not None:
            pairs.append(("allocated compute", parts.compute.taken(device), case.allocated[device]))
        for name, ours, theirs in pairs:
            if case.mapped and device == HOST and name == "weights":
                continue
            counts.buffers += 1
            counts.equal += ours == theirs
            if ours != theirs:
                counts.differing.append(f"{load.model} {load.settings}: {name} of {device} {ours - theirs:+}")
