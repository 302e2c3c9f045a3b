"""
Fit the constants of ``llmprobe/data/speed.json`` to the published speeds in ``fixtures/truth/speed.json``.

    python -m benchmarks.fit_speed            prints what it found, writes nothing
    python -m benchmarks.fit_speed --write    rewrites the fitted constants of data/speed.json

Least absolute error of the logarithm; a source with many rows counts as the root of their number. Constants of
a class are drawn to those of its family, and a family's to those of all graphics cards, as strongly as a few
rows would: a class on which little was measured stays near what is known. No other package is needed.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from math import exp, log
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.fit_speed_prompts import fit_processor_prompts, fit_prompts
from benchmarks.speed_rows import Row, source_weights
from llmprobe.estimation.speed.parts import Constants, device_row, host_part, work

DATA = Path(__file__).parents[1] / "llmprobe" / "data" / "speed.json"
PULL = 0.5
"""How many rows a class's parent counts for."""

ROUNDS = 4
"""Classes and what multiplies them are fitted in turn so often."""

HBM = ("6.0", "7.0", "8.0", "9.0", "10.0", "10.3")
"""Compute capabilities of NVIDIA's chips with HBM."""

_MULTIPLIERS = (
    ("moe", "reading"),
    ("moe", "kernels"),
    ("recurrent", "kernels"),
    ("old_builds", "kernels"),
    ("old_builds", "hbm_reading"),
    ("old_builds", "hbm_kernels"),
)
_FAMILIES = {"cuda": "cuda", "metal": "metal"}


def on_devices(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of generation in which everything is on devices.
    """
    return [row for row in measured if row.kind == "generation" and not row.host_bytes]


def fit(measured: Sequence[Row], constants: Constants) -> Constants:
    """
    Return constants fitted to ``measured``; what they say nothing about is kept from ``constants``.
    """
    return fit_others(measured, fit_devices(measured, constants))


def fit_others(measured: Sequence[Row], constants: Constants) -> Constants:
    """
    Return constants with those of the processor and of prompts fitted, the generation on devices as it is.
    """
    fitted: Constants = msgspec.json.decode(msgspec.json.encode(constants))
    _fit_processor(fitted, measured)
    fit_prompts(fitted, measured)
    fit_processor_prompts(fitted, measured)
    return fitted


def fit_devices(measured: Sequence[Row], constants: Constants) -> Constants:
    """
    Return constants with those of generation on devices fitted.
    """
    fitted: Constants = msgspec.json.decode(msgspec.json.encode(constants))
    for trait, name in _MULTIPLIERS:
        fitted[trait][name] = 1.0
    for row in fitted["devices"]:
        row["cache_reading"] = 1.0
    used = on_devices(measured)
    dense = [row for row in used if not row.moe]
    for _ in range(ROUNDS):
        _fit_devices(fitted, dense)
        for row in fitted["devices"]:
            row["cache_reading"] = _fit_cache(fitted, row, used)
        recurrent = [row for row in dense if row.recurrent]
        fitted["recurrent"] = fitted["recurrent"] | _multipliers(fitted, "recurrent", ("kernels",), recurrent)
        old = [row for row in dense if row.old_build]
        hbm = [row for row in old if row.compute_capability in HBM]
        own = _multipliers(fitted, "old_builds", ("hbm_reading", "hbm_kernels"), hbm)
        fitted["old_builds"] |= own | {"hbm_rows": own["rows"], "hbm_sources": own["sources"]}
        others = [row for row in old if row not in hbm]
        fitted["old_builds"] |= _multipliers(fitted, "old_builds", ("kernels",), others)
        moe = [row for row in used if row.moe]
        fitted["moe"] = fitted["moe"] | _multipliers(fitted, "moe", ("reading", "kernels"), moe)
    return fitted


def predicted_seconds(constants: Constants, row: Row) -> float:
    """
    Return the time of one token with everything on devices.
    """
    device = device_row(constants, row.gpu)
    reading, kernels = _work(constants, device, row)
    return reading / float(device["efficiency"]) + kernels * float(device["kernel_us"]) * 1e-6


def _work(constants: Constants, device: dict[str, Any], row: Row) -> tuple[float, float]:
    """
    Return what a device reads and starts, as the build of that time did it.
    """
    reading, kernels = work(constants, device, row.gpu, moe=row.moe, quant=row.file_type, filled=1.0)
    old = constants["old_builds"]
    if old_on_hbm(row):
        return reading * old["hbm_reading"], kernels * old["hbm_kernels"]
    return reading, kernels * (old["kernels"] if row.old_build else 1.0)


def old_on_hbm(row: Row) -> bool:
    """
    Return whether a row is by a build whose kernels left HBM half idle: those say nothing of builds of today.
    """
    return row.old_build and row.compute_capability in HBM


def on_processor(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of generation on the processor alone whose RAM is known.
    """
    return [
        row
        for row in measured
        if row.kind == "generation" and not row.gpu_bytes and row.ram_bandwidth_bytes_per_s is not None
    ]


def _fit_processor(fitted: Constants, measured: Sequence[Row]) -> None:
    own = on_processor(measured)
    row = fitted["processor"]
    weights = source_weights(own)

    def loss(values: tuple[float, ...]) -> float:
        row["efficiency"], row["kernel_us"] = values
        error = sum(
            weight
            * abs(
                log(host_part(fitted, one.host, one.processor, quant=one.file_type).likely * one.tokens_per_s)
            )
            for one, weight in zip(own, weights, strict=True)
        )
        return error + PULL * (abs(log(values[0] / 0.65)) + abs(log(values[1] / 10)) / 4)

    efficiency, kernel_us = _descend(loss, (0.65, 10.0))
    row.update(efficiency=round(efficiency, 3), kernel_us=round(kernel_us, 1))
    row.update(rows=len(own), sources=len({one.source for one in own}))


def _fit_devices(fitted: Constants, dense: list[Row]) -> None:
    current = [row for row in dense if not old_on_hbm(row)]
    everywhere = _pair(fitted, current, (0.85, 7.0), pull=0.0)
    families: dict[str, tuple[float, float]] = {}
    for family in ("cuda", "metal", "other"):
        own = [row for row in current if _FAMILIES.get(row.backend or "", "other") == family]
        families[family] = _pair(fitted, own, everywhere, pull=PULL)
    for row in fitted["devices"]:
        own = [one for one in current if device_row(fitted, one.gpu) is row]
        family = _FAMILIES.get(row["backends"][0] or "", "other")
        row["efficiency"], row["kernel_us"] = _pair(fitted, own, families[family], pull=PULL)
        every = [one for one in dense if device_row(fitted, one.gpu) is row]
        row["rows"], row["sources"] = len(every), len({one.source for one in every})
        row["current"] = len(own)


def _pair(
    constants: Constants, measured: list[Row], parent: tuple[float, float], *, pull: float
) -> tuple[float, float]:
    """
    Return the efficiency and the microseconds per kernel that fit best, drawn to those of the parent.
    """
    weights = source_weights(measured)
    points = [
        (*_work(constants, device_row(constants, row.gpu), row), row.tokens_per_s, weight)
        for row, weight in zip(measured, weights, strict=True)
    ]

    def loss(values: tuple[float, ...]) -> float:
        efficiency, kernel_us = values
        if efficiency > 1.0:
            return float("inf")
        error = sum(
            weight * abs(log((reading / efficiency + kernels * kernel_us * 1e-6) * rate))
            for reading, kernels, rate, weight in points
        )
        away = abs(log(efficiency / parent[0])) + abs(log(kernel_us / parent[1])) / 4
        return error + pull * away

    efficiency, kernel_us = _descend(loss, parent)
    return round(efficiency, 3), round(kernel_us, 2)


def _fit_cache(constants: Constants, device: dict[str, Any], used: list[Row]) -> float:
    """
    Return how much longer a byte of the cache takes than a byte of weights, where deep contexts were measured.
    """
    deep = [
        row
        for row in used
        if device_row(constants, row.gpu) is device and not row.moe and row.kv_bytes * 5 > row.gpu_bytes
    ]
    if len(deep) < 5:
        return 1.0
    weights = source_weights(deep)

    def loss(values: tuple[float, ...]) -> float:
        device["cache_reading"] = values[0]
        return _error(constants, deep, weights) + abs(log(values[0]))

    return round(_descend(loss, (1.0,))[0], 2)


def _multipliers(
    constants: Constants, trait: str, names: tuple[str, ...], measured: list[Row]
) -> dict[str, Any]:
    """
    Return by how much a trait lengthens the reading or the kernels, over all devices.
    """
    weights = source_weights(measured)

    def loss(values: tuple[float, ...]) -> float:
        constants[trait].update(zip(names, values, strict=True))
        return _error(constants, measured, weights) + sum(abs(log(value)) for value in values) * PULL / 4

    values = _descend(loss, (1.0,) * len(names))
    found: dict[str, Any] = {name: round(value, 2) for name, value in zip(names, values, strict=True)}
    return found | {"rows": len(measured), "sources": len({row.source for row in measured})}


def _error(constants: Constants, measured: list[Row], weights: list[float]) -> float:
    return sum(
        weight * abs(log(predicted_seconds(constants, row) * row.tokens_per_s))
        for row, weight in zip(measured, weights, strict=True)
    )


def _descend(loss: Callable[[tuple[float, ...]], float], start: tuple[float, ...]) -> tuple[float, ...]:
    """
    Return where a loss is least, by steps of each factor up and down that become finer.
    """
    best, least = start, loss(start)
    step = 0.3
    while step > 0.004:
        moved = False
        for place in range(len(best)):
            for direction in (step, -step):
                tried = tuple(
                    value * exp(direction) if number == place else value for number, value in enumerate(best)
                )
                found = loss(tried)
                if found < least - 1e-12:
                    best, least, moved = tried, found, True
        if not moved:
            step /= 2
    return best


if __name__ == "__main__":
    from benchmarks.accuracy_speed import fitted_with_ranges

    content = msgspec.json.format(msgspec.json.encode(fitted_with_ranges()), indent=1) + b"\n"
    if "--write" in sys.argv:
        DATA.write_bytes(content)
    else:
        print(content.decode())
