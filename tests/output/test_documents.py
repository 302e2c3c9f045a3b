"""
Documents for tools: they begin with their schema, keep unknowns, and are what the committed schemas say.
"""

import json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from llmprobe import schemas
from llmprobe.facts import wire
from llmprobe.output.documents import to_json
from tests.output import samples
from tests.output.schemas import FOLDER, KINDS, generated

MACHINES = Path(__file__).parents[2] / "fixtures" / "machines"
DOCUMENTS = [
    ("snapshot", samples.rtx4090()),
    ("snapshot", samples.m3max()),
    ("snapshot", samples.container()),
    ("estimate", samples.estimate()),
    ("estimate", samples.estimate(fits=None)),
    ("recommendation", samples.recommendation()),
    ("recommendation", samples.refusal()),
    ("models", samples.models()),
    ("error", samples.error()),
]


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_as_generated(kind: str) -> None:
    """
    The committed schema is the one of the records; `make schemas` rewrites it.
    """
    assert schemas.text(kind) == generated(kind)


def test_no_schema_is_left_over() -> None:
    """
    There is a schema for each kind of document and for nothing else.
    """
    assert {path.stem for path in FOLDER.glob("*.json")} == set(KINDS)


@pytest.mark.parametrize(("kind", "record"), DOCUMENTS)
def test_documents_keep_to_their_schema(kind: str, record: msgspec.Struct) -> None:
    """
    A document validates against the committed schema of its kind.
    """
    schema = json.loads(schemas.text(kind))
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)

    assert list(validator(schema).iter_errors(json.loads(to_json(record)))) == []


@pytest.mark.parametrize(("kind", "record"), DOCUMENTS)
def test_documents_begin_with_their_schema(kind: str, record: msgspec.Struct) -> None:
    """
    The first fields are the schema's id, the version, and whether it is about this machine.
    """
    document = json.loads(to_json(record))

    assert document["schema"] == f"llmprobe.{kind}/1"
    assert list(document)[:3] == ["schema", "llmprobe_version", "this_machine"]


@pytest.mark.parametrize(("kind", "record"), DOCUMENTS)
def test_documents_can_be_read_back(kind: str, record: msgspec.Struct) -> None:
    """
    Decoding a document gives the record that it was made of.
    """
    assert wire.decode(to_json(record), wire.documents()[kind]) == record


@pytest.mark.parametrize("path", sorted(MACHINES.glob("*/recording.json")), ids=lambda path: path.parent.name)
def test_recordings_keep_to_their_schema(path: Path) -> None:
    """
    Every recorded machine validates against the committed schema of recordings.
    """
    jsonschema.validate(json.loads(path.read_text(encoding="utf-8")), json.loads(schemas.text("recording")))


def test_schema_rejects_a_size_that_is_text() -> None:
    """
    The schema is strict enough to tell a number from a text.
    """
    document = json.loads(to_json(samples.rtx4090()))
    document["pools"][0]["total_bytes"] = "64 GiB"

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, json.loads(schemas.text("snapshot")))
