"""
Records to JSON and back, and their JSON Schemas.

A document starts with its schema id. Fields may be added under the same number; the number changes
only when something breaks. ``null`` is kept: unknown and absent are not the same.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from llmprobe.facts.estimate import Estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList
from llmprobe.facts.recommendation import Recommendation
from llmprobe.words.message import Message, Value

T = TypeVar("T")

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "snapshot": Snapshot,
    "models": ModelList,
    "estimate": Estimate,
    "recommendation": Recommendation,
}


def encode(document: msgspec.Struct, text: Callable[[Message], str] = str) -> str:
    """
    One JSON document, indented, ending in a newline, the same on every run for the same record.

    A message is ``{"id", "text", "values"}``; ``text`` gives its sentence, in English where nothing else is said.
    """

    def said(value: Any) -> Any:
        if isinstance(value, Message):
            return {"id": value.id, "text": text(value), "values": value.values}
        raise NotImplementedError(f"{type(value).__name__} is not part of a document")

    return msgspec.json.format(msgspec.json.encode(document, enc_hook=said), indent=2).decode() + "\n"


def decode(text: str | bytes, kind: type[T]) -> T:
    """
    The record that a document holds.

    Raises:
        msgspec.ValidationError: a field has the wrong kind of value.
        msgspec.DecodeError: it is no JSON.
    """
    return msgspec.json.decode(text, type=kind, dec_hook=_read)


def json_schema(kind: str) -> dict[str, Any]:
    """
    The JSON Schema of one of ``DOCUMENTS``.
    """
    schema = msgspec.json.schema(DOCUMENTS[kind], schema_hook=_schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _read(kind: type, value: Any) -> Any:
    if kind is Message:
        if not (isinstance(value, dict) and isinstance(value.get("id"), str)):
            raise ValueError("a message has an id, a text and values")
        return Message(value["id"], {name: _value(one) for name, one in value.get("values", {}).items()})
    raise NotImplementedError(f"{kind.__name__} is not part of a document")


def _value(value: Any) -> Value:
    if isinstance(value, list):
        return tuple(_value(one) for one in value)
    if isinstance(value, dict):
        found: Message = _read(Message, value)
        return found
    plain: str | int | float | bool | None = value
    return plain


def _schema(kind: type) -> dict[str, Any]:
    if kind is Message:
        return {
            "type": "object",
            "description": "What is said: the stable id of its sentence, the sentence in the language that was asked "
            "for, and the values in it for programs.",
            "properties": {
                "id": {"type": "string"},
                "text": {"type": "string"},
                "values": {"type": "object"},
            },
            "required": ["id", "text", "values"],
        }
    raise NotImplementedError(f"{kind.__name__} is not part of a document")
