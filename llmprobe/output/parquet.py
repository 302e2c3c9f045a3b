"""
What machines run best as a table in Parquet: a row for each model of each machine, one without a model for a machine
that runs none or did not answer.

https://parquet.apache.org/docs/file-format/. Unknown is null. The file's own metadata say what was asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from llmprobe.errors import LlmprobeError
from llmprobe.facts.estimate import Range
from llmprobe.facts.fleet import FitOnHost, FleetFit
from llmprobe.words.message import message

SUFFIX = ".parquet"
EXTRA = "parquet"
SCHEMA = "llmprobe.fleet-fit-table/1"


def pyarrow() -> Any:
    """
    The library that writes Parquet.

    Raises:
        LlmprobeError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise LlmprobeError(
            message("error.extra-missing", package=error.name or "pyarrow"),
            hint=message("hint.install-extra", extra=EXTRA),
        ) from None
    return pyarrow


def to_parquet(answer: FleetFit) -> bytes:
    """
    The bytes of the file.

    Raises:
        LlmprobeError: pyarrow is not installed.
    """
    arrow = pyarrow()
    text, whole, number = arrow.string(), arrow.int64(), arrow.float64()
    columns = {
        "host": text,
        "like": text,
        "rank": whole,
        "model": text,
        "model_name": text,
        "quant": text,
        "ctx_size": whole,
        "gpu_layers": whole,
        "total_layers": whole,
        "points": number,
        **{f"{name}_{end}": number for name in ("tokens_per_s", "answer_s") for end in _ENDS},
        "problem": text,
    }
    about = {
        "schema": SCHEMA,
        "llmprobe_version": answer.llmprobe_version,
        "wishes": msgspec.json.encode(answer.wishes).decode(),
        "models": str(answer.models),
    }
    rows = [row for host in answer.hosts for row in _rows(host)]
    table = arrow.Table.from_pylist(rows, schema=arrow.schema(list(columns.items()), metadata=about))
    file = arrow.BufferOutputStream()
    arrow.parquet.write_table(table, file, compression="zstd")
    written: bytes = file.getvalue().to_pybytes()
    return written


_ENDS = ("low", "likely", "high")


def _rows(host: FitOnHost) -> Iterator[dict[str, Any]]:
    of_host = {"host": host.host, "like": host.like}
    if not host.rows:
        yield {**of_host, "problem": None if host.problem is None else host.problem.id}
    for rank, row in enumerate(host.rows, 1):
        yield {
            **of_host,
            "rank": rank,
            "model": row.model,
            "model_name": row.model_name,
            "quant": row.quant,
            "ctx_size": row.ctx_size,
            "gpu_layers": row.gpu_layers,
            "total_layers": row.total_layers,
            "points": row.points,
            **_ends("tokens_per_s", row.generation_tokens_per_s),
            **_ends("answer_s", row.seconds_per_answer),
        }


def _ends(name: str, found: Range | None) -> dict[str, float | None]:
    return {f"{name}_{end}": None if found is None else getattr(found, end) for end in _ENDS}
