"""
What is claimed of each quantity, beside what was measured: a row for each, and whether it holds.
"""

from collections.abc import Sequence

import msgspec

from benchmarks import (
    accuracy_adapters,
    accuracy_loads,
    accuracy_logs,
    accuracy_parameters,
    accuracy_projectors,
    accuracy_published,
    accuracy_quality,
    accuracy_quants,
    accuracy_recipes,
    accuracy_second,
    accuracy_speed,
    accuracy_table,
)
from benchmarks.accuracy_table import OfSpeed, Quantity

ROWS_OF_LOGS = 25
RANGES_HOLD = 0.8, 0.95


def of_quants(counts: accuracy_quants.Counts) -> tuple[Quantity, ...]:
    """
    The claims about the bytes and the types of quantized files.
    """
    sizes = share(
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
        share("type of each tensor", "equal in 99.5%", counts.tensors_equal, counts.tensors, 0.995, "equal"),
    )


def of_loads(counts: accuracy_loads.Counts) -> tuple[Quantity, ...]:
    """
    The claims about measured loads on one device and two.
    """
    n = counts.devices
    compute = share(
        "compute per device",
        "within 1% or 4 MiB in 95%, 5% in 99%",
        counts.compute_near,
        n,
        0.95,
        "near",
    )
    median = counts.median_error()
    total = share(
        "total per device",
        "0.5% at the median, 1% or 4 MiB in 99%, never lower than that",
        counts.total_near,
        n,
        0.99,
        "near",
    )
    return (
        share("weights per device", "equal to the byte in 99%", counts.weights_equal, n, 0.99, "equal"),
        share("cache and state per device", "equal to the byte", counts.caches_equal, n, 1.0, "equal"),
        share("output buffer", "equal to the byte", counts.output_equal, counts.loads, 1.0, "equal"),
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
    row = share(
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


def of_tables() -> tuple[Quantity, ...]:
    """
    The claims about parameters, pasted logs and published sizes, each beside a table of the repository.
    """
    parameters = accuracy_parameters.measure()
    logs = accuracy_logs.measure()
    published = accuracy_published.measure()
    first = share(
        "parameters of the catalog", "within 0.01% in all", parameters.near, parameters.models, 1.0, "near"
    )
    of_logs = share(
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
        share(
            f"published sizes ({published.exact_sizes} exact, {published.explained} outliers explained)",
            "within 0.5%",
            published.near,
            published.sizes,
            1.0,
            "near",
        ),
    )


def of_recipes() -> tuple[Quantity, ...]:
    """
    The claims about dynamic files, whose mixture only their name tells.
    """
    counts = accuracy_recipes.measure()
    near = share(
        "dynamic files by their names (UD-)",
        "3% at the median, 7% in 90%",
        counts.within_far,
        len(counts.errors),
        0.9,
        "within 7%",
    )
    resident = share(
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
        share(
            "files whose names have a rule or a spread",
            "within the stated range",
            counts.in_range,
            counts.files,
            1.0,
            "within it",
        ),
        resident,
    )


def of_projectors() -> tuple[Quantity, ...]:
    """
    The claims about projectors: weights and the buffer of their graph.
    """
    counts = accuracy_projectors.measure_all()
    compute = share(
        "compute of projectors",
        "within 1% or 4 MiB in 95%, never lower than that",
        counts.compute_near,
        counts.loads,
        0.95,
        "near",
    )
    return (
        share("weights of projectors", "equal to the byte", counts.weights_equal, counts.loads, 1.0, "equal"),
        msgspec.structs.replace(
            compute,
            found=f"{compute.found}, {counts.compute_equal} equal, {counts.compute_low} lower",
            held=compute.held and counts.compute_low == 0,
        ),
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


def share(name: str, must: str, good: int, cases: int, least: float, word: str) -> Quantity:
    """
    The claim that at least this part (``least``, 0 to 1) of the cases is good; without cases it does not hold.
    """
    return Quantity(
        name=name,
        must=must,
        found=f"{good:,} of {cases:,} {word} ({accuracy_table.percent(good, cases)})",
        held=cases > 0 and good >= least * cases,
    )
