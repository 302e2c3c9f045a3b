"""
The paths of ``llmprobe serve`` and what they are asked with, from its own description.
"""

from collections.abc import Iterator
from typing import Any

from docs.manual.records import lines_of, records
from llmprobe.server.openapi import openapi


def page() -> str:
    """
    Return every path with its answers, then every record that a question is made of.
    """
    return "\n".join(_lines(openapi()))


def _lines(description: dict[str, Any]) -> Iterator[str]:
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"## {method.upper()} {path}\n"
            yield f"{operation['summary']}\n"
            body = operation.get("requestBody")
            if body is not None:
                name = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
                yield f"The body is a [{name}](#{name.lower()}).\n"
            yield from _table(operation)
    for name, record in description["components"]["schemas"].items():
        if name not in records():
            yield from lines_of(name, record)


def _table(operation: dict[str, Any]) -> Iterator[str]:
    yield "| status | |"
    yield "|---|---|"
    yield from (f"| {code} | {answer['description']} |" for code, answer in operation["responses"].items())
    yield ""
