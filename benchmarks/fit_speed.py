"""
Fit the constants of ``llmprobe/data/speed.json`` to the published speeds in ``fixtures/truth/speed.json``.

    python -m benchmarks.fit_speed            prints what it found, writes nothing
    python -m benchmarks.fit_speed --write    rewrites the fitted constants of data/speed.json

Least absolute error of the logarithm; a source with many rows counts as the root of their number. Constants of
a class are drawn to those of its family, and a family's to those of all graphics cards, as strongly as a few
rows would: a class on which little was measured stays near what is known. No other package is needed.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from math import exp, log, sqrt
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.speed_rows import Row
from llmprobe.estimate.speed_prompt import prompt_row
from llmprobe.estimate.speed_time import Constants, device_row, host_part, work

DATA = Path(__file__).parents[1] / "llmprobe" / "data" / "speed.json"
PULL = 0.5
"""How many rows a class's parent counts for."""

ROUNDS = 4
"""Classes and what multiplies them are fitted in turn so often."""

ASSUMED_OF_FP16 = 0.1
"""Of the FP16 rate, where no prompt was measured."""

_MULTIPLIERS = (("moe", "reading"), ("moe", "kernels"), ("recurrent", "kernels"), ("old_builds", "kernels"))
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
        fitted["old_builds"] = fitted["old_builds"] | _multipliers(fitted, "old_builds", ("kernels",), old)
        moe = [row for row in used if row.moe]
        fitted["moe"] = fitted["moe"] | _multipliers(fitted, "moe", ("reading", "kernels"), moe)
    _fit_processor(fitted, measured)
    _fit_prompts(fitted, measured)
    return fitted


def predicted_seconds(constants: Constants, row: Row) -> float:
    """
    Return the time of one token with everything on devices.
    """
    reading, kernels = _work(constants, row)
    device = device_row(constants, row.gpu)
    return reading / float(device["efficiency"]) + kernels * float(device["kernel_us"]) * 1e-6


def _work(constants: Constants, row: Row) -> tuple[float, float]:
    """
    Return what a device reads and starts, as the build of that time did it.
    """
    reading, kernels = work(constants, row.gpu, moe=row.moe, quant=row.file_type, filled=1.0)
    return reading, kernels * (constants["old_builds"]["kernels"] if row.old_build else 1.0)


def on_processor(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of generation on the processor alone whose RAM is known.
    """
    return [
        row
        for row in measured
        if row.kind == "generation" and not row.gpu_bytes and row.ram_bandwidth_bytes_per_s is not None
    ]


def of_prompts(measured: Iterable[Row]) -> list[Row]:
    """
    Return the rows of prompts on one device whose arithmetic is known.
    """
    return [
        row
        for row in measured
        if row.kind == "prompt" and row.devices == 1 and row.fp16_flops is not None and not row.host_bytes
    ]


def _fit_processor(fitted: Constants, measured: Sequence[Row]) -> None:
    own = on_processor(measured)
    row = fitted["processor"]
    weights = _weights(own)

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


def _fit_prompts(fitted: Constants, measured: Sequence[Row]) -> None:
    every = of_prompts(measured)
    for row in fitted["prompts"]:
        own = [one for one in every if prompt_row(fitted, one.gpu, moe=one.moe) is row]
        row["rows"], row["sources"] = len(own), len({one.source for one in own})
        # Where nothing was measured the class is like the others of its kind.
        row["efficiency"] = round(_middle(own or [one for one in every if one.moe is row["moe"]]), 3)


def _middle(measured: list[Row]) -> float:
    """
    Return the median part of its FP16 rate that a device reached, sources weighted.
    """
    weighted = sorted(
        (2 * one.active_parameters * one.tokens_per_s / one.fp16_flops, weight)
        for one, weight in zip(measured, _weights(measured), strict=True)
        if one.fp16_flops is not None
    )
    left = sum(weight for _, weight in weighted) / 2
    for value, weight in weighted:
        left -= weight
        if left <= 0:
            return value
    return ASSUMED_OF_FP16


def _fit_devices(fitted: Constants, dense: list[Row]) -> None:
    everywhere = _pair(fitted, dense, (0.85, 7.0), pull=0.0)
    families: dict[str, tuple[float, float]] = {}
    for family in ("cuda", "metal", "other"):
        own = [row for row in dense if _FAMILIES.get(row.backend or "", "other") == family]
        families[family] = _pair(fitted, own, everywhere, pull=PULL)
    for row in fitted["devices"]:
        own = [one for one in dense if device_row(fitted, one.gpu) is row]
        family = _FAMILIES.get(row["backends"][0] or "", "other")
        row["efficiency"], row["kernel_us"] = _pair(fitted, own, families[family], pull=PULL)
        row["rows"], row["sources"] = len(own), len({one.source for one in own})


def _pair(
    constants: Constants, measured: list[Row], parent: tuple[float, float], *, pull: float
) -> tuple[float, float]:
    """
    Return the efficiency and the microseconds per kernel that fit best, drawn to those of the parent.
    """
    weights = _weights(measured)
    points = [
        (*_work(constants, row), row.tokens_per_s, weight)
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
    weights = _weights(deep)

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
    weights = _weights(measured)

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


def _weights(measured: list[Row]) -> list[float]:
    counts = Counter(row.source for row in measured)
    return [1 / sqrt(counts[row.source]) for row in measured]


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
