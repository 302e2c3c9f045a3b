"""
How much faster a model runs where all devices compute each layer together (``-sm tensor``), by measurements.

Split by layers the devices work one after the other, and split by tensors at once, with a sum over all of them twice
a layer. What is gained follows no rule of bandwidth: it is measured, so it has a range (``data/tensor_split.json``).
"""

from functools import cache
from typing import Literal

import msgspec

from llmprobe.data import table
from llmprobe.estimation.speed.parts import Part
from llmprobe.words.message import message

Kind = Literal["dense", "small", "experts"]
Figure = Literal["generation", "prompt"]

_FEWEST_FOR_A_RANGE = 3


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """
    The speed as a multiple of that of a split by layers, its least and most, and how many measurements of this kind
    there are.
    """

    low: float
    likely: float
    high: float
    rows: int


def kind_of(parameters: int, devices: int, *, moe: bool) -> Kind | None:
    """
    Which measurements stand for a model: those of mixtures of experts, or of large or small dense models; None on one
    device.
    """
    if devices < 2:
        return None
    if moe:
        return "experts"
    return "dense" if parameters >= table("tensor_split")["dense_from_billions"] * 10**9 else "small"


@cache
def gain(kind: Kind, figure: Figure) -> Gain:
    """
    What was gained with models of a kind.
    """
    rows = [row for row in table("tensor_split")["rows"] if row[figure] is not None]
    own = [row[figure] for row in rows if row["kind"] == kind]
    spread = own if len(own) >= _FEWEST_FOR_A_RANGE else [row[figure] for row in rows]
    return Gain(low=min(spread), likely=_median(own), high=max(spread), rows=len(own))


def _median(values: list[float]) -> float:
    # The module statistics takes longer to import than the rest of an answer's arithmetic.
    ordered, middle = sorted(values), len(values) // 2
    return ordered[middle] if len(values) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def together(part: Part, kind: Kind | None, figure: Figure) -> Part:
    """
    A device's part of the time as it is where all devices compute together; as it was without a ``kind``.
    """
    if kind is None:
        return part
    found = gain(kind, figure)
    return Part(
        likely=part.likely / found.likely,
        fastest=part.fastest / found.high,
        slowest=part.slowest / found.low,
        words=message(
            "speed.together",
            part=part.words,
            likely=found.likely,
            low=found.low,
            high=found.high,
            rows=found.rows,
        ),
    )
