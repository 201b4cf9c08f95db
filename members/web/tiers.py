"""The ladder of tiers: the one in force, and the form of the next (domain.md 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from members.lib.refusals import Refusal
from members.models import RulesVersion, Tier
from members.selectors import rules as rules_of
from members.selectors import setup_guide, tier_counts
from members.services import program_settings, tier_rules
from members.services.audit import Actor
from members.web import gates, tier_forms
from members.web.forms import add_refusal, answer
from members.web.program import back, program_of
from members.web.request import StaffRequest
from members.web.tier_forms import RungForm, SettingsForm, TargetsForm


def _ladder(
    request: StaffRequest, version: RulesVersion | None, tiers: Mapping[int, Tier], is_own: bool
) -> Sequence[Mapping]:
    """The ladder in force; the three-tier template where nobody decided on one."""
    if version is None or not is_own:
        return program_settings.three_tiers(request.merchant.currency)
    return [
        {
            "code": tiers[rung["tier"]].code,
            "name": str(tiers[rung["tier"]]),
            rung.get("needs", "all"): rung.get("requirements", {}),
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
) -> list[tuple[Tier, int]]:
    """The tiers of the ladder in force that the form leaves out though members hold them."""
    kept = {row["code"].value() for row in rows}
    ladder = [tiers[rung["tier"]] for rung in version.ladder] if version else []
    return [(tier, counts[tier.pk]) for tier in ladder if tier.code not in kept and counts.get(tier.pk)]


@gates.staff(read=gates.READERS, write=gates.MANAGERS)
@require_http_methods(["GET", "HEAD", "POST"])
def tiers_edit(request: StaffRequest) -> HttpResponse:
    """The ladder, and a form for its next version. Rows come and go by a submission, with a script or without."""
    at, merchant_id, currency = timezone.now(), request.merchant.pk, request.merchant.currency
    version = rules_of.version_at(merchant_id=merchant_id, at=at)
    tiers = {tier.pk: tier for tier in Tier.objects.of(merchant_id)}
    base_id = version.ladder[0]["tier"] if version else None
    counts = tier_counts.by_tier(merchant_id=merchant_id, base_tier_id=base_id)
    is_own = setup_guide.has_own_tiers(program=program_of(request), at=at)
    saving = request.method == "POST" and not {"add", "remove"} & set(request.POST)
    if request.method == "POST":
        typed = tier_forms.typed_rows(request.POST)
        rows = tier_forms.rung_forms(typed, currency, bound=saving)
        known: dict[str, Any] = {"data": request.POST} if saving else {"initial": request.POST.dict()}
        settings = SettingsForm(currency=currency, **known)
        gone = _gone(version, tiers, counts, rows)
        targets = TargetsForm(request.POST if saving else None, gone=gone, rows=rows)
    else:
        typed = tier_forms.as_typed(_ladder(request, version, tiers, is_own), currency)
        rows = tier_forms.rung_forms(typed, currency, bound=False)
        initial = _settings(version, 10 ** get_currency_precision(currency))
        settings = SettingsForm(currency=currency, initial=initial)
        targets = TargetsForm(gone=[], rows=rows)
    if saving and _save(request, at, version, settings, targets, rows):
        messages.success(
            request, _("The tiers are saved. Whoever reaches a higher one now has risen; nobody fell.")
        )
        return back(request, "members:tiers_edit")
    held = {tier.code: counts.get(tier.pk, 0) for tier in tiers.values()}
    context = {
        "settings": settings,
        "rows": [(row, held.get(row["code"].value(), 0)) for row in rows],
        "row_forms": rows,
        "targets": targets,
        "version": version if is_own else None,
        "may_write": request.staff.role in gates.MANAGERS,
        "may_add": len(rows) < tier_forms.MOST_TIERS,
        "next": request.POST.get("next") or request.GET.get("next", ""),
    }
    return answer(request, "members/tiers/edit.html", context, settings, targets, *rows)


def _save(
    request: StaffRequest,
    at: dt.datetime,
    version: RulesVersion | None,
    settings: SettingsForm,
    targets: TargetsForm,
    rows: Sequence[RungForm],
) -> bool:
    """Store the ladder; False with the reasons in the forms."""
    tier_forms.check_order(rows, request.merchant.currency)
    if not all(form.is_valid() for form in (settings, targets, *rows)):
        return False
    data = settings.cleaned_data
    actor = Actor.person(request.user)
    try:
        tier_rules.configure(
            merchant_id=request.merchant.pk,
            at=at,
            actor=actor,
            ladder=[row.rung() for row in rows],
            window=settings.window(),
            validity_months=data["validity_months"],
            grace_days=data["grace_days"],
            downgrade=data["downgrade"],
            growth=settings.growth(),
            targets=targets.targets(),
        )
    except Refusal as refusal:
        add_refusal(settings, refusal)
        return False
    program_settings.tick(merchant_id=request.merchant.pk, at=at, actor=actor, step="tiers")
    return True
