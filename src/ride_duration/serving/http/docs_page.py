"""The page /docs: what the OpenAPI document says, for people, as HTML that needs neither scripts nor a network."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from html import escape
from typing import Any

_TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "object": "object",
    "array": "array",
    "null": "null",
}
_REF = "#/components/schemas/"


def write_docs_page(document: dict[str, Any]) -> bytes:
    """Write the page: every route with its parameters, body, examples and answers, then every schema."""
    info = document["info"]
    operations = [
        (path, method, described) for path, on in document["paths"].items() for method, described in on.items()
    ]
    links = "".join(
        f'<li><a href="#{escape(described["operationId"])}"><code>{method.upper()} {escape(path)}</code></a> '
        f"{escape(described['summary'])}"
        for path, method, described in operations
    )
    routes = "".join(_write_operation(*operation) for operation in operations)
    schemas = "".join(_write_schema(name, described) for name, described in document["components"]["schemas"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>API · New York taxi</title>'
        '<link rel="icon" href="page/icon.svg" type="image/svg+xml"><link rel="stylesheet" href="page/docs.css"></head>'
        f"<body><main><h1>{escape(info['title'])}</h1><p>{escape(info['description'])} Version "
        f'{escape(info["version"])}. Programs read <a href="openapi.json">openapi.json</a>; '
        f'<a href="./">the page</a> answers people.</p><nav><ul>{links}</ul></nav>{routes}<h2>Schemas</h2>{schemas}'
        "</main></body></html>\n"
    ).encode()


def _write_operation(path: str, method: str, described: dict[str, Any]) -> str:
    key = "<p>Needs an API key: <code>Authorization: Bearer KEY</code>.</p>" if "security" in described else ""
    parameters = "".join(
        f"<p><code>?{escape(given['name'])}={str(given['example']).lower()}</code>: {escape(given['description'])}</p>"
        for given in described.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td>{status}<td>{escape(answer['description'])}<td>{', '.join(_name_contents(answer))}"
        for status, answer in described["responses"].items()
    )
    return (
        f'<section id="{escape(described["operationId"])}"><h2><code>{method.upper()} {escape(path)}</code></h2>'
        f"<p>{escape(described['summary'])}.</p>{key}{parameters}{_write_body(path, described.get('requestBody'))}"
        f"<table><tr><th>status<th>when<th>content</tr>{answers}</table></section>"
    )


def _write_body(path: str, body: dict[str, Any] | None) -> str:
    if body is None:
        return ""
    content = body["content"]["application/json"]
    bodies = [shlex.quote(json.dumps(example["value"])) for example in content["examples"].values()]
    examples = "".join(f"<pre>{escape(f'curl localhost:9696{path} -d {example}')}</pre>" for example in bodies)
    needed = "" if body["required"] else " (may be left out)"
    return f"<p>Body{needed}: {_name_type(content['schema'])}.</p>{examples}"


def _name_contents(answer: dict[str, Any]) -> Iterator[str]:
    for kind, content in answer["content"].items():
        yield f"{_name_type(content['schema'])} ({escape(kind)})"


def _write_schema(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{_name_type(given)}"
        f"<td>{'required' if field in required else ''}<td>{escape(given.get('description', ''))}"
        for field, given in schema.get("properties", {}).items()
    )
    table = f"<table><tr><th>field<th>type<th><th>meaning</tr>{rows}</table>" if rows else ""
    return (
        f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{escape(schema["description"])}</p>{table}</section>'
    )


def _name_type(schema: dict[str, Any]) -> str:
    """Name a type in words, as HTML; a schema by a link to it."""
    if "$ref" in schema:
        name = escape(schema["$ref"].removeprefix(_REF))
        return f'<a href="#{name}">{name}</a>'
    if either := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_name_type(one) for one in either))
    if "enum" in schema or "const" in schema:
        return " or ".join(escape(str(value)) for value in schema.get("enum", [schema.get("const")]))
    kinds = schema.get("type", "anything")
    if kinds == "array" and schema.get("items"):
        return f"array of {_name_type(schema['items'])}"
    return " or ".join(_TYPES.get(kind, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds))
