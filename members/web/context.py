"""What every page of the console is given. Runs no query."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from members.web.menu import menu


def console(request: HttpRequest) -> dict[str, Any]:
    """The menu, the product's name, the theme chosen, whether this is a demo."""
    theme = request.COOKIES.get("theme", "")
    return {
        "nav": SimpleLazyObject(lambda: menu(request)),
        "PRODUCT": settings.PRODUCT,
        "theme": theme if theme in ("light", "dark") else "",
        "DEMO": settings.DEMO,
    }
