"""The API's description and its page: open to everyone, since they say nothing about anyone."""

from __future__ import annotations

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from members.api.schema import document
from members.lib.gate import Gate


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """OpenAPI 3.1."""
    text = json.dumps(document(), ensure_ascii=False)
    return HttpResponse(text, content_type="application/json")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The description for people."""
    return render(request, "members/api/docs.html", {"api": document()})


schema.gate = page.gate = Gate("public")
