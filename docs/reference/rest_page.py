"""The page of every path of the API, made from the OpenAPI document. Pure."""

from __future__ import annotations

import json
import re

from markdown import Schema, code, described, kind, table

from edge.web import bin_openapi, openapi

HEAD = """\
# REST

The page of a bin (`[web] enabled = true`) and `smartbin serve` answer programs too. A running one shows this, ready
to try, at `/docs`; the OpenAPI 3.1 document is `/api/openapi.json`. With a password it is HTTP Basic with any user
name. What is wrong is answered as `application/problem+json` (RFC 9457): `title`, `status`, `detail`.

"""
SAME = {"BinState": "State"}  # a part of an answer, without the number of the schema
METHODS = ("get", "put", "post", "patch", "delete")


def page() -> str:
    """Markdown."""
    both = openapi.document(locked=False)
    own = openapi.document(locked=True, more=bin_openapi.paths(), messages=bin_openapi.MESSAGES)
    parts = [HEAD, "## Of `smartbin serve` and of a bin\n"]
    parts += [_path(path, item) for path, item in both["paths"].items()]
    parts.append("## Of a bin alone\n")
    parts += [_path(path, item) for path, item in own["paths"].items() if path not in both["paths"]]
    parts.append("## What they answer with\n")
    schemas = own["components"]["schemas"]
    parts += [_answer(name, schema, schemas) for name, schema in schemas.items() if _tells(name, schema)]
    return "\n".join(parts).rstrip() + "\n"


def _tells(name: str, schema: Schema) -> bool:
    return name not in SAME and bool(schema.keys() & {"properties", "enum"})


def _path(path: str, item: Schema) -> str:
    return "\n".join(_operation(method, path, item[method]) for method in METHODS if method in item)


def _operation(method: str, path: str, operation: Schema) -> str:
    parts = [f"### {method.upper()} {path}\n", f"{operation['summary']}.\n".replace("?.", "?")]
    if operation.get("parameters"):
        rows = [
            (f"`{one['name']}`", one["in"], kind(one["schema"]), _default(one["schema"]))
            for one in operation["parameters"]
        ]
        parts.append(table(("parameter", "in", "value", "default"), rows))
    if "requestBody" in operation:
        parts.append(f"Takes {_content(operation['requestBody']['content'])}.\n")
    answers = [
        (status, response["description"], _content(response.get("content", {})))
        for status, response in operation["responses"].items()
        if status.startswith("2") or response["description"]
    ]
    parts.append(table(("status", "what it says", "with"), answers))
    return "\n".join(parts)


def _default(schema: Schema) -> str:
    return f"`{schema['default']}`" if "default" in schema else ""


def _content(content: Schema) -> str:
    return ", or ".join(f"`{name}`" + _named(media.get("schema", {})) for name, media in content.items())


def _named(schema: Schema) -> str:
    """Its own keys, and the schemas that it is or is made of."""
    names = dict.fromkeys(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(schema)))
    parts = [*(f"`{key}`" for key in schema.get("properties", ())), *map(_link, names)]
    return f": {', '.join(parts)}" if parts else ""


def _link(name: str) -> str:
    name = SAME.get(name, name)
    return f"[{name}](#{name.lower()})"


def _answer(name: str, schema: Schema, schemas: Schema) -> str:
    keys = schema.get("properties", {})
    text, texts = described(schema.get("description", ""), keys)
    named = re.compile(rf"(?<![\w`\"])({'|'.join(schemas)})(?![\w`\"])")
    rows = [
        (
            f"`{key}`",
            named.sub(lambda found: _link(found[1]), kind(value)),
            texts.get(key) or value.get("description", ""),
        )
        for key, value in keys.items()
    ]
    body = table(("key", "value", "what"), rows) if rows else ", ".join(map(code, schema.get("enum", ()))) + "\n"
    return "\n\n".join(filter(None, (f"### {name}", text, body)))
