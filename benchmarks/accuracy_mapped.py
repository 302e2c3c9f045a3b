"""
How close the ranges of a mapped file, and what lies beside them, come to what llama.cpp has on a Mac.
"""

from collections.abc import Iterable

import msgspec

from benchmarks.accuracy_table import Quantity, percent
from benchmarks.truth.loads import spec
from benchmarks.truth.mapped import MappedCase, mapped_cases
from llmprobe.estimation import Estimator
from llmprobe.estimation.memory.mapped import mapped


class Counts(msgspec.Struct):
    """
    Loads, their ranges (of the device, of the host, and what is kept in another order) and caches, and how many are
    equal; of the device's compute buffers also those that are told lower.
    """

    loads: int = 0
    ranges: int = 0
    ranges_equal: int = 0
    caches: int = 0
    caches_equal: int = 0
    compute_equal: int = 0
    compute_low: int = 0
    differing: list[str] = []


def measure(cases: Iterable[MappedCase]) -> Counts:
    """
    Compare measured loads; those of one model should follow each other.
    """
    counts = Counts()
    model, estimator = "", None
    for case in cases:
        if estimator is None or case.load.model != model:
            model, estimator = case.load.model, Estimator(spec(case.load.model))
        _compare(case, estimator, counts)
    return counts


def quantity() -> Quantity:
    """
    The claim about mapped files.
    """
    counts = measure(mapped_cases())
    return Quantity(
        name="on Metal, with the file mapped",
        must="ranges of the file, copies beside them and caches equal to the byte, compute never lower",
        found=f"{counts.ranges_equal + counts.caches_equal:,} of {counts.ranges + counts.caches:,} equal in "
        f"{counts.loads} loads ({percent(counts.ranges_equal + counts.caches_equal, counts.ranges + counts.caches)}), "
        f"compute of {counts.compute_equal} of {counts.loads} equal, {counts.compute_low} lower",
        held=counts.loads > 0
        and (counts.ranges_equal, counts.caches_equal) == (counts.ranges, counts.caches)
        and not counts.compute_low,
    )


def _compare(case: MappedCase, estimator: Estimator, counts: Counts) -> None:
    load = case.load
    setup = estimator.setup(load.told, load.hardware)
    ours = mapped(
        estimator.table(load.quant),
        estimator.typed_tensors(load.quant),
        setup.spans,
        host_experts=setup.host_experts,
        cpu=setup.cpu,
    )
    counts.loads += 1
    for name in ("device", "host", "repacked"):
        off = getattr(ours, name) - getattr(case, name)
        counts.ranges += 1
        counts.ranges_equal += not off
        if off:
            counts.differing.append(f"{load.model} {load.quant} {load.told.gpu_layers}: {name} {off:+}")
    parts = estimator.parts_of(load.quant, setup)
    for device, (_, cache, compute) in load.bytes.items():
        counts.caches += 1
        counts.caches_equal += sum(size for _, size in parts.caches[device]) == cache
        if device != "host":
            counts.compute_equal += parts.compute.bytes[device] == compute
            counts.compute_low += parts.compute.bytes[device] < compute
