"""
How close the loss of quantizations comes to published figures of models that the table did not see.

Each model is left out in turn: the table is fitted to the others, and every figure of it is predicted. That is done
twice: with what was measured of its family's factor left out too, and with it kept, as the program has it.
"""

from collections.abc import Iterable, Sequence
from statistics import median

import msgspec

from benchmarks.fit_quality import DATA, Row, fitted, predicted, rows, without
from llmprobe.advise.choose.loss import Data, spread_of

KINDS = {"file": "published files", "type": "one type in all matrices", "mixed": "publishers' mixtures"}
BARS = {"file": (1.25, 2.8), "type": (1.45, 3.4), "mixed": (1.45, 3.4)}
"""What the errors must be at the median and at the 90th percentile, as factors; those of mixtures are ours."""


class OfKind(msgspec.Struct, frozen=True, kw_only=True):
    """
    The errors of one kind of rows, as factors of 1 and above; ``in_range`` is the part that the stated range holds,
    ``blind_in_range`` that of which the wide range of families that nobody measured holds.
    """

    kind: str
    rows: int
    models: int
    median: float
    p90: float
    in_range: float
    blind_median: float
    blind_p90: float
    blind_in_range: float

    @property
    def held(self) -> bool:
        """Whether the bars are met by what the program has."""
        middle, far = BARS[self.kind]
        return self.median <= middle and self.p90 <= far


def measure() -> tuple[OfKind, ...]:
    """
    The errors of every kind, each model predicted by a fit that did not see it.
    """
    data = msgspec.json.decode(DATA.read_bytes())
    measured = rows()
    known = all_errors(data, measured, blind=False)
    blind = all_errors(data, measured, blind=True)
    found = []
    for kind in KINDS:
        ratios = [ratio for row, ratio in known if row.kind == kind]
        far = [ratio for row, ratio in blind if row.kind == kind]
        errors, unaided = _factors(ratios), _factors(far)
        held = [_holds(spread_of(data, row.model), ratio) for row, ratio in known if row.kind == kind]
        wide = data["spread"]["unmeasured"]
        found.append(
            OfKind(
                kind=kind,
                rows=len(errors),
                models=len({row.model for row, _ in known if row.kind == kind}),
                median=median(errors),
                p90=_p90(errors),
                in_range=sum(held) / len(held),
                blind_median=median(unaided),
                blind_p90=_p90(unaided),
                blind_in_range=sum(_holds(wide, ratio) for ratio in far) / len(far),
            )
        )
    return tuple(found)


def all_errors(data: dict[str, object], measured: Sequence[Row], *, blind: bool) -> list[tuple[Row, float]]:
    """
    Every row, and how many times its figure was predicted.
    """
    found = []
    for model in sorted({row.model for row in measured if row.kind in KINDS}):
        base = without(data, {model}) if blind else data
        fit = fitted(base, [row for row in measured if row.model != model])
        found += [
            (row, predicted(fit, row) / row.divergence)
            for row in measured
            if row.model == model and row.kind in KINDS
        ]
    return found


def _holds(spread: Data, ratio: float) -> bool:
    """
    Whether a range, of which a prediction was so many times the measurement, holds that.
    """
    return bool(spread["low"] <= 1 / ratio <= spread["high"])


def _factors(ratios: Iterable[float]) -> list[float]:
    return sorted(max(ratio, 1 / ratio) for ratio in ratios)


def _p90(errors: Sequence[float]) -> float:
    return errors[min(len(errors) - 1, int(0.9 * len(errors)))]
