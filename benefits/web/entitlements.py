"""Entitlements in the console: those of a member, one with its QR code and history, giving one, taking one back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from benefits.lib import entitlements as rule
from benefits.lib.codes import read_code
from benefits.lib.entitlements import OPEN, Standing, State
from benefits.lib.kinds import KINDS
from benefits.lib.pools import masked
from benefits.models import (
    Benefit,
    BenefitStatus,
    Entitlement,
    EntitlementSource,
    EntitlementState,
    PaidWith,
)
from benefits.selectors import entitlements as selectors
from benefits.selectors import pools
from benefits.selectors.entitlements import Promise
from benefits.services import claims, pool_uploads
from benefits.services.till_words import WORDS
from benefits.web.benefits import writes
from benefits.web.cashier import described
from members.lib.masks import NOTHING, masked_name, masked_phone
from members.lib.refusals import NotFound, Refusal
from members.models import Member
from members.services.audit import Actor
from members.templatetags.fmt import money_text, points
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer, offer
from members.web.members import member_of
from members.web.request import StaffRequest

SHOWN = 20
LEVELS = {
    State.ISSUED: "success",
    State.RELEASED: "success",
    State.RESERVED: "info",
    State.REDEEMED: "neutral",
    State.EXPIRED: "neutral",
    State.REVOKED: "neutral",
}
reads = gates.staff(read=gates.READERS, function="benefits")


class ReasonForm(forms.Form):
    """Why."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("Kept in the audit log with your name and the time."),
        error_messages={"required": gettext_lazy("Say why; the reason goes into the audit log.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class LookForm(ReasonForm):
    """Why somebody looks at a partner's code."""

    def __init__(self, data: Any = None) -> None:
        super().__init__(data, auto_id="look_%s")  # the page has another reason, for taking back


class GiveForm(ReasonForm):
    """Which benefit, and why."""

    benefit = forms.ChoiceField(
        label=gettext_lazy("Benefit"),
        error_messages={"required": gettext_lazy("Choose a benefit.")},
    )
    once = OnceField()
    field_order = ("benefit", "reason")


def chip(standing: Standing, at: dt.datetime) -> dict[str, str]:
    """Level and word of its state now; why it cannot be used, where that is not its state."""
    state = rule.state_at(standing, at)
    why = rule.why_not(standing, at)
    is_stopped = state in OPEN and why is not None and state is not State.RESERVED
    return {
        "level": "warning" if is_stopped else LEVELS[state],
        "text": str(EntitlementState(state).label),
        "why": str(WORDS[why]) if why and is_stopped else "",
    }


def row(
    entitlement: Entitlement, standing: Standing, promise: Promise, request: StaffRequest, at: dt.datetime
) -> dict[str, Any]:
    """An entitlement as lists and pages show it."""
    return described(entitlement, promise, request) | {
        "who": _heading(entitlement.member),
        "chip": chip(standing, at),
        "paid": _paid(entitlement, request.merchant.currency),
        "can_revoke": rule.state_at(standing, at) in (State.ISSUED, State.RELEASED)
        and entitlement.uses_left == entitlement.uses_total
        and entitlement.source != EntitlementSource.DRAW,
    }


def _heading(member: Member) -> str:
    """What a member's page is called in a link to it: the masked name, else the number, else the id."""
    name = masked_name(member.name) if member.name_token is not None else NOTHING
    if name != NOTHING:
        return name
    return masked_phone(member.phone) if member.phone_index is not None else member.public_id


def _paid(entitlement: Entitlement, currency: str) -> str:
    if entitlement.paid_with == PaidWith.POINTS:
        return _("%(points)s points") % {"points": points(entitlement.paid_amount)}
    return money_text(entitlement.paid_amount, currency) if entitlement.paid_with == PaidWith.MONEY else ""


def of_member(request: StaffRequest, member: Member) -> dict[str, Any] | None:
    """The part of a member's page; None for who may not see it. At most five queries."""
    if request.staff.role not in gates.READERS:
        return None
    at = timezone.now()
    found = list(selectors.of_member(merchant_id=request.merchant.pk, member=member)[: SHOWN + 1])
    promises = selectors.promises(found[:SHOWN])
    return {
        "template": "benefits/entitlements/_of_member.html",
        "rows": [
            row(each, standing, promises[each.pk], request, at)
            for each, standing in zip(found[:SHOWN], selectors.standings(found[:SHOWN]), strict=True)
        ],
        "has_more": len(found) > SHOWN,
        "may_give": request.staff.role in gates.WRITERS,
        "member": member,
    }


def qr_of(code: str) -> SafeString:
    """The QR code of a code, as SVG that fills its place."""
    # Made of a checked code alone: no part of it comes from outside.
    return mark_safe(segno.make(code, error="m").svg_inline(omitsize=True, border=2))


def _found_or_404(request: StaffRequest, code: str) -> Entitlement:
    meant = read_code(code)
    found = selectors.by_code(merchant_id=request.merchant.pk, code=meant) if meant else None
    if found is None:
        raise Http404
    return found


@reads
@never_cache
@require_safe
def entitlements_detail(request: StaffRequest, code: str) -> HttpResponse:
    """One entitlement: its code to show or print, how it stands, what was done with it."""
    return _page(request, _found_or_404(request, code), ReasonForm())


def _page(
    request: StaffRequest,
    entitlement: Entitlement,
    form: ReasonForm,
    look_form: LookForm | None = None,
    partner_code: str = "",
) -> HttpResponse:
    look_form = look_form or LookForm()
    (standing,) = selectors.standings([entitlement])
    promise = selectors.promises([entitlement])[entitlement.pk]
    context = {
        "entitlement": row(entitlement, standing, promise, request, timezone.now()),
        "qr": qr_of(entitlement.code),
        "uses": selectors.uses(merchant_id=request.merchant.pk, entitlement_id=entitlement.pk),
        "form": form,
        "look_form": look_form,
        "partner_code": partner_code,
        "masked_code": masked(pools.codes_of([entitlement]).get(entitlement.pk, "")),
        "may_write": request.staff.role in gates.WRITERS,
    }
    return answer(request, "benefits/entitlements/detail.html", context, form, look_form)


@writes
@never_cache
@require_http_methods(["POST"])
def entitlements_show(request: StaffRequest, code: str) -> HttpResponse:
    """Show the partner's code whole, once, with a reason that is logged."""
    entitlement, form = _found_or_404(request, code), LookForm(request.POST)
    if not form.is_valid():
        return _page(request, entitlement, ReasonForm(), form)
    try:
        shown = pool_uploads.reveal(
            merchant_id=request.merchant.pk,
            at=timezone.now(),
            actor=Actor.person(request.user),
            entitlement_id=entitlement.pk,
            reason=form.cleaned_data["reason"],
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return _page(request, entitlement, ReasonForm(), form)
    return _page(request, entitlement, ReasonForm(), None, shown or "")


@writes
@require_http_methods(["POST"])
def entitlements_revoke(request: StaffRequest, code: str) -> HttpResponse:
    """Take an unused one back, with a reason; points that were paid come back."""
    entitlement = _found_or_404(request, code)
    form = ReasonForm(request.POST)
    if form.is_valid():
        try:
            claims.revoke(
                merchant_id=request.merchant.pk,
                at=timezone.now(),
                actor=Actor.person(request.user),
                code=entitlement.code,
                reason=form.cleaned_data["reason"],
            )
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("The entitlement is taken back. Its code is no longer valid."))
            return redirect("benefits:entitlements_detail", code=entitlement.code)
    return _page(request, entitlement, form)


@writes
@require_http_methods(["GET", "HEAD", "POST"])
def entitlements_give(request: StaffRequest, member_id: str) -> HttpResponse:
    """Give a member a benefit, with a reason."""
    member, at = member_of(request, member_id), timezone.now()
    benefits = _given_out(request, at)
    form = GiveForm(request.POST or None)
    offer(form, "benefit", [(each.public_id, str(each)) for each in benefits])
    if request.method == "POST" and form.is_valid():
        chosen = next(each for each in benefits if each.public_id == form.cleaned_data["benefit"])
        try:
            given, _is_new = claims.give(
                merchant_id=request.merchant.pk,
                at=at,
                actor=Actor.person(request.user),
                member_id=member.pk,
                benefit_id=chosen.pk,
                key=f"page-{form.cleaned_data['once']}",
                reason=form.cleaned_data["reason"],
            )
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
        else:
            messages.success(request, _("“%(name)s” is given. Show the member the code.") % {"name": chosen})
            return redirect("benefits:entitlements_detail", code=given.code)
    context = {"member": member, "form": form, "has_benefits": bool(benefits)}
    return answer(request, "benefits/entitlements/give.html", context, form)


def _given_out(request: StaffRequest, at: dt.datetime) -> list[Benefit]:
    """The benefits in force of which members hold entitlements, by name."""
    kinds = [code for code, kind in KINDS.items() if kind.is_redeemed]
    rows = Benefit.objects.of(request.merchant.pk).filter(kind__in=kinds, status=BenefitStatus.PUBLISHED)
    return [
        each
        for each in rows.order_by("name", "id")
        if (each.from_at is None or each.from_at <= at) and (each.to_at is None or each.to_at > at)
    ]
