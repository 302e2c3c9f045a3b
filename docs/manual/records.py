"""
The documents of ``--json``, from their JSON Schemas: which there are, and every field of every record.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docs.manual.text import paragraphs, plain

SCHEMAS = Path(__file__).parents[2] / "llmprobe" / "schemas"
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
    Return every record by its title: its name, and the kind of document where most have another of that name.
    """
    texts: dict[str, Counter[str]] = defaultdict(Counter)
    for schema in schemas().values():
        for name, record in schema["$defs"].items():
            texts[name][json.dumps(record)] += 1
    found: dict[str, dict[str, Any]] = {}
    for kind, schema in schemas().items():
        usual = {name: texts[name].most_common(1)[0][0] for name in schema["$defs"]}
        own = [name for name, record in schema["$defs"].items() if json.dumps(record) != usual[name]]
        found |= {name: json.loads(text) for name, text in usual.items()}
        found |= {f"{name} of {kind}": _within(schema["$defs"][name], own, kind) for name in own}
    return found


def _within(record: dict[str, Any], own: list[str], kind: str) -> dict[str, Any]:
    """
    Return a record of one kind of document whose references lead to those records that only this kind has so.
    """
    text = json.dumps(record)
    for name in own:
        text = text.replace(f'"#/$defs/{name}"', f'"#/$defs/{name} of {kind}"')
    changed: dict[str, Any] = json.loads(text)
    return changed


def documents() -> str:
    """
    Return the table of documents, each with what its record says first.
    """
    lines = ["| schema | what it is | record |", "|---|---|---|"]
    for kind, schema in schemas().items():
        name = schema["$ref"].rpartition("/")[2]
        record = schema["$defs"][name]
        identity = record["properties"].get("schema", {}).get("const", f"llmprobe.{kind}/1")
        first = paragraphs(record.get("description", ""))[0]
        lines.append(f"| `{identity}` | {first} | [{name}](records.md#{_anchor(name)}) |")
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
