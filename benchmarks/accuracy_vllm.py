"""
How close the figures for vLLM come to what it printed when it started: loaded weights, the pool, the tokens in it,
failures. ``python -m benchmarks.accuracy_vllm`` prints the table, with ``--rows`` every row: first of the rows that the
rules were written from, then of those that were looked up later, then of rare kinds.

A row whose log names the pool is asked twice: with that pool, for what it holds, and with the settings alone. Tokens
are compared as requests at once times their length where the log has three digits of these, else as the log counts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.estimation.serving import memory_model
from llmprobe.estimation.serving.case import Case, Result
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.serving import Card, ServingOptions
from llmprobe.model.checkpoints import own, quantization_of
from llmprobe.model.from_catalog import named
from llmprobe.model.next_token import with_next_token
from llmprobe.units import GIB

FIRST, LATER, RARE = "vllm.json", "vllm_later.json", "vllm_rare.json"
TOKENS_WITHIN, LOAD_WITHIN = 0.01, 0.015
POOL_WITHIN, POOL_BYTES = 0.05, 0.5 * GIB
REQUESTS_COUNTED = (0, 21)
"""From here on the tokens in a log are those of the requests at once; before, the blocks of a group."""
EXACT_FROM = 5.0
"""Requests at once are printed with two decimals: fewer than this are too coarse to tell tokens by."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """
    One start of vLLM. Sizes are GiB of one device; ``format`` None is one that has no name here, and no size.

    ``total_from`` says that the log does not have the device's memory. ``text_only`` is a start without the encoder
    (``--language-model-only``). ``outcome`` None is a server that ran.
    """

    id: str
    model: str
    source: str
    version: str
    settings: ServingOptions
    format: str | None = None
    card: str = ""
    capability: str | None = None
    backend: str = "cuda"
    unified: bool = False
    total_gib: float | None = None
    total_from: str | None = None
    free_gib: float | None = None
    cards: int = 1
    text_only: bool = False
    load_gib: float | None = None
    pool_gib: float | None = None
    tokens: int | None = None
    concurrency: float | None = None
    blocks: int | None = None
    needed_gib: float | None = None
    longest: int | None = None
    outcome: str | None = None


class Compared(msgspec.Struct, kw_only=True):
    """
    A row beside its estimate; None is a figure that the row does not have. Parts of one: 0.01 is one percent more.
    """

    row: Row
    load: float | None = None
    tokens: float | None = None
    pool_bytes: float | None = None
    in_range: bool | None = None
    foreseen: bool | None = None

    @property
    def pool_near(self) -> bool | None:
        """Whether the likely pool is near the real one."""
        if self.pool_bytes is None or self.row.pool_gib is None:
            return None
        return abs(self.pool_bytes) <= max(POOL_BYTES, POOL_WITHIN * abs(self.row.pool_gib) * GIB)


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """
    How many rows have a figure, and how many of them are near.
    """

    load: tuple[int, int]
    tokens: tuple[int, int]
    pool: tuple[int, int]
    in_range: tuple[int, int]
    failures: tuple[int, int]


def rows(name: str = FIRST) -> tuple[Row, ...]:
    """
    All rows of a table.
    """
    found = msgspec.json.decode((TRUTH / name).read_bytes())
    return msgspec.convert(found["rows"], tuple[Row, ...])


def model_of(row: Row) -> ModelSpec:
    """
    The model of a row, with the layers for further tokens where these were loaded.
    """
    model = named(row.model, None)
    if row.text_only:
        model = msgspec.structs.replace(model, projector=None)
    return with_next_token(model) if row.settings.get("speculative_tokens") else model


def case_of(row: Row, total_gib: float) -> Case:
    """
    A row as the memory model is asked about it.
    """
    model = model_of(row)
    kind = row.format or own(model).format
    version = memory_model("vllm").version(row.version)
    major, _, minor = (row.capability or "").partition(".")
    cards = tuple(
        Card(
            id=f"gpu{number}",
            name=row.card,
            backend=row.backend,
            total_bytes=int(total_gib * GIB),
            free_bytes=None if row.free_gib is None else int(row.free_gib * GIB),
            capability=(int(major), int(minor)) if minor else None,
            unified=row.unified,
        )
        for number in range(row.cards)
    )
    return Case(model, quantization_of(kind, model)[1], cards, version)


def asked(row: Row, *, pool_gib: float | None = None) -> Result:
    """
    The estimate of a row, with a pool of this size or from its settings alone.
    """
    memory = memory_model("vllm")
    case = case_of(row, row.total_gib or 80)
    given: ServingOptions = {"tensor_parallel_size": 1, "pipeline_parallel_size": 1}
    given.update(row.settings)
    if pool_gib is not None:
        given["kv_cache_memory_bytes"] = int(pool_gib * GIB)
    return memory.estimate(case, memory.settled(case, given))


def compared(row: Row) -> Compared:
    """
    A row beside its estimate.
    """
    found = Compared(row=row)
    blind = asked(row)
    if row.load_gib is not None and row.format is not None:
        found.load = blind.weights_bytes / GIB / row.load_gib - 1
    counted = tokens_of(row)
    if row.pool_gib is not None and row.pool_gib > 0 and counted is not None:
        pool = asked(row, pool_gib=row.pool_gib).pool
        assert pool is not None
        held = pool.tokens.likely
        if counted == row.tokens and memory_model("vllm").version(row.version) < REQUESTS_COUNTED:
            # Blocks by the groups of a model with several kinds of layers.
            held = pool.bytes.likely_bytes // pool.block_bytes // pool.groups * pool.block_size
            held *= row.settings.get("decode_context_parallel_size") or 1
        found.tokens = held / counted - 1
    known = row.format is not None and row.total_gib is not None and row.load_gib is not None
    if row.pool_gib is not None and known and "kv_cache_memory_bytes" not in row.settings:
        assert blind.pool is not None
        bytes_ = blind.pool.bytes
        found.pool_bytes = bytes_.likely_bytes - row.pool_gib * GIB
        found.in_range = bytes_.low_bytes <= row.pool_gib * GIB <= bytes_.high_bytes
    if row.outcome is not None and ("cache" in row.outcome or "loading" in row.outcome):
        found.foreseen = _foreseen(row, blind)
    return found


def tokens_of(row: Row) -> float | None:
    """
    The tokens that the pool of a row holds, as its log says; None where it does not.
    """
    length = row.settings.get("max_model_len")
    if row.concurrency is not None and row.concurrency >= EXACT_FROM and length:
        return row.concurrency * length
    if row.tokens is not None:
        # Older logs divide by the groups of a model with several kinds of layers.
        if row.concurrency is not None and length and row.concurrency * length > 1.5 * row.tokens:
            return row.concurrency * length
        return row.tokens
    return None if row.blocks is None else row.blocks * 16


def _foreseen(row: Row, blind: Result) -> bool:
    """
    Whether the failure is predicted: from the settings, or where the log names the pool from that.
    """
    if row.pool_gib is not None and row.pool_gib > 0:
        given = asked(row, pool_gib=row.pool_gib)
        return given.failure is not None
    return blind.failure is not None


def table(found: Iterable[Compared]) -> Table:
    """
    The figures over all rows.
    """
    all_rows = tuple(found)

    def counted(values: Iterable[bool | None]) -> tuple[int, int]:
        known = [value for value in values if value is not None]
        return sum(known), len(known)

    return Table(
        load=counted(None if one.load is None else abs(one.load) <= LOAD_WITHIN for one in all_rows),
        tokens=counted(None if one.tokens is None else abs(one.tokens) <= TOKENS_WITHIN for one in all_rows),
        pool=counted(one.pool_near for one in all_rows),
        in_range=counted(one.in_range for one in all_rows),
        failures=counted(one.foreseen for one in all_rows),
    )


def _show(one: Compared) -> str:
    parts = [f"{one.row.id:9} {one.row.model:34} {one.row.version:8}"]
    if one.load is not None:
        parts.append(f"load {100 * one.load:+.1f} %")
    if one.tokens is not None:
        parts.append(f"tokens {100 * one.tokens:+.2f} %")
    if one.pool_bytes is not None:
        parts.append(f"pool {one.pool_bytes / GIB:+.2f} GiB{'' if one.pool_near else ' far'}")
        parts.append("" if one.in_range else "OUT OF RANGE")
    if one.foreseen is not None:
        parts.append("failure foreseen" if one.foreseen else "FAILURE NOT FORESEEN")
    return "  ".join(parts)


def main() -> int:
    """
    Print the tables.
    """
    for of in (FIRST, LATER, RARE):
        found = [compared(row) for row in rows(of)]
        print(of)
        if "--rows" in sys.argv[1:]:
            for one in found:
                print(_show(one))
        for name, (near, count) in msgspec.structs.asdict(table(found)).items():
            print(f"{name:9} {near:3} of {count:3}  {100 * near / count if count else 0:.1f} %")
    return 0


if __name__ == "__main__":
    sys.exit(main())
