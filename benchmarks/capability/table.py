"""
Writes ``llmprobe/data/capability.json`` from the published results: ``make capability``.

``llmprobe/model/capability.py`` reads it and says what each field means. The file depends on the results and on the
catalog alone, so that a test can make it again.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import llmprobe
from benchmarks.capability.fit import counts, observations
from benchmarks.capability.index import REFERENCES, SCALES, fits
from benchmarks.capability.models import models
from benchmarks.capability.rows import MAKER, Result, benchmarks, results

PATH = Path(llmprobe.__file__).parent / "data" / "capability.json"
ABOUT = (
    "An index per use and mode: 50 is the mean of the catalog of November 2026, 10 its standard deviation; with its "
    "standard error, the number of results of the use and of others, and a few of the published results themselves. "
    "Fitted by benchmarks/capability to results.tsv, which names where each value was published. docs/capability.md "
    "explains it."
)
SOURCES = (
    "Artificial Analysis (artificialanalysis.ai), LMArena, LiveBench, Swallow LLM Leaderboard v2 (CC-BY-4.0), Open LLM "
    "Leaderboard v2, MTEB, Shaberi, Nejumi, BigCodeBench, EvalPlus, makers' model cards and others: "
    "benchmarks/capability/sources.tsv"
)
MOST_SHOWN = 3


def _edition(name: str) -> str:
    """
    What several editions of one benchmark have in common: of LiveBench its column, of a judged one its questions.
    """
    return re.sub(r" \d{4}-\d\d-\d\d| v\d+(\.\d+)*\b| \[judge .*\]", "", name)


@cache
def _spread() -> dict[tuple[str, str], int]:
    """How many models each test has results of."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in results():
        found.setdefault(row.test, set()).add(row.model)
    return {test: len(found[test]) for test in found}


def _later_first(row: Result) -> int:
    return -int(row.date.replace("-", "").ljust(8, "0"))


def shown(use: str, rows: Iterable[Result]) -> list[Result]:
    """
    The results that a person sees: of each benchmark the newest, a maker's own only where there is no other;
    first the reference test of the use, then what the most models were measured by.
    """
    of_edition: dict[str, Result] = {}
    for row in sorted(rows, key=lambda row: (row.origin.measured_by == MAKER, _later_first(row), -row.value)):
        of_edition.setdefault(_edition(row.benchmark.name), row)

    def rank(row: Result) -> tuple[bool, bool, bool, int, str]:
        reference, measurer = REFERENCES[use]
        by = row.origin.measured_by
        return (
            row.benchmark.name != reference,
            by != measurer,
            by == MAKER,
            -_spread()[row.test],
            row.benchmark.name,
        )

    return sorted(of_edition.values(), key=rank)[:MOST_SHOWN]


def document() -> dict[str, Any]:
    """
    Return the content of the file.
    """
    tests: dict[tuple[str, str], int] = {}
    places: dict[str, int] = {}
    of_entity: dict[tuple[str, str], list[Result]] = {}
    in_fit = [row for row in results() if counts(row)]
    for row in in_fit:
        of_entity.setdefault((row.model, row.mode), []).append(row)
    in_all = Counter(row.model for row in in_fit)
    entries: dict[str, dict[str, Any]] = {
        model.id: {"kind": model.kind} if model.kind else {}
        for model in models().values()
        if model.catalogued
    }

    def published(row: Result) -> list[Any]:
        test = tests.setdefault(row.test, len(tests))
        place = places.setdefault(row.origin.where, len(places))
        return [test, float(f"{row.value:.4g}"), row.date[:7], place]

    found = fits(observations(in_fit))
    for use in found:
        for place in use.places():
            about = [row for row in of_entity.get(place.entity, ()) if use.use in row.benchmark.uses]
            model, mode = place.entity
            entries[model].setdefault(use.use, {})["t" if mode == "thinking" else "n"] = [
                round(place.index, 1),
                round(place.error, 1),
                len(about),
                in_all[model] - len(about),
                [published(row) for row in shown(use.use, about)],
            ]
    return {
        "about": ABOUT,
        "source": SOURCES,
        "dated": max(row.date for row in results())[:7],
        "uses": {use.use: _reference(use.use) for use in found},
        "tests": [[*test, benchmarks()[test[0]].unit] for test in tests],
        "places": list(places),
        "models": entries,
    }


def _reference(use: str) -> dict[str, Any]:
    test, measured_by = REFERENCES[use]
    at_50, per_10 = SCALES[use]
    unit = benchmarks()[test].unit
    return {"test": test, "measured_by": measured_by, "unit": unit, "at_50": at_50, "per_10": per_10}


def text(content: dict[str, Any]) -> str:
    """
    Return the file: one model, one test and one place a line.
    """

    def compact(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def block(name: str, lines: list[str], ends: str) -> str:
        body = ",\n".join(f"  {line}" for line in lines)
        return f' "{name}": {ends[0]}\n{body}\n {ends[1]}'

    parts = [f' "{name}": {compact(content[name])}' for name in ("about", "source", "dated")]
    parts += [
        block(name, [f"{compact(key)}: {compact(value)}" for key, value in content[name].items()], "{}")
        for name in ("uses", "models")
    ]
    parts += [block(name, [compact(value) for value in content[name]], "[]") for name in ("tests", "places")]
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    PATH.write_text(text(document()), encoding="utf-8")
