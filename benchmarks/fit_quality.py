"""
Fit the table of ``llmprobe/data/quality.json`` to the published divergences in ``fixtures/truth/quality.json``.

    python -m benchmarks.fit_quality            prints what it found, writes nothing
    python -m benchmarks.fit_quality --write    rewrites the table of data/quality.json

The figure of a type is the median of what all its rows say, each brought to the size of the table. Sizes, experts
and families are not fitted here: they are few, and stated with their sources. No other package is needed.
"""

import sys
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from math import exp, log
from pathlib import Path
from statistics import median
from typing import Any

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.advise.choose import loss, rated
from llmprobe.estimation.estimator import Estimator
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.tensor import Tensor
from llmprobe.model.loading import load
from llmprobe.model.quants import file_type

DATA = Path(__file__).parents[1] / "llmprobe" / "data" / "quality.json"
ROUNDS = 6
"""The size counts by another power for another figure, so that the figures are found in turns."""

FITTED = ("type", "file")
"""Kinds of rows that the table is fitted to."""


class Row(msgspec.Struct, array_like=True, frozen=True):
    """
    One published divergence; ``source`` is a number.
    """

    kind: str
    model: str
    quant: str
    imatrix: bool | None
    divergence: float
    source: int


def rows() -> tuple[Row, ...]:
    """
    Every row of the truth.
    """
    content = msgspec.json.decode((TRUTH / "quality.json").read_bytes())
    return msgspec.convert(content["rows"], tuple[Row, ...])


@cache
def model_of(name: str) -> loss.Model:
    """
    A model of the catalog as its loss depends on it.
    """
    return rated.model_of(Estimator(load(name)))


@cache
def _shares(name: str, quant: str) -> dict[str, float]:
    if " / " in quant:
        return dict(Estimator(_by_roles(load(name), quant)).type_shares(quant) or {})
    return dict(Estimator(load(name)).type_shares(file_type(quant).name) or {})


def _by_roles(model: ModelSpec, quant: str) -> ModelSpec:
    """
    A mixture of experts whose file is told by roles: ``q8_0 / q4_K / q5_K`` are everything else, gate and up of the
    experts, and their down.
    """
    rest, up, down = quant.split(" / ")

    def kind(tensor: Tensor) -> str:
        if len(tensor.shape) < 2:
            return "f32"
        return rest if "_exps" not in tensor.name else down if "down" in tensor.name else up

    tensors = tuple(msgspec.structs.replace(tensor, type=kind(tensor)) for tensor in model.tensors)
    return msgspec.structs.replace(model, quant=quant, tensors=tensors)


def in_table(data: loss.Data, row: Row) -> float | None:
    """
    The figure of the table for a row: of its type, of its file type, or of the mixture of its name.
    """
    if row.kind == "mixed":
        return loss.of_types(data, _shares(row.model, row.quant))
    name = data["types"][row.quant] if row.kind.startswith("type") else row.quant
    return loss.of_file_type(data, name, imatrix=row.imatrix is not False)


def predicted(data: loss.Data, row: Row) -> float:
    """
    What is said of a row by these figures.
    """
    figure = in_table(data, row)
    if figure is None:
        raise ValueError(f"{row.quant} has no figure")
    return loss.of_model(data, figure, model_of(row.model))


def fitted(data: loss.Data, measured: Iterable[Row]) -> dict[str, Any]:
    """
    Data whose table is fitted to ``measured``; what these say nothing about is kept.
    """
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    used = [row for row in measured if row.kind in FITTED and row.imatrix is not False]
    odd = {row.model for row in used if loss.family_of(data, row.model) is not None}
    for _ in range(ROUNDS):
        apart: dict[str, list[float]] = defaultdict(list)
        for row in used:
            if row.model not in odd:
                name = found["types"][row.quant] if row.kind == "type" else row.quant
                apart[name].append(log(row.divergence / predicted(found, row)))
        for name, errors in apart.items():
            found["rows"][name]["mean_kld"] *= exp(median(errors))
            found["rows"][name]["rows"] = len(errors)
    return found


def without(data: loss.Data, families: Collection[str]) -> dict[str, Any]:
    """
    Data without what is known of these models' families, also in what other families with their structure get of it.
    """
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(data))
    found["families"]["rows"] = [
        row
        for row in found["families"]["rows"]
        if not any(name.startswith(tuple(row["prefixes"])) for name in families)
    ]
    for row in found["structure"]["rows"]:
        row["families"] = [
            [prefix, factor]
            for prefix, factor in row["families"]
            if not any(name.startswith(prefix) for name in families)
        ]
    return found


def main(arguments: Sequence[str]) -> int:
    """
    Print the fitted table, and write it where that is asked for.
    """
    data = msgspec.json.decode(DATA.read_bytes())
    found = fitted(data, rows())
    for name, row in found["rows"].items():
        row["mean_kld"] = float(f"{row['mean_kld']:.3g}")
        print(f"{name:8}{data['rows'][name]['mean_kld']:12.5f}{row['mean_kld']:12.5f}{row.get('rows', 0):6}")
    if "--write" in arguments:
        DATA.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
