"""
Records to JSON and back, and their JSON Schemas.

A document starts with its schema id. Fields may be added under the same number; the number changes
only when something breaks. ``null`` is kept: unknown and absent are not the same.
"""

from typing import Any, TypeVar

import msgspec

from llmprobe.facts.estimate import Estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelList
from llmprobe.facts.recommendation import Recommendation

T = TypeVar("T")

DOCUMENTS: dict[str, type[msgspec.Struct]] = {
    "snapshot": Snapshot,
    "models": ModelList,
    "estimate": Estimate,
    "recommendation": Recommendation,
}


def encode(document: msgspec.Struct) -> str:
    """
    Return one JSON document, indented, ending in a newline, the same on every run for the same record.
    """
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def decode(text: str | bytes, kind: type[T]) -> T:
    """
    Return the record that a document holds.

    Raises:
        msgspec.ValidationError: a field has the wrong kind of value.
        msgspec.DecodeError: it is no JSON.
    """
    return msgspec.json.decode(text, type=kind)


def json_schema(kind: str) -> dict[str, Any]:
    """
    Return the JSON Schema of one of ``DOCUMENTS``.
    """
    schema = msgspec.json.schema(DOCUMENTS[kind])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
