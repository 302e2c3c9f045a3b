"""
How close our sizes come to those of files that others published.
"""

from typing import Any

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.model.loading import load
from llmprobe.model.quants import assign, total_bytes

NEAR = 0.005
BYTES_PER_ROW = 40
"""What a row of a vocabulary takes in a header where no file was read for it."""


class Published(msgspec.Struct, array_like=True, frozen=True):
    """
    One published size. ``half_step`` is half of its last digit, 0 where it is exact.
    """

    model: str
    file_type: str
    bytes: int
    half_step: int
    what: str
    imatrix: bool
    source: str
    reason: str | None = None


class Counts(msgspec.Struct):
    """
    Sizes compared and those that agree; ``explained`` are further off, each with its reason in the table.
    """

    sizes: int = 0
    exact_sizes: int = 0
    near: int = 0
    worst: float = 0.0
    explained: int = 0
    left_out: int = 0
    differing: list[str] = []


def measure() -> Counts:
    """
    Compare every size of the table.
    """
    content = msgspec.json.decode((TRUTH / "published.json").read_bytes())
    counts = Counts(
        explained=sum(bool(row.reason) for row in _rows(content["explained"])),
        left_out=sum(len(names) for names in content["left_out"].values()),
    )
    for row in _rows(content["rows"]):
        found = expected_bytes(row, content["headers"])
        apart = abs(found - row.bytes)
        near = apart <= max(row.half_step, NEAR * row.bytes)
        counts.sizes += 1
        counts.exact_sizes += row.half_step == 0
        counts.near += near
        counts.worst = max(counts.worst, max(apart - row.half_step, 0) / row.bytes)
        if not near:
            counts.differing.append(f"{row.model} {row.file_type}: {found} instead of {row.bytes}")
    return counts


def unexplained() -> list[str]:
    """
    Return the sizes that are further off and have no reason in the table.
    """
    content = msgspec.json.decode((TRUTH / "published.json").read_bytes())
    return [f"{row.model} {row.file_type}" for row in _rows(content["explained"]) if not row.reason]


def expected_bytes(row: Published, headers: dict[str, int]) -> int:
    """
    Our bytes for a published size: the tensors, and for a file the header of its vocabulary too.
    """
    model = load(row.model)
    types = assign(
        model.tensors,
        model.architecture,
        model.hparams,
        row.file_type,
        imatrix=row.imatrix,
        published=model.published_quant,
    )
    tensors = total_bytes(model.tensors, types)
    if row.what == "tensors":
        return tensors
    vocabulary = int(model.hparams["vocab_size"])
    return tensors + headers.get(str(vocabulary), BYTES_PER_ROW * vocabulary)


def _rows(rows: list[Any]) -> list[Published]:
    return msgspec.convert(rows, list[Published])
