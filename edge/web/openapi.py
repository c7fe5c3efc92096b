"""The OpenAPI 3.1 document, made from the types that the API answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from edge.manifest import Manifest
from edge.verdict import Verdict
from edge.version import VERSION
from edge.web.problems import MEDIA_TYPE
from edge.web.uploads import MAX_BYTES, MAX_FILES
from edge.wire import message_schema

Document = dict[str, Any]

_REF = "#/components/schemas/{model}"
_PROBLEM = {
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong and what to do about it"},
    },
}
_TEXT = {"text/plain": {"schema": {"type": "string"}}}
_PICTURE = {"type": "string", "format": "binary"}


def document(*, locked: bool, more: Document | None = None, messages: Mapping[str, type] | None = None) -> Document:
    """locked: whether a password is asked for. more: further paths. messages: what they answer, by its name there."""
    schemas: Document = {"ProblemDetails": _PROBLEM}
    for name, kind in (messages or {}).items():
        schemas |= _message(kind, name)
    for name, kind in (("Verdict", Verdict), ("Manifest", Manifest)):
        schema = TypeAdapter(kind).json_schema(mode="serialization", ref_template=_REF)
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    guard: Document = {"security": [{"password": []}]} if locked else {}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Smart bin", "version": VERSION, "description": "Says what is on a picture of waste."},
        "paths": {
            "/api/v1/classify": {"post": {**_classify(locked=locked), **guard}},
            "/api/v1/model": {
                "get": {**read("The model: labels, input, figures", json_of("Manifest"), locked=locked), **guard}
            },
            "/healthz": {"get": read("Whether it is well", _TEXT)},
            "/metrics": {"get": read("For Prometheus", _TEXT)},
            **(more or {}),
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"password": {"type": "http", "scheme": "basic"}},
        },
    }


def _classify(*, locked: bool) -> Document:
    one, several = (
        {"$ref": _REF.format(model="Verdict")},
        {"type": "array", "items": {"$ref": "#/components/schemas/Verdict"}},
    )
    form = {
        "type": "object",
        "required": ["file"],
        "properties": {"file": {"type": "array", "items": _PICTURE, "minItems": 1, "maxItems": MAX_FILES}},
    }
    told = {
        "400": "no picture in it, or a form that cannot be read",
        "408": "it did not arrive in time",
        "413": f"more than {MAX_BYTES / 1e6:g} MB",
        "415": "not a picture that can be read; also has the members of a Verdict",
        "429": "too many requests from this address",
        "503": "too many pictures are waiting, or what looks at them has to be started again",
    }
    return {
        "summary": "What is on a picture, and where would it go?",
        "operationId": "classify",
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}, "image/*": {"schema": _PICTURE}},
        },
        "responses": {
            "200": {
                "description": "one object for one picture, a list for several, in order",
                "content": {"application/json": {"schema": {"oneOf": [one, several]}}},
            },
            **problems(told, locked=locked),
        },
    }


def read(summary: str, content: Document, told: dict[str, str] | None = None, *, locked: bool = False) -> Document:
    """An operation that changes nothing. told: what each other status says."""
    return {
        "summary": summary,
        "responses": {"200": {"description": "fine", "content": content}, **problems(told or {}, locked=locked)},
    }


def parameter(name: str, where: str, schema: Document) -> Document:
    """where: query or path."""
    return {"name": name, "in": where, "required": where == "path", "schema": schema}


def json_of(name: str) -> Document:
    """The content of an answer whose schema has this name."""
    return {"application/json": {"schema": {"$ref": _REF.format(model=name)}}}


def _message(kind: type, name: str) -> Document:
    """A message of edge.wire and what it refers to: schemas by name."""
    schema = message_schema(kind, _REF)
    del schema["$schema"]  # OpenAPI 3.1 says it for all of them
    schemas: Document = schema.pop("$defs", {})
    return {**schemas, name: schema}


def problems(told: dict[str, str], *, locked: bool) -> Document:
    """The responses that say what is wrong, by status."""
    told = told | ({"401": "the password is missing or wrong", "429": "too many requests"} if locked else {})
    content = {MEDIA_TYPE: {"schema": {"$ref": _REF.format(model="ProblemDetails")}}}
    return {status: {"description": text, "content": content} for status, text in sorted(told.items())}
