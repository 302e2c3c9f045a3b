"""
How close the figures for SGLang and mlx-lm come to what they printed. ``python -m benchmarks.accuracy_serving`` prints
the rows.
"""

from __future__ import annotations

import sys

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.case import Case
from llmprobe.estimation.serving.mlx.model import peak
from llmprobe.facts.serving import Card, ServingOptions
from llmprobe.model.checkpoints import quantization_of
from llmprobe.model.from_catalog import named
from llmprobe.units import GIB

GB = 10**9


class Cells(msgspec.Struct, frozen=True, kw_only=True):
    """
    One start of SGLang: a pool of one device, and the tokens in it. ``fraction`` and ``free_gib`` are there where the
    pool can be told from them.
    """

    id: str
    model: str
    format: str
    ranks: int
    pool_gib: float
    tokens: int
    source: str
    cache: str | None = None
    total_gib: float | None = None
    free_gib: float | None = None
    fraction: float | None = None


class Peak(msgspec.Struct, frozen=True, kw_only=True):
    """
    One generation of mlx-lm: the bits of the weights, the tokens in the end, and its peak.
    """

    id: str
    model: str
    bits: int
    tokens: int
    peak_gb: float
    source: str
    group: int | None = None
    cuda: bool = False
    version: str | None = None


class Compared(msgspec.Struct, frozen=True):
    """
    A row beside its figure: whether it is in the stated range, and how far the likely one is off, as a part.
    """

    id: str
    in_range: bool
    off: float


def rows() -> tuple[tuple[Cells, ...], tuple[Peak, ...]]:
    """
    All rows of both engines.
    """
    found = msgspec.json.decode((TRUTH / "serving.json").read_bytes())
    return (
        msgspec.convert(found["sglang"], tuple[Cells, ...]),
        msgspec.convert(found["mlx"], tuple[Peak, ...]),
    )


def cells_of(row: Cells) -> list[Compared]:
    """
    The tokens of a pool that is known, and the pool from the settings where these are.
    """
    memory = memory_model("sglang")
    size = row.total_gib or row.free_gib or 80
    free = None if row.free_gib is None else int(row.free_gib * GIB)
    cards = tuple(
        Card(id=f"gpu{number}", total_bytes=int(size * GIB), free_bytes=free, capability=(9, 0))
        for number in range(row.ranks)
    )
    case = Case(named(row.model, None), quantization_of(row.format)[1], cards, memory.version(None))
    asked: ServingOptions = {"tensor_parallel_size": row.ranks, "mem_fraction_static": row.fraction}
    if row.cache is not None:
        asked["kv_cache_dtype"] = row.cache
    pool = memory.estimate(
        case, memory.settled(case, {**asked, "kv_cache_memory_bytes": int(row.pool_gib * GIB)})
    ).pool
    assert pool is not None
    off = pool.tokens.likely / row.tokens - 1
    found = [Compared(f"{row.id} tokens", abs(off) <= 0.01, off)]
    if row.fraction is not None and row.free_gib is not None:
        blind = memory.estimate(case, memory.settled(case, asked)).pool
        assert blind is not None
        low, high = blind.bytes.low_bytes / GIB, blind.bytes.high_bytes / GIB
        far = blind.bytes.likely_bytes / GIB / row.pool_gib - 1
        found.append(Compared(f"{row.id} pool", low <= row.pool_gib <= high, far))
    return found


def peak_of(row: Peak) -> Compared:
    """
    The peak of a generation beside its range.
    """
    memory = memory_model("mlx")
    said = None if row.group is None else {"quant_method": "mlx", "bits": row.bits, "group_size": row.group}
    card = Card(total_bytes=1 << 40, capability=(9, 0) if row.cuda else None)
    case = Case(named(row.model, None), said, (card,), memory.version(row.version))
    found = peak(case, memory.settled(case, {"max_model_len": row.tokens}))
    inside = found.low_bytes <= row.peak_gb * GB <= found.high_bytes
    return Compared(row.id, inside, found.likely_bytes / GB / row.peak_gb - 1)


def main() -> int:
    """
    Print the rows.
    """
    cells, peaks = rows()
    found = [*(one for row in cells for one in cells_of(row)), *map(peak_of, peaks)]
    for one in found:
        print(f"{one.id:20} {100 * one.off:+6.2f} %{'' if one.in_range else '  OUT OF RANGE'}")
    print(f"in range: {sum(one.in_range for one in found)} of {len(found)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
