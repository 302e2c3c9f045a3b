"""
``python -m tests.output.schemas``: writes the JSON Schemas of the documents as the records are now.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from llmprobe.facts import wire
from llmprobe.source.recording import document

FOLDER = Path(__file__).parents[2] / "llmprobe" / "schemas"


KINDS = (*wire.documents(), "recording")


def generated(kind: str) -> str:
    """
    Return the schema of a kind of document as it is to be committed.
    """
    schema = _recording() if kind == "recording" else wire.json_schema(kind)
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _recording() -> dict[str, Any]:
    """
    Return the schema of the file that ``llmprobe record`` writes, which is no record of ``facts``.
    """
    schema = msgspec.json.schema(document._Document)
    schema["$defs"]["_Document"]["properties"]["schema"] = {"const": document.SCHEMA}
    text = json.dumps(schema).replace("_Document", "Recording")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **json.loads(text)}


if __name__ == "__main__":
    for name in KINDS:
        (FOLDER / f"{name}.json").write_text(generated(name), encoding="utf-8")
