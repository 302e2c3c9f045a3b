"""
Reads messages in tests: by id, and their values with the type that is expected.
"""

from collections.abc import Iterable

from llmprobe.words.message import Message


def ids(messages: Iterable[Message]) -> list[str]:
    """
    The ids of messages, in order.
    """
    return [one.id for one in messages]


def named(messages: Iterable[Message], *names: str) -> list[Message]:
    """
    The messages with one of these ids.
    """
    return [one for one in messages if isinstance(one, Message) and one.id in names]


def the(messages: Iterable[Message], *names: str) -> Message:
    """
    The one message with one of these ids.
    """
    (found,) = named(messages, *names)
    return found


def number(said: Message, name: str) -> int:
    """
    A whole number among the values.
    """
    value = said.values[name]
    assert isinstance(value, int)
    return value


def figure(said: Message, name: str) -> float:
    """
    A number among the values.
    """
    value = said.values[name]
    assert isinstance(value, int | float)
    return float(value)


def inner(said: Message, name: str) -> Message:
    """
    A message among the values.
    """
    value = said.values[name]
    assert isinstance(value, Message)
    return value


def listed(said: Message, name: str) -> tuple[Message, ...]:
    """
    Messages among the values.
    """
    value = said.values[name]
    assert isinstance(value, tuple)
    found = tuple(one for one in value if isinstance(one, Message))
    assert len(found) == len(value)
    return found
