"""
The description of the API, made from the records that it reads and writes.

https://spec.openapis.org/oas/v3.1.0: its schemas are JSON Schema, as those of the documents.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from llmprobe._version import __version__
from llmprobe.facts import wire
from llmprobe.facts.settings import SettingsOptions
from llmprobe.server.questions import QUESTIONS, Asked

_Schemas = Mapping[str, dict[str, Any]]
"""The schema of each document, by its name."""

_REF = "#/components/schemas/{name}"
_ERRORS = {
    "400": "The question cannot be: a body of another kind, a setting out of range.",
    "401": "A token is needed.",
    "403": "The page that asks is of another site.",
    "404": "No model has that name.",
    "413": "The body is too large.",
    "415": "The body is not application/json.",
    "421": "The server is not called by this name.",
    "422": "llama.cpp refuses these settings for this model.",
    "500": "The answer failed.",
    "503": "Too many questions at once: ask again.",
    "504": "The answer took too long.",
}
_OF_READING = ("400", "401", "403", "404", "421", "500", "503", "504")


def openapi() -> dict[str, Any]:
    """
    The OpenAPI document.
    """
    records = wire.documents()
    documents = ("snapshot", "models", *(asked.document for asked in QUESTIONS.values()), "error")
    kinds = [*(records[name] for name in documents), *(asked.body for asked in QUESTIONS.values())]
    refs, components = wire.json_schemas(kinds, _REF)
    # A TypedDict, which msgspec cannot close itself; what answers refuses other names (``expect_known_settings``).
    components[SettingsOptions.__name__]["additionalProperties"] = False
    by_kind = dict(zip(kinds, refs, strict=True))
    schemas = {name: by_kind[records[name]] for name in documents}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "llmprobe",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            **_readings(schemas),
            **{
                f"/v1/{name}": _question(name, asked, by_kind[asked.body], schemas)
                for name, asked in QUESTIONS.items()
            },
        },
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


def _readings(schemas: _Schemas) -> dict[str, Any]:
    """
    The paths that are read by GET: the page, the machine, the models and the metrics.
    """
    return {
        "/": {
            "get": {
                "operationId": "page",
                "summary": "A page for people, which asks the other paths. It needs no token.",
                "security": [{}],
                "responses": _responses(
                    "The page.", "text/html", {"type": "string"}, schemas, ("403", "421")
                ),
            }
        },
        "/v1/snapshot": {
            "get": {
                "operationId": "snapshot",
                "summary": "The machine as it is.",
                "responses": _answers("snapshot", schemas, _OF_READING),
            }
        },
        "/v1/models": {
            "get": {
                "operationId": "models",
                "summary": "The models of the catalog, or those that a text may mean.",
                "parameters": [{"name": "q", "in": "query", "required": False, "schema": {"type": "string"}}],
                "responses": _answers("models", schemas, _OF_READING),
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "The machine for Prometheus.",
                "responses": _responses("Metrics.", "text/plain", {"type": "string"}, schemas, _OF_READING),
            }
        },
    }


def _question(name: str, asked: Asked, body: dict[str, Any], schemas: _Schemas) -> dict[str, Any]:
    """
    The path of a question, which is asked by POST with a JSON ``body``.
    """
    return {
        "post": {
            "operationId": name,
            "summary": asked.about,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": _answers(asked.document, schemas, _ERRORS),
        }
    }


def _answers(document: str, schemas: _Schemas, codes: Iterable[str]) -> dict[str, Any]:
    return _responses("The answer.", "application/json", schemas[document], schemas, codes)


def _responses(
    about: str, media_type: str, schema: dict[str, Any], schemas: _Schemas, codes: Iterable[str]
) -> dict[str, Any]:
    """
    The responses of a path by their status: the answer, and an error document for each of the codes.
    """
    error = {"application/json": {"schema": schemas["error"]}}
    return {
        "200": {"description": about, "content": {media_type: {"schema": schema}}},
        **{code: {"description": _ERRORS[code], "content": error} for code in codes},
    }
