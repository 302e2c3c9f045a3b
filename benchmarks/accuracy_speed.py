"""
How near predicted speeds come to published ones, each source predicted by a fit that did not see it.

``measure()`` returns the table as data; ``python -m benchmarks.accuracy_speed`` prints it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import exp, log, sqrt
from statistics import median

import msgspec

from benchmarks.accuracy_table import OfSpeed, printed_speeds
from benchmarks.fit_speed import (
    fit,
    fit_devices,
    fit_others,
    old_on_hbm,
    on_devices,
    on_processor,
    predicted_seconds,
)
from benchmarks.fit_speed_prompts import of_processor_prompts, of_prompts, predicted_prompt_seconds
from benchmarks.speed_rows import Row, rows
from llmprobe.data import table
from llmprobe.estimation.speed.parts import FEWEST_ROWS, Constants, device_row, host_part
from llmprobe.estimation.speed.prompt import goes_by_bandwidth, prompt_row

ENOUGH_ROWS = 15
"""A range that stands on fewer rows is widened: to twice its width in the limit of none."""

FEW_SOURCES = 5
ONE_EACH = 0.3
"""Rows of fewer sources are of few machines: a range is then at least this wide on either side."""

TAIL = 0.07
"""A range leaves out this part of a class on either side,"""

MOST = 0.12
"""and no more than this part of all classes."""

ONE_SOURCE = 0.5
"""A class of one source can't be predicted without it: its range is the spread of its rows, at least this."""

ONE_OF_EXPERTS = 0.75
"""What is taken off the low end, and added to the high one, for experts on a processor. Assumed."""

SWEEP = 3
"""Points that a sweep needs: the others of them say how fast the machine's RAM is, where the source does not."""

DENSE = "generation, dense on one device"
EXPERTS = "generation, mixtures of experts"
UNRATED = "prompts, as if no FP16 rate were known"
SWEEPS = "generation, sweeps of partial offload"
EVERY = "all figures with a range"

THUMB = 0.7
"""The plain rule to be better than: this part of the bandwidth, over the active bytes."""


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """
    One measurement beside what a fit without its source says. ``group`` is the row of constants that it stands on.
    """

    row: Row
    group: str
    tokens_per_s: float

    @property
    def error(self) -> float:
        return abs(self.tokens_per_s / self.row.tokens_per_s - 1)

    @property
    def ratio(self) -> float:
        """Measured over predicted."""
        return self.row.tokens_per_s / self.tokens_per_s


def measure() -> tuple[OfSpeed, ...]:
    """
    Return the errors and how many rows the range holds, over all and per class.
    """
    measured = rows()
    blind = _blind_fits(measured)
    found = _on_devices(measured, blind)
    dense = [one for one in found if not one.row.moe]
    alone = [one for one in dense if one.row.devices == 1]
    experts = [one for one in found if one.row.moe]
    processor, cores = _on_processor(measured, blind), _of_processor_prompts(measured, blind)
    prompts = _families(_of_prompts(measured, blind))
    unrated = _families(_of_prompts(measured, blind, by_bandwidth=True))
    return (
        _scores(DENSE, alone, found),
        _scores(f"{DENSE}, by {THUMB} x bandwidth / bytes", [_thumb(one) for one in alone]),
        *_by_class("generation", dense, found),
        _scores(EXPERTS, experts, found),
        _scores(SWEEPS, _sweeps(measured, blind)),
        _scores("generation on the processor", processor, processor),
        *(row for family in prompts for row in _by_class("prompts", family, family)),
        _together(UNRATED, *((family, family) for family in unrated)),
        _scores("prompts on the processor", cores, cores),
        _together(
            EVERY,
            (dense, found),
            (experts, found),
            (processor, processor),
            (cores, cores),
            *((family, family) for family in prompts),
        ),
    )


def fitted_with_ranges() -> Constants:
    """
    Return constants fitted to every row, their ranges from the errors of fits that did not see the source.
    """
    measured = rows()
    blind = _blind_fits(measured)
    fitted = fit(measured, table("speed"))
    found = _on_devices(measured, blind)
    for row in fitted["devices"]:
        row["low"], row["high"] = _range([one for one in found if one.group == row["name"]], found)
    moe = [one for one in found if one.row.moe]
    fitted["moe"]["low"], fitted["moe"]["high"] = _range(moe, found)
    processor = _on_processor(measured, blind)
    fitted["processor"]["low"], fitted["processor"]["high"] = _range(processor, processor)
    cores = _of_processor_prompts(measured, blind)
    low, high = _range(cores, cores)
    fitted["processor_prompts"].update(low=low, high=high)
    # Of experts one machine was measured: what is unsure of dense models is so of them, and their own factor is.
    fitted["processor_prompts"].update(
        moe_low=round(low * ONE_OF_EXPERTS, 3), moe_high=round(high / ONE_OF_EXPERTS, 3)
    )
    for by_bandwidth in (False, True):
        blindly = _of_prompts(measured, blind, by_bandwidth=by_bandwidth)
        seen = _of_prompts(measured, dict.fromkeys(blind, fitted), by_bandwidth=by_bandwidth)
        for row in fitted["prompts"]:
            spread = row["by_bandwidth"] if by_bandwidth else row
            kin = [
                one
                for family in _families(blindly)
                if family[0].row.backend in row["backends"]
                for one in family
            ]
            own = [one for one in kin if one.group == row["name"]]
            if by_bandwidth and spread["preferred"] and spread["sources"] > 1:
                found_range = row["low"], row["high"]
            elif len(own) >= FEWEST_ROWS and spread["sources"] == 1:
                found_range = _spread([one for one in seen if one.group == row["name"]])
            else:
                found_range = _range(own, kin)
            spread["low"], spread["high"] = found_range
    return fitted


def _blind_fits(measured: Sequence[Row]) -> dict[str, Constants]:
    """
    Return for every source the constants that the others give.
    """
    start = table("speed")
    seen = fit_devices(measured, start)
    of_devices = {row.source for row in on_devices(measured)}
    found = {}
    for source in sorted({row.source for row in measured}):
        others = [row for row in measured if row.source != source]
        known = fit_devices(others, start) if source in of_devices else seen
        found[source] = fit_others(others, known)
    return found


def _on_devices(measured: Iterable[Row], blind: dict[str, Constants]) -> list[Predicted]:
    return [
        Predicted(
            row=row,
            group="experts" if row.moe else str(device_row(blind[row.source], row.gpu)["name"]),
            tokens_per_s=1 / predicted_seconds(blind[row.source], row),
        )
        for row in on_devices(measured)
    ]


def _on_processor(measured: Iterable[Row], blind: dict[str, Constants]) -> list[Predicted]:
    return [
        Predicted(
            row=row,
            group="processor",
            tokens_per_s=1
            / host_part(blind[row.source], row.host, row.processor, quant=row.file_type).likely,
        )
        for row in on_processor(measured)
    ]


def _of_prompts(
    measured: Iterable[Row], blind: dict[str, Constants], *, by_bandwidth: bool = False
) -> list[Predicted]:
    return [
        Predicted(
            row=row,
            group=prompt_row(blind[row.source], row.gpu, moe=row.moe)["name"],
            tokens_per_s=1 / predicted_prompt_seconds(blind[row.source], row, by_bandwidth=by_bandwidth),
        )
        for row in of_prompts(measured)
        if by_bandwidth or row.fp16_flops is not None or _by_bandwidth(blind[row.source], row)
    ]


def _by_bandwidth(constants: Constants, row: Row) -> bool:
    return goes_by_bandwidth(prompt_row(constants, row.gpu, moe=row.moe), row.gpu)


def _families(predicted: Iterable[Predicted]) -> list[list[Predicted]]:
    """
    Return prompts apart by the kernels that they ran on: those of one say little of another's.
    """
    groups: dict[str, list[Predicted]] = defaultdict(list)
    for one in predicted:
        groups[one.row.backend if one.row.backend in ("cuda", "metal") else "other"].append(one)
    return [groups[name] for name in sorted(groups)]


def _of_processor_prompts(measured: Iterable[Row], blind: dict[str, Constants]) -> list[Predicted]:
    return [
        Predicted(
            row=row,
            group="processor",
            tokens_per_s=1 / predicted_prompt_seconds(blind[row.source], row),
        )
        for row in of_processor_prompts(measured)
        if not row.moe
    ]


def _sweeps(measured: Iterable[Row], blind: dict[str, Constants]) -> list[Predicted]:
    """
    Return the rows of partial offload, the speed of the RAM taken from the other points of the same sweep.
    """
    sweeps: dict[tuple[str, str | None, str], list[Row]] = defaultdict(list)
    for row in measured:
        if row.kind == "generation" and row.host_bytes and row.backend not in (None, "cpu"):
            name = row.model if row.source.startswith("code") else ""
            sweeps[row.source, row.device, name].append(row)
    found = []
    for sweep in sweeps.values():
        if len(sweep) < SWEEP:
            continue
        for row in sweep:
            rates = [_host_rate(other, blind[row.source]) for other in sweep if other is not row]
            known = [rate for rate in rates if rate is not None]
            if known and row.gpu_bytes:
                seconds = predicted_seconds(blind[row.source], row) + row.host_bytes / median(known)
                found.append(Predicted(row=row, group="offload", tokens_per_s=1 / seconds))
    return found


def _host_rate(row: Row, constants: Constants) -> float | None:
    seconds = 1 / row.tokens_per_s - (predicted_seconds(constants, row) if row.gpu_bytes else 0.0)
    return row.host_bytes / seconds if seconds > 0 else None


def _thumb(one: Predicted) -> Predicted:
    """
    Return the plain rule's figure for the same row.
    """
    assert one.row.bandwidth_bytes_per_s is not None
    return msgspec.structs.replace(
        one, tokens_per_s=THUMB * one.row.bandwidth_bytes_per_s / one.row.gpu_bytes
    )


def _by_class(what: str, predicted: Sequence[Predicted], every: Sequence[Predicted]) -> list[OfSpeed]:
    """
    Return the scores of every class on which rows enough stand for a figure to be told.
    """
    return [
        _scores(f"{what}: {group}", own, every)
        for group, own in sorted(_grouped(predicted).items())
        if len(own) >= FEWEST_ROWS
    ]


def _scores(name: str, predicted: Sequence[Predicted], every: Sequence[Predicted] | None = None) -> OfSpeed:
    """
    Return the errors, and how many rows a range holds that the errors of other sources in ``every`` give.
    """
    ordered = sorted(one.error for one in predicted)
    count = len(ordered)
    held = None if every is None else sum(_holds(one, every) for one in predicted) / count
    return OfSpeed(
        name=name,
        rows=count,
        sources=len({one.row.source for one in predicted}),
        median=round(median(ordered), 3),
        p90=round(ordered[int(0.9 * (count - 1))], 3),
        within_20=round(sum(error <= 0.2 for error in ordered) / count, 3),
        within_40=round(sum(error <= 0.4 for error in ordered) / count, 3),
        in_range=None if held is None else round(held, 3),
    )


def _together(name: str, *kinds: tuple[Sequence[Predicted], Sequence[Predicted]]) -> OfSpeed:
    """
    Return the scores over all kinds, each row held by the range of its own.
    """
    held = sum(_holds(one, every) for predicted, every in kinds for one in predicted)
    scores = _scores(name, [one for predicted, _ in kinds for one in predicted])
    return msgspec.structs.replace(scores, in_range=round(held / scores.rows, 3))


def _holds(one: Predicted, every: Sequence[Predicted]) -> bool:
    """
    Return whether a row is within the range that other sources give.
    """
    others = [other for other in every if other.row.source != one.row.source]
    low, high = _range([other for other in others if other.group == one.group], others)
    return low <= one.ratio <= high


def _range(own: Sequence[Predicted], every: Sequence[Predicted]) -> tuple[float, float]:
    """
    Return what measured speeds are of predicted ones, from near the least to near the most.

    A class is never given less than what most of all classes need: its rows may be of few machines. With few
    rows of its own it takes the range of all, and what it has is widened.
    """
    count = sum(not old_on_hbm(one.row) for one in own)
    sources: dict[str, set[str]] = defaultdict(set)
    for one in every:
        sources[one.group].add(one.row.source)
    every = [one for one in every if len(sources[one.group]) > 1] or every
    used = own if count >= FEWEST_ROWS else every
    wider = 2 - min(count, ENOUGH_ROWS) / ENOUGH_ROWS
    low = min(_quantile(used, TAIL), _quantile(every, MOST)) * wider
    high = max(_quantile(used, 1 - TAIL), _quantile(every, 1 - MOST)) * wider
    if len({one.row.source for one in own}) < FEW_SOURCES:
        low, high = min(low, log(1 - ONE_EACH)), max(high, log(1 + ONE_EACH))
    return round(exp(min(low, 0.0)), 3), round(exp(max(high, 0.0)), 3)


def _spread(own: Sequence[Predicted]) -> tuple[float, float]:
    """
    Return the range of a class of one source about the fit that saw it.
    """
    low, high = exp(_quantile(own, TAIL)), exp(_quantile(own, 1 - TAIL))
    return round(min(low, ONE_SOURCE), 3), round(max(high, 1 + ONE_SOURCE), 3)


def _quantile(predicted: Sequence[Predicted], part: float) -> float:
    """
    Return the logarithm of measured over predicted below which this part of the rows lies.

    A source with many rows counts as the root of their number.
    """
    counts = Counter(one.row.source for one in predicted)
    weighted = sorted((log(one.ratio), 1 / sqrt(counts[one.row.source])) for one in predicted)
    limit, passed = part * sum(weight for _, weight in weighted), 0.0
    for ratio, weight in weighted:
        passed += weight
        if passed >= limit:
            return ratio
    raise AssertionError("no rows")


def _grouped(predicted: Iterable[Predicted]) -> dict[str, list[Predicted]]:
    groups: dict[str, list[Predicted]] = defaultdict(list)
    for one in predicted:
        groups[one.group].append(one)
    return groups


if __name__ == "__main__":
    print("\n".join(printed_speeds(measure())))
