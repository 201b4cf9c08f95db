"""Files that strangers handed in, given out so that no browser shows them in a page of ours or runs them."""

from __future__ import annotations

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def as_download(*, name: str, content_type: str, content: bytes) -> HttpResponse:
    """A download: never shown inline, never taken for another type, in a sandbox, kept in no cache."""
    response = HttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; sandbox"
    response.headers["Cache-Control"] = "no-store, private"
    return response
