"""
How close the sizes of files come whose names llama-quantize does not know, and whether they are within their range.
"""

from collections.abc import Iterator
from statistics import median

import msgspec

from benchmarks.truth.models import TRUTH
from llmprobe.facts.model import ModelSpec, Tensor
from llmprobe.model.loading import load
from llmprobe.model.quants import Recipe, assign, recipe_of, spread_of, tensor_bytes, typed

NEAR = 0.03
FAR = 0.07
HEADER = 0.004
"""A file's size has its header in it, and is published with three or four digits."""


class Row(msgspec.Struct, array_like=True, frozen=True):
    """
    One published file. ``resident`` are its bytes without experts; ``replaced`` says that a later file has its name.
    """

    publisher: str
    model: str
    name: str
    bytes: int
    resident: int | None
    replaced: bool
    source: str


class Counts(msgspec.Struct):
    """
    Errors of files by dynamic names, files within the range of their rule, and the same of all but the experts.
    """

    errors: list[float] = []
    files: int = 0
    in_range: int = 0
    residents: int = 0
    residents_in_range: int = 0
    differing: list[str] = []

    @property
    def middle(self) -> float:
        return median(self.errors)

    @property
    def within_far(self) -> int:
        return sum(error <= FAR for error in self.errors)


def rows() -> tuple[Row, ...]:
    """
    Every row of the table.
    """
    content = msgspec.json.decode((TRUTH / "recipes.json").read_bytes())
    return msgspec.convert(content["rows"], tuple[Row, ...])


def measure() -> Counts:
    """
    Compare every row with the rule of its name.
    """
    counts = Counts()
    for row in rows():
        model = load(row.model)
        rule = recipe_of(model, row.name) or spread_of(model, row.name)
        if rule is None:
            raise ValueError(f"{row.name} of {row.model} has no rule")
        tensors = _typed(model, row.name)
        likely = sum(_bounds(tensors, None))
        low = likely * (1 + rule.low / 100)
        high = likely * (1 + rule.high / 100)
        counts.files += 1
        inside = low * (1 - HEADER) <= row.bytes <= high * (1 + HEADER)
        counts.in_range += inside
        if row.name.startswith("UD-") and not row.replaced:
            counts.errors.append(abs(likely / row.bytes - 1))
        if row.resident is not None:
            most = sum(_bounds([one for one in tensors if "_exps" not in one.name], rule))
            counts.residents += 1
            counts.residents_in_range += row.resident <= most
            inside = inside and row.resident <= most
        if not inside:
            counts.differing.append(
                f"{row.publisher} {row.model} {row.name}: {likely} instead of {row.bytes}"
            )
    return counts


def _typed(model: ModelSpec, name: str) -> tuple[Tensor, ...]:
    types = assign(model.tensors, model.architecture, model.hparams, name, published=model.published_quant)
    return typed(model.tensors, types)


def _bounds(tensors: "tuple[Tensor, ...] | list[Tensor]", rule: Recipe | None) -> Iterator[float]:
    """
    Yield the bytes of each tensor, at the most where a rule is given.
    """
    for tensor in tensors:
        share = 1.0 if rule is None else 1 + rule.range_of(tensor)[1] / 100
        yield tensor_bytes(tensor.shape, str(tensor.type)) * share
