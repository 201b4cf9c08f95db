"""The API's description and its page: open to everyone, since they say nothing about anyone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from members.api.schema import document
from members.lib.gate import Gate

DEEPEST = 4


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """OpenAPI 3.1."""
    return HttpResponse(json.dumps(document(), ensure_ascii=False), content_type="application/json")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The description for people: made on the server, so that it needs no script."""
    base = f"{request.scheme}://{request.get_host()}"
    context = {"groups": groups(), "events": events(), "base": base, "info": document()["info"]}
    return render(request, "members/api/docs.html", context)


schema.gate = page.gate = Gate("public")  # type: ignore[attr-defined]


@lru_cache(maxsize=1)
def groups() -> list[tuple[str, list[dict[str, Any]]]]:
    """The operations by topic, each with what its part of the page shows."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            found.setdefault(operation["tags"][0], []).append(_operation(method.upper(), path, operation))
    return list(found.items())


@lru_cache(maxsize=1)
def events() -> list[dict[str, Any]]:
    """The webhooks, each with what its part of the page shows."""
    found = []
    for name, methods in document()["webhooks"].items():
        operation = methods["post"]
        content = operation["requestBody"]["content"]["application/json"]
        found.append(
            {
                "name": name,
                "id": operation["operationId"],
                "summary": operation["summary"],
                "text": _rich(operation["description"]),
                "headers": [(each["name"], _rich(each["description"])) for each in operation["parameters"]],
                "fields": list(_fields(content["schema"])),
                "example": json.dumps(content["example"], ensure_ascii=False, indent=2),
            }
        )
    return found


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> dict[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    answers = [(status, answer) for status, answer in operation["responses"].items() if status < "300"]
    out = answers[0][1]["content"]["application/json"]["schema"]
    example = content.get("example")
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "paragraphs": [_rich(part) for part in operation["description"].split("\n\n")[:-1]],
        "scope": operation["security"][0]["key"][0],
        "parameters": [
            {
                "name": parameter["name"],
                "type": _type(parameter["schema"]),
                "place": parameter["in"],
                "required": parameter.get("required", False),
                "text": _rich(parameter.get("description", "")),
            }
            for parameter in operation.get("parameters", [])
        ],
        "body": list(_fields(content.get("schema", {}))),
        "example": json.dumps(example, ensure_ascii=False) if example is not None else "",
        "out": list(_fields(out)),
        "answers": [(status, answer["description"]) for status, answer in answers],
        "problems": [
            (status, [slug.strip("`") for slug in answer["description"].split(", ")])
            for status, answer in operation["responses"].items()
            if status >= "400"
        ],
    }


def _fields(schema: Mapping[str, Any], place: str = "", depth: int = 0) -> Iterator[dict[str, Any]]:
    """The fields of an object and of the objects in it: name by place, type, whether needed, what it says."""
    schema = _resolved(schema)
    if schema.get("type") == "array":
        yield from _fields(schema["items"], f"{place}[]", depth)
        return
    if depth > DEEPEST:
        return
    for name, field in schema.get("properties", {}).items():
        full = f"{place}.{name}" if place else name
        inner = _resolved(field)
        yield {
            "name": full,
            "type": _type(field),
            "required": name in schema.get("required", []),
            "text": _rich(field.get("description") or ""),
        }
        yield from _fields(inner, full, depth + 1)


def _rich(text: str) -> SafeString:
    """Text in which `code` stands between back-ticks."""
    parts = text.split("`")
    return format_html_join(
        "",
        "<{0}>{1}</{0}>",
        (("code" if place % 2 else "span", part) for place, part in enumerate(parts) if part),
    )


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a reference, alone or among others, leads to."""
    for part in [schema, *schema.get("allOf", []), *schema.get("oneOf", [])]:
        if "$ref" in part:
            found: Mapping[str, Any] = document()["components"]["schemas"][part["$ref"].rpartition("/")[2]]
            return found
    return schema


def _type(field: Mapping[str, Any]) -> str:
    schema = _resolved(field)
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "")
    if not kinds and "oneOf" in schema:
        kinds = [part.get("type", "") for part in schema["oneOf"]]
    kinds = [kinds] if isinstance(kinds, str) else list(kinds)
    if schema.get("type") == "array":
        kinds = [f"{_type(schema['items']) or 'object'}[]"]
    return " | ".join(filter(None, [*kinds])) + (f" ({schema['format']})" if "format" in schema else "")
