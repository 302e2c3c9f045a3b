"""
``make accuracy``: every figure that we claim, recomputed and compared with what was measured.

    python -m benchmarks.accuracy [--check]

Writes ``fixtures/truth/accuracy.json`` and the tables of the pages that show it, and prints them; with ``--check`` it
compares them instead. It ends with 1 where a bound is missed, or where a file differs from what was recomputed.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import chain

import msgspec

from benchmarks import (
    accuracy_adapters,
    accuracy_backends,
    accuracy_devices,
    accuracy_loads,
    accuracy_logs,
    accuracy_mapped,
    accuracy_pages,
    accuracy_parameters,
    accuracy_projectors,
    accuracy_published,
    accuracy_quality,
    accuracy_quants,
    accuracy_recipes,
    accuracy_second,
    accuracy_serving_speed,
    accuracy_speed,
    accuracy_table,
)
from benchmarks.accuracy_table import Accuracy, Coverage, OfArchitecture, OfSpeed, Quantity
from benchmarks.truth.backends import KINDS
from benchmarks.truth.loads import measured_models, memory_cases
from benchmarks.truth.models import TRUTH, models, quant_cases
from llmprobe.model import archs, catalog
from llmprobe.model.archs import graph_of
from llmprobe.model.formats.parts import NO_TEXT_MODELS

FILE = TRUTH / "accuracy.json"
ROWS_OF_LOGS = 25
RANGES_HOLD = 0.8, 0.95


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
            *_of_quants(every_quant),
            *_of_loads(every_load),
            _share("refused settings", "all refused", refusals - len(taken), refusals, 1.0, "refused"),
            *of_devices.result(),
            *(found.result() for found in of_backends.values()),
            of_mapped.result(),
            *of_second(),
            *of_adapters(),
            *_of_tables(),
            *_of_recipes(),
            *_of_projectors(),
            *of_speeds_held(speeds),
            accuracy_serving_speed.quantity(accuracy_serving_speed.measure()),
            *of_quality(),
        ),
        coverage=coverage(),
        architectures={
            name: _row(by_architecture[name], quants[name]) for name in sorted({*by_architecture, *quants})
        },
        speeds=speeds,
        differing=tuple(chain(every_quant.differing, every_load.differing, taken)),
    )


def of_speeds_held(speeds: Sequence[OfSpeed]) -> tuple[Quantity, ...]:
    """
    The claims about predicted speeds: better than the plain rule, near at the median, and ranges that hold.
    """
    named = {row.name: row for row in speeds}
    dense, every = named[accuracy_speed.DENSE], named[accuracy_speed.EVERY]
    rule = next(row for row in speeds if row.name.startswith(f"{accuracy_speed.DENSE}, by"))
    assert every.in_range is not None
    near = [
        Quantity(
            name=f"speed: {name}",
            must=f"within {most:.0%} at the median",
            found=f"{named[name].median:.1%} in {named[name].rows} rows of {named[name].sources} sources",
            held=named[name].median <= most,
        )
        for name, most in accuracy_speed.NEAR.items()
    ]
    return (
        Quantity(
            name=f"speed: {dense.name}",
            must=f"nearer than {accuracy_speed.THUMB} x bandwidth at the median, and within 20% more often",
            found=f"{dense.median:.1%} instead of {rule.median:.1%}, "
            f"{dense.within_20:.0%} instead of {rule.within_20:.0%} within 20%",
            held=dense.median < rule.median and dense.within_20 > rule.within_20,
        ),
        *near,
        Quantity(
            name="ranges of speed",
            must="hold 80% to 95% of the rows",
            found=f"{every.in_range:.0%} of {every.rows} rows of {every.sources} sources",
            held=RANGES_HOLD[0] <= every.in_range <= RANGES_HOLD[1],
        ),
    )


def of_quality() -> tuple[Quantity, ...]:
    """
    The claims about losses, each model left out of the fit that predicts it.
    """
    return tuple(
        Quantity(
            name=f"loss: {accuracy_quality.KINDS[row.kind]}, the model left out",
            must="within a factor of {} at the median, {} in 90%".format(*accuracy_quality.BARS[row.kind]),
            found=f"{row.median:.2f} and {row.p90:.2f} in {row.rows} figures of {row.models} models, "
            f"{row.in_range:.0%} in their range; without what was measured of its family "
            f"{row.blind_median:.2f} and {row.blind_p90:.2f}, {row.blind_in_range:.0%} in the wide range",
            held=row.held,
        )
        for row in accuracy_quality.measure()
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


def _of_quants(counts: accuracy_quants.Counts) -> tuple[Quantity, ...]:
    sizes = _share(
        "quantized tensor bytes",
        "equal to the byte in 99%, worst below 0.1%",
        counts.cases_equal,
        counts.cases,
        0.99,
        "equal",
    )
    sizes = msgspec.structs.replace(
        sizes,
        found=f"{sizes.found}, worst {counts.worst_bytes:.4%}",
        held=sizes.held and counts.worst_bytes < 0.001,
    )
    return (
        sizes,
        _share("type of each tensor", "equal in 99.5%", counts.tensors_equal, counts.tensors, 0.995, "equal"),
    )


def _of_loads(counts: accuracy_loads.Counts) -> tuple[Quantity, ...]:
    n = counts.devices
    compute = _share(
        "compute per device",
        "within 1% or 4 MiB in 95%, 5% in 99%",
        counts.compute_near,
        n,
        0.95,
        "near",
    )
    median = counts.median_error()
    total = _share(
        "total per device",
        "0.5% at the median, 1% or 4 MiB in 99%, never lower than that",
        counts.total_near,
        n,
        0.99,
        "near",
    )
    return (
        _share("weights per device", "equal to the byte in 99%", counts.weights_equal, n, 0.99, "equal"),
        _share("cache and state per device", "equal to the byte", counts.caches_equal, n, 1.0, "equal"),
        _share("output buffer", "equal to the byte", counts.output_equal, counts.loads, 1.0, "equal"),
        msgspec.structs.replace(
            compute,
            found=f"{compute.found}, {counts.compute_equal:,} equal, {counts.compute_wider / n:.2%} within 5%",
            held=compute.held and counts.compute_wider >= 0.99 * n,
        ),
        msgspec.structs.replace(
            total,
            found=f"{total.found}, median {median:.2%}, {counts.total_low} lower",
            held=total.held and median <= 0.005 and counts.total_low == 0,
        ),
    )


def of_second() -> tuple[Quantity, ...]:
    """
    The claims about second contexts and the models that they draft for, by kind.
    """
    return tuple(
        _of_contexts(f"drafting: {accuracy_second.NAMES[kind]}", counts)
        for kind, counts in accuracy_second.measure().items()
    )


def of_adapters() -> tuple[Quantity, ...]:
    """
    The claims about adapters, and about loads that make vectors of texts.
    """
    found = accuracy_adapters.measure()
    return (
        _of_contexts("adapters: LoRA and control vectors", found["adapters"]),
        _of_contexts("embeddings: vectors of texts, pooled in four ways", found["embeddings"]),
    )


def _of_contexts(name: str, counts: accuracy_second.Counts) -> Quantity:
    exact = min(counts.weights_equal, counts.caches_equal)
    row = _share(
        name,
        "weights and caches equal to the byte, compute within 1% or 4 MiB in 99%, never lower than that",
        counts.compute_near,
        counts.devices,
        0.99,
        "near",
    )
    return msgspec.structs.replace(
        row,
        found=f"{exact:,} of {counts.devices:,} equal in {counts.contexts} contexts, compute {row.found}, "
        f"{counts.compute_equal:,} equal, {counts.compute_low} lower",
        held=row.held and exact == counts.devices and counts.compute_low == 0,
    )


def _of_tables() -> tuple[Quantity, ...]:
    parameters = accuracy_parameters.measure()
    logs = accuracy_logs.measure()
    published = accuracy_published.measure()
    first = _share(
        "parameters of the catalog", "within 0.01% in all", parameters.near, parameters.models, 1.0, "near"
    )
    of_logs = _share(
        "weights and caches in pasted logs",
        "within 1% in 95% of 25 rows",
        logs.rows_near,
        logs.rows,
        0.95,
        "near",
    )
    return (
        msgspec.structs.replace(
            first,
            found=f"{first.found}, {parameters.explained} further off than 0.0001% explained",
            held=first.held and not parameters.differing,
        ),
        msgspec.structs.replace(of_logs, held=of_logs.held and logs.rows >= ROWS_OF_LOGS),
        Quantity(
            name="compute in pasted logs",
            must="of older builds within the stated range in 90%; within 1% for information",
            found=f"{logs.compute_near} of {logs.compute} within 1%, {logs.compute_in_range} of "
            f"{logs.compute_ranged} of older builds in their range",
            held=logs.compute_in_range >= 0.9 * logs.compute_ranged > 0,
        ),
        _share(
            f"published sizes ({published.exact_sizes} exact, {published.explained} outliers explained)",
            "within 0.5%",
            published.near,
            published.sizes,
            1.0,
            "near",
        ),
    )


def _of_recipes() -> tuple[Quantity, ...]:
    counts = accuracy_recipes.measure()
    near = _share(
        "dynamic files by their names (UD-)",
        "3% at the median, 7% in 90%",
        counts.within_far,
        len(counts.errors),
        0.9,
        "within 7%",
    )
    resident = _share(
        "all but the experts of files with a rule",
        "never more than the stated range",
        counts.residents_in_range,
        counts.residents,
        1.0,
        "within it",
    )
    return (
        msgspec.structs.replace(
            near,
            found=f"{near.found}, median {counts.middle:.1%}",
            held=near.held and counts.middle <= accuracy_recipes.NEAR,
        ),
        _share(
            "files whose names have a rule or a spread",
            "within the stated range",
            counts.in_range,
            counts.files,
            1.0,
            "within it",
        ),
        resident,
    )


def _of_projectors() -> tuple[Quantity, ...]:
    counts = accuracy_projectors.measure_all()
    compute = _share(
        "compute of projectors",
        "within 1% or 4 MiB in 95%, never lower than that",
        counts.compute_near,
        counts.loads,
        0.95,
        "near",
    )
    return (
        _share(
            "weights of projectors", "equal to the byte", counts.weights_equal, counts.loads, 1.0, "equal"
        ),
        msgspec.structs.replace(
            compute,
            found=f"{compute.found}, {counts.compute_equal} equal, {counts.compute_low} lower",
            held=compute.held and counts.compute_low == 0,
        ),
    )


def _share(name: str, must: str, good: int, cases: int, least: float, word: str) -> Quantity:
    return Quantity(
        name=name,
        must=must,
        found=f"{good:,} of {cases:,} {word} ({accuracy_table.percent(good, cases)})",
        held=cases > 0 and good >= least * cases,
    )


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
