"""
Fitting constants to measurements: least error of the logarithm, with few rows far off counting little.

Steps of Gauss and Newton, with numeric derivatives; a row's derivatives are taken by the constants that it uses. A
constant is drawn to where it is told, as strongly as some rows would. No other package is needed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import exp, log, sqrt
from typing import Any

import msgspec

from llmprobe.estimation.speed.parts import Constants

Path = tuple[str | int, ...]
"""Where a constant lies in the document."""

FAR = 0.07
"""From this error of the logarithm on a row counts less than by the square of it."""

_STEP = 0.01
_LONGEST = 0.5
_DAMPING = 1e-3


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """
    One measurement: its weight, the constants that it depends on, and measured over predicted time.
    """

    weight: float
    paths: tuple[Path, ...]
    ratio: Callable[[Constants], float]


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """
    Where a constant is drawn to, how strongly, and the most that it may be.
    """

    to: float
    strength: float
    most: float = float("inf")


def get(constants: Constants, path: Path) -> float:
    found: Any = constants
    for part in path:
        found = found[part]
    return float(found)


def put(constants: Constants, path: Path, value: float) -> None:
    found: Any = constants
    for part in path[:-1]:
        found = found[part]
    found[path[-1]] = value


class Linear(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a measurement says near some constants: its error, and how that changes with each constant.
    """

    weight: float
    error: float
    slopes: tuple[tuple[Path, float], ...]


def fitted(
    constants: Constants,
    observed: Sequence[Observed],
    drawn: Callable[[Constants], Mapping[Path, Drawn]],
    *,
    steps: int,
) -> None:
    """
    Change the constants to those of the least errors; ``drawn`` says before each step where they are drawn to.
    """
    for _ in range(steps):
        moved(constants, [linear(constants, one) for one in observed], drawn(constants))


def linear(constants: Constants, one: Observed) -> Linear:
    """
    The error of a measurement and its slopes near these constants, all in logarithms.
    """
    error = log(one.ratio(constants))
    slopes = []
    for path in one.paths:
        value = get(constants, path)
        put(constants, path, value * exp(_STEP))
        slopes.append((path, (log(one.ratio(constants)) - error) / _STEP))
        put(constants, path, value)
    return Linear(weight=one.weight, error=error, slopes=tuple(slopes))


def moved(constants: Constants, lines: Iterable[Linear], pulls: Mapping[Path, Drawn]) -> float:
    """
    Change the constants by one step; return the longest of a logarithm.
    """
    order = list(pulls)
    place = {path: number for number, path in enumerate(order)}
    matrix = [[0.0] * len(order) for _ in order]
    vector = [0.0] * len(order)
    for number, path in enumerate(order):
        pull = pulls[path]
        matrix[number][number] = pull.strength + _DAMPING
        vector[number] = pull.strength * log(pull.to / get(constants, path))
    for line in lines:
        weight = line.weight / sqrt(1 + (line.error / FAR) ** 2)
        for path, slope in line.slopes:
            row = place[path]
            vector[row] -= weight * slope * line.error
            for other, beside in line.slopes:
                matrix[row][place[other]] += weight * slope * beside
    moves = [max(-_LONGEST, min(_LONGEST, move)) for move in _solved(matrix, vector)]
    for path, move in zip(order, moves, strict=True):
        put(constants, path, min(get(constants, path) * exp(move), pulls[path].most))
    return max((abs(move) for move in moves), default=0.0)


def _solved(matrix: list[list[float]], vector: list[float]) -> list[float]:
    """
    Return the solution of equations whose matrix is symmetric and positive, by Gauss.
    """
    size = len(vector)
    rows = [[*line, vector[number]] for number, line in enumerate(matrix)]
    for pivot in range(size):
        own = rows[pivot]
        for line in rows[pivot + 1 :]:
            factor = line[pivot] / own[pivot]
            if factor:
                for column in range(pivot, size + 1):
                    line[column] -= factor * own[column]
    found = [0.0] * size
    for number in range(size - 1, -1, -1):
        line = rows[number]
        rest = line[size] - sum(line[column] * found[column] for column in range(number + 1, size))
        found[number] = rest / line[number]
    return found
