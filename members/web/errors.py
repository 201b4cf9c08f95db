"""Error pages that say what to do next; /api/ answers with a problem instead."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _

from members.lib.problems import MEDIA_TYPE, members_of

DETAILS = {404: _("There is nothing at this address."), 500: _("Nothing was changed. Try again.")}
SLUGS = {400: "malformed", 403: "forbidden", 404: "not-found", 429: "too-many-requests", 500: "server-error"}


def answer(request: HttpRequest, status: int) -> HttpResponse:
    """The page or problem of a status."""
    if request.path.startswith("/api/"):
        body = members_of(SLUGS[status], detail=DETAILS.get(status, ""))
        return JsonResponse(body, status=status, content_type=MEDIA_TYPE)
    return render(request, f"{status}.html", status=status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return answer(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return answer(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without its token: the page was open for too long, or somebody else's site sent it."""
    return answer(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return answer(request, 404)


def too_many_requests(request: HttpRequest, *, retry_after: int = 60) -> HttpResponse:
    """429, with when to try again in seconds (most limits are by the minute)."""
    response = answer(request, 429)
    response["Retry-After"] = str(retry_after)
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """500: rendered without the request's context, since anything may be broken."""
    if request.path.startswith("/api/"):
        return answer(request, 500)
    return HttpResponse(render_to_string("500.html"), status=500)
