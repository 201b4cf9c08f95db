"""What an edit of the ladder does to the members: how far it is, and who moved in the end."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from members.lib.refusals import NotFound, Refusal
from members.models import Member, Tier, TierLift, TierMove, WorkState
from members.selectors import members as members_selector
from members.selectors import tier_lifts as selector
from members.services import tier_lifts
from members.web import gates
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

PER_PAGE = 50


@gates.staff(read=gates.READERS)
@never_cache
@require_GET
def tiers_lift(request: StaffRequest, lift_id: str) -> HttpResponse:
    """One edit's progress, and its report; the progress by itself when htmx asks."""
    lift = TierLift.objects.of(request.merchant).filter(public_id=lift_id).first()
    if lift is None:
        raise Http404
    names = {tier.pk: str(tier) for tier in Tier.objects.of(request.merchant)}
    context: dict[str, Any] = {
        "lift": lift,
        "rests": bool(lift.is_worked and request.program and selector.rests(lift, request.program)),
        "has_failed": lift.state == WorkState.FAILED,
        "flows": [(names[start], names[end], n) for start, end, n in selector.flows(lift)],
        "may_write": request.staff.role in gates.MANAGERS,
    }
    if wants_piece(request):
        response = render(request, "members/tiers/_lift.html", context)
        if not lift.is_worked:
            response["HX-Refresh"] = "true"  # who moved stands outside the piece
        return response
    if lift.state == WorkState.DONE:
        context |= _moves(request, lift, names)
    return render(request, "members/tiers/lift.html", context)


def _moves(request: StaffRequest, lift: TierLift, names: dict[int, str]) -> dict[str, Any]:
    """A page of who moved, with what decided it."""
    rows = TierMove.objects.of(request.merchant).filter(at=lift.at, cause="rules", rules_version=lift.version)
    page = Paginator(rows.order_by("pk"), PER_PAGE).get_page(request.GET.get("page"))
    here = list(page)
    people = Member.objects.of(request.merchant).in_bulk([move.member_id for move in here])
    who = members_selector.rows_of(
        merchant=request.merchant, members=[people[move.member_id] for move in here]
    )
    kept = {int(gone) for gone in lift.targets}
    moves = [
        {
            "who": row,
            "from": names.get(move.from_tier_id or 0, ""),
            "to": names[move.to_tier_id],
            "is_moved": move.from_tier_id in kept,
            "move": move,
        }
        for row, move in zip(who, here, strict=True)
    ]
    return {"page_obj": page, "moves": moves}


@gates.staff(read=gates.NOBODY, write=gates.MANAGERS)
@require_POST
def tiers_lift_go_on(request: StaffRequest, lift_id: str) -> HttpResponse:
    """Take up what was given up."""
    try:
        tier_lifts.go_on(merchant_id=request.merchant.pk, public_id=lift_id)
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("members:tiers_lift", lift_id)
