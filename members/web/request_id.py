"""Every request has an id: the caller's own where it sent a usable one, else ours. Answers and log lines carry it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.core.signals import request_finished
from django.http import HttpRequest, HttpResponse

from members.lib.request_id import of_request

USABLE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class RequestIdMiddleware:
    """Outside everything: also the answer of a database that is down names the request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if USABLE.fullmatch(given) else str(uuid.uuid4())
        request.META["HTTP_X_REQUEST_ID"] = request_id  # django-structlog logs what it finds here
        of_request.set(request_id)
        response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


def forget(**_: Any) -> None:
    """The request is over. Not earlier: Django writes its lines of 4xx and 5xx after the last middleware."""
    of_request.set("")
    structlog.contextvars.clear_contextvars()  # django-structlog does so only after an answer of its own


request_finished.connect(forget)
