"""
Fit the constants of prompts in ``llmprobe/data/speed.json``: on graphics cards, and on the processor.

What reading the weights takes is known from generation; the rest of a prompt's time is arithmetic, of which a class
reaches the median part of its devices' FP16 rate, and cores so many operations each.
"""

from collections.abc import Iterable, Sequence
from math import exp, log

import msgspec

from benchmarks.speed_rows import Row, source_weights
from llmprobe.estimation.speed.parts import CPU, Constants, device_row
from llmprobe.estimation.speed.prompt import prompt_parts, prompt_row

LEAST_ARITHMETIC = 0.1
"""Of a prompt's time: reading weights cannot have taken all of it."""

UBATCH = 512
"""Tokens of a micro-batch where the source says nothing: llama.cpp's default."""

TYPE_TABLE = 8
"""File types of one model on one processor from which on a source says how they compare."""


def of_prompts(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of prompts on one device whose bandwidth is known.
    """
    return [
        row
        for row in measured
        if row.kind == "prompt"
        and row.devices == 1
        and row.bandwidth_bytes_per_s is not None
        and not row.host_bytes
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
    return [row for row in every if (row.source, row.device) not in tables or row.file_type == "Q4_K_S"]


def predicted_prompt_seconds(constants: Constants, row: Row, *, by_bandwidth: bool = False) -> float:
    """
    Return the time of one token of a prompt on one device, or on the processor.

    ``by_bandwidth`` is without the FP16 rate.
    """
    share = row.host if row.backend == CPU else row.gpu
    parts = prompt_parts(
        constants,
        (msgspec.structs.replace(share, flops=None) if by_bandwidth else share,),
        moe=row.moe,
        quant=row.file_type,
        cores=row.processor,
        ubatch_size=row.ubatch or UBATCH,
        offloaded=False,
        filled=0.0,
    )
    return sum(part.likely for part in parts)


def _type_tables(measured: Iterable[Row]) -> dict[tuple[str, str | None], dict[str, float]]:
    """
    Return the speeds by file type of the sources that compare them.
    """
    found: dict[tuple[str, str | None], dict[str, float]] = {}
    for row in measured:
        found.setdefault((row.source, row.device), {})[row.file_type] = row.tokens_per_s
    return {key: rates for key, rates in found.items() if len(rates) >= TYPE_TABLE}


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
    every = of_processor_prompts(measured)
    own, experts = ([one for one in every if one.moe is moe] for moe in (False, True))
    row["core_operations"] = row["moe"] = 1.0
    reached = {id(one): predicted_prompt_seconds(fitted, one) * one.tokens_per_s for one in every}
    operations = _weighted_median([reached[id(one)] for one in own], source_weights(own))
    row["core_operations"] = round(operations / 1e9, 1) * 1e9
    beside = {(one.source, one.device, one.file_type): reached[id(one)] for one in own}
    ratios = [
        reached[id(one)] / beside[key]
        for one in experts
        if (key := (one.source, one.device, one.file_type)) in beside
    ]
    if ratios:
        row["moe"] = round(_weighted_median(ratios, [1.0] * len(ratios)), 2)
    row.update(rows=len(own), sources=len({one.source for one in own}))
    row.update(moe_rows=len(ratios), moe_sources=len({one.source for one in experts}))


def fit_prompts(fitted: Constants, measured: Sequence[Row]) -> None:
    """
    Fit the part of its FP16 rate that each class of devices reaches, and its operations per byte of bandwidth.
    """
    every = of_prompts(measured)
    for row in fitted["prompts"]:
        own = [one for one in every if prompt_row(fitted, one.gpu, moe=one.moe) is row]
        alike = [one for one in every if one.moe is row["moe"]]
        rated = [one for one in own if one.fp16_flops is not None]
        row["rows"], row["sources"] = len(rated), len({one.source for one in rated})
        # Where nothing was measured the class is like the others of its kind.
        row["efficiency"] = round(_reached(fitted, rated or alike, by_bandwidth=False), 3)
        row["by_bandwidth"] |= {
            "operations_per_byte": round(_reached(fitted, own or alike, by_bandwidth=True), 1),
            "rows": len(own),
            "sources": len({one.source for one in own}),
        }


def _reached(constants: Constants, measured: Iterable[Row], *, by_bandwidth: bool) -> float:
    """
    Return the operations per second in the time that weights were not read, beside the FP16 rate or the bandwidth.
    """
    used = [one for one in measured if by_bandwidth or one.fp16_flops is not None]
    parts = []
    for one in used:
        assert one.bandwidth_bytes_per_s is not None
        beside = one.bandwidth_bytes_per_s if by_bandwidth else one.fp16_flops
        assert beside is not None
        device = device_row(constants, one.gpu)["efficiency"]
        reading = (one.stored_bytes or 0) / (one.bandwidth_bytes_per_s * device * (one.ubatch or UBATCH))
        seconds = max(1 / one.tokens_per_s - reading, LEAST_ARITHMETIC / one.tokens_per_s)
        parts.append(2 * one.active_parameters / seconds / beside)
    return _weighted_median(parts, source_weights(used))


def _weighted_median(values: Sequence[float], weights: Sequence[float]) -> float:
    left = sum(weights) / 2
    for value, weight in sorted(zip(values, weights, strict=True)):
        left -= weight
        if left <= 0:
            return value
    raise AssertionError("no values")
