"""
How close the speeds of vLLM, SGLang and mlx-lm come to what others published. ``python -m
benchmarks.accuracy_serving_speed`` prints the table, with ``--rows`` every row.

A row is so many requests at once, each with so much context, on devices that are known by their names.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.accuracy_table import Quantity
from benchmarks.truth.models import TRUTH
from llmprobe.estimation.serving import memory_model, speed
from llmprobe.estimation.serving.case import Case
from llmprobe.facts.serving import Card, ServingOptions
from llmprobe.machine.hypothetical import hypothetical
from llmprobe.model.checkpoints import quantization_of
from llmprobe.model.from_catalog import named
from llmprobe.site.cards import cards
from llmprobe.units import GIB

RANGES_HOLD, MEDIAN = 0.9, 0.15


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """
    One published speed: tokens per second of all requests together, which begin anew with ``prompts`` tokens of prompts
    for each that is generated. ``bits`` and ``group`` are those of MLX.
    """

    id: str
    engine: str
    model: str
    card: str
    users: int
    context: int
    tokens_per_s: float
    source: str
    format: str | None = None
    bits: int | None = None
    group: int | None = None
    cards: int = 1
    version: str | None = None
    backend: str = "cuda"
    capability: str | None = None
    unified: bool = False
    settings: ServingOptions | None = None
    prompts: float = 0
    note: str | None = None


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """
    A row beside its estimate: the likely speed over the published one, and whether the range holds that.
    """

    row: Row
    times: float
    in_range: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """
    Over all rows: how many the range holds, the median of likely over published, and the median distance as a part.
    """

    in_range: int
    count: int
    median: float
    distance: float


def rows() -> tuple[Row, ...]:
    """
    All rows.
    """
    found = msgspec.json.decode((TRUTH / "serving_speed.json").read_bytes())
    return msgspec.convert(found["rows"], tuple[Row, ...])


def measure() -> tuple[Compared, ...]:
    """
    Every row beside its estimate.
    """
    return tuple(compared(row) for row in rows())


def compared(row: Row) -> Compared:
    """
    A row beside its estimate.
    """
    memory = memory_model(row.engine)
    model = named(row.model, None)
    if row.bits is None:
        known, quantization = quantization_of(row.format or "BF16", model)
        assert known, row.format
    elif row.group is None:
        quantization = None
    else:
        quantization = {"quant_method": "mlx", "bits": row.bits, "group_size": row.group}
    case = Case(model, quantization, _cards(row), memory.version(row.version))
    asked: ServingOptions = {"max_model_len": max(row.context, 4096), "tensor_parallel_size": row.cards}
    asked.update(row.settings or {})
    settings = memory.settled(case, asked)
    read = memory.cache_read(case, settings, row.context)
    found = speed.generation(case, settings, row.users, read)
    assert found is not None
    low, likely, high = found.low, found.likely, found.high
    if row.prompts and row.users > 1:
        # While prompts are read, nobody gets a token.
        rate = speed.prompt(case, settings)
        assert rate is not None
        low = 1 / (1 / low + row.prompts / rate.low)
        likely = 1 / (1 / likely + row.prompts / rate.likely)
        high = 1 / (1 / high + row.prompts / rate.high)
    return Compared(row=row, times=likely / row.tokens_per_s, in_range=low <= row.tokens_per_s <= high)


def _cards(row: Row) -> tuple[Card, ...]:
    machine = hypothetical([row.card], None if row.unified else 512 * GIB)
    one = cards(machine, (row.backend,))[0]
    return tuple(msgspec.structs.replace(one, id=f"gpu{number}") for number in range(row.cards))


def figures(found: Sequence[Compared]) -> Figures:
    """
    The figures over rows.
    """
    times = [one.times for one in found]
    return Figures(
        in_range=sum(one.in_range for one in found),
        count=len(found),
        median=statistics.median(times),
        distance=statistics.median(abs(each - 1) for each in times),
    )


def by_engine(found: Iterable[Compared]) -> dict[str, Figures]:
    """
    The figures of each engine.
    """
    groups: dict[str, list[Compared]] = {}
    for one in found:
        groups.setdefault(one.row.engine, []).append(one)
    return {engine: figures(each) for engine, each in groups.items()}


def quantity(found: Sequence[Compared]) -> Quantity:
    """
    What is claimed of all rows.
    """
    every = figures(found)
    parts = ", ".join(
        f"{engine} {each.in_range} of {each.count} (x {each.median:.2f})"
        for engine, each in by_engine(found).items()
    )
    return Quantity(
        name="speed of serving engines",
        must=f"{RANGES_HOLD:.0%} in their range, the median of likely over published within {MEDIAN:.0%}",
        found=f"{every.in_range} of {every.count}, x {every.median:.2f}: {parts}",
        held=every.in_range >= RANGES_HOLD * every.count and abs(every.median - 1) <= MEDIAN,
    )


def main() -> int:
    """
    Print the table.
    """
    found = measure()
    if "--rows" in sys.argv[1:]:
        for one in found:
            row = one.row
            kind = row.format or f"{row.bits} bits"
            print(
                f"{row.id} {row.engine:6} {row.model:32} {kind:13} {row.cards}x {row.card:15} "
                f"{row.users:4} users {row.context:6} tokens {row.tokens_per_s:8.1f} x {one.times:.2f}"
                f"{'' if one.in_range else '  OUT OF RANGE'}"
            )
    for engine, each in by_engine(found).items():
        print(
            f"{engine:7} in range {each.in_range:3} of {each.count:3}, median x {each.median:.2f}, "
            f"distance {100 * each.distance:.0f} %"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
