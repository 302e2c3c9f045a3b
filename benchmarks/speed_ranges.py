"""
How wide the ranges of speed are: what measurements were of predictions by fits that did not see their source.

Of a class it is where all but a small part of its rows lie, of what several parts make together the narrowest that
does so for the rows that have them.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import exp, log
from typing import Any

from benchmarks.fit_speed import blind_fits, fit, on_devices
from benchmarks.fit_speed_processor import of_processor_prompts, of_ram
from benchmarks.speed_predicted import as_of_its_time, can_be_predicted
from benchmarks.speed_rows import Row
from llmprobe.data import table
from llmprobe.estimation.speed.parts import CPU, FEWEST_ROWS, Constants, device_row
from llmprobe.estimation.speed.prompt import prompt_row

ENOUGH_ROWS = 15
"""Of a class of so many rows a range must hold what it says."""

FEW_SOURCES = 4
ONE_EACH = 0.15
"""Rows of fewer sources are of few machines: a range is then at least this wide on either side."""

TAIL = {"generation": 0.07, "prompt": 0.075}
"""A range leaves out this part of a class on either side,"""

MOST = 0.13
"""and of a class of few rows no more than this part of all classes of its family."""

SMALL = 10
"""Rows below which a class is one of few."""

HELD = 0.86
"""The part of its rows that a range holds which several parts make together."""

CROWDED_TAIL = 0.11
"""The same where a file fills the RAM, of which few machines were measured."""

WIDTHS = tuple(number * 0.01 for number in range(10, 201))
"""The half widths, as logarithms, that are tried for it."""

CROWDED_WIDTHS = tuple(1 + number * 0.02 for number in range(51))
"""By how much a range of such files is widened, of which only a part of the time is."""

EVEN = 0.25
"""A row of a source of n counts as n to minus this: with 0.5 it would be as in the fit, with 0 all alike."""

UNRATED = 1.25
"""What is taken off and added where the FP16 rate is only that of its class. Assumed."""

ONE_OF_EXPERTS = 0.75
"""What is taken off the low end, and added to the high one, for experts on a processor. Assumed."""


def fitted_with_ranges(measured: Sequence[Row]) -> Constants:
    """
    Return constants fitted to every row, with ranges from the errors of fits that did not see the source.
    """
    return with_ranges(fit(measured, table("speed")), measured)[0]


def with_ranges(constants: Constants, measured: Sequence[Row]) -> tuple[Constants, dict[str, Constants]]:
    """
    Return constants with ranges, and the blind fits that these are from, which have the same.
    """
    blind = blind_fits(measured, constants)
    whole = [constants, *blind.values()]
    generated = [row for row in on_devices(measured, "generation") if not row.deep]
    short = [row for row in on_devices(measured, "prompt") if not row.in_ram and not row.deep]
    _by_class(whole, blind, [row for row in generated if not row.moe], "devices", None)
    _of_experts(whole, blind, [row for row in generated if row.moe])
    for moe in (False, True):
        _by_class(
            whole,
            blind,
            [row for row in short if row.moe is moe],
            "prompts",
            "experts_range" if moe else None,
        )
    for each in whole:
        for row in each["prompts"]:
            row["unrated"] = UNRATED
    cores = _ratios([row for row in of_processor_prompts(measured) if not row.moe], blind)
    low, high = _range(cores, [])
    for each in whole:
        each["processor_prompts"].update(
            low=low,
            high=high,
            # Experts are less sure than dense layers by an assumed part.
            moe_low=round(low * ONE_OF_EXPERTS, 3),
            moe_high=round(high / ONE_OF_EXPERTS, 3),
        )
    deep = [row for kind in TAIL for row in on_devices(measured, kind) if row.deep and not row.in_ram]
    _searched(whole, blind, [row for row in deep if row.kind == "generation"], ("depth", "generation"))
    for kind, moe in (("prompt", False), ("prompt_experts", True)):
        own = [row for row in deep if row.kind == "prompt" and row.moe is moe]
        _searched(whole, blind, own, ("depth", kind))
    read = of_ram(measured)
    _searched(whole, blind, [row for row in read if row.backend == CPU], ("processor",))
    layers = [row for row in read if row.backend != CPU and not row.host.switches]
    _searched(whole, blind, layers, ("processor", "layers"))
    _searched(whole, blind, [row for row in read if row.host.switches], ("processor", "experts"))
    sent = [row for row in on_devices(measured, "prompt") if row.in_ram]
    _searched(whole, blind, [row for row in sent if row.host.expert_bytes], ("transfer",))
    _searched(whole, blind, [row for row in sent if not row.host.expert_bytes], ("transfer", "layers"))
    for kind, part in (("generation", "processor"), ("prompt", "transfer")):
        crowded = [
            row for row in measured if row.kind == kind and row.in_ram and can_be_predicted(row) and row.paged
        ]
        shape = _range(_ratios(crowded, blind), [], tail=CROWDED_TAIL)
        _searched(whole, blind, crowded, (part, "crowded"), [log(one) for one in shape], CROWDED_WIDTHS)
    return constants, blind


def _by_class(
    whole: Sequence[Constants], blind: dict[str, Constants], own: Sequence[Row], name: str, part: str | None
) -> None:
    """
    Give each class of a table its range.
    """
    of_row = device_row if name == "devices" else prompt_row
    first = whole[0]
    classes: dict[int, list[Row]] = defaultdict(list)
    for row in own:
        classes[first[name].index(of_row(first, row.gpu))].append(row)
    for number, row_of_table in enumerate(first[name]):
        kin = [
            row
            for other, found in classes.items()
            if _family(first[name][other]) == _family(row_of_table)
            for row in found
        ]
        low, high = _range(_ratios(classes[number], blind), _ratios(kin or own, blind))
        _set(whole, (name, number) if part is None else (name, number, part), low, high)


def _of_experts(whole: Sequence[Constants], blind: dict[str, Constants], own: Sequence[Row]) -> None:
    """
    Give each class of devices its range for mixtures of experts: that of all classes where few were measured.
    """
    first = whole[0]
    for number, row_of_table in enumerate(first["devices"]):
        its = [row for row in own if device_row(first, row.gpu) is row_of_table]
        used = own if len(its) < SMALL else its
        _set(whole, ("devices", number, "experts_range"), *_range(_ratios(used, blind), []))
        for each in whole:
            each["devices"][number]["experts_range"].update(
                rows=len(used), sources=len({row.source for row in used})
            )


def _family(row: dict[str, Any]) -> str:
    first = row["backends"][0]
    return first if first in ("cuda", "metal") else "other"


def _set(whole: Iterable[Constants], path: tuple[Any, ...], low: float, high: float) -> None:
    for each in whole:
        found: Any = each
        for part in path:
            found = found.setdefault(part, {}) if isinstance(found, dict) else found[part]
        found.update(low=low, high=high)


def _searched(
    whole: Sequence[Constants],
    blind: dict[str, Constants],
    own: Sequence[Row],
    path: tuple[Any, ...],
    shape: Sequence[float] = (-1.0, 1.0),
    widths: Sequence[float] = WIDTHS,
) -> None:
    """
    Give a part the narrowest range of a ``shape`` with which enough of the rows that have it are held.
    """
    weights = _weights(own)

    def holds(width: float) -> bool:
        _set(whole, path, *(round(exp(width * end), 3) for end in shape))
        held = sum(
            weight
            for row, weight in zip(own, weights, strict=True)
            if (found := as_of_its_time(blind[row.source], row)).low <= row.tokens_per_s <= found.high
        )
        return held >= HELD * sum(weights)

    holds(widths[min(bisect_left(widths, True, key=holds), len(widths) - 1)])


def _ratios(own: Iterable[Row], blind: dict[str, Constants]) -> list[tuple[Row, float]]:
    """
    Return the logarithm of measured over predicted for each row.
    """
    return [(row, log(row.tokens_per_s / as_of_its_time(blind[row.source], row).likely)) for row in own]


def _range(
    own: Sequence[tuple[Row, float]], kin: Sequence[tuple[Row, float]], *, tail: float | None = None
) -> tuple[float, float]:
    """
    The range of measured speeds over predicted ones, from near the least ratio to near the largest.

    A class with few rows takes those of its family too, and its range is widened.
    """
    count, sources = len(own), len({row.source for row, _ in own})
    used = own if count >= FEWEST_ROWS else [*own, *kin]
    wider = 2 - count / FEWEST_ROWS if count < FEWEST_ROWS else 1.0
    tail = TAIL[used[0][0].kind] if tail is None else tail
    low, high = _quantile(used, tail) * wider, _quantile(used, 1 - tail) * wider
    if count < SMALL and kin:
        low, high = min(low, _quantile(kin, MOST)), max(high, _quantile(kin, 1 - MOST))
    if sources < FEW_SOURCES:
        low, high = min(low, log(1 - ONE_EACH)), max(high, log(1 + ONE_EACH))
    return round(exp(min(low, 0.0)), 3), round(exp(max(high, 0.0)), 3)


def _quantile(found: Sequence[tuple[Row, float]], part: float) -> float:
    """
    Return the error below which this part of the rows lies; a source with many counts less for each.
    """
    weights = _weights([row for row, _ in found])
    ordered = sorted(zip((error for _, error in found), weights, strict=True))
    limit, passed = part * sum(weights), 0.0
    for error, weight in ordered:
        passed += weight
        if passed >= limit:
            return error
    return 0.0


def _weights(own: Sequence[Row]) -> list[float]:
    counts = Counter(row.source for row in own)
    return [counts[row.source] ** -EVEN for row in own]
