"""Giving a benefit to many members: say to whom and why, see how many, confirm, watch, undo (domain 8)."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from benefits.lib.coverage import EVERYONE
from benefits.lib.entitlements import terms_of
from benefits.lib.holdouts import MOST_PERCENT
from benefits.lib.kinds import KINDS
from benefits.models import Benefit, GiftCampaign
from benefits.selectors import audiences, subscriptions
from benefits.selectors import benefits as benefits_selector
from benefits.selectors import campaigns as selectors
from benefits.services import campaigns as services
from benefits.services.arguments import check_audience
from benefits.web import words
from benefits.web.base_forms import HOLDOUT_TEXT
from benefits.web.fields import CountField
from benefits.web.words import FIELDS
from members.lib.refusals import NotFound, Refusal
from members.models import Member, MemberStatus, WorkState
from members.services.audit import Actor
from members.templatetags.fmt import money_text
from members.web import gates
from members.web.forms import OnceField, add_refusal, answer
from members.web.htmx import wants_piece
from members.web.request import StaffRequest

SHOWN = 10
MOST_COUNTED = 1_000_000
LEVELS = {
    WorkState.DONE: "success",
    WorkState.FAILED: "critical",
    WorkState.CANCELLED: "neutral",
    WorkState.UNDONE: "neutral",
}
reads = gates.staff(read=gates.WRITERS, function="benefits")
writes = gates.staff(read=gates.NOBODY, write=gates.WRITERS, function="benefits")


class CampaignForm(forms.Form):
    """To whom, and why."""

    audience = forms.ChoiceField(label=_("To whom"), widget=forms.RadioSelect, initial="everyone")
    tiers = forms.MultipleChoiceField(label=_("Tiers"), required=False, widget=forms.CheckboxSelectMultiple)
    segments = forms.MultipleChoiceField(
        label=_("Segments"), required=False, widget=forms.CheckboxSelectMultiple
    )
    plans = forms.MultipleChoiceField(label=_("Plans"), required=False, widget=forms.CheckboxSelectMultiple)
    holdout_percent = CountField(
        label=FIELDS["holdout_percent"], most=MOST_PERCENT, required=False, help_text=HOLDOUT_TEXT
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=services.LONGEST_REASON,
        help_text=_("Kept in the audit log with your name and the time."),
        error_messages={"required": _("Say why; the reason goes into the audit log.")},
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    once = OnceField()

    def __init__(
        self,
        *args: Any,
        tiers: list[tuple[str, str]],
        segments: list[tuple[str, str]],
        plans: list[tuple[str, str]],
        **kwargs: Any,
    ):
        super().__init__(*args, **kwargs)
        choices = [("everyone", _("All members"))]
        for name, offered, label in (
            ("tiers", tiers, _("Members of certain tiers")),
            ("plans", plans, _("Members with certain plans")),
            ("segments", segments, _("Members of certain segments")),
        ):
            if offered:
                self.fields[name].choices = offered  # type: ignore[attr-defined]
                choices.append((name, label))
            else:
                self.fields.pop(name)
        self.fields["audience"].choices = choices  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        """A named audience is named."""
        values = super().clean() or {}
        if values.get("audience") == "tiers" and not values.get("tiers") and "tiers" not in self.errors:
            self.add_error("tiers", _("Choose at least one tier, or all members."))
        if values.get("audience") == "plans" and not values.get("plans") and "plans" not in self.errors:
            self.add_error("plans", _("Choose at least one plan, or all members."))
        if (
            values.get("audience") == "segments"
            and not values.get("segments")
            and "segments" not in self.errors
        ):
            self.add_error("segments", _("Choose at least one segment, or all members."))
        return values

    @property
    def chosen(self) -> Any:
        """The audience, as services take it."""
        named = self.cleaned_data["audience"]
        return {named: self.cleaned_data[named]} if named in ("tiers", "plans", "segments") else EVERYONE


def of_benefit(benefit: Benefit) -> list[tuple[GiftCampaign, str]]:
    """A benefit's latest campaigns with the level of their state. One query."""
    rows = GiftCampaign.objects.of(benefit.merchant_id).filter(benefit_id=benefit.pk)
    return [(each, _level(each)) for each in rows.order_by("-created_at", "-pk")[:SHOWN]]


def can_begin(benefit: Benefit, at: dt.datetime) -> bool:
    """Whether it can be given to members now."""
    try:
        services.may_be_given(benefit, at)
    except Refusal:
        return False
    return True


def _level(campaign: GiftCampaign) -> str:
    return LEVELS.get(WorkState(campaign.state), "accent")


@gates.staff(read=gates.WRITERS, write=gates.WRITERS, function="benefits")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def campaigns_new(request: StaffRequest, public_id: str) -> HttpResponse:
    """To whom and why; shown with how many and what it may cost before it is confirmed."""
    merchant, at = request.merchant, timezone.now()
    benefit = benefits_selector.by_public_id(merchant_id=merchant.pk, public_id=public_id)
    if benefit is None:
        raise Http404
    form = CampaignForm(
        request.POST or None,
        tiers=audiences.tier_names(merchant_id=merchant.pk, at=at),
        segments=audiences.segment_names(merchant_id=merchant.pk),
        plans=subscriptions.plan_names(merchant_id=merchant.pk),
    )
    context: dict[str, Any] = {"form": form, "benefit": benefit}
    if request.method == "POST" and form.is_valid():
        try:
            if "confirm" in request.POST:
                begun = services.begin(
                    merchant_id=merchant.pk,
                    benefit_id=benefit.pk,
                    at=at,
                    actor=Actor.person(request.user),
                    audience=form.chosen,
                    reason=form.cleaned_data["reason"],
                    holdout_percent=form.cleaned_data["holdout_percent"] or 0,
                    once=form.cleaned_data["once"],
                )
                return redirect("benefits:campaigns_page", campaign_id=begun.public_id)
            services.may_be_given(benefit, at)
            context |= _foreseen(request, benefit, form.chosen, at)
        except NotFound:
            raise Http404 from None
        except Refusal as refusal:
            add_refusal(form, refusal)
    return answer(request, "benefits/campaigns/new.html", context, form)


def _foreseen(request: StaffRequest, benefit: Benefit, chosen: Any, at: dt.datetime) -> dict[str, Any]:
    """How many are meant, and the most that they may save with it. Raises Invalid."""
    merchant = request.merchant
    audience = check_audience(merchant.pk, chosen, at)
    if audience == EVERYONE:
        members = Member.objects.of(merchant).filter(status=MemberStatus.ACTIVE)[:MOST_COUNTED].count()
    else:
        members = audiences.size(merchant_id=merchant.pk, audience=audience, at=at, most=MOST_COUNTED)
    pieces = members if benefit.stock is None else min(members, benefit.stock)
    promised = terms_of(KINDS[benefit.kind], benefit.settings).promised_minor * pieces
    return {
        "is_shown": True,
        "members": members,
        "stock": benefit.stock,
        "most": money_text(promised, merchant.currency) if promised else "",
    }


def campaign_or_404(request: StaffRequest, campaign_id: str) -> GiftCampaign:
    """The merchant's campaign of that id, with its benefit. Raises Http404."""
    campaign = selectors.by_public_id(merchant_id=request.merchant.pk, public_id=campaign_id)
    if campaign is None:
        raise Http404
    return campaign


@reads
@never_cache
@require_safe
def campaigns_page(request: StaffRequest, campaign_id: str) -> HttpResponse:
    """One campaign with its report; its progress by itself when htmx asks."""
    campaign, at = campaign_or_404(request, campaign_id), timezone.now()
    names = dict(
        [
            *audiences.segment_names(merchant_id=request.merchant.pk),
            *audiences.tier_names(merchant_id=request.merchant.pk, at=at),
        ]
    )
    context = {
        "campaign": campaign,
        "level": _level(campaign),
        "audience": words.audience_text(campaign.audience, names),
        "refused": [(label, campaign.refused.get(why, 0)) for why, label in services.REASONS.items()],
        "undo_position": campaign.undone + campaign.kept,
        "undo_until": services.undo_until(campaign) if services.may_be_undone(campaign, at) else None,
    }
    if wants_piece(request):
        response = render(request, "benefits/campaigns/_progress.html", context)
        if not campaign.is_worked:
            response["HX-Refresh"] = "true"  # what can be done next stands outside the piece
        return response
    return render(request, "benefits/campaigns/page.html", context)


def _act(request: StaffRequest, campaign_id: str, service: Any) -> HttpResponse:
    try:
        service(
            merchant_id=request.merchant.pk,
            public_id=campaign_id,
            at=timezone.now(),
            actor=Actor.person(request.user),
        )
    except NotFound:
        raise Http404 from None
    except Refusal as refusal:
        messages.error(request, refusal.detail)
    return redirect("benefits:campaigns_page", campaign_id=campaign_id)


@writes
@require_POST
def campaigns_cancel(request: StaffRequest, campaign_id: str) -> HttpResponse:
    """Stop; what was given stays and can be undone."""
    return _act(request, campaign_id, services.cancel)


@writes
@require_POST
def campaigns_undo(request: StaffRequest, campaign_id: str) -> HttpResponse:
    """Take back what was never used."""
    return _act(request, campaign_id, services.undo)
