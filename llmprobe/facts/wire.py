"""
Records to JSON and back, and their JSON Schemas.

A document starts with its schema id. Fields may be added under the same number; the number changes
only when something breaks. ``null`` is kept: unknown and absent are not the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from llmprobe.harmless import harmless, harmless_json
from llmprobe.words.message import Message, Value

T = TypeVar("T")

_SURROGATE = r"[\ud800-\udfff]"


def encode(
    document: msgspec.Struct, text: Callable[[Message], str] = str, *, in_one_line: bool = False
) -> str:
    """
    One JSON document, indented or in one line, ending in a newline, the same on every run for the same record.

    A message is ``{"id", "text", "values"}``; ``text`` gives its sentence, by default in English. A byte of a file's
    name that is not UTF-8, which JSON has no sign for, becomes the text ``\\xff``. Signs that command a terminal or
    turn the direction of a line are JSON's own escapes.
    """

    def as_fields(value: Any) -> Any:
        if isinstance(value, Message):
            return {"id": value.id, "text": text(value), "values": value.values}
        raise NotImplementedError(f"{type(value).__name__} is not part of a document")

    try:
        encoded = msgspec.json.encode(document, enc_hook=as_fields)
    except UnicodeEncodeError:
        builtins = msgspec.to_builtins(document, enc_hook=as_fields)
        encoded = msgspec.json.encode(_without_surrogates(builtins))
    if not in_one_line:
        encoded = msgspec.json.format(encoded, indent=2)
    return harmless_json(encoded.decode()) + "\n"


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return re.sub(_SURROGATE, lambda found: harmless(found[0]), value)
    if isinstance(value, dict):
        return {_without_surrogates(name): _without_surrogates(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_surrogates(one) for one in value]
    return value


def decode(text: str | bytes, kind: type[T]) -> T:
    """
    The record that a document holds.

    Raises:
        msgspec.ValidationError: a field has the wrong kind of value.
        msgspec.DecodeError: it is no JSON.
    """
    return msgspec.json.decode(text, type=kind, dec_hook=_read)


def documents() -> dict[str, type[msgspec.Struct]]:
    """
    The record of each document, by the name of its schema.
    """
    # Whoever prints one document loads the records of no other.
    from llmprobe.facts.bench import Bench
    from llmprobe.facts.cost import Cost
    from llmprobe.facts.error import ErrorDocument
    from llmprobe.facts.estimate import Estimate
    from llmprobe.facts.fit import Fit
    from llmprobe.facts.fleet import Fleet, FleetFit, FleetRecommendation
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelList
    from llmprobe.facts.plan import Plan
    from llmprobe.facts.recommendation import Recommendation
    from llmprobe.facts.report import Report
    from llmprobe.facts.serving import ServingEstimate
    from llmprobe.facts.setting import Setting
    from llmprobe.facts.upgrade import Upgrade
    from llmprobe.facts.verification import Verification

    return {
        "snapshot": Snapshot,
        "models": ModelList,
        "estimate": Estimate,
        "serving": ServingEstimate,
        "recommendation": Recommendation,
        "fit": Fit,
        "fleet": Fleet,
        "fleet-fit": FleetFit,
        "fleet-recommendation": FleetRecommendation,
        "plan": Plan,
        "upgrade": Upgrade,
        "cost": Cost,
        "bench": Bench,
        "verify": Verification,
        "report": Report,
        "setting": Setting,
        "error": ErrorDocument,
    }


def json_schema(kind: str) -> dict[str, Any]:
    """
    The JSON Schema of one of ``documents``.
    """
    schema = msgspec.json.schema(documents()[kind], schema_hook=_schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def json_schemas(
    kinds: Iterable[type[msgspec.Struct]], reference: str
) -> tuple[tuple[dict[str, Any], ...], dict[str, Any]]:
    """
    References to the JSON Schemas of records, written as ``reference`` (``#/defs/{name}``), and all that they use.
    """
    return msgspec.json.schema_components(kinds, schema_hook=_schema, ref_template=reference)


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
            "description": "A message: the stable id of its sentence, the sentence in the requested language, and "
            "its values for programs.",
            "properties": {
                "id": {"type": "string"},
                "text": {"type": "string"},
                "values": {"type": "object"},
            },
            "required": ["id", "text", "values"],
        }
    raise NotImplementedError(f"{kind.__name__} is not part of a document")
