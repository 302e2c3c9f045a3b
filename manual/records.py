"""
The documents of ``--json``, from their JSON Schemas: which there are, and every field of every record.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from manual.text import paragraphs, plain

SCHEMAS = Path(__file__).parents[1] / "llmprobe" / "schemas"
COMMANDS = {
    "bench": "bench",
    "cost": "cost",
    "error": "any command that cannot answer",
    "estimate": "estimate",
    "fit": "fit",
    "models": "models",
    "plan": "plan",
    "recommendation": "recommend",
    "recording": "record",
    "snapshot": "check, watch",
    "upgrade": "upgrade",
    "verify": "verify",
}
"""Who prints a document. One without an entry is shown without."""
MESSAGE = frozenset({"id", "text", "values"})


@cache
def schemas() -> dict[str, dict[str, Any]]:
    """
    Return the schema of each kind of document.
    """
    return {
        path.stem: json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCHEMAS.glob("*.json"))
    }


@cache
def records() -> dict[str, dict[str, Any]]:
    """
    Return every record by its name; where two documents have different ones of a name, that of the later has its kind.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind, schema in schemas().items():
        records = schema["$defs"]
        text = json.dumps(records)
        renamed = {
            name: name if found.get(name, record) == record else f"{name} of {kind}"
            for name, record in records.items()
        }
        for name, other in renamed.items():
            text = text.replace(f'"#/$defs/{name}"', f'"#/$defs/{other}"')
        found |= {renamed[name]: record for name, record in json.loads(text).items()}
    return found


def documents() -> str:
    """
    Return the table of documents.
    """
    lines = ["| schema | printed by | record |", "|---|---|---|"]
    for kind, schema in schemas().items():
        name = schema["$ref"].rpartition("/")[2]
        identity = schema["$defs"][name]["properties"].get("schema", {}).get("const", f"llmprobe.{kind}/1")
        lines.append(f"| `{identity}` | {COMMANDS.get(kind, '')} | [{name}](records.md#{_anchor(name)}) |")
    return "\n".join(lines)


def page() -> str:
    """
    Return every record, by name, with its fields.
    """
    return "\n".join(line for name in sorted(records()) for line in lines_of(name, records()[name]))


def lines_of(name: str, record: dict[str, Any]) -> Iterator[str]:
    """
    Yield what is said of one record: its name, its description, and a row for each field.
    """
    yield f"## {plain(name)}\n"
    yield from (f"{paragraph}\n" for paragraph in paragraphs(record.get("description", "")))
    yield "| field | type | |"
    yield "|---|---|---|"
    needed = record.get("required", ())
    for field, schema in record["properties"].items():
        yield f"| `{field}` | {shown(schema)} | {'always there' if field in needed else _default(schema)} |"
    yield ""


def shown(schema: dict[str, Any]) -> str:
    """
    Return the type of a field for people.
    """
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{plain(name)}](#{_anchor(name)})"
    if "anyOf" in schema:
        return " or ".join(shown(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        values = schema.get("enum", [schema.get("const")])
        return ", ".join(f"`{value}`" for value in values)
    if schema.get("type") == "array":
        items = schema.get("items") or {"anyOf": schema.get("prefixItems", [{}])}
        return f"list of {shown(items)}"
    if schema.get("type") == "object":
        if schema.get("properties", {}).keys() >= MESSAGE:
            return "message"
        if "additionalProperties" in schema:
            return f"map to {shown(schema['additionalProperties'])}"
        return "object"
    return str(schema.get("type", "anything"))


def _default(schema: dict[str, Any]) -> str:
    """
    What a field is where it is not given, unless it is empty then.
    """
    default = schema.get("default")
    return "" if default in (None, [], {}) else f"`{json.dumps(default)}` by default"


def _anchor(name: str) -> str:
    return re.sub(r"[^\w -]", "", name).strip().lower().replace(" ", "-")
