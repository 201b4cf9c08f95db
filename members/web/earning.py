"""The rules of earning beside the rate: events, caps and campaigns, with a worked example (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from members.lib.bonus import BonusTerms, price
from members.lib.earning import Campaign, Earning
from members.lib.periods import merchant_day
from members.lib.points import earning_terms
from members.lib.refusals import NotFound, Refusal
from members.models import Channel, RulesVersion, Tier
from members.selectors import bonus_words
from members.selectors import rules as rules_of
from members.selectors.bonus_words import decimal_text
from members.services import earning_rules
from members.services.audit import Actor
from members.templatetags.fmt import money_text
from members.templatetags.fmt import points as points_text
from members.web import gates
from members.web.earning_forms import (
    WEEKDAYS,
    CampaignForm,
    CapsForm,
    CategoriesForm,
    EventsForm,
    caps_initial,
)
from members.web.forms import add_refusal, answer
from members.web.htmx import wants_piece
from members.web.point_forms import EXAMPLE_MINOR
from members.web.request import StaffRequest

SHOWN = 3  # names of what a campaign is for, in its row


def _version(request: StaffRequest, at: dt.datetime) -> tuple[RulesVersion | None, Earning]:
    version = rules_of.version_at(merchant_id=request.merchant.pk, at=at)
    return version, Earning.read(version.earning if version else {})


def _tiers(request: StaffRequest, version: RulesVersion | None) -> list[Tier]:
    """The ladder in force, lowest first."""
    known = {tier.pk: tier for tier in Tier.objects.of(request.merchant.pk)}
    return [known[rung["tier"]] for rung in version.ladder] if version else []


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def earning_edit(request: StaffRequest) -> HttpResponse:
    """What events bring, the caps of orders, and the campaigns."""
    at = timezone.now()
    version, earning = _version(request, at)
    asked = next((name for name in ("caps", "categories") if name in request.POST), "events")

    def said(name: str) -> Any:
        return request.POST if request.method == "POST" and asked == name else None

    events = EventsForm(said("events"), events=earning.events)
    caps = CapsForm(said("caps"), initial=caps_initial(earning))
    categories = CategoriesForm(said("categories"), categories=earning.categories)
    forms = {"events": events, "caps": caps, "categories": categories}
    if request.method == "POST" and _save(request, at, forms[asked]):
        messages.success(request, _("The rules are saved. They hold from now on."))
        return redirect("members:earning_edit")
    tiers = {tier.pk: str(tier) for tier in Tier.objects.of(request.merchant.pk)}
    context = {
        **forms,
        "version": version,
        "campaigns": [_row(campaign, at, tiers) for campaign in earning.campaigns],
        "may_write": request.staff.role in gates.MANAGERS,
    }
    return answer(request, "members/earning/edit.html", context, *([forms[asked]] if request.POST else []))


def _save(request: StaffRequest, at: dt.datetime, form: Any) -> bool:
    """Store one of the forms; False with the reason in it."""
    if not form.is_valid():
        return False
    who: dict[str, Any] = {"merchant_id": request.merchant.pk, "at": at, "actor": Actor.person(request.user)}
    try:
        if isinstance(form, CapsForm):
            earning_rules.set_caps(**form.cleaned_data, **who)
        elif isinstance(form, CategoriesForm):
            earning_rules.set_categories(
                shown=form.before, categories=form.categories, renamed=form.renamed, **who
            )
        else:
            earning_rules.set_events(events=form.events(), **who)
    except Refusal as refusal:
        add_refusal(form, refusal)
        return False
    return True


def _row(campaign: Campaign, at: dt.datetime, tiers: dict[int, str]) -> dict[str, Any]:
    """A campaign in the list."""
    when = campaign.when
    if when.to_at is not None and when.to_at <= at:
        state = ("neutral", _("Ended"))
    elif when.from_at is not None and when.from_at > at:
        state = ("info", _("Coming"))
    else:
        state = ("success", _("Running"))
    return {
        "code": campaign.code,
        "name": campaign.name or campaign.code,
        "gives": _gives(campaign),
        "for": _for(campaign, tiers),
        "from_at": when.from_at,
        "to_at": when.to_at,
        "level": state[0],
        "state": state[1],
        "is_over": state[0] == "neutral",
        "is_kept": bool(campaign.owner),
    }


def _for(campaign: Campaign, tiers: dict[int, str]) -> list[str]:
    """Which orders and lines a campaign is for, a line for each thing that is asked."""
    when = campaign.when
    channels, weekdays = dict(Channel.choices), dict(WEEKDAYS)
    asked: list[tuple[Any, Sequence[Any]]] = [
        (_("Tiers"), [tiers.get(tier, "--") for tier in sorted(when.tiers)]),
        (_("Channels"), [channels.get(name, name) for name in sorted(when.channels)]),
        (_("Days of the week"), [weekdays[day] for day in sorted(when.weekdays)]),
        (_("Days of the month"), sorted(when.month_days)),
        (_("Dates"), sorted(when.dates)),
        (_("Scenes"), sorted(when.scenes)),
        (_("Product categories"), when.categories),
        (_("SKUs"), when.skus),
    ]
    told = _("%(label)s: %(names)s")
    return [told % {"label": label, "names": _few(list(map(str, names)))} for label, names in asked if names]


def _few(names: list[str]) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:SHOWN])
    if len(names) <= SHOWN:
        return shown
    return _("%(names)s and %(n)s more") % {"names": shown, "n": points_text(len(names) - SHOWN)}


def _gives(campaign: Campaign) -> str:
    values = {"multiplier": decimal_text(campaign.multiplier), "extra": points_text(campaign.extra)}
    if campaign.multiplier == 1:
        return _("%(extra)s extra points") % values
    if not campaign.extra:
        return _("× %(multiplier)s") % values
    return _("× %(multiplier)s and %(extra)s extra points") % values


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def campaign_edit(request: StaffRequest, code: str = "") -> HttpResponse:
    """A campaign: add or change it; asked by htmx or a button, the worked example."""
    at, merchant = timezone.now(), request.merchant
    version, earning = _version(request, at)
    before = next((each for each in earning.campaigns if each.code == code), None)
    if code and (before is None or before.owner):  # a benefit's is changed with the benefit
        raise Http404
    form = CampaignForm(
        request.POST or None,
        tiers=_tiers(request, version),
        categories=sorted(earning.categories),
        currency=merchant.currency,
        zone=merchant.zone,
        before=before,
    )
    is_save = request.method == "POST" and "recalculate" not in request.POST and not wants_piece(request)
    if is_save and form.is_valid() and _put(request, at, form):
        messages.success(request, _("The campaign is saved. It holds for orders that arrive from now on."))
        return redirect("members:earning_edit")
    context = {"form": form, "campaign": before, "example": _example(request, form, version, earning, at)}
    if wants_piece(request):
        return render(request, "members/earning/_example.html", context)
    return answer(request, "members/earning/campaign.html", context, *([form] if is_save else []))


def _put(request: StaffRequest, at: dt.datetime, form: CampaignForm) -> bool:
    try:
        earning_rules.put_campaign(
            merchant_id=request.merchant.pk,
            at=at,
            actor=Actor.person(request.user),
            campaign=form.campaign(),
            is_new=form.before is None,
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return False
    return True


def _example(
    request: StaffRequest,
    form: CampaignForm,
    version: RulesVersion | None,
    earning: Earning,
    at: dt.datetime,
) -> list[str]:
    """The sum of an order that the campaign is for, with the caps in force; [] while something is not right yet."""
    if form.is_bound and form.is_valid():
        campaign = form.campaign()
    elif form.is_bound or form.before is None:
        return []
    else:
        campaign = form.before
    merchant = request.merchant
    amount = (form.cleaned_data.get("example") if form.is_bound else None) or EXAMPLE_MINOR
    rate = version.per_major if version else Decimal(1)
    digits = get_currency_precision(merchant.currency)
    terms = earning_terms(
        rules_version=0, tier_id=0, per_major=rate, multiplier=Decimal(1), minor_digits=digits
    )
    bonus = BonusTerms(
        day=merchant_day(at, merchant.zone),
        combine=earning.combine,
        order_most=earning.order_most,
        day_most=earning.day_most,
        campaigns=((replace(campaign, code="example"), ()),),
    )
    priced = price([("", 1, amount)], terms, bonus, {}, {})
    values = {
        "amount": money_text(amount, merchant.currency),
        "rate": decimal_text(rate),
        "exact": decimal_text(priced.exact),
    }
    first = _("%(amount)s × %(rate)s points per currency unit = %(exact)s points.") % values
    last = _("The order earns %(points)s points.") % {"points": points_text(priced.points)}
    return [first, *bonus_words.sums(priced), last]


@gates.staff(read=gates.MANAGERS, write=gates.MANAGERS)
@require_POST
def campaign_end(request: StaffRequest, code: str) -> HttpResponse:
    """End a campaign now."""
    try:
        earning_rules.end_campaign(
            merchant_id=request.merchant.pk, at=timezone.now(), actor=Actor.person(request.user), code=code
        )
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        messages.error(request, refusal.detail)
        return redirect("members:earning_edit")
    messages.success(request, _("The campaign has ended. Orders paid before still have it."))
    return redirect("members:earning_edit")
