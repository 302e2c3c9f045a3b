"""
``make accuracy``: every figure that we claim, recomputed and compared with what was measured.

    python -m benchmarks.accuracy [--check]

Writes ``fixtures/truth/accuracy.json`` and the tables of the pages that show it, and prints them; with ``--check`` it
compares them instead. It ends with 1 where a bound is missed, or where a file differs from what was recomputed.
"""

import argparse
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

import msgspec

from benchmarks import (
    accuracy_backends,
    accuracy_claims,
    accuracy_devices,
    accuracy_loads,
    accuracy_mapped,
    accuracy_pages,
    accuracy_quants,
    accuracy_serving_speed,
    accuracy_speed,
    accuracy_table,
)
from benchmarks.accuracy_table import Accuracy, Coverage, OfArchitecture
from benchmarks.truth.backends import KINDS
from benchmarks.truth.loads import measured_models, memory_cases
from benchmarks.truth.models import TRUTH, models, quant_cases
from llmprobe.model import archs, catalog
from llmprobe.model.archs import graph_of
from llmprobe.model.formats.parts import NO_TEXT_MODELS

FILE = TRUTH / "accuracy.json"


def main() -> int:
    """
    Recompute, print, and write or compare.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="compare the files instead of writing them")
    check = parser.parse_args().check
    found = measure()
    content = msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n"
    print(accuracy_table.printed(found))
    stale = accuracy_pages.stale(found)
    if not FILE.is_file() or FILE.read_bytes() != content:
        stale = [FILE.name, *stale]
    if not check:
        FILE.write_bytes(content)
        accuracy_pages.write(found)
    elif stale:
        print(f"not what was recomputed: {', '.join(stale)}; run make accuracy", file=sys.stderr)
        return 1
    return 0 if all(quantity.held for quantity in found.quantities) else 1


def measure() -> Accuracy:
    """
    Recompute everything, side by side where that is worth it.
    """
    names = measured_models()
    with ProcessPoolExecutor() as pool:
        of_speeds = pool.submit(accuracy_speed.measure)
        of_devices = pool.submit(accuracy_devices.quantities)
        of_backends = {kind: pool.submit(accuracy_backends.quantity, kind) for kind in KINDS}
        of_mapped = pool.submit(accuracy_mapped.quantity)
        loads = dict(zip(names, pool.map(_loads, names), strict=True))
        speeds = of_speeds.result()
    quants: dict[str, accuracy_quants.Counts] = defaultdict(accuracy_quants.Counts)
    for case in quant_cases():
        _take(quants[models()[case.model].architecture], accuracy_quants.measure((case,)))
    by_architecture: dict[str, accuracy_loads.Counts] = defaultdict(accuracy_loads.Counts)
    every_load = accuracy_loads.Counts()
    for name, counts in loads.items():
        by_architecture[models()[name].architecture].add(counts)
        every_load.add(counts)
    every_quant = accuracy_quants.Counts()
    for of_architecture in quants.values():
        _take(every_quant, of_architecture)
    refusals, taken = accuracy_loads.measure_refusals()
    return Accuracy(
        quantities=(
            *accuracy_claims.of_quants(every_quant),
            *accuracy_claims.of_loads(every_load),
            accuracy_claims.share(
                "refused settings", "all refused", refusals - len(taken), refusals, 1.0, "refused"
            ),
            *of_devices.result(),
            *(found.result() for found in of_backends.values()),
            of_mapped.result(),
            *accuracy_claims.of_second(),
            *accuracy_claims.of_adapters(),
            *accuracy_claims.of_tables(),
            *accuracy_claims.of_recipes(),
            *accuracy_claims.of_projectors(),
            *accuracy_claims.of_speeds_held(speeds),
            accuracy_serving_speed.quantity(accuracy_serving_speed.measure()),
            *accuracy_claims.of_quality(),
        ),
        coverage=coverage(),
        architectures={
            name: _row(by_architecture[name], quants[name]) for name in sorted({*by_architecture, *quants})
        },
        speeds=speeds,
        differing=tuple(chain(every_quant.differing, every_load.differing, taken)),
    )


def coverage() -> Coverage:
    """
    The architectures by how much of them is known: those with a file, those of the catalog and of the tables, and
    the parts of models.
    """
    measured = {models()[name].architecture for name in measured_models()}
    listed = {entry.architecture for entry in catalog.by_id().values()}
    names = archs.supported() | listed | {model.architecture for model in models().values()}
    names -= NO_TEXT_MODELS
    graphs = {name for name in names if graph_of(name) is not None}
    known = {name for name in names if archs.get(name) is not None}
    return Coverage(
        modelled_and_measured=tuple(sorted(graphs & measured)),
        modelled=tuple(sorted(graphs - measured)),
        bounded=tuple(sorted(known - graphs)),
        by_metadata=tuple(sorted(names - known)),
        refused=tuple(sorted(NO_TEXT_MODELS)),
    )


def _loads(name: str) -> accuracy_loads.Counts:
    return accuracy_loads.measure(memory_cases(name))


def _take(counts: accuracy_quants.Counts, other: accuracy_quants.Counts) -> None:
    for field in ("cases", "cases_equal", "tensors", "tensors_equal"):
        setattr(counts, field, getattr(counts, field) + getattr(other, field))
    counts.worst_bytes = max(counts.worst_bytes, other.worst_bytes)
    counts.differing = [*counts.differing, *other.differing]


def _row(loads: accuracy_loads.Counts, quants: accuracy_quants.Counts) -> OfArchitecture:
    return OfArchitecture(
        files=quants.cases,
        files_equal=quants.cases_equal,
        loads=loads.loads,
        devices=loads.devices,
        weights_equal=loads.weights_equal,
        caches_equal=loads.caches_equal,
        compute_equal=loads.compute_equal,
        compute_near=loads.compute_near,
        total_near=loads.total_near,
        worst_total=loads.worst_error(),
    )


if __name__ == "__main__":
    sys.exit(main())
