"""
Cells as compact columns: each figure once for all that it depends on.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

from llmprobe.facts.report import AxisName, Cell, Column

Key = tuple[str, int | None]
"""The name of a column, and the place of its device, None of a figure of all."""


def columns(axes: Mapping[AxisName, Sequence[Cell]], cells: Sequence[Mapping[Key, Cell]]) -> Iterator[Column]:
    """
    Yield the columns of a full product of axes, whose cells come in the order of ``product``.

    What is None everywhere, or of a device 0, has no column.
    """
    names = {name: None for cell in cells for name in cell}
    for name, device in names:
        values = [cell.get((name, device)) for cell in cells]
        if any(value is not None and (device is None or value) for value in values):
            needed, reduced = _reduced({axis: len(stops) for axis, stops in axes.items()}, values)
            yield _column(name, device, needed, reduced)


def _column(name: str, device: int | None, axes: tuple[AxisName, ...], values: list[Cell]) -> Column:
    """
    A column in the shorter of its two forms.
    """
    distinct = list({_typed(value): value for value in values}.values())
    places = {_typed(value): place for place, value in enumerate(distinct)}
    by_place: list[Cell] = [places[_typed(value)] for value in values]
    if _length(distinct) + _length(by_place) < _length(values):
        return Column(name=name, device=device, axes=axes, values=tuple(by_place), distinct=tuple(distinct))
    return Column(name=name, device=device, axes=axes, values=tuple(values))


def _typed(value: Cell) -> tuple[type, Cell]:
    """
    A value apart from those of other kinds that Python takes for equal: 1 and True.
    """
    return type(value), value


def _length(values: Sequence[Cell]) -> int:
    return len(json.dumps(values, separators=(",", ":")))


def _reduced(sizes: Mapping[AxisName, int], values: list[Cell]) -> tuple[tuple[AxisName, ...], list[Cell]]:
    """
    The axes that a figure depends on, and its values along these alone.
    """
    left = dict(sizes)
    for axis in sizes:
        names = list(left)
        at = names.index(axis)
        inner = prod(left[name] for name in names[at + 1 :])
        count = left[axis]
        outer = len(values) // (inner * count)
        first = [
            values[(place * count) * inner + rest] for place, rest in product(range(outer), range(inner))
        ]
        same = all(
            _typed(values[(place * count + stop) * inner + rest]) == _typed(first[place * inner + rest])
            for place, stop, rest in product(range(outer), range(count), range(inner))
        )
        if same:
            values = first
            del left[axis]
    return tuple(left), values
