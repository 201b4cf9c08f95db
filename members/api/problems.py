"""Exceptions as application/problem+json (RFC 9457), in the caller's language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions
from rest_framework.views import set_rollback

from members.lib.problems import MEDIA_TYPE, members_of
from members.lib.refusals import InsufficientPoints, Refusal

log = structlog.get_logger(__name__)

# Codes of field errors that say a value is of the right shape and not allowed; every other makes a request malformed.
VALUE_CODES = frozenset(
    {"max_value", "min_value", "max_length", "min_length", "empty", "blank", "invalid_choice",
     "max_digits", "max_decimal_places", "max_whole_digits", "max_string_length"}
)  # fmt: skip


class Malformed(exceptions.APIException):
    """What was sent is not a request: no JSON, a wrong type, an unknown name."""

    status_code = 400

    def __init__(self, detail: Any, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(detail)
        self.errors = errors


def problem(
    slug: str,
    *,
    detail: object = "",
    errors: Mapping[str, list[str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """A problem as an answer."""
    return _sent(members_of(slug, detail=detail, errors=errors), headers)


def _sent(body: Mapping[str, Any], headers: Mapping[str, str] | None) -> HttpResponse:
    text = json.dumps(body, ensure_ascii=False)
    sent = text.encode(errors="replace")  # a name told back may hold half a character
    return HttpResponse(sent, status=body["status"], content_type=MEDIA_TYPE, headers=headers)


def refused(refusal: Refusal) -> dict[str, Any]:
    """A refusal's problem; too few points are told as the number there is."""
    if isinstance(refusal, InsufficientPoints):
        return members_of(refusal.slug, detail=refusal.detail) | refusal.errors
    errors = {field: [str(text)] for field, text in refusal.errors.items()}
    return members_of(refusal.slug, detail=refusal.detail, errors=errors)


def flat(detail: Any, place: str = "") -> dict[str, list[str]]:
    """Nested field errors by one name each: {"lines[0].sku": ["…"]}."""
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for name, inner in detail.items():
            if name == "non_field_errors":
                found |= flat(inner, place)
            elif isinstance(name, int):
                found |= flat(inner, f"{place}[{name}]")
            else:
                found |= flat(inner, f"{place}.{name}" if place else str(name))
        return found
    if isinstance(detail, list) and any(isinstance(inner, Mapping | list) for inner in detail):
        found = {}
        for number, inner in enumerate(detail):
            found |= flat(inner, f"{place}[{number}]")
        return found
    texts = detail if isinstance(detail, list) else [detail]
    return {place or "body": [str(text) for text in texts]} if texts else {}


def _codes(codes: Any) -> set[str]:
    if isinstance(codes, Mapping):
        return set().union(*(_codes(inner) for inner in codes.values())) if codes else set()
    if isinstance(codes, list):
        return set().union(*(_codes(inner) for inner in codes)) if codes else set()
    return {codes}


def shape_of(error: exceptions.ValidationError) -> dict[str, Any]:
    """The problem of errors by field: malformed, or invalid where every value has the right shape."""
    slug = "invalid" if _codes(error.get_codes()) <= VALUE_CODES else "malformed"
    errors = flat(error.detail)
    place, texts = next(iter(errors.items()))
    return members_of(slug, detail=f"{place}: {texts[0]}", errors=errors)


def _answer(error: Exception) -> HttpResponse | None:
    """The answer to an exception; None for one that nobody foresaw."""
    if isinstance(error, Refusal):
        return _sent(refused(error), _later(error))
    if isinstance(error, exceptions.ValidationError):
        body = shape_of(error)
        return problem(body["type"], detail=body["detail"], errors=body["errors"])
    if isinstance(error, Malformed):
        return problem("malformed", detail=error.detail, errors=error.errors)
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        challenge = getattr(error, "auth_header", "Bearer")
        return problem("unauthenticated", detail=error.detail, headers={"WWW-Authenticate": challenge})
    if isinstance(error, exceptions.PermissionDenied):
        return problem("scope-missing", detail=error.detail)
    if isinstance(error, exceptions.Throttled):
        wait = str(max(1, int(getattr(error, "wait", None) or 1)))
        detail = _("This key sends too many requests. Try again in %(seconds)s seconds.") % {"seconds": wait}
        return problem("too-many-requests", detail=detail, headers={"Retry-After": wait})
    if isinstance(error, exceptions.UnsupportedMediaType):
        return problem("unsupported-media-type", detail=_("Send the body as application/json."))
    if isinstance(error, RequestDataTooBig):
        return problem("too-large", detail=_("The body is too large. Send it in smaller parts."))
    if isinstance(error, Http404):
        return problem("not-found")
    if isinstance(error, PermissionDenied):
        return problem("forbidden")
    if isinstance(error, OperationalError):
        log.error("database_unavailable", error=str(error))
        return problem(
            "unavailable", detail=_("Nothing was changed. Try again."), headers={"Retry-After": "2"}
        )
    return None


def _later(refusal: Refusal) -> dict[str, str]:
    """A refusal that only asks for time says how much."""
    return {"Retry-After": "3600"} if refusal.slug == "too-many-requests" else {}


def handle(error: Exception, context: Any) -> HttpResponse | None:
    """The API's exception handler: what the operation did is undone, whatever is answered."""
    answer = _answer(error)
    if answer is not None:
        set_rollback()
    return answer
