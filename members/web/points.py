"""The point rules: the form, a worked example, what the rule means, the last 30 days under it (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from members.lib.earning import Earning
from members.lib.points import earning_terms, points_for
from members.lib.refusals import Refusal
from members.models import RulesVersion, Tier
from members.selectors import point_trial
from members.selectors import rules as rules_of
from members.selectors.entry_words import decimal_text
from members.services import point_rules, program_settings
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.htmx import wants_piece
from members.web.point_consequences import consequences
from members.web.point_forms import EXAMPLE_MINOR, PointsForm, initial_of
from members.web.program import back
from members.web.request import StaffRequest


def _tiers(merchant_id: int, version: RulesVersion | None) -> list[Tier]:
    """The ladder in force, lowest first."""
    known = {tier.pk: tier for tier in Tier.objects.of(merchant_id)}
    return [known[rung["tier"]] for rung in version.ladder] if version else []


@dataclass(frozen=True, slots=True)
class ExampleRow:
    """The example's order in one tier, with the sum."""

    tier: Tier | None
    rate: str
    multiplier: str
    exact: str
    points: int
    is_floored: bool


def _rates(form: PointsForm) -> tuple[Decimal, list[Decimal]] | None:
    """The rate and a multiplier a tier, as typed; None while something of it is not a number."""
    rate = form.cleaned_data.get("per_major")
    times: list[Any] = [form.cleaned_data.get(f"times_{tier.code}") for tier in form.tiers]
    return None if rate is None or any(each is None for each in times) else (rate, times)


def worked_example(form: PointsForm) -> tuple[int, list[ExampleRow]] | None:
    """(amount, a row a tier) with the sum of each; None while something typed is not a number. `form` was cleaned."""
    amount, rates = form.cleaned_data.get("example") or EXAMPLE_MINOR, _rates(form)
    if rates is None:
        return None
    rate, times = rates
    everybody: list[Tier | None] = [None]
    rows = []
    for tier, multiplier in zip(form.tiers or everybody, times or [Decimal(1)], strict=True):
        terms = earning_terms(
            rules_version=0, tier_id=0, per_major=rate, multiplier=multiplier, minor_digits=form.digits
        )
        exact = Decimal(amount).scaleb(-form.digits) * rate * multiplier
        rows.append(
            ExampleRow(
                tier=tier,
                rate=decimal_text(rate),
                multiplier=decimal_text(multiplier),
                exact=decimal_text(exact),
                points=points_for(amount, terms),
                is_floored=exact != exact.to_integral_value(),
            )
        )
    return amount, rows


def _trial(
    request: StaffRequest, form: PointsForm, version: RulesVersion | None, at: dt.datetime
) -> point_trial.Trial | None:
    """The last 30 days under what is typed; None while something of it is not a number."""
    rates = _rates(form)
    if rates is None:
        return None
    rate, times = rates
    return point_trial.trial(
        merchant=request.merchant,
        at=at,
        tiers=list(form.tiers),
        per_major=rate,
        multipliers={tier.code: each for tier, each in zip(form.tiers, times, strict=True)},
        earning=Earning.read(version.earning) if version else None,
    )


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def points_edit(request: StaffRequest) -> HttpResponse:
    """The rule in force and a form for the next; asked by htmx or a button, the example or the last 30 days."""
    at, merchant = timezone.now(), request.merchant
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    tiers = _tiers(merchant.pk, version)
    initial = initial_of(version, tiers, merchant.currency)
    form = PointsForm(request.POST or None, tiers=tiers, currency=merchant.currency, initial=initial)
    asks = {"recalculate", "preview"} & set(request.POST)
    is_save = request.method == "POST" and not asks and not wants_piece(request)
    if is_save and form.is_valid() and _save(request, at, form):
        messages.success(request, _("The point rule is saved. It holds for orders from now on."))
        return back(request, "members:points_edit")
    context = {
        **_shown(request, form if form.is_bound else _filled(form, initial), version, at),
        "form": form,
        "version": version,
        "may_write": request.staff.role in gates.MANAGERS,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    if wants_piece(request):
        piece = "_trial" if "preview" in asks else "_example"
        return render(request, f"members/points/{piece}.html", context)
    return answer(request, "members/points/edit.html", context, *([form] if is_save else []))


def _shown(
    request: StaffRequest, typed: PointsForm, version: RulesVersion | None, at: dt.datetime
) -> dict[str, Any]:
    """What stands beside the form: what its numbers come to, and mean."""
    typed.is_valid()
    is_tried = "preview" in request.POST
    return {
        "example": worked_example(typed),
        "consequences": consequences(typed, version, request.merchant, at),
        "trial": _trial(request, typed, version, at) if is_tried else None,
        "is_tried": is_tried,
        "currency": request.merchant.currency,
    }


def _filled(form: PointsForm, initial: dict[str, str]) -> PointsForm:
    """The form as it would be sent untouched."""
    untouched = {name: initial.get(name, field.initial or "") for name, field in form.fields.items()}
    return PointsForm(untouched, tiers=form.tiers, currency=form.currency)


def _save(request: StaffRequest, at: dt.datetime, form: PointsForm) -> bool:
    """Store the rule; False with the reason in the form. What this page does not show stays as it is."""
    actor = Actor.person(request.user)
    try:
        point_rules.configure(merchant_id=request.merchant.pk, at=at, actor=actor, **form.settings())
    except Refusal as refusal:
        add_refusal(form, refusal)
        return False
    program_settings.tick(merchant_id=request.merchant.pk, at=at, actor=actor, step="points")
    return True
