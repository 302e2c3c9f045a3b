"""
How able a model is, by published results: a place on one scale per use, and a few of the results themselves.

Reads ``data/capability.json``, which ``make capability`` writes from ``benchmarks/capability``. There each use has the
test that its index is read as (log odds expected there = ``at_50`` + ``per_10`` x (index - 50) / 10, a scale that never
changes), and each model ``[index, standard error, results of this use, other results, published]`` per
use and mode (``t`` thinking, ``n`` not), where a published result is ``[test, value, month, place]`` by numbers of
``tests`` and ``places``.

All results are of weights as they were published: what a quantization loses has to be taken off (``reads_as_of`` after
a loss, or ``index_of``). ``docs/capability.md`` says what else misleads.
"""

from math import exp, log
from typing import Any, Literal

import msgspec

from llmprobe.data import table

USES = ("chat", "coding", "reasoning", "agent", "vision", "japanese", "long", "embedding")

Mode = Literal["thinking", "no thinking"]
Kind = Literal["special", "base"]
Basis = Literal["measured", "few rows", "other uses", "prior only"]
"""Three results of the use or more, one or two, only of other uses or of its other mode, none at all."""

MEASURED_FROM = 3
ELO = 400 / log(10)
"""Elo points of one unit of log odds."""

_MODES: dict[str, Mode] = {"t": "thinking", "n": "no thinking"}


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """
    The test that an index is read as, who runs it for all models, and its unit: ``%`` or ``Elo``.
    """

    test: str
    measured_by: str
    unit: str


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """
    One result as it was published. ``measured_by`` is ``maker`` where a model's maker measured its own; ``month`` may
    be a year alone; ``source`` is an address or what the publication is called.
    """

    benchmark: str
    value: float
    unit: str
    measured_by: str
    month: str
    source: str


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where a model stands for a use, in one mode.

    ``index``: 50 is the mean of the catalog of November 2026, 10 its standard deviation; ``se`` is the standard error
    in the same unit, ``low`` the index less two of them: what to sort by. ``reads_as`` is the index as the score
    expected on the reference test, ``reads_low`` and ``reads_high`` two standard errors below and above. ``rows``
    results are of this use and mode, ``other_rows`` all others of the model.
    """

    index: float
    se: float
    low: float
    reads_as: float
    reads_low: float
    reads_high: float
    rows: int
    other_rows: int
    basis: Basis
    published: tuple[Published, ...]


def _data() -> Any:
    return table("capability")


def dated() -> str:
    """
    The month of the newest result, as ``2026-10``.
    """
    return str(_data()["dated"])


def reference(use: str) -> Reference:
    """
    The test that the index of a use is read as.

    Raises:
        KeyError: the use is none of ``USES``.
    """
    row = _data()["uses"][use]
    return Reference(test=row["test"], measured_by=row["measured_by"], unit=row["unit"])


def reads_as_of(use: str, index: float) -> float:
    """
    The score that is expected on the reference test at this index: percent, or Elo points.

    Raises:
        KeyError: the use is none of ``USES``.
    """
    row = _data()["uses"][use]
    odds = row["at_50"] + row["per_10"] * (index - 50) / 10
    return float(odds * ELO if row["unit"] == "Elo" else 100 / (1 + exp(-odds)))


def index_of(use: str, score: float) -> float:
    """
    The index at which this score is expected on the reference test: the inverse of ``reads_as_of``.

    Raises:
        KeyError: the use is none of ``USES``.
        ValueError: a share that is not above 0 and below 100 %.
    """
    row = _data()["uses"][use]
    if row["unit"] == "Elo":
        odds = score / ELO
    elif 0 < score < 100:
        odds = log(score / (100 - score))
    else:
        raise ValueError(f"no model is expected to have {score} %")
    return float(50 + 10 * (odds - row["at_50"]) / row["per_10"])


def of(model: str, use: str) -> dict[Mode, Standing]:
    """
    Where a model of the catalog stands for a use, in each mode that it can be run in.

    Empty where the model or the use is not known, where the model is not for that use (one without eyes, one that
    makes vectors), and for a model that makes vectors and has no results: size says as much of those.
    """
    places = _data()["models"].get(model, {}).get(use, {})
    return {_MODES[mode]: _standing(use, row) for mode, row in places.items()} if use in USES else {}


def best_mode(model: str, use: str) -> Mode | None:
    """
    The mode with the higher index; None where the model has no place.
    """
    places = of(model, use)
    return max(places, key=lambda mode: places[mode].index, default=None)


def kind(model: str) -> Kind | None:
    """
    What keeps a model from being compared with assistants: it is made for one purpose (``special``: it translates,
    judges safety, knows medicine), or was published without instruction tuning (``base``). None of all others.
    """
    found: Kind | None = _data()["models"].get(model, {}).get("kind")
    return found


def _standing(use: str, row: list[Any]) -> Standing:
    index, error, rows, others, published = row
    low = index - 2 * error
    return Standing(
        index=index,
        se=error,
        low=round(low, 1),
        reads_as=_rounded(use, index),
        reads_low=_rounded(use, low),
        reads_high=_rounded(use, index + 2 * error),
        rows=rows,
        other_rows=others,
        basis=_basis(rows, others),
        published=tuple(_published(*found) for found in published),
    )


def _rounded(use: str, index: float) -> float:
    return round(reads_as_of(use, index), 0 if reference(use).unit == "Elo" else 1)


def _basis(rows: int, others: int) -> Basis:
    if rows >= MEASURED_FROM:
        return "measured"
    if rows:
        return "few rows"
    return "other uses" if others else "prior only"


def _published(test: int, value: float, month: str, place: int) -> Published:
    data = _data()
    benchmark, measured_by, unit = data["tests"][test]
    return Published(
        benchmark=benchmark,
        value=value,
        unit=unit,
        measured_by=measured_by,
        month=month,
        source=data["places"][place],
    )
