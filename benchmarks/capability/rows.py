"""
The published results as records, each checked as it is read.
"""

import re
from functools import cache
from pathlib import Path
from typing import Literal

import msgspec

FOLDER = Path(__file__).parent
MAKER = "maker"
"""Who measured what a maker says of its own model. All makers are one measurer: their own choice of settings."""

Unit = Literal["%", "Elo", "0-10", "index"]
Mode = Literal["thinking", "no thinking"]

_MODES: dict[str, tuple[Mode, bool]] = {
    "thinking": ("thinking", True),
    "thinking?": ("thinking", False),
    "plain": ("no thinking", True),
    "plain?": ("no thinking", False),
}
_DATE = r"20\d\d(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?"
_MOST = {"%": 100.0, "index": 100.0, "0-10": 10.0, "Elo": 3000.0}


class Benchmark(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is measured. ``uses`` are those that it tells about; where there is none it still tells how able a model is.

    ``counts`` is False of a benchmark that is kept for people to read and left out of the fit.
    """

    name: str
    unit: Unit
    uses: tuple[str, ...]
    counts: bool


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where values were published, who measured them, and in which copy they were read, empty where in the original.
    ``licence`` is what the publisher asks for, where it asks.
    """

    key: str
    measured_by: str
    where: str
    read_in: str
    licence: str


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """
    One published value. ``stated`` says that the source names the mode; otherwise it follows from the model.

    ``date`` has a year, or a month or day, too: of the measurement, or of the table that it was read in.
    """

    model: str
    mode: Mode
    stated: bool
    benchmark: Benchmark
    value: float
    date: str
    origin: Origin

    @property
    def test(self) -> tuple[str, str]:
        """Benchmark and measurer: one test, with a level and a slope of its own."""
        return self.benchmark.name, self.origin.measured_by


class RowError(Exception):
    """
    A line that cannot be in: without date or source, of an unknown benchmark, or out of its unit's range.
    """


def lines(name: str, columns: tuple[str, ...]) -> list[tuple[str, ...]]:
    """
    Return the lines of a file of this folder, split, without its head.

    Raises:
        RowError: a column is missing somewhere.
    """
    head, *lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
    if tuple(head.split("\t")) != columns:
        raise RowError(f"{name}: the columns are not {', '.join(columns)}")
    rows = [tuple(line.split("\t")) for line in lines]
    for number, row in enumerate(rows, 2):
        if len(row) != len(columns):
            raise RowError(f"{name}:{number}: {len(row)} columns instead of {len(columns)}")
    return rows


@cache
def benchmarks() -> dict[str, Benchmark]:
    """
    Return every benchmark by name.
    """
    return {
        name: Benchmark(name=name, unit=msgspec.convert(unit, Unit), uses=tuple(uses.split()), counts=True)
        if uses != "-"
        else Benchmark(name=name, unit=msgspec.convert(unit, Unit), uses=(), counts=False)
        for name, unit, uses in lines("benchmarks.tsv", ("benchmark", "unit", "uses"))
    }


@cache
def origins() -> dict[str, Origin]:
    """
    Return every source by its key.

    Raises:
        RowError: a source does not say where it is or who measured.
    """
    found: dict[str, Origin] = {}
    columns = ("source", "measured_by", "where", "read_in", "licence")
    for key, measured_by, where, read_in, licence in lines("sources.tsv", columns):
        if not (key and measured_by and where):
            raise RowError(f"sources.tsv: {key or where}: a source without place or measurer")
        if key in found:
            raise RowError(f"sources.tsv: {key} is there twice")
        found[key] = Origin(key=key, measured_by=measured_by, where=where, read_in=read_in, licence=licence)
    return found


def result(line: tuple[str, ...]) -> Result:
    """
    Return the record of a line of ``results.tsv``: model, mode, benchmark, value, date, source.

    Raises:
        RowError: something is missing, unknown, or cannot be.
    """
    model, mode, name, text, date, source = line
    what = f"results.tsv: {model}, {name}"
    if not model:
        raise RowError(f"{what}: no model")
    if mode not in _MODES:
        raise RowError(f"{what}: the mode {mode!r} is not known")
    if name not in benchmarks():
        raise RowError(f"{what}: the benchmark is not in benchmarks.tsv")
    if re.fullmatch(_DATE, date) is None:
        raise RowError(f"{what}: {date!r} is no date")
    if source not in origins():
        raise RowError(f"{what}: the source {source!r} is not in sources.tsv")
    benchmark = benchmarks()[name]
    try:
        value = float(text)
    except ValueError:
        raise RowError(f"{what}: {text!r} is no number") from None
    if not 0 <= value <= _MOST[benchmark.unit]:
        raise RowError(f"{what}: {text} is no value in {benchmark.unit}")
    kind, stated = _MODES[mode]
    return Result(
        model=model,
        mode=kind,
        stated=stated,
        benchmark=benchmark,
        value=value,
        date=date,
        origin=origins()[source],
    )


@cache
def results() -> tuple[Result, ...]:
    """
    Return every published value.

    Raises:
        RowError: one of them cannot be in.
    """
    columns = ("model", "mode", "benchmark", "value", "date", "source")
    return tuple(result(line) for line in lines("results.tsv", columns))
