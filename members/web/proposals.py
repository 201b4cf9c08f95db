"""Adjustments over the limit for one person: the list of those that wait, approving and rejecting them."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from members.lib.refusals import Refusal
from members.models import PointsRequest, PointsVerb
from members.selectors import ledger
from members.selectors import members as members_of
from members.services import points
from members.services.audit import Actor
from members.templatetags.fmt import signed
from members.web import gates
from members.web.forms import one_line
from members.web.ledger import tabs
from members.web.request import StaffRequest


@gates.staff(read=gates.READERS)
@require_GET
def ledger_proposals(request: StaffRequest) -> HttpResponse:
    """What waits for a second person, the oldest first."""
    found = ledger.proposals(merchant_id=request.merchant.pk)
    page = Paginator(found, ledger.PER_PAGE).get_page(request.GET.get("page"))
    asked = list(page.object_list)
    people = members_of.rows_of(merchant=request.merchant, members=[row.member for row in asked])
    by_member = {row.member.pk: row for row in people}
    context = {
        "page_obj": page,
        "rows": [
            {"row": row, "who": by_member[row.member_id], "is_mine": row.by_id == request.user.pk}
            for row in asked
        ],
        "may_decide": request.staff.role in gates.MANAGERS,
        "tabs": tabs(request, "members:ledger_proposals"),
    }
    return render(request, "members/ledger/proposals.html", context)


@gates.staff(read=gates.NOBODY, write=gates.MANAGERS, function="members")
@require_POST
def ledger_decide(request: StaffRequest, request_id: str) -> HttpResponse:
    """Approve a proposal, which moves its points now, or reject it."""
    asked = (
        PointsRequest.objects.of(request.merchant.pk)
        .filter(public_id=request_id, verb=PointsVerb.ADJUST, space="")
        .first()
    )
    decision = request.POST.get("decision")
    if asked is None or decision not in ("approve", "reject"):
        raise Http404
    try:
        points.decide(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            key=asked.key,
            approves=decision == "approve",
            note=one_line(request.POST.get("note", ""), most=200),
        )
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect("members:ledger_proposals")
    told = _("Approved: %(change)s points are posted.")
    if decision == "reject":
        told = _("Rejected: %(change)s points stay unposted.")
    messages.success(request, told % {"change": signed(asked.points)})
    return redirect("members:ledger_proposals")
