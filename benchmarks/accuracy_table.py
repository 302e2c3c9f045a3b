"""
What ``make accuracy`` found: the record that is written, and the tables that are printed and shown on a page.
"""

from collections.abc import Sequence

import msgspec

ENGINE = "llama.cpp b11549"


class Quantity(msgspec.Struct, frozen=True):
    """
    One claim: what it must be, what was found, and whether it holds.
    """

    name: str
    must: str
    found: str
    held: bool


class OfArchitecture(msgspec.Struct, frozen=True):
    """
    One architecture: files quantized, loads, and how many devices of those loads are equal or near.
    """

    files: int
    files_equal: int
    loads: int
    devices: int
    weights_equal: int
    caches_equal: int
    compute_equal: int
    compute_near: int
    total_near: int
    worst_total: float


class Coverage(msgspec.Struct, frozen=True):
    """
    Architectures by how their compute buffers are known.

    ``modelled`` have a graph and were not measured, ``bounded`` have exact weights and caches. Of those known
    ``by_metadata`` the caches are what the metadata say. ``refused`` are parts of models, or write no text.
    """

    modelled_and_measured: tuple[str, ...]
    modelled: tuple[str, ...]
    bounded: tuple[str, ...]
    by_metadata: tuple[str, ...]
    refused: tuple[str, ...]


class OfSpeed(msgspec.Struct, frozen=True):
    """
    One class of published speeds, each predicted by a fit that did not see its source: errors as parts of one.

    ``in_range`` is the part of the rows that the stated range holds, None where no range is stated.
    """

    name: str
    rows: int
    sources: int
    median: float
    p90: float
    within_20: float
    within_40: float
    in_range: float | None = None


class Accuracy(msgspec.Struct, frozen=True):
    """
    The content of ``fixtures/truth/accuracy.json``. ``differing`` are all cases that are not equal to the byte.
    """

    quantities: tuple[Quantity, ...]
    coverage: Coverage
    architectures: dict[str, OfArchitecture]
    speeds: tuple[OfSpeed, ...]
    differing: tuple[str, ...]
    engine: str = ENGINE


def percent(good: int, cases: int) -> str:
    """
    Return a share that says 100% only of all cases.
    """
    if good == cases:
        return "100%"
    return f"{min(100 * good / cases, 99.99):.2f}%"


def in_markdown(accuracy: Accuracy) -> str:
    """
    Return all tables in Markdown.
    """
    lines = ["", "| quantity | target | result |", "|---|---|---|"]
    lines += [
        f"| {row.name} | {row.must} | {row.found}{'' if row.held else ', **missed**'} |"
        for row in accuracy.quantities
    ]
    lines += ["", sentence(accuracy.coverage), ""]
    lines += [
        "Published speeds, each predicted by a fit that did not see its source, a class of one source by the others:",
        "",
    ]
    lines += [
        "| class | rows | sources | median error | 90% are within | range holds |",
        "|---|---|---|---|---|---|",
    ]
    lines += [f"| {' | '.join(_of_speed(row))} |" for row in accuracy.speeds]
    lines += ["", '<details markdown="1"><summary>By architecture</summary>', ""]
    lines += ["```text", *_by_architecture(accuracy), "```", "", "</details>", "", ""]
    return "\n".join(lines)


def printed(accuracy: Accuracy) -> str:
    """
    Return the tables for a terminal.
    """
    lines = [*_by_architecture(accuracy), ""]
    for row in accuracy.quantities:
        lines += [f"{'held  ' if row.held else 'MISSED'}  {row.name}: {row.must}", f"        {row.found}"]
    return "\n".join([*lines, "", sentence(accuracy.coverage), "", *printed_speeds(accuracy.speeds)])


def printed_speeds(speeds: Sequence[OfSpeed]) -> list[str]:
    """
    Return the table of speeds for a terminal.
    """
    lines = [f"{'':60}{'rows':>6}{'sources':>9}{'median':>9}{'p90':>9}{'range holds':>13}"]
    for row in speeds:
        name, rows, sources, median, p90, held = _of_speed(row)
        lines.append(f"{name:60}{rows:>6}{sources:>9}{median:>9}{p90:>9}{held:>13}")
    return lines


def _of_speed(row: OfSpeed) -> tuple[str, ...]:
    held = "" if row.in_range is None else f"{row.in_range:.0%}"
    return row.name, str(row.rows), str(row.sources), f"{row.median:.1%}", f"{row.p90:.1%}", held


def sentence(coverage: Coverage) -> str:
    """
    Return in one sentence how many architectures are modelled, bounded, known by their metadata alone and refused.
    """
    modelled = len(coverage.modelled_and_measured) + len(coverage.modelled)
    guessed, refused = len(coverage.by_metadata), len(coverage.refused)
    total = modelled + len(coverage.bounded) + guessed + refused
    metadata = (
        f"{guessed} have the caches that their metadata say and a bounded compute buffer, " if guessed else ""
    )
    return (
        f"Of {total} architectures {modelled} are modelled ({len(coverage.modelled_and_measured)} of them measured), "
        f"{len(coverage.bounded)} have exact weights and caches and a bounded compute buffer, marked assumed, "
        f"{metadata}and {refused} are refused: parts of models, or models that write no text."
    )


def _by_architecture(accuracy: Accuracy) -> list[str]:
    lines = [
        f"{'':16}{'files':>6}{'equal':>8}{'loads':>7}{'weights':>9}{'caches':>8}{'compute':>9}{'near':>8}"
        f"{'total':>8}{'worst':>8}"
    ]
    for name, row in accuracy.architectures.items():
        shares = [
            percent(good, row.devices) if row.devices else "-"
            for good in (
                row.weights_equal,
                row.caches_equal,
                row.compute_equal,
                row.compute_near,
                row.total_near,
            )
        ]
        files = percent(row.files_equal, row.files) if row.files else "-"
        lines.append(
            f"{name:16}{row.files:>6}{files:>8}{row.loads:>7}{shares[0]:>9}{shares[1]:>8}{shares[2]:>9}"
            f"{shares[3]:>8}{shares[4]:>8}{row.worst_total:>8.2%}"
        )
    return lines
