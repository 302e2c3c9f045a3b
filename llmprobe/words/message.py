"""
A message: an id and values. Nothing here knows a sentence.
"""

from collections.abc import Mapping
from typing import Union

Value = Union[str, int, float, bool, None, "Message", tuple["Value", ...]]
"""What a sentence can be filled with: plain values, other messages, and lists of either."""


class Message:
    """
    The id of a sentence and the values that fill it. Immutable, equal by content.

    Values keep their type (sizes are integers of bytes), so that programs read them and each language formats them.
    ``str()`` gives the English sentence.
    """

    __slots__ = ("_hash", "id", "values")

    id: str
    values: Mapping[str, Value]

    def __init__(self, id: str, values: Mapping[str, Value] | None = None) -> None:  # noqa: A002 - the field's name in documents
        object.__setattr__(self, "id", id)
        object.__setattr__(self, "values", dict(values or {}))
        object.__setattr__(
            self, "_hash", hash((id, tuple(sorted(self.values.items(), key=lambda pair: pair[0]))))
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a message is immutable: {name} cannot be set")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and self.id == other.id and self.values == other.values

    def __hash__(self) -> int:
        value: int = self._hash  # type: ignore[attr-defined]
        return value

    def __reduce__(self) -> tuple[type["Message"], tuple[str, Mapping[str, Value]]]:
        # Pickled and copied by its content: its fields cannot be set one by one.
        return Message, (self.id, self.values)

    def __repr__(self) -> str:
        return f"message({self.id!r}{''.join(f', {name}={value!r}' for name, value in self.values.items())})"

    def __str__(self) -> str:
        from llmprobe.words.render import english

        return english(self)


def message(id: str, /, **values: Value) -> Message:  # noqa: A002 - the field's name in documents
    """
    The message of an id with its values. The id is always a literal: a test compares each with the catalogues.
    """
    return Message(id, values)
