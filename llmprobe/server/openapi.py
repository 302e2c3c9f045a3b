"""
The description of the API, made from the records that it reads and writes.

https://spec.openapis.org/oas/v3.1.0: its schemas are JSON Schema, as those of the documents.
"""

from typing import Any

from llmprobe._version import __version__
from llmprobe.facts import wire
from llmprobe.server.questions import QUESTIONS

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
    by_kind = dict(zip(kinds, refs, strict=True))

    def answered(name: str) -> dict[str, Any]:
        return {"application/json": {"schema": by_kind[records[name]]}}

    def responses(name: str, *codes: str) -> dict[str, Any]:
        failed = {code: {"description": _ERRORS[code], "content": answered("error")} for code in codes}
        return {"200": {"description": "The answer.", "content": answered(name)}, **failed}

    paths: dict[str, Any] = {
        "/": {
            "get": {
                "operationId": "page",
                "summary": "A page for people, which asks the other paths. It needs no token.",
                "security": [{}],
                "responses": {
                    "200": {
                        "description": "The page.",
                        "content": {"text/html": {"schema": {"type": "string"}}},
                    },
                    **{
                        code: {"description": _ERRORS[code], "content": answered("error")}
                        for code in ("403", "421")
                    },
                },
            }
        },
        "/v1/snapshot": {
            "get": {
                "operationId": "snapshot",
                "summary": "The machine as it is.",
                "responses": responses("snapshot", *_OF_READING),
            }
        },
        "/v1/models": {
            "get": {
                "operationId": "models",
                "summary": "The models of the catalog, or those that a text may mean.",
                "parameters": [{"name": "q", "in": "query", "required": False, "schema": {"type": "string"}}],
                "responses": responses("models", *_OF_READING),
            }
        },
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "The machine for Prometheus.",
                "responses": {
                    "200": {
                        "description": "Metrics.",
                        "content": {"text/plain": {"schema": {"type": "string"}}},
                    },
                    **{
                        code: {"description": _ERRORS[code], "content": answered("error")}
                        for code in _OF_READING
                    },
                },
            }
        },
    }
    for name, asked in QUESTIONS.items():
        paths[f"/v1/{name}"] = {
            "post": {
                "operationId": name,
                "summary": asked.about,
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": by_kind[asked.body]}},
                },
                "responses": responses(asked.document, *_ERRORS),
            }
        }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "llmprobe",
            "version": __version__,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }
