"""
Fit the constants of ``llmprobe/data/speed.json`` to the published speeds in ``fixtures/truth/speed.json``.

    python -m benchmarks.fit_speed            prints what it found, writes nothing
    python -m benchmarks.fit_speed --write    rewrites the fitted constants of data/speed.json

A source with many rows counts as the root of their number. Constants of a class are drawn to the mean of its family,
as strongly as a few rows would: a class on which little was measured stays near what is known.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import exp, log
from pathlib import Path as File
from statistics import median
from typing import Any

import msgspec

from benchmarks.fit_speed_processor import PROCESSOR, fit_processor_prompts, of_ram
from benchmarks.least_errors import Drawn, Observed, Path, fitted, get, linear, moved
from benchmarks.speed_predicted import as_of_its_time, can_be_predicted, on_hbm, paths_of
from benchmarks.speed_rows import Row, rows, source_weights
from llmprobe.estimation.speed.parts import CPU, Constants, device_row
from llmprobe.estimation.speed.prompt import prompt_row

DATA = File(__file__).parents[1] / "llmprobe" / "data" / "speed.json"

STEPS = 8
SHORT_STEP = 0.03
"""A step of the logarithm after which no second is needed."""

PULL = {
    "efficiency": 0.05,
    "kernel_us": 0.05,
    "cache_reading": 1.0,
    "attending": 0.3,
    "single": 0.3,
    "experts": 0.3,
    "attention": 0.1,
    "wide_attention": 0.1,
    "bf16": 0.3,
    "bf16_experts": 0.05,
}
"""How many rows the family of a class counts for, by the constant."""

BY_BACKEND = ("attention", "wide_attention", "attending", "single")
"""Constants of kernels that every backend has of its own."""

READ_ONCE = 1.0
"""A cache is drawn to be read once, as fast as weights are."""

SLOW_BF16 = {"vulkan": 2.0, "sycl": 2.0}
"""Where matrix units multiply no BF16 its layers are drawn to the rate of vector units, half as fast; else to 1."""

_ALONE: dict[Path, Drawn] = {
    ("moe", "reading"): Drawn(to=1.0, strength=2.0),
    ("moe", "kernels"): Drawn(to=1.0, strength=0.5),
    ("recurrent", "kernels"): Drawn(to=1.0, strength=0.5),
    ("old_builds", "kernels"): Drawn(to=1.3, strength=0.3),
    ("old_builds", "hbm_reading"): Drawn(to=1.2, strength=0.3),
    ("old_builds", "hbm_kernels"): Drawn(to=2.0, strength=0.3),
    ("old_builds", "prompts", "cuda"): Drawn(to=1.0, strength=1.0),
    ("old_builds", "prompts", "metal"): Drawn(to=1.2, strength=0.3),
    ("old_builds", "prompts", "other"): Drawn(to=1.5, strength=0.3),
    ("prompt_kernels", "cuda", "tokens_of_an_expert"): Drawn(to=30.0, strength=0.2),
    ("prompt_kernels", "metal", "tokens_of_an_expert"): Drawn(to=30.0, strength=0.2),
    ("prompt_kernels", "other", "tokens_of_an_expert"): Drawn(to=30.0, strength=0.2),
    ("prompt_kernels", "cuda", "moves"): Drawn(to=3.0, strength=0.3),
    ("prompt_kernels", "metal", "moves"): Drawn(to=3.0, strength=0.3),
    ("prompt_kernels", "other", "moves"): Drawn(to=3.0, strength=0.3),
    ("prompt_kernels", "cuda", "tile"): Drawn(to=32.0, strength=0.2),
    ("prompt_kernels", "metal", "tile"): Drawn(to=32.0, strength=0.2),
    ("prompt_kernels", "other", "tile"): Drawn(to=32.0, strength=0.2),
    ("prompt_kernels", "mask_ns"): Drawn(to=0.5, strength=1.0, most=3.0),
    ("prompt_kernels", "overlap"): Drawn(to=0.8, strength=0.2, most=1.0),
    ("prompt_kernels", "skew"): Drawn(to=1.4, strength=1.0),
    ("transfer", "efficiency"): Drawn(to=0.85, strength=0.5, most=0.95),
    ("transfer", "by_backend", "vulkan"): Drawn(to=0.6, strength=0.3, most=0.95),
}
"""Constants of no class, and where they are drawn to."""


def on_devices(measured: Iterable[Row], kind: str) -> list[Row]:
    """
    Return the rows of a kind that a device has a part in and that can be predicted; of generation, those without RAM.
    """
    return [
        row
        for row in measured
        if row.kind == kind
        and row.backend != CPU
        and can_be_predicted(row)
        and not (row.in_ram and row.paged)
        and not (kind == "generation" and row.in_ram)
    ]


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """
    Constants that are fitted together, and the rows and measurements that they are fitted to.
    """

    rows: tuple[Row, ...]
    observed: tuple[Observed, ...]
    table: str | None

    def without(self, source: str) -> "Block":
        return _block(
            [row for row in self.rows if row.source != source], self.observed, self.table, self.rows
        )

    def drawn(self, constants: Constants) -> Mapping[Path, Drawn]:
        if self.table is None:
            return PROCESSOR
        counted = Counter(path for one in self.observed for path in one.paths)
        return _drawn(constants, self.table, counted)


def fit(measured: Sequence[Row], constants: Constants, *, steps: int = STEPS) -> Constants:
    """
    Return constants fitted to ``measured``; what they say nothing about is kept from ``constants``.
    """
    found: Constants = msgspec.json.decode(msgspec.json.encode(constants))
    for block in _blocks(found, measured):
        fitted(found, block.observed, block.drawn, steps=steps)
    fit_processor_prompts(found, measured)
    _round(found)
    _count(found, measured)
    return found


def blind_fits(measured: Sequence[Row], constants: Constants) -> dict[str, Constants]:
    """
    Return for every source the constants that the others give, from ``constants``, which are those of all.

    What the measurements of all say near those is worked out once; a second step is taken where the first was long.
    """
    blocks = _blocks(constants, measured)
    lines = [[linear(constants, one) for one in block.observed] for block in blocks]
    found = {}
    for source in sorted({row.source for row in measured}):
        own: Constants = msgspec.json.decode(msgspec.json.encode(constants))
        for block, known in zip(blocks, lines, strict=True):
            kept = [line for line, row in zip(known, block.rows, strict=True) if row.source != source]
            if len(kept) == len(known):
                continue
            rest = block.without(source)
            if moved(own, kept, rest.drawn(own)) > SHORT_STEP:
                fitted(own, rest.observed, rest.drawn, steps=1)
        if any(row.source == source and row.backend == CPU for row in measured):
            fit_processor_prompts(own, [row for row in measured if row.source != source])
        found[source] = own
    return found


def _blocks(constants: Constants, measured: Sequence[Row]) -> list[Block]:
    """
    Return the generation on devices, prompts on devices, and generation from RAM, in the order in which they build on
    each other.
    """
    found = []
    for kind, table in (("generation", "devices"), ("prompt", "prompts")):
        own = on_devices(measured, kind)
        observed = [Observed(weight=1.0, paths=paths_of(constants, row), ratio=_ratio(row)) for row in own]
        found.append(_block(own, observed, table, own))
    own = of_ram(measured)
    observed = [Observed(weight=1.0, paths=tuple(PROCESSOR), ratio=_ratio(row)) for row in own]
    found.append(_block(own, observed, None, own))
    return found


def _block(
    kept: Sequence[Row], observed: Sequence[Observed], table: str | None, every: Sequence[Row]
) -> Block:
    """
    Return a block of the rows that are kept of ``every``, each weighed by how many its source has.
    """
    wanted = {id(row) for row in kept}
    of_kept = [one for one, row in zip(observed, every, strict=True) if id(row) in wanted]
    return Block(
        rows=tuple(kept),
        observed=tuple(
            msgspec.structs.replace(one, weight=weight)
            for one, weight in zip(of_kept, source_weights(kept), strict=True)
        ),
        table=table,
    )


def _ratio(row: Row) -> Any:
    return lambda constants: row.tokens_per_s / as_of_its_time(constants, row).likely


def _drawn(constants: Constants, table: str, counted: Mapping[Path, int]) -> dict[Path, Drawn]:
    """
    Return where each constant is drawn to: those of a class to the mean of its family.
    """
    pulls = {path: pull for path, pull in _ALONE.items() if path in counted}
    for name in PULL:
        for family in _families(constants[table], by_backend=name in BY_BACKEND):
            paths: list[Path] = [
                (table, number, name) for number in family if name in constants[table][number]
            ]
            if not paths:
                continue
            logs = [(log(get(constants, path)), counted.get(path, 0)) for path in paths]
            rows_of_all = sum(count for _, count in logs)
            mean = sum(value * count for value, count in logs) / rows_of_all if rows_of_all else None
            for path in paths:
                to = get(constants, path) if mean is None else exp(mean)
                if name == "bf16":
                    to = SLOW_BF16.get(constants[table][path[1]]["backends"][0], 1.0)
                elif name == "cache_reading":
                    to = READ_ONCE
                most = 1.0 if (table, name) == ("devices", "efficiency") else float("inf")
                pulls[path] = Drawn(to=to, strength=PULL[name], most=most)
    return pulls


def _families(table: Sequence[dict[str, Any]], *, by_backend: bool) -> list[list[int]]:
    """
    Return the numbers of the classes of each family: CUDA, Metal, all others, or each backend apart.
    """
    found: dict[str, list[int]] = {}
    for number, row in enumerate(table):
        first = row["backends"][0]
        found.setdefault(first if by_backend or first in ("cuda", "metal") else "other", []).append(number)
    return list(found.values())


def _round(constants: Constants) -> None:
    for row in constants["devices"]:
        row.update(
            efficiency=round(row["efficiency"], 3),
            kernel_us=round(row["kernel_us"], 2),
            cache_reading=round(row["cache_reading"], 2),
            attending=round(row["attending"], 3),
            single=round(row["single"], 4),
        )
    for row in constants["prompts"]:
        row.update(
            {
                name: round(row[name], 3)
                for name in ("efficiency", "experts", "attention", "wide_attention", "bf16", "bf16_experts")
                if name in row
            }
        )
    constants["processor"].update(
        efficiency=round(constants["processor"]["efficiency"], 3),
        kernel_us=round(constants["processor"]["kernel_us"], 1),
        switch_us=round(constants["processor"]["switch_us"]),
    )
    for path in _ALONE:
        value: Any = constants
        for part in path[:-1]:
            value = value[part]
        value[path[-1]] = round(value[path[-1]], 2)


def _count(constants: Constants, measured: Sequence[Row]) -> None:
    """
    Say of every constant on how many rows it stands.
    """

    def counts(own: Sequence[Row]) -> dict[str, int]:
        return {"rows": len(own), "sources": len({row.source for row in own})}

    every = on_devices(measured, "generation")
    for row in constants["devices"]:
        own = [one for one in every if device_row(constants, one.gpu) is row]
        row.update(counts(own), current=sum(not one.old_build for one in own))
    constants["moe"].update(counts([one for one in every if one.moe]))
    constants["recurrent"].update(counts([one for one in every if one.gpu.recurrent]))
    constants["depth"].update(counts([one for one in every if one.deep]))
    old = [one for one in every if one.old_build]
    constants["old_builds"].update(counts([one for one in old if not on_hbm(one)]))
    hbm = counts([one for one in old if on_hbm(one)])
    constants["old_builds"].update(hbm_rows=hbm["rows"], hbm_sources=hbm["sources"])
    constants["processor"].update(counts(of_ram(measured)))
    prompts = on_devices(measured, "prompt")
    constants["transfer"].update(counts([one for one in prompts if one.in_ram]))
    for row in constants["prompts"]:
        own = [one for one in prompts if prompt_row(constants, one.gpu) is row and not one.in_ram]
        row.update(counts([one for one in own if not one.moe]))
        row["experts_range"].update(counts([one for one in own if one.moe]))
        rates = [
            one.fp16_flops / one.bandwidth_bytes_per_s
            for one in own
            if one.fp16_flops and one.bandwidth_bytes_per_s
        ]
        if rates:
            row["flops_per_byte"] = round(median(rates), 1)


if __name__ == "__main__":
    from benchmarks.speed_ranges import fitted_with_ranges

    content = msgspec.json.format(msgspec.json.encode(fitted_with_ranges(rows())), indent=1) + b"\n"
    if "--write" in sys.argv:
        DATA.write_bytes(content)
    else:
        print(content.decode())
