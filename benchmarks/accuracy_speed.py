"""
How near predicted speeds come to published ones, each source predicted by a fit that did not see it.

``measure()`` returns the table as data; ``python -m benchmarks.accuracy_speed`` prints it.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from functools import cache
from statistics import median

import msgspec

from benchmarks.accuracy_table import OfSpeed, printed_speeds
from benchmarks.fit_speed_processor import of_processor_prompts
from benchmarks.speed_predicted import as_of_its_time, can_be_predicted, in_a_sweep
from benchmarks.speed_ranges import ENOUGH_ROWS, with_ranges
from benchmarks.speed_rows import Row, rows
from llmprobe.data import table
from llmprobe.estimation.speed.parts import CPU, FEWEST_ROWS, Constants, device_row
from llmprobe.estimation.speed.prompt import prompt_row
from llmprobe.facts.estimate import Range

__all__ = ["ENOUGH_ROWS", "EVERY", "measure"]

SWEEP = 3
"""Points that a sweep needs: the others of them say how fast the machine's RAM is, where the source does not."""

SEEN = "generation, one device, known"
UNSEEN = "generation, one device, not seen before"
DENSE = "generation, one device, dense models"
EXPERTS = "generation, one device, mixtures of experts"
DEEP = "generation behind 2,000 tokens and more"
PARTIAL = "generation, partial offload"
SWEEPS = "generation, partial offload, RAM rate from its sweep"
IN_RAM = "generation, experts in RAM"
PROMPTS = "prompts, one device"
PROMPTS_ON_PROCESSOR = "prompts on the processor"
PROMPTS_DEEP = "prompts behind 2,000 tokens and more"
PROMPTS_IN_RAM = "prompts, experts in RAM"
EVERY = "all figures"
FILLED = ", which the file fills"

NEAR = {
    SEEN: 0.1,
    UNSEEN: 0.2,
    EXPERTS: 0.15,
    PARTIAL: 0.15,
    IN_RAM: 0.2,
    f"{DEEP}, dense models": 0.15,
    f"{DEEP}, mixtures": 0.15,
    f"{PROMPTS}, not seen before": 0.25,
    f"{PROMPTS}, dense models": 0.25,
    f"{PROMPTS}, mixtures of experts": 0.25,
    "prompts, several devices": 0.25,
    "prompts, partial offload": 0.25,
    PROMPTS_IN_RAM: 0.2,
    PROMPTS_ON_PROCESSOR: 0.25,
    f"{PROMPTS_DEEP}, dense models": 0.25,
    f"{PROMPTS_DEEP}, mixtures": 0.25,
}
"""What is claimed of the median error of a class."""

THUMB = 0.7
"""The plain rule to be better than: this part of the bandwidth, over the active bytes."""


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """
    One measurement beside what a fit without its source says.
    """

    row: Row
    speed: Range

    @property
    def error(self) -> float:
        return abs(self.speed.likely / self.row.tokens_per_s - 1)

    @property
    def held(self) -> bool:
        return self.speed.low <= self.row.tokens_per_s <= self.speed.high


Class = tuple[str, Callable[[Row], bool]]


def measure() -> tuple[OfSpeed, ...]:
    """
    Return the errors and how many rows the stated range holds, by class and over all.
    """
    measured = rows()
    _, blind = with_ranges(_copy(table("speed")), measured)
    found = [
        Predicted(row=row, speed=as_of_its_time(blind[row.source], row))
        for row in measured
        if can_be_predicted(row) and _counts(row)
    ]
    alone = [
        one for one in found if _one_device(one.row) and one.row.kind == "generation" and not one.row.deep
    ]
    return (
        *(
            _scores(name, own)
            for name, chosen in _classes()
            if len(own := [one for one in found if chosen(one.row)]) >= FEWEST_ROWS
        ),
        _scores(
            f"{DENSE}, by {THUMB} x bandwidth / bytes", [_thumb(one) for one in alone if not one.row.moe]
        ),
        _scores(SWEEPS, _sweeps(measured, blind)),
        *_by_device(found),
        _scores(EVERY, found),
    )


def _copy(constants: Constants) -> Constants:
    copied: Constants = msgspec.json.decode(msgspec.json.encode(constants))
    return copied


def _classes() -> tuple[Class, ...]:
    """
    Return the classes of the table: by what is known of the device, kind of model, placement, depth, and backend.
    """

    def generation(row: Row) -> bool:
        return row.kind == "generation" and not row.deep

    def prompt(row: Row) -> bool:
        return row.kind == "prompt" and not row.deep

    def alone(row: Row) -> bool:
        return _one_device(row)

    return (
        (SEEN, lambda row: generation(row) and alone(row) and _seen(row)),
        (UNSEEN, lambda row: generation(row) and alone(row) and not _seen(row)),
        (DENSE, lambda row: generation(row) and alone(row) and not row.moe),
        (EXPERTS, lambda row: generation(row) and alone(row) and row.moe),
        ("generation, several devices", lambda row: generation(row) and row.devices > 1 and not row.in_ram),
        (PARTIAL, lambda row: generation(row) and row.in_ram and not row.n_cpu_moe),
        (IN_RAM, lambda row: generation(row) and row.in_ram and row.n_cpu_moe > 0 and not row.paged),
        (
            IN_RAM + FILLED,
            lambda row: row.kind == "generation" and row.in_ram and row.paged,
        ),
        ("generation on the processor", lambda row: generation(row) and row.backend == CPU),
        (f"{DEEP}, dense models", lambda row: row.kind == "generation" and row.deep and not row.moe),
        (f"{DEEP}, mixtures", lambda row: row.kind == "generation" and row.deep and row.moe),
        (f"{PROMPTS}, known", lambda row: prompt(row) and alone(row) and _seen(row)),
        (f"{PROMPTS}, not seen before", lambda row: prompt(row) and alone(row) and not _seen(row)),
        (f"{PROMPTS}, dense models", lambda row: prompt(row) and alone(row) and not row.moe),
        (f"{PROMPTS}, mixtures of experts", lambda row: prompt(row) and alone(row) and row.moe),
        ("prompts, several devices", lambda row: prompt(row) and row.devices > 1 and not row.in_ram),
        ("prompts, partial offload", lambda row: prompt(row) and row.in_ram and not row.n_cpu_moe),
        (PROMPTS_IN_RAM, lambda row: prompt(row) and row.in_ram and row.n_cpu_moe > 0 and not row.paged),
        (
            PROMPTS_IN_RAM + FILLED,
            lambda row: row.kind == "prompt" and row.in_ram and row.paged,
        ),
        (PROMPTS_ON_PROCESSOR, lambda row: prompt(row) and row.backend == CPU),
        (f"{PROMPTS_DEEP}, dense models", lambda row: row.kind == "prompt" and row.deep and not row.moe),
        (f"{PROMPTS_DEEP}, mixtures", lambda row: row.kind == "prompt" and row.deep and row.moe),
        *(
            (
                f"{kind}, {backend}",
                lambda row, k=kind, b=backend: f"{row.kind}s".startswith(k) and row.backend == b,
            )
            for kind in ("generation", "prompts")
            for backend in ("cuda", "metal", "rocm", "vulkan")
        ),
    )


def _one_device(row: Row) -> bool:
    return row.backend != CPU and row.devices == 1 and not row.in_ram


def _counts(row: Row) -> bool:
    """
    Whether a row is of a kind that is told: prompts of old builds on processors, and tables of file types, are not.
    """
    return row.kind != "prompt" or row.backend != CPU or row in _processor_prompts()


@cache
def _processor_prompts() -> frozenset[Row]:
    return frozenset(row for row in of_processor_prompts(rows()) if not row.moe)


@cache
def _sources() -> dict[tuple[str, str | None, str], set[str]]:
    found: dict[tuple[str, str | None, str], set[str]] = defaultdict(set)
    for row in rows():
        found[row.kind, row.device, row.backend].add(row.source)
    return found


def _seen(row: Row) -> bool:
    """
    Whether another source has the device of a row.
    """
    return len(_sources()[row.kind, row.device, row.backend]) > 1


def _by_device(found: Sequence[Predicted]) -> list[OfSpeed]:
    """
    Return the scores of every class of devices on which rows enough stand.
    """
    constants = table("speed")
    groups: dict[str, list[Predicted]] = defaultdict(list)
    for one in found:
        if _one_device(one.row) and not one.row.deep:
            prompt = one.row.kind == "prompt"
            own = (prompt_row if prompt else device_row)(constants, one.row.gpu)["name"]
            groups[f"{'prompts' if prompt else 'generation'}: {own}"].append(one)
    return [_scores(name, own) for name, own in sorted(groups.items()) if len(own) >= FEWEST_ROWS]


def _sweeps(measured: Sequence[Row], blind: dict[str, Constants]) -> list[Predicted]:
    """
    Return the rows of partial offload, the speed of the RAM taken from the other points of the same sweep.
    """
    sweeps: dict[tuple[str, str | None, str], list[Row]] = defaultdict(list)
    for row in measured:
        if row.kind == "generation" and row.in_ram and row.ram_bandwidth_bytes_per_s is None:
            sweeps[row.source, row.device, row.model].append(row)
    found = []
    for sweep in sweeps.values():
        if len(sweep) < SWEEP:
            continue
        for row in sweep:
            speed = in_a_sweep(blind[row.source], row, [other for other in sweep if other is not row])
            if speed is not None:
                found.append(Predicted(row=row, speed=speed))
    return found


def _thumb(one: Predicted) -> Predicted:
    """
    Return the plain rule's figure for the same row.
    """
    assert one.row.bandwidth_bytes_per_s is not None
    rate = THUMB * one.row.bandwidth_bytes_per_s / one.row.gpu.active_bytes
    return Predicted(row=one.row, speed=Range(low=rate, likely=rate, high=rate))


def _scores(name: str, predicted: Sequence[Predicted]) -> OfSpeed:
    """
    Return the errors, and how many rows the stated range holds.
    """
    ordered = sorted(one.error for one in predicted)
    count = len(ordered)
    ranged = any(one.speed.low < one.speed.high for one in predicted)
    return OfSpeed(
        name=name,
        rows=count,
        sources=len(Counter(one.row.source for one in predicted)),
        median=round(median(ordered), 3),
        p90=round(ordered[int(0.9 * (count - 1))], 3),
        within_20=round(sum(error <= 0.2 for error in ordered) / count, 3),
        within_40=round(sum(error <= 0.4 for error in ordered) / count, 3),
        in_range=round(sum(one.held for one in predicted) / count, 3) if ranged else None,
    )


if __name__ == "__main__":
    print("\n".join(printed_speeds(measure())))
