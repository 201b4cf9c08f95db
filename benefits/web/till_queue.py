"""Codes that the cashier's page took without a connection: the door that they come through when it returns, the page
that opens without one, and the worker that keeps that page.

What is kept on the device for everybody is a page about nobody: it is made without looking at who asks. Who was signed
in, where, and what was taken is kept by the page's script, apart, and sent under the name under which it was taken or
not at all, with the place that was chosen then.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from benefits.lib import entitlements as rule
from benefits.lib.codes import LONGEST_TYPED
from benefits.models import QueuedCode
from benefits.selectors import entitlements as selectors
from benefits.services import till_queue
from benefits.services.till_words import QUEUED_WORDS
from benefits.web import till_places
from benefits.web.cashier import described, redeems
from members.lib.refusals import Refusal
from members.services.audit import Actor
from members.web import gates
from members.web.forms import one_line
from members.web.request import StaffRequest

FILES = ("liushui.css", "liushui.js", "till.js", "icons/favicon.svg")


@redeems
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cashier_queue(request: StaffRequest) -> HttpResponse:
    """GET: under whose name codes would be redeemed now. POST: one code that was taken without a connection."""
    if request.method != "POST":
        return JsonResponse({"till": request.staff.public_id, "token": get_token(request)})
    if one_line(request.POST.get("till", "")) != request.staff.public_id:
        return JsonResponse({"state": "other"}, status=409)
    try:
        row = till_queue.settle(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            code=one_line(request.POST.get("code", ""), most=LONGEST_TYPED),
            key=one_line(request.POST.get("key", "")),
            place=till_places.place_sent(request),
            taken_at=_instant(one_line(request.POST.get("taken", ""))),
        )
    except Refusal as refusal:
        return JsonResponse({"state": "refused", "says": refusal.detail})
    return JsonResponse(_told(row, request))


def _instant(text: str) -> dt.datetime | None:
    """An instant with its zone; None for anything else."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _told(row: QueuedCode, request: StaffRequest) -> dict[str, Any]:
    """What came of a code, as the page shows it."""
    use = row.use
    if use is None:
        return {"state": "refused", "says": str(QUEUED_WORDS[row.outcome])}
    entitlement = use.entitlement
    promise = selectors.promises([entitlement])[entitlement.pk]
    said = described(entitlement, promise, request)
    return {
        "state": "redeemed",
        "says": said["gives"],
        "name": said["name"],
        "member": said["who"],
        "use": use.public_id,
        "undo_until": (use.at + rule.UNDO).isoformat(),
    }


def _shell(language: str) -> str:
    """The page that opens without a connection: the same for everybody."""
    with translation.override(language):
        return render_to_string("benefits/cashier/shell.html")


@gates.public()
@require_safe
def cashier_shell(request: HttpRequest, language: str) -> HttpResponse:
    """The cashier's page for when there is no connection. Nothing of it is anybody's."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    return HttpResponse(_shell(language))


@gates.public()
@require_safe
def cashier_worker(request: HttpRequest, language: str) -> HttpResponse:
    """The script that keeps the shell on the device. Another one as soon as the shell or its files are others."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    files = [static(name) for name in FILES]
    version = hashlib.sha256("\n".join([*files, _shell(language)]).encode()).hexdigest()[:16]
    known = {
        "cache": f"cashier-{version}",
        "page": reverse("benefits:cashier_page"),
        "shell": reverse("benefits:cashier_shell", args=[language]),
        "files": files,
    }
    text = render_to_string("benefits/cashier/worker.js", {"known": json.dumps(known)})
    headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": known["page"]}
    return HttpResponse(text, content_type="text/javascript; charset=utf-8", headers=headers)
