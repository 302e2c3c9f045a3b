"""
How close the buffers of several devices come to what llama.cpp allocated, split by layers.
"""

from collections.abc import Iterable

import msgspec

from benchmarks.accuracy_table import Quantity, percent
from benchmarks.truth.devices import DevicesCase, devices_cases
from benchmarks.truth.loads import spec
from llmprobe.estimation import Estimator


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
    Return what is claimed of several devices.
    """
    counts = measure(case for case in devices_cases() if case.measured.told.split_mode == "layer")
    return (
        Quantity(
            name="three, four and eight devices, by layers",
            must="each buffer equal to the byte, measured and allocated",
            found=f"{counts.equal:,} of {counts.buffers:,} buffers of {counts.loads} loads equal "
            f"({percent(counts.equal, counts.buffers)})",
            held=counts.equal == counts.buffers > 0,
        ),
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
        pairs = (
            ("weights", parts.weights[device].total, weights),
            ("cache", sum(size for _, size in parts.caches[device]), cache),
            ("compute", parts.compute.bytes[device], compute),
            ("allocated compute", parts.compute.taken(device), case.allocated[device]),
        )
        for name, ours, theirs in pairs:
            counts.buffers += 1
            counts.equal += ours == theirs
            if ours != theirs:
                counts.differing.append(f"{load.model} {load.settings}: {name} of {device} {ours - theirs:+}")
