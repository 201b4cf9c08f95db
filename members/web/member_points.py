"""Moving one member's points by hand: adjust, reverse an entry, give expired points back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from members.lib.periods import merchant_day
from members.lib.refusals import IdempotencyConflict, NotFound, Refusal
from members.models import Member, PointsRequest, PointsRequestStatus
from members.selectors import member_entries, member_page
from members.selectors import rules as rules_of
from members.services import points, points_reversal
from members.services.audit import Actor
from members.templatetags.fmt import points as points_text
from members.templatetags.fmt import signed
from members.web import adjust_forms, gates
from members.web.htmx import wants_piece
from members.web.members import member_of, show_member
from members.web.request import StaffRequest


def _home(request: StaffRequest, member: Member, place: str) -> HttpResponseRedirect:
    """Back to the member's page, at a place of it, with the address's filters."""
    query = f"?{request.GET.urlencode()}" if request.GET else ""
    url = reverse("members:members_page", args=[member.public_id])
    return HttpResponseRedirect(f"{url}{query}#{place}")


def _tried(form: forms.Form, act: Callable[[], PointsRequest]) -> PointsRequest | None:
    """What a service answers; None with its refusal in the form."""
    try:
        return act()
    except NotFound as refusal:
        raise Http404 from refusal
    except IdempotencyConflict:
        form.add_error(
            None, _("This form was sent before. Look at the ledger; to move more points, open the page anew.")
        )
    except Refusal as refusal:
        about_points = "points" in form.fields and {"points", "available"} & set(refusal.errors)
        form.add_error("points" if about_points else None, refusal.detail)
    return None


@gates.staff(read=gates.READERS, write=gates.WRITERS, function="members")
def members_adjust(request: StaffRequest, member_id: str) -> HttpResponse:
    """Add or take points; asked by htmx or its button, only what it would leave."""
    member = member_of(request, member_id)
    if request.method != "POST":
        return _home(request, member, "adjust")
    form = adjust_forms.AdjustForm(request.POST)
    if wants_piece(request):
        return _outcome(request, member, form)
    if "preview" in request.POST:
        return show_member(request, member, adjust_form=form)
    if form.is_valid() and (done := _tried(form, lambda: _adjust(request, member, form))):
        _tell(request, done)
        return _home(request, member, "ledger")
    return show_member(request, member, adjust_form=form, status=422)


def _adjust(request: StaffRequest, member: Member, form: adjust_forms.AdjustForm) -> PointsRequest:
    return points.adjust(
        merchant_id=request.merchant.pk,
        at=timezone.now(),
        actor=Actor.person(request.user),
        member_id=member.pk,
        points=form.signed() or 0,
        key=f"web-{form.cleaned_data['once']}",
        reason=form.reason(),
    )


def _outcome(request: StaffRequest, member: Member, form: adjust_forms.AdjustForm) -> HttpResponse:
    """What the form would leave, alone."""
    at, merchant = timezone.now(), request.merchant
    card = member_page.points_card(merchant=merchant, member_id=member.pk)
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    found = adjust_forms.outcome(form, card, version, merchant_day(at, merchant.zone))
    context = {
        "outcome": found,
        "points": card,
        "adjust_limit": version.adjust_limit if version else None,
    }
    return render(request, "members/members/_outcome.html", context)


def _tell(request: StaffRequest, done: PointsRequest) -> None:
    """What became of the request."""
    change = {"change": signed(done.points)}
    if done.status == PointsRequestStatus.PROPOSED:
        told = _("%(change)s points are proposed. Nothing has moved; another person approves or rejects it.")
        messages.warning(request, told % change)
        return
    messages.success(request, _("%(change)s points. The entry is in the ledger with its reason.") % change)


@gates.staff(read=gates.READERS, write=gates.WRITERS, function="members")
def members_reverse(request: StaffRequest, member_id: str) -> HttpResponse:
    """Undo an adjustment or an award."""
    member = member_of(request, member_id)
    if request.method != "POST":
        return _home(request, member, "ledger")
    form = adjust_forms.ReasonForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        asked = _request_of(request, member, data["entry"])
        done = _tried(
            form,
            lambda: points_reversal.reverse(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                key=asked.key,
                space=asked.space,
                reason=data["reason"],
            ),
        )
        if done is not None:
            told = _("%(n)s points are reversed. The first entry stays; a second one undoes it.")
            messages.success(request, told % {"n": points_text(abs(done.points))})
            return _home(request, member, "ledger")
    return show_member(request, member, reverse_form=form, status=422)


def _request_of(request: StaffRequest, member: Member, sequence: int) -> Any:
    """The request behind an entry. Raises Http404."""
    entry = (
        member_entries.entries(merchant=request.merchant, member_id=member.pk)
        .filter(sequence=sequence)
        .first()
    )
    if entry is None or entry.request is None:
        raise Http404
    return entry.request


@gates.staff(read=gates.READERS, write=gates.WRITERS, function="members")
def members_giveback(request: StaffRequest, member_id: str) -> HttpResponse:
    """Give expired points back."""
    member = member_of(request, member_id)
    if request.method != "POST":
        return _home(request, member, "ledger")
    form = adjust_forms.GiveBackForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        done = _tried(
            form,
            lambda: points.give_back(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                member_id=member.pk,
                points=data["points"],
                key=f"web-{data['once']}",
                reason=data["reason"],
            ),
        )
        if done is not None:
            told = _("%(n)s points are given back. They can be used for 30 days.")
            messages.success(request, told % {"n": points_text(done.points)})
            return _home(request, member, "ledger")
    return show_member(request, member, give_back_form=form, status=422)
