"""The demo's one-click sign-in. It exists only under DEMO, which `make run` sets on the embedded database alone."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.core.checks import CheckMessage, Error
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from members.models import User
from members.selectors import access
from members.web import gates
from members.web.accounts import remember_language
from members.web.second_factor import SPARED

FILE = "demo-accounts.json"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def accounts() -> list[dict[str, Any]]:
    """The accounts that seed_demo wrote: `account` (e-mail), `label`, `note`; none outside a demo."""
    if not settings.DEMO:
        return []
    try:
        listed = json.loads((settings.DATA_DIR / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [one for one in listed if isinstance(one, dict) and one.get("account")]


def refuse_in_production(**_kwargs: Any) -> list[CheckMessage]:
    """`check --deploy`: a site that anybody enters without a password is no production."""
    if not settings.DEMO:
        return []
    hint = "Leave DEMO unset, or set it to false."
    return [Error("DEMO is on: anybody could sign in without a password.", hint=hint, id="liushui.E001")]


@gates.public()
@require_POST
def demo_sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in as a listed demo person, without password and one-time code."""
    email = request.POST.get("account", "")
    if email not in {one["account"] for one in accounts()}:
        raise Http404
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        raise Http404
    login(request, user, backend=BACKEND)
    request.session.pop("merchant_id", None)
    request.session[SPARED] = True
    goes_to_platform = user.is_staff and not access.memberships(user=user)
    response = HttpResponseRedirect("/platform/" if goes_to_platform else settings.LOGIN_REDIRECT_URL)
    remember_language(response, user.language)
    return response
