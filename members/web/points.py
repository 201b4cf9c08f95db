"""The point rule: points per currency unit, a multiplier per tier, and an example that recalculates (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from members.lib.points import earning_terms, points_for
from members.lib.refusals import Refusal
from members.models import RulesVersion, Tier
from members.selectors import rules as rules_of
from members.selectors.entry_words import decimal_text
from members.services import point_rules, program_settings
from members.services.audit import Actor
from members.web import gates
from members.web.forms import add_refusal, answer
from members.web.htmx import wants_piece
from members.web.number_fields import MoneyField, RateField
from members.web.program import back
from members.web.request import StaffRequest

EXAMPLE_MINOR = 26_800


class PointsForm(forms.Form):
    """Rate and multipliers, and the amount of the example."""

    per_major = RateField(label=gettext_lazy("Rate"), initial="1")

    def __init__(self, *args: Any, tiers: Sequence[Tier], currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tiers = tiers
        for tier in tiers:
            self.fields[f"times_{tier.code}"] = RateField(
                label=_("Multiplier for %(tier)s") % {"tier": tier}, most=1000, initial="1"
            )
        self.fields["example"] = MoneyField(
            label=gettext_lazy("Example: an order of"), currency=currency, required=False
        )

    @property
    def multiplier_fields(self) -> list[forms.BoundField]:
        """One a tier, in ladder order."""
        return [self[f"times_{tier.code}"] for tier in self.tiers]

    def multipliers(self) -> dict[str, Decimal]:
        """By tier code, only those that differ from one."""
        values = {tier.code: self.cleaned_data[f"times_{tier.code}"] for tier in self.tiers}
        return {code: value for code, value in values.items() if value != 1}


def _tiers(merchant_id: int, version: RulesVersion | None) -> list[Tier]:
    """The ladder in force, lowest first."""
    known = {tier.pk: tier for tier in Tier.objects.of(merchant_id)}
    return [known[rung["tier"]] for rung in version.ladder] if version else []


def _initial(version: RulesVersion | None, tiers: Sequence[Tier], currency: str) -> dict[str, str]:
    example = MoneyField(currency=currency).as_typed(EXAMPLE_MINOR)
    if version is None:
        return {"example": example}
    times = {
        f"times_{tier.code}": decimal_text(Decimal(version.tier_multipliers.get(str(tier.pk), "1")))
        for tier in tiers
    }
    return {"per_major": decimal_text(version.per_major), "example": example, **times}


def worked_example(
    form: PointsForm, currency: str, initial: dict[str, str]
) -> tuple[int, list[dict[str, Any]]] | None:
    """(amount, a row a tier) with the sum of each; None while something typed is not a number."""
    if form.is_bound:
        form.full_clean()
        data = form.cleaned_data
    else:
        data = {
            name: field.clean(initial.get(name, str(field.initial or "")))
            for name, field in form.fields.items()
        }
    amount, rate = data.get("example") or EXAMPLE_MINOR, data.get("per_major")
    times: list[Any] = [data.get(f"times_{tier.code}") for tier in form.tiers] or [Decimal(1)]
    if rate is None or any(each is None for each in times):
        return None
    digits = get_currency_precision(currency)
    rows = []
    everybody: list[Tier | None] = [None]
    for tier, multiplier in zip(form.tiers or everybody, times, strict=True):
        terms = earning_terms(
            rules_version=0, tier_id=0, per_major=rate, multiplier=multiplier, minor_digits=digits
        )
        exact = Decimal(amount).scaleb(-digits) * rate * multiplier
        rows.append(
            {
                "tier": tier,
                "rate": decimal_text(rate),
                "multiplier": decimal_text(multiplier),
                "exact": decimal_text(exact),
                "points": points_for(amount, terms),
                "is_floored": exact != exact.to_integral_value(),
            }
        )
    return amount, rows


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def points_edit(request: StaffRequest) -> HttpResponse:
    """The rule in force, a form for the next, and the example; the example alone when htmx or its button asks."""
    at, merchant_id, currency = timezone.now(), request.merchant.pk, request.merchant.currency
    version = rules_of.version_at(merchant_id=merchant_id, at=at)
    tiers = _tiers(merchant_id, version)
    initial = _initial(version, tiers, currency)
    form = PointsForm(request.POST or None, tiers=tiers, currency=currency, initial=initial)
    saving = request.method == "POST" and "recalculate" not in request.POST and not wants_piece(request)
    if saving and form.is_valid() and _save(request, at, version, form):
        messages.success(request, _("The point rule is saved. It holds for orders from now on."))
        return back(request, "members:points_edit")
    example = worked_example(form, currency, initial)
    context = {
        "form": form,
        "version": version,
        "example": example,
        "currency": currency,
        "may_write": request.staff.role in gates.MANAGERS,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    if wants_piece(request):
        return render(request, "members/points/_example.html", context)
    return answer(request, "members/points/edit.html", context, form)


def _save(request: StaffRequest, at: dt.datetime, version: RulesVersion | None, form: PointsForm) -> bool:
    """Store the rule; False with the reason in the form. What this page does not show stays as it is."""
    actor = Actor.person(request.user)
    kept = {}
    if version is not None:
        kept = {
            "pending_days": version.pending_days,
            "expiry": version.expiry,
            "clawback": version.clawback,
        }
    try:
        point_rules.configure(
            merchant_id=request.merchant.pk,
            at=at,
            actor=actor,
            per_major=form.cleaned_data["per_major"],
            tier_multipliers=form.multipliers(),
            **kept,
        )
    except Refusal as refusal:
        add_refusal(form, refusal)
        return False
    program_settings.tick(merchant_id=request.merchant.pk, at=at, actor=actor, step="points")
    return True
