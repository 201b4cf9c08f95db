"""The same view answers a page or a piece."""

from __future__ import annotations

from django.http import HttpRequest


def wants_piece(request: HttpRequest) -> bool:
    """Whether htmx asked for a piece to swap in (a boosted or history-restoring request gets the page)."""
    htmx = getattr(request, "htmx", None)
    return bool(htmx and not htmx.boosted and not htmx.history_restore_request)
