"""
Fit what a processor does: how much of the RAM's rate it reads, with the experts of a device beside it too, and how
many operations its cores do for prompts.
"""

from collections.abc import Iterable, Sequence
from math import exp, log

from benchmarks.least_errors import Drawn, Path
from benchmarks.speed_predicted import can_be_predicted, predicted
from benchmarks.speed_rows import LayerRow, Row, layer_rows, source_weights
from llmprobe.estimation.speed.cores import processor_operations_per_s
from llmprobe.estimation.speed.parts import CPU, Constants
from llmprobe.facts.processor import Processor

TYPE_TABLE = 8
"""File types of one model on one processor from which on a source says how they compare."""

ONE_CORE = Processor(threads=1, vectors=True)

PROCESSOR: dict[Path, Drawn] = {
    ("processor", "efficiency"): Drawn(to=0.65, strength=0.5),
    ("processor", "kernel_us"): Drawn(to=20.0, strength=0.3),
    ("processor", "switch_us"): Drawn(to=100.0, strength=0.3),
}
"""What of reading from RAM is fitted, and where it is drawn to."""


def of_ram(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of generation that read weights in RAM whose rate is known.
    """
    return [
        row
        for row in measured
        if row.kind == "generation"
        and (row.backend == CPU or row.in_ram)
        and can_be_predicted(row)
        and not row.paged
    ]


def of_processor_prompts(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of prompts on a processor alone whose cores are known, by builds that are not old.

    A source that compares file types gives their table; its rows of Q4_K_S alone say how fast the cores are.
    """
    every = [
        row
        for row in measured
        if row.kind == "prompt" and row.backend == CPU and row.threads is not None and not row.old_build
    ]
    tables = _type_tables(every)
    return [row for row in every if (row.source, row.device) not in tables or row.quant == "Q4_K_S"]


def fit_processor_prompts(fitted: Constants, measured: Sequence[Row]) -> None:
    """
    Fit the operations per core, the table of file types, and what experts reach beside dense layers.
    """
    row = fitted["processor_prompts"]
    tables = _type_tables([one for one in measured if one.kind == "prompt" and one.backend == CPU]).values()
    if tables:
        by_type = {
            kind: [rates[kind] / rates["Q4_K_S"] for rates in tables if kind in rates]
            for kind in sorted(set().union(*tables))
        }
        row["quants"] = {
            kind: round(exp(sum(log(one) for one in own) / len(own)), 2) for kind, own in by_type.items()
        }
    layers = layer_rows()
    alone = {one.quant: one for one in layers if not one.moe}
    ratios = [_reached(fitted, one) / _reached(fitted, alone[one.quant]) for one in layers if one.moe]
    row["moe"] = round(_weighted_median(ratios, [1.0] * len(ratios)), 2)
    own = [one for one in of_processor_prompts(measured) if not one.moe]
    row["core_operations"] = 1.0
    reached = [one.tokens_per_s / predicted(fitted, one).likely for one in own]
    row["core_operations"] = round(_weighted_median(reached, source_weights(own)) / 1e9, 1) * 1e9
    row.update(rows=len(own), sources=len({one.source for one in own}))
    row.update(moe_rows=len(ratios), moe_sources=1)


def _reached(constants: Constants, row: LayerRow) -> float:
    """
    Return the operations per second that layers reached on one core, beside those of its file type.
    """
    rate = processor_operations_per_s(constants, ONE_CORE, row.quant)
    assert rate is not None
    return 2 * row.active_parameters * row.tokens_per_s / rate


def _type_tables(measured: Iterable[Row]) -> dict[tuple[str, str | None], dict[str, float]]:
    """
    Return the speeds by file type of the sources that compare them.
    """
    found: dict[tuple[str, str | None], dict[str, float]] = {}
    for row in measured:
        found.setdefault((row.source, row.device), {})[row.quant] = row.tokens_per_s
    return {key: rates for key, rates in found.items() if len(rates) >= TYPE_TABLE}


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    left = sum(weights) / 2
    for value, weight in sorted(zip(values, weights, strict=True)):
        left -= weight
        if left <= 0:
            return value
    raise AssertionError("no values")
