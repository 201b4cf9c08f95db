"""Theme and language of the person looking."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from members.web import gates

YEAR = 365 * 24 * 3600


def back(request: HttpRequest) -> HttpResponse:
    """To the page the form stood on."""
    target = request.POST.get("next") or request.headers.get("Referer") or "/"
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = "/"
    return HttpResponseRedirect(target)


@gates.public()
@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Light, dark, or as the system says (anything else)."""
    response = back(request)
    theme = request.POST.get("theme", "")
    if theme in ("light", "dark"):
        response.set_cookie("theme", theme, max_age=YEAR, samesite="Lax", secure=settings.HTTPS)
    else:
        response.delete_cookie("theme")
    return response


@gates.public()
@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """One of the three languages; kept with the person who is signed in."""
    response = back(request)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME, language, max_age=YEAR, samesite="Lax", secure=settings.HTTPS
        )
        if request.user.is_authenticated and request.user.language != language:
            request.user.language = language
            request.user.save(update_fields=["language"])
    return response
