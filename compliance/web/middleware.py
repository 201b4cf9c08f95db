"""Puts the final notice before the page asked for, once a person and run."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.contrib.messages import get_messages
from django.contrib.messages.storage.base import BaseStorage
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from compliance.web import banner
from members.web.htmx import wants_piece


class FinalNoticeMiddleware:
    """Sends a person to the final notice instead of a page that shows the banner.

    Looks only at what the banner of that page has read, so pages without one, pieces and files pay nothing.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        found = getattr(request, banner.MEMO, None)
        if getattr(request, "support", None) is not None:
            return response  # it is not for the platform to acknowledge
        if found is None or request.method != "GET" or response.status_code != 200 or wants_piece(request):
            return response
        if not response.get("Content-Type", "").startswith("text/html"):
            return response
        page = reverse("compliance:final_notice")
        if request.path == page or not banner.needs_final_notice(found):
            return response
        shown = get_messages(request)
        if isinstance(shown, BaseStorage):
            shown.used = False  # they stay for the page asked for
        return HttpResponseRedirect(f"{page}?{urlencode({'next': request.get_full_path()})}")
