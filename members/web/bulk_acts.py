"""Acts on a selection of the members list: say what, see how many and what it costs, confirm, watch, undo."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core import signing
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from members.lib.fields import opaque_id
from members.lib.refusals import NotFound, Refusal
from members.models import BulkAct, BulkActMember, BulkKind, Member, MemberStatus, Tier, WorkState
from members.selectors import members as members_of
from members.selectors import rules as rules_of
from members.selectors.member_page import worth_minor
from members.services.audit import Actor
from members.services.bulk_acts import jobs
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer, asked
from members.web.htmx import wants_piece
from members.web.members import PER_PAGE, filters_of
from members.web.request import StaffRequest

SHOWN = 100
_signer = signing.Signer(salt="members.bulk_acts")
LEVELS = {
    WorkState.DONE: "success",
    WorkState.FAILED: "critical",
    WorkState.CANCELLED: "neutral",
    WorkState.UNDONE: "neutral",
}


class ActForm(forms.Form):
    """What is done to them."""

    kind = forms.ChoiceField(label=_("What is to be done"), widget=forms.RadioSelect)
    tag = forms.CharField(label=_("Tag"), max_length=40, required=False, help_text=_("For tags only."))
    tier = forms.ChoiceField(
        label=_("Tier"),
        required=False,
        help_text=_("For tiers only. Who holds it or a higher one keeps what they have."),
    )
    until = forms.DateField(label=_("Last day of the tier"), required=False)
    points = forms.IntegerField(
        label=_("Points for each"),
        required=False,
        help_text=_("For points only. With a minus they are taken from those who have them."),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=jobs.LONGEST_REASON,
        required=False,
        help_text=_("For tiers and points; it stays in each member's history."),
    )
    once = OnceField()

    def __init__(self, *args: Any, tiers: list[Tier], role: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast(forms.ChoiceField, self.fields["tier"]).choices = [
            ("", _("Choose a tier")),
            *((tier.code, str(tier)) for tier in tiers[1:]),
        ]
        cast(forms.ChoiceField, self.fields["kind"]).choices = [
            (kind.value, kind.label) for kind in BulkKind if role in jobs.ROLES[kind]
        ]
        if role not in jobs.ROLES[BulkKind.POINTS]:
            for name in ("tier", "until", "points", "reason"):
                del self.fields[name]


@dataclass(frozen=True)
class Selection:
    """Whom an address means: those ticked, or all that its filters match."""

    members: QuerySet[Member]
    means: list[Any]  # the same in a few words, which stay while it means the same
    tiers: list[Tier]
    list_url: str
    is_wrong: bool  # a filter that is none any more would mean everybody


def _selection(request: StaffRequest) -> Selection:
    tiers, base, filters, wanted = filters_of(request)
    query = {name: asked(request, name) for name in ("q", "tier", "channel", "sort")}
    back = urlencode({name: value for name, value in query.items() if value})
    is_all = request.GET.get("who") == "all"
    means: list[Any]
    if is_all:
        means = ["all", wanted.search, wanted.tier_id, wanted.channel]
        found = members_of.listed(
            merchant=request.merchant, wanted=wanted, base_tier_id=base.pk if base else None
        )
    else:
        ticked = [text[:24] for text in request.GET.getlist("m")[:PER_PAGE] if "\x00" not in text]
        means = ["ticked", *sorted(ticked)]
        found = Member.objects.of(request.merchant).filter(public_id__in=ticked)
    return Selection(
        members=found.filter(status=MemberStatus.ACTIVE),
        means=means,
        tiers=tiers,
        list_url=reverse("members:members_list") + (f"?{back}" if back else ""),
        is_wrong=is_all and bool(filters.errors.keys() & {"tier", "channel"}),
    )


def _signature(merchant_id: int, means: list[Any], count: int, what: dict[str, Any]) -> str:
    """What a confirmation carries of what was shown: the act, its arguments, whom it means and how many they were."""
    shown = [merchant_id, means, count, what["kind"], what["checked"], what["reason"].strip()]
    return _signer.signature(json.dumps(shown, sort_keys=True))


@gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="members")
def acts_new(request: StaffRequest) -> HttpResponse:
    """Say what is done to the selection; shown with how many and what it costs before it is confirmed."""
    chosen = _selection(request)
    if chosen.is_wrong:
        messages.error(request, _("A filter of this list is no longer there. Filter the list again."))
        return redirect("members:members_list")
    count = chosen.members.count()
    form = ActForm(request.POST or None, tiers=chosen.tiers, role=request.staff.role)
    is_sent = request.method == "POST" and form.is_valid()
    acts = BulkAct.objects.of(request.merchant)
    is_known = is_sent and acts.filter(public_id=form.cleaned_data["once"]).exists()
    if not count and not is_known:
        messages.warning(request, _("Tick members in the list first."))
        return redirect(chosen.list_url)
    context = {"form": form, "count": count, "list_url": chosen.list_url}
    if is_sent:
        try:
            act, more = _asked_for(request, form, chosen, count, is_known=is_known)
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            if act is not None:
                return redirect("members:acts_page", act.public_id)
            context |= more
    if is_known:
        sent = request.POST.copy()
        sent["once"] = opaque_id(16)  # the former one is used up
        form.data = sent
    return answer(request, "members/bulk_acts/new.html", context, form)


def _asked_for(
    request: StaffRequest, form: ActForm, chosen: Selection, count: int, *, is_known: bool
) -> tuple[BulkAct | None, dict[str, Any]]:
    """The act that was confirmed as it was shown, or what is to be shown first. Raises Refusal."""
    data = form.cleaned_data
    what: dict[str, Any] = {
        "merchant": request.merchant,
        "at": timezone.now(),
        "role": request.staff.role,
        "kind": data["kind"],
        "given": data,
        "reason": data.get("reason", ""),
    }
    checked = jobs.check(**what)
    signature = _signature(request.merchant.pk, chosen.means, count, what | {"checked": checked})
    if "confirm" in request.POST:
        if is_known or constant_time_compare(request.POST.get("shown", ""), signature):
            actor = Actor.person(request.user)
            return (
                jobs.create(**what, actor=actor, members=chosen.members, once=data["once"], shown=count),
                {},
            )
        form.add_error(None, jobs.CHANGED)
    consequences = _consequences(request, data["kind"], checked, count, chosen.tiers)
    return None, {"checked": checked, "shown": signature, **consequences}


def _consequences(
    request: StaffRequest, kind: str, checked: dict[str, Any], count: int, tiers: list[Tier]
) -> dict[str, Any]:
    """How many points move at most, and what they are worth."""
    total = abs(checked.get("points", 0)) * count
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=timezone.now())
    cost = version.point_cost if version else None
    return {
        "kind": kind,
        "total": total,
        "cost_minor": worth_minor(total, cost) if total and cost is not None else None,
        "is_taking": checked.get("points", 0) < 0,
        "tier": next((tier for tier in tiers if tier.pk == checked.get("tier_id")), None),
    }


@gates.staff(read=gates.WRITERS, function="members")
@require_GET
def acts_list(request: StaffRequest) -> HttpResponse:
    """Every act on many members, newest first."""
    rows = BulkAct.objects.of(request.merchant).order_by("-created_at", "-pk")
    page = Paginator(rows, PER_PAGE).get_page(request.GET.get("page"))
    context = {"page_obj": page, "rows": [(act, LEVELS.get(WorkState(act.state), "accent")) for act in page]}
    return render(request, "members/bulk_acts/list.html", context)


@gates.staff(read=gates.WRITERS, function="members")
@never_cache
@require_GET
def acts_page(request: StaffRequest, act_id: str) -> HttpResponse:
    """One act; its progress by itself when htmx asks."""
    act = BulkAct.objects.of(request.merchant).filter(public_id=act_id).first()
    if act is None:
        raise Http404
    at = timezone.now()
    context = {
        "act": act,
        "level": LEVELS.get(WorkState(act.state), "accent"),
        "undo_until": jobs.undo_until(act) if jobs.may_be_undone(act, at) else None,
        "may_act": request.staff.role in jobs.ROLES[BulkKind(act.kind)],
        "left_count": act.undo_position - act.undone,
    }
    if wants_piece(request):
        response = render(request, "members/bulk_acts/_progress.html", context)
        if not act.is_worked:
            response["HX-Refresh"] = "true"  # what can be done next stands outside the piece
        return response
    rows = BulkActMember.objects.of(request.merchant).filter(act_id=act.pk).select_related("member")
    if not act.is_worked:
        context["refused"] = list(rows.filter(outcome="refused").order_by("member_id")[:SHOWN])
        context["left"] = list(rows.filter(undone="left").order_by("member_id")[:SHOWN])
    return render(request, "members/bulk_acts/page.html", context)


def _act(request: StaffRequest, act_id: str, service: Any, **more: Any) -> HttpResponse:
    try:
        service(
            merchant_id=request.merchant.pk,
            public_id=act_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
            **more,
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("members:acts_page", act_id)


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def acts_cancel(request: StaffRequest, act_id: str) -> HttpResponse:
    """Stop; what is done stays and can be undone."""
    return _act(request, act_id, jobs.cancel, role=request.staff.role)


@gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="members")
@require_POST
def acts_undo(request: StaffRequest, act_id: str) -> HttpResponse:
    """Take it back from those who are still as it left them."""
    return _act(request, act_id, jobs.undo, role=request.staff.role)
