"""
One way against the others: when a purchase repays itself, and from which figure on.
"""

from collections.abc import Iterator

import msgspec

from llmprobe.advise.cost.ranges import exactly
from llmprobe.advise.cost.running import break_even, energy_of_a_million, rent_above, written_above
from llmprobe.facts.cost import BreakEven, CostWay, CostWishes, Work
from llmprobe.facts.estimate import Range


def compared(way: CostWay, ways: list[CostWay], work: Work, wishes: CostWishes) -> CostWay:
    """
    A way with its break-even against rent and against an API; only a machine at home has any.
    """
    if way.kind not in ("here", "hardware") or way.per_month is None or way.first_cost is None:
        return way
    return msgspec.structs.replace(way, break_even=tuple(_against(way, ways, work, wishes)))


def _against(way: CostWay, ways: list[CostWay], work: Work, wishes: CostWishes) -> Iterator[BreakEven]:
    for other in (cheapest_rent(ways), next((one for one in ways if one.kind == "api"), None)):
        if other is None or other.per_month is None or way.per_month is None or way.first_cost is None:
            continue
        found = break_even(
            way.first_cost,
            way.per_month,
            other.per_month,
            horizon=wishes.months,
            against=other.id,
            enough=way.enough is not False,
        )
        reads = work.read_per_day / work.written_per_day
        saved = _of_a_million(other, reads) - _of_a_million(way, reads)
        idle = 0.0 if way.idle_per_month is None else way.idle_per_month.likely
        yield msgspec.structs.replace(
            found,
            written_per_day_above=written_above(
                way.first_cost.likely + idle * wishes.months, wishes.months, saved
            ),
            rent_above=_rent_above(way, other, wishes) if other.kind == "rent" else None,
            power_below=_power_below(way, other, reads) if way.first_cost.high == 0 else None,
        )


def cheapest_rent(ways: list[CostWay]) -> CostWay | None:
    """
    The rented machine that costs least a month for the work, among those that can do it.
    """
    known = [
        one for one in ways if one.kind == "rent" and one.per_month is not None and one.enough is not False
    ]
    return min(known, key=lambda one: likely(one.per_month), default=None)


def likely(figure: Range | None) -> float:
    """
    The likely figure of a known range.
    """
    assert figure is not None
    return figure.likely


def _of_a_million(way: CostWay, reads: float) -> float:
    """
    What a million written tokens cost with what is read for them.
    """
    written = likely(way.per_million_written)
    return written + (0.0 if way.per_million_read is None else way.per_million_read.likely * reads)


def _rent_above(way: CostWay, other: CostWay, wishes: CostWishes) -> float | None:
    if way.first_cost is None or way.per_month is None or other.hours_per_day is None:
        return None
    return rent_above(
        way.first_cost.likely, way.per_month.likely, other.hours_per_day.likely * other.count, wishes.months
    )


def _power_below(way: CostWay, other: CostWay, reads: float) -> float | None:
    """
    The price of a kWh at which a token costs the same here and there.
    """
    if way.watts is None or way.written_per_s is None:
        return None
    one = exactly(1.0)
    kwh = energy_of_a_million(way.watts.load, way.written_per_s, one).likely
    if way.read_per_s is not None:
        kwh += energy_of_a_million(way.watts.load, way.read_per_s, one).likely * reads
    return _of_a_million(other, reads) / kwh
