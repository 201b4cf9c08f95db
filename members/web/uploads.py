"""Files that are too large, refused before their body is read."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

FORM = 1 << 20  # what a form has besides its file
# What a whole form may send where it takes less than a file of an import: the beginning of its address, bytes.
BOUNDS: dict[str, int] = {}
Respond = Callable[[HttpRequest], HttpResponse]


class UploadSizeMiddleware:
    """413 for a body that announces more than a file may have. It stands before the CSRF check, which reads bodies.

    A body that announces no length has none for Django, so what is announced is the law. The API has its own, lower
    bound.
    """

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        announced = request.META.get("CONTENT_LENGTH") or "0"
        own = next((most for begins, most in BOUNDS.items() if request.path.startswith(begins)), None)
        most = settings.MAX_UPLOAD_BYTES if own is None else min(own, settings.MAX_UPLOAD_BYTES)
        if announced.isdecimal() and int(announced) > most + FORM:
            context = {
                "request": request,
                "size": int(announced) >> 20,
                "most": most >> 20,
                "is_import": own is None,
            }
            response = HttpResponse(render_to_string("errors/413.html", context), status=413)
            response["Connection"] = "close"  # what the client still sends is read by nobody
            return response
        return self.get_response(request)
