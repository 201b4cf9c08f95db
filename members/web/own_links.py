"""A member's own page as a QR code that staff show: made on request, logged, over after a day."""

from __future__ import annotations

from typing import Any

import segno
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from members.lib.refusals import NotFound
from members.services import member_links
from members.services.audit import Actor
from members.web import gates
from members.web.members import REVEALERS, member_of
from members.web.request import StaffRequest


@gates.staff(read=REVEALERS, write=REVEALERS, function="members")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def members_ownpage(request: StaffRequest, member_id: str) -> HttpResponse:
    """Say what the code does; asked to, show it."""
    member = member_of(request, member_id)
    context: dict[str, Any] = {"member": member, "hours": member_links.MINUTES // 60}
    if request.method == "POST":
        try:
            link = member_links.show(
                merchant=request.merchant, member=member, at=timezone.now(), actor=Actor.person(request.user)
            )
        except NotFound as refusal:
            raise Http404 from refusal
        # Made of our own address and a signed token: no part of it comes from outside.
        qr = mark_safe(segno.make(link.url, error="m").svg_inline(omitsize=True, border=2))
        context |= {"link": link, "qr": qr}
    return render(request, "members/members/own_page.html", context)
