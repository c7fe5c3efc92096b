"""What the OpenAPI document says of the paths that only a bin has."""

from __future__ import annotations

import json

from edge.commands import REQUESTS, Answer
from edge.model import SortEvent
from edge.site_item import Why
from edge.state import BinState
from edge.web.bin_pages import MOST_BYTES as MOST_COMMAND_BYTES
from edge.web.bin_pages import MOST_DAYS, MOST_EVENTS, SOME_DAYS, SOME_EVENTS
from edge.web.captures import EXAMPLE, MOST_BYTES, MOST_CHANGES, MOST_ITEMS, SOME_ITEMS, Changes
from edge.web.history import LAST_SEQ
from edge.web.openapi import Document, json_of, parameter, problems, read
from edge.web.view import PICTURES_KEPT

MESSAGES = {"Event": SortEvent, "State": BinState, "Answer": Answer}

_JPEG = {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}
_COUNTS = {"type": "object", "additionalProperties": {"type": "integer"}}
_DAY = {
    "type": "object",
    "required": ["day", "items", "by_compartment", "by_label", "by_outcome"],
    "properties": {
        "day": {"type": "string", "format": "date"},
        "items": {"type": "integer"},
        **dict.fromkeys(("by_compartment", "by_label", "by_outcome"), _COUNTS),
    },
}
_STATS = {
    "type": "object",
    "required": ["days", "items"],
    "properties": {"days": {"type": "array", "items": _DAY}, "items": {"type": "integer"}},
}
_CORRECTED = {
    "allOf": [
        {"$ref": "#/components/schemas/Event"},
        {
            "type": "object",
            "required": ["corrected"],
            "properties": {
                "corrected": {"type": ["string", "null"], "description": "what somebody said it really was"}
            },
        },
    ]
}
_EVENTS = {
    "type": "object",
    "required": ["events", "next"],
    "properties": {
        "events": {"type": "array", "items": _CORRECTED},
        "next": {"type": ["integer", "null"], "description": "before_seq of the next page"},
    },
}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": MOST_EVENTS, "default": SOME_EVENTS}
_BEFORE = {"type": "integer", "minimum": 0, "maximum": LAST_SEQ}
_DAYS = {"type": "integer", "minimum": 0, "maximum": MOST_DAYS, "default": SOME_DAYS}
_SOME = {"type": "integer", "minimum": 1, "maximum": MOST_ITEMS, "default": SOME_ITEMS}
_TEXT, _WORD, _NUMBER = {"type": "string"}, {"type": ["string", "null"]}, {"type": "integer"}
_ITEM = {
    "type": "object",
    "required": ["item_id", "bin_id", "day", "why", "usefulness", "label", "revision", "event"],
    "properties": {
        **dict.fromkeys(("item_id", "bin_id", "day"), _TEXT),
        "why": {"type": "array", "items": {"type": "string", "enum": [why.value for why in Why]}},
        "usefulness": {"type": "number", "minimum": 0, "maximum": 1},
        **dict.fromkeys(("label", "labelled_by", "labelled_at"), _WORD),
        "revision": {**_NUMBER, "description": "how often the label was changed"},
        "event": {"anyOf": [{"$ref": "#/components/schemas/Event"}, {"type": "null"}]},
    },
}
_CAPTURES = {
    "type": "object",
    "required": ["items", "next", "counts", "labels", "mode"],
    "properties": {
        "items": {"type": "array", "items": _ITEM},
        "next": {**_WORD, "description": "after of the next page"},
        "counts": {
            "type": "object",
            "required": ["total", "labelled", "by_label", "bytes"],
            "properties": {**dict.fromkeys(("total", "labelled", "bytes"), _NUMBER), "by_label": _COUNTS},
        },
        "labels": {"type": "array", "items": {"type": "string"}, "description": "of the model, then others in use"},
        "mode": {"type": "string", "enum": ["off", "blurred", "on"], "description": "of [capture]"},
    },
}
_RESULT = {
    "type": "object",
    "required": ["item_id", "ok"],
    "properties": {
        "item_id": {"type": "string"},
        "ok": {"type": "boolean"},
        "item": {**_ITEM, "description": "as it is now, also where somebody else was faster"},
        "problem": {"$ref": "#/components/schemas/ProblemDetails"},
    },
}
_RESULTS = {
    "type": "object",
    "required": ["results"],
    "properties": {"results": {"type": "array", "items": _RESULT, "description": "in the order of the changes"}},
}
_NONE = {"404": "there is none"}
_NOT_YET = {"503": "the bin has said nothing yet"}
_WRONG = {"400": "not a number that can be"}
_DISK = {"503": "the disk does not answer"}
_FAR = {"403": "without a password only its own computer may look"}


def paths() -> Document:
    """By path; behind the password but on the bin's own computer."""
    return {
        "/api/v1/state": _get("What the bin is doing", json_of("State"), _NOT_YET),
        "/api/v1/events": _get(
            "What was sorted, newest first",
            {"application/json": {"schema": _EVENTS}},
            _WRONG | _DISK,
            parameter("limit", "query", _LIMIT),
            parameter("before_seq", "query", _BEFORE),
        ),
        "/api/v1/events/{event_id}/picture.jpg": _get(
            f"The item; of the last {PICTURES_KEPT}", _JPEG, _NONE, parameter("event_id", "path", {"type": "string"})
        ),
        "/api/v1/stats": _get(
            "Counts by day (of the bin's time zone), oldest first",
            {"application/json": {"schema": _STATS}},
            _WRONG | _DISK,
            parameter("days", "query", _DAYS),
        ),
        "/api/v1/tray.jpg": _get("The tray now", _JPEG, _NONE),
        "/api/v1/card": _get("The model card", {"text/markdown": {"schema": {"type": "string"}}}, {}),
        "/api/v1/live": _get(
            "Server-sent events: state, item, correction, seen (phase, box, change); beat after 15 s with none",
            {"text/event-stream": {"schema": {"type": "string"}}},
            {"503": "too many are watching"},
        ),
        "/api/v1/captures": _get(
            "Items kept to be labelled: the most useful first, of labelled ones the label given last first",
            {"application/json": {"schema": _CAPTURES}},
            {"400": "nothing that can be"} | _DISK,
            parameter("after", "query", {"type": "string", "description": "the `next` of an earlier answer"}),
            parameter("limit", "query", _SOME),
            parameter("labelled", "query", {"type": "boolean"}),
            parameter("label", "query", {"type": "string"}),
        ),
        "/api/v1/captures/{item_id}/picture.jpg": _get(
            "A kept item, as the model saw it", _JPEG, _NONE, parameter("item_id", "path", {"type": "string"})
        ),
        "/api/v1/captures/labels": {"post": _label()},
        "/api/v1/commands/{name}": {"post": _command()},
    }


def _get(summary: str, content: Document, told: dict[str, str], *parameters: Document) -> Document:
    return {"get": {**read(summary, content, told | _FAR), "parameters": list(parameters), "security": _HERE_OR_KNOWN}}


def _command() -> Document:
    told = {
        "400": "the body is no JSON object",
        "401": "the password is missing or wrong",
        "403": "commands are off, or a page of another site asked",
        "404": "there is no such command",
        "408": "the body did not arrive in time",
        "413": f"more than {MOST_COMMAND_BYTES} bytes",
        "429": "too many commands, or too many wrong passwords",
        "503": "the bin does not answer",
    }
    answer = json_of("Answer")
    return {
        "summary": "Have the bin do something",
        "parameters": [parameter("name", "path", {"type": "string", "enum": sorted(REQUESTS)})],
        "requestBody": {
            "content": {"application/json": {"schema": {"type": "object"}, "example": {"compartment": "recycling"}}}
        },
        "responses": {
            "200": {"description": "done", "content": answer},
            "409": {"description": "the bin will not, `refusal` says why", "content": answer},
            **problems(told, locked=False),
        },
        "security": [{"password": []}],
    }


def _label() -> Document:
    told = {
        "400": f"not such a body, more than {MOST_CHANGES} changes",
        "401": "the password is missing or wrong",
        "403": "commands are off, or a page of another site asked",
        "408": "the body did not arrive in time",
        "413": f"more than {MOST_BYTES} bytes",
        "429": "too many wrong passwords",
    }
    schema = Changes.model_json_schema(ref_template="#/components/schemas/{model}")
    schema["properties"]["changes"]["items"] = schema.pop("$defs")["Change"]
    return {
        "summary": "Say what kept items are; a change that cannot be made does not keep the others from it",
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "example": json.loads(EXAMPLE)}},
        },
        "responses": {
            "200": {"description": "each result by itself", "content": {"application/json": {"schema": _RESULTS}}},
            **problems(told, locked=False),
        },
        "security": [{"password": []}],
    }


_HERE_OR_KNOWN: list[Document] = [{}, {"password": []}]
