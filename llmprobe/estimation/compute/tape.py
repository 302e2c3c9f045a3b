"""
Numbers that remember how they were computed, so that the same computation can be repeated for other numbers.

A graph is built and allocated once with such numbers in place of the batch, the outputs and the cells. Every sum and
product is kept on a tape, and every comparison with its result. For other sizes the tape is replayed: where all
comparisons come out as before, the graph has the same nodes in the same places, and only sizes differ.
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, cast

Operation = Callable[[int, int], Any]


class Tape:
    """
    What was computed from the inputs. ``values`` holds inputs, constants and results, each under its number.
    """

    __slots__ = ("_known", "_numbers", "guards", "inputs", "steps", "values")

    def __init__(self, inputs: Sequence[int]) -> None:
        self.inputs = len(inputs)
        self.values = list(inputs)
        self.steps: list[tuple[int, Operation, int, int]] = []
        self.guards: dict[tuple[Operation, int, int], bool] = {}
        self._numbers: dict[int, int] = {}
        self._known: dict[tuple[Operation, int, int], Symbol] = {}

    def symbols(self) -> tuple[int, ...]:
        """The inputs as numbers that write on this tape."""
        return tuple(cast("int", Symbol(self, i, self.values[i])) for i in range(self.inputs))

    def number(self, value: "int | Symbol") -> int:
        """Where a value stands: a result, or a constant, which is added if it is new."""
        if type(value) is Symbol:
            return value.number
        found = self._numbers.get(cast("int", value))
        if found is None:
            found = self._numbers[cast("int", value)] = len(self.values)
            self.values.append(cast("int", value))
        return found

    def compute(self, operation: Operation, a: "int | Symbol", b: "int | Symbol") -> "Symbol":
        """The result of an operation, which is put on the tape if it is new."""
        key = (operation, self.number(a), self.number(b))
        found = self._known.get(key)
        if found is None:
            values = self.values
            result = operation(values[key[1]], values[key[2]])
            found = self._known[key] = Symbol(self, len(values), result)
            self.steps.append((len(values), *key))
            values.append(result)
        return found

    def compare(self, operation: Operation, a: "int | Symbol", b: "int | Symbol") -> bool:
        """The result of a comparison, on which what follows depends."""
        key = (operation, self.number(a), self.number(b))
        found = self.guards.get(key)
        if found is None:
            found = self.guards[key] = bool(operation(self.values[key[1]], self.values[key[2]]))
        return found

    def close(self) -> None:
        """Forget what only serves to write."""
        self._numbers, self._known = {}, {}

    def replay(self, inputs: Sequence[int]) -> list[int] | None:
        """
        All values for other inputs, None where a comparison comes out otherwise.
        """
        values = self.values.copy()
        values[: self.inputs] = inputs
        for at, operation, a, b in self.steps:
            values[at] = operation(values[a], values[b])
        for (operation, a, b), expected in self.guards.items():
            if operation(values[a], values[b]) is not expected:
                return None
        return values


def rounded_up(size: int, multiple: int) -> int:
    """
    The next multiple; on a tape that is one step.
    """
    if type(size) is int:
        return -(-size // multiple) * multiple
    return cast("int", cast("Symbol", size).with_step(rounded_up, multiple))


class Symbol:
    """
    A number on a tape. It is used where an ``int`` is expected; what it cannot do it refuses with a TypeError.
    """

    __slots__ = ("known", "number", "products", "tape", "value")

    __hash__ = None  # type: ignore[assignment]  # as Python itself marks what is no key of a dict

    def __init__(self, tape: Tape, number: int, value: int) -> None:
        self.tape = tape
        self.number = number
        self.value = value
        self.known: dict[tuple[Operation, int], Symbol] = {}
        self.products: dict[int, Symbol] = {}

    def with_step(self, operation: Operation, other: "int | Symbol") -> "Symbol":
        """The result of an operation with another number."""
        if type(other) is not int:
            return self.tape.compute(operation, self, other)
        found = self.known.get((operation, other))
        if found is None:
            found = self.known[operation, other] = self.tape.compute(operation, self, other)
        return found

    def __add__(self, other: "int | Symbol") -> "Symbol":
        return self.with_step(operator.add, other)

    __radd__ = __add__

    def __sub__(self, other: "int | Symbol") -> "Symbol":
        return self.with_step(operator.sub, other)

    def __rsub__(self, other: "int | Symbol") -> "Symbol":
        return self.tape.compute(operator.sub, other, self)

    def __mul__(self, other: "int | Symbol") -> "Symbol":
        if type(other) is not int:
            return self.tape.compute(operator.mul, self, other)
        # Most dimensions are one.
        if other == 1:
            return self
        found = self.products.get(other)
        if found is None:
            found = self.products[other] = self.tape.compute(operator.mul, self, other)
        return found

    __rmul__ = __mul__

    def __floordiv__(self, other: "int | Symbol") -> "Symbol":
        return self.with_step(operator.floordiv, other)

    def __rfloordiv__(self, other: "int | Symbol") -> "Symbol":
        return self.tape.compute(operator.floordiv, other, self)

    def __mod__(self, other: "int | Symbol") -> "Symbol":
        return self.with_step(operator.mod, other)

    def __neg__(self) -> "Symbol":
        return self.tape.compute(operator.sub, 0, self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, int | Symbol):
            return NotImplemented
        return self is other or self.tape.compare(operator.eq, self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: "int | Symbol") -> bool:
        return self.tape.compare(operator.lt, self, other)

    def __le__(self, other: "int | Symbol") -> bool:
        return self.tape.compare(operator.le, self, other)

    def __gt__(self, other: "int | Symbol") -> bool:
        return self.tape.compare(operator.gt, self, other)

    def __ge__(self, other: "int | Symbol") -> bool:
        return self.tape.compare(operator.ge, self, other)

    def __bool__(self) -> bool:
        return self.tape.compare(operator.ne, self, 0)

    def __index__(self) -> int:
        self.tape.compare(operator.eq, self, self.value)
        return self.value
