"""The form of the ladder as it was sent or stands in force, and what services take of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django import forms

from members.lib.refusals import Refusal
from members.models import RulesVersion, Tier
from members.selectors import rules as rules_of
from members.selectors import setup_guide, tier_counts
from members.selectors import tier_lifts as lifts
from members.services import program_settings, tier_rules
from members.services.tier_rules import Draft
from members.web import tier_forms
from members.web.forms import add_refusal
from members.web.program import program_of
from members.web.request import StaffRequest
from members.web.tier_forms import RungForm, SettingsForm, TargetsForm

ACTS = ("add", "remove", "edit")  # what changes the form and decides nothing


@dataclass(slots=True)
class LadderForm:
    """All forms of the page, and what they are compared with."""

    version: RulesVersion | None
    counts: Mapping[int, int]
    tiers: Mapping[int, Tier]
    is_own: bool
    settings: SettingsForm
    targets: TargetsForm
    rows: Sequence[RungForm]
    currency: str
    seen: int | None  # the number of the version that the editor began from

    @property
    def all(self) -> list[forms.Form]:
        """Every form."""
        return [self.settings, self.targets, *self.rows]

    def is_valid(self) -> bool:
        """Whether everything typed is in order."""
        tier_forms.check_order(self.rows, self.currency)
        return all(form.is_valid() for form in self.all)

    def options(self) -> dict[str, Any]:
        """What `tier_rules.configure` and `tier_rules.draft` take; needs valid forms."""
        data = self.settings.cleaned_data
        return {
            "ladder": [row.rung() for row in self.rows],
            "window": self.settings.window(),
            "validity_months": data["validity_months"],
            "grace_days": data["grace_days"],
            "downgrade": data["downgrade"],
            "growth": self.settings.growth(),
            "targets": self.targets.targets(),
        }


def read(request: StaffRequest, at: dt.datetime) -> LadderForm:
    """The form as it was sent, else the ladder in force, or the template where nobody decided on one."""
    merchant_id, currency = request.merchant.pk, request.merchant.currency
    version = rules_of.version_at(merchant_id=merchant_id, at=at)
    tiers = {tier.pk: tier for tier in Tier.objects.of(merchant_id)}
    base_id = version.ladder[0]["tier"] if version else None
    counts = tier_counts.by_tier(merchant_id=merchant_id, base_tier_id=base_id)
    is_own = setup_guide.has_own_tiers(program=program_of(request), at=at)
    decides = request.method == "POST" and not set(ACTS) & set(request.POST)
    if request.method == "POST":
        rows = tier_forms.rung_forms(tier_forms.typed_rows(request.POST), currency, bound=decides)
        known: dict[str, Any] = {"data": request.POST} if decides else {"initial": request.POST.dict()}
        settings = SettingsForm(currency=currency, **known)
        gone = _gone(version, tiers, counts, rows, bool(lifts.still_open(merchant_id=merchant_id)))
        targets = TargetsForm(request.POST if decides else None, gone=gone, rows=rows)
    else:
        typed = tier_forms.as_typed(_ladder(currency, version, tiers, is_own), currency)
        rows = tier_forms.rung_forms(typed, currency, bound=False)
        initial = _settings(version, 10 ** get_currency_precision(currency))
        settings = SettingsForm(currency=currency, initial=initial)
        targets = TargetsForm(gone=[], rows=rows)
    return LadderForm(
        version, counts, tiers, is_own, settings, targets, rows, currency, _seen(request, version)
    )


def _seen(request: StaffRequest, version: RulesVersion | None) -> int | None:
    """The version that the form was made from, as it travels with it; a form without says nothing of it."""
    if request.method != "POST":
        return version.number if version else None
    typed = request.POST.get("seen", "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 10 else None


def draft_of(request: StaffRequest, form: LadderForm, at: dt.datetime) -> Draft | None:
    """The form as a draft of rules; None with the reasons in the forms."""
    if not form.is_valid():
        return None
    try:
        return tier_rules.draft(merchant_id=request.merchant.pk, at=at, **form.options())
    except Refusal as refusal:
        add_refusal(form.settings, refusal)
        return None


def of_form(request: StaffRequest, at: dt.datetime) -> Draft | None:
    """What was sent as a draft of rules; None when something is wrong with it."""
    return draft_of(request, read(request, at), at)


def _ladder(
    currency: str, version: RulesVersion | None, tiers: Mapping[int, Tier], is_own: bool
) -> Sequence[Mapping]:
    """The ladder in force; the three-tier template where nobody decided on one."""
    if version is None or not is_own:
        return program_settings.three_tiers(currency)
    return [
        {
            "code": tiers[rung["tier"]].code,
            "name": str(tiers[rung["tier"]]),
            rung.get("needs", "all"): rung.get("requirements", {}),
            "welcome": rung.get("welcome", 0),
        }
        for rung in version.ladder
    ]


def _settings(version: RulesVersion | None, minor_per_major: int) -> dict[str, Any]:
    if version is None:
        return {}
    growth = {f"growth_{metric}": weight for metric, weight in version.growth.items()}
    if money := growth.get("growth_spend_minor"):
        growth["growth_spend_minor"] = f"{(Decimal(money) * minor_per_major).normalize():f}"
    return {
        "window_kind": version.window.get("kind", "rolling"),
        "window_days": version.window.get("days", 365),
        "validity_months": version.validity_months,
        "grace_days": version.grace_days,
        "downgrade": version.downgrade,
        **growth,
    }


def _gone(
    version: RulesVersion | None,
    tiers: Mapping[int, Tier],
    counts: Mapping[int, int],
    rows: Sequence[RungForm],
    is_lifting: bool,
) -> list[tuple[Tier, int]]:
    """The tiers of the ladder in force that the form leaves out though members hold them, or may yet come to by an edit
    that is still worked off."""
    kept = {row["code"].value() for row in rows}
    ladder = [tiers[rung["tier"]] for rung in version.ladder] if version else []
    return [
        (tier, counts.get(tier.pk, 0))
        for tier in ladder
        if tier.code not in kept and (is_lifting or counts.get(tier.pk))
    ]
