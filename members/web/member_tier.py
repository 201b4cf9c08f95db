"""Setting a member's tier by hand until a day, with a reason."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from members.lib.periods import add_months, merchant_day
from members.lib.refusals import NotFound, Refusal
from members.models import Tier
from members.selectors import rules as rules_of
from members.selectors import tier_explained
from members.services import tier_hand
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer, offer
from members.web.members import member_of
from members.web.request import StaffRequest


class TierForm(forms.Form):
    """Which tier, until when, and why."""

    tier = forms.ChoiceField(label=gettext_lazy("Tier"), widget=forms.RadioSelect)
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(),
        help_text=gettext_lazy("The member keeps the tier at least until then; the lowest tier has no end."),
    )
    reason = forms.CharField(
        label=gettext_lazy("Why is it set?"),
        max_length=tier_hand.LONGEST_REASON,
        error_messages={
            "required": gettext_lazy("Say why the tier is set; the reason stays in the member's history.")
        },
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


def _form(request: StaffRequest, at: dt.datetime, member_id: int) -> TierForm | None:
    """The form with the ladder of now; None before there are rules."""
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    if version is None:
        return None
    known = {tier.pk: tier for tier in Tier.objects.of(request.merchant.pk)}
    tiers = [known[rung["tier"]] for rung in reversed(version.ladder)]
    until = add_months(merchant_day(at, request.merchant.zone), version.validity_months)
    initial = {"tier": tiers[0].code, "until": until}
    form = TierForm(request.POST or None, initial=initial)
    offer(form, "tier", [(tier.code, str(tier)) for tier in tiers])
    return form


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS, function="members")
@require_http_methods(["GET", "HEAD", "POST"])
def members_tier(request: StaffRequest, member_id: str) -> HttpResponse:
    """Set the tier, beside what it is now in words."""
    at, member = timezone.now(), member_of(request, member_id)
    form = _form(request, at, member.pk)
    if form is None:
        raise Http404
    if request.method == "POST" and form.is_valid() and _done(request, member.pk, at, form):
        return redirect("members:members_page", member.public_id)
    context: dict[str, Any] = {
        "member": member,
        "form": form,
        "explained": tier_explained.explained(merchant=request.merchant, member=member, at=at),
    }
    return answer(request, "members/members/tier.html", context, form)


def _done(request: StaffRequest, member_id: int, at: dt.datetime, form: TierForm) -> bool:
    """Set the tier and tell of it; False with the reason in the form."""
    data = form.cleaned_data
    try:
        is_new = tier_hand.set_tier(
            merchant_id=request.merchant.pk,
            member_id=member_id,
            at=at,
            actor=Actor.person(request.user),
            tier=data["tier"],
            until=data["until"],
            reason=data["reason"],
        )
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        add_refusal(form, refusal)
        return False
    if is_new:
        messages.success(request, _("The tier is set."))
    else:
        messages.warning(request, _("The member holds this tier at least that long already."))
    return True
