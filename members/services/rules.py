"""New versions of the program's rules: what they may say (domain.md 5, 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.points import PointRules
from members.lib.refusals import Invalid
from members.lib.tiers import TierRules
from members.models import RulesVersion, Tier
from members.selectors import rules as selector
from members.services import audit, programs
from members.services.audit import Actor

DEFAULTS: dict[str, Any] = {
    "per_major": Decimal(1),
    "tier_multipliers": {},
    "pending_days": 0,
    "expiry": {"kind": "never"},
    "clawback": "allow_deficit",
    "earning": [],
    "point_cost": None,
    "adjust_limit": None,
    "give_back_days": 90,
    "notice_days": [30, 7],
    "window": {"kind": "rolling", "days": 365},
    "validity_months": 12,
    "grace_days": 0,
    "downgrade": "to_qualified",
    "growth": {},
}
POINT_FIELDS = (
    "per_major",
    "tier_multipliers",
    "pending_days",
    "expiry",
    "clawback",
    "earning",
    "point_cost",
    "adjust_limit",
    "give_back_days",
    "notice_days",
)
TIER_FIELDS = ("window", "validity_months", "grace_days", "downgrade", "growth", "ladder")


@transaction.atomic
def new_version(
    *, merchant_id: int, at: dt.datetime, actor: Actor, values: Mapping[str, Any]
) -> RulesVersion:
    """Store a version with some fields replaced; writes nothing when it would say the same.

    `ladder` holds tier ids here. Raises Invalid for what the rules refuse (a ladder out of order, a negative rate).
    """
    programs.lock_for_close(merchant_id=merchant_id)
    before = RulesVersion.objects.of(merchant_id).order_by("-at", "-number").first()
    if before is not None and before.at > at:
        raise Invalid(_("A later version of the rules exists already."))
    fields = (
        {name: getattr(before, name) for name in (*POINT_FIELDS, *TIER_FIELDS)} if before else dict(DEFAULTS)
    )
    if before is None:
        base = tier_ids(merchant_id=merchant_id, codes=["base"], at=at)["base"]
        fields["ladder"] = [{"tier": base, "needs": "all", "requirements": {}}]
    fields.update(values)
    if before is not None and all(getattr(before, name) == value for name, value in fields.items()):
        return before
    version = RulesVersion(
        merchant_id=merchant_id,
        number=before.number + 1 if before else 1,
        at=at,
        by_id=actor.user_id,
        **fields,
    )
    check(version, merchant_id=merchant_id)
    version.save(force_insert=True)
    names = {tier.pk: str(tier) for tier in Tier.objects.of(merchant_id)}
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="rules.changed",
        subject=("rules", version.number),
        before=_plain(before, names) if before else None,
        after=_plain(version, names),
    )
    return version


def check(version: RulesVersion, *, merchant_id: int) -> tuple[PointRules, TierRules]:
    """Build the rules that a version says. Raises Invalid with the rule's own words."""
    return (
        selector.point_rules(version),
        selector.tier_rules(version, selector.tier_codes(merchant_id=merchant_id)),
    )


def _plain(version: RulesVersion, tiers: Mapping[int, str]) -> dict[str, Any]:
    """A version as the audit log shows it: JSON values, tiers by their names."""
    names = (*POINT_FIELDS, *TIER_FIELDS)
    found = {name: getattr(version, name) for name in names}
    plain = {name: f"{v.normalize():f}" if isinstance(v, Decimal) else v for name, v in found.items()}
    plain["ladder"] = [rung | {"tier": tiers.get(rung["tier"], rung["tier"])} for rung in version.ladder]
    plain["tier_multipliers"] = {
        tiers.get(int(tier_id), tier_id): rate for tier_id, rate in version.tier_multipliers.items()
    }
    plain["earning"] = _with_names(version.earning, tiers)
    return plain


def _with_names(earning: Any, tiers: Mapping[int, str]) -> Any:
    """The rules of earning with the names of the tiers that campaigns are for."""
    if not isinstance(earning, dict) or not earning.get("campaigns"):
        return earning
    campaigns = []
    for each in earning["campaigns"]:
        when = each.get("when", {})
        named = {"tiers": [tiers.get(tier, tier) for tier in when["tiers"]]} if when.get("tiers") else {}
        campaigns.append({**each, "when": {**when, **named}} if named else each)
    return {**earning, "campaigns": campaigns}


def tier_ids(
    *, merchant_id: int, codes: Sequence[str], at: dt.datetime, names: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Ids of tiers by code, making those that do not exist; names given are set."""
    known = {tier.code: tier for tier in Tier.objects.of(merchant_id).filter(code__in=codes)}
    for code in codes:
        if code not in known:
            known[code] = Tier.objects.create(merchant_id=merchant_id, code=code, created_at=at)
        name = (names or {}).get(code)
        if name is not None and name != known[code].name:
            known[code].name = name
            known[code].save(update_fields=["name"])
    return {code: tier.pk for code, tier in known.items()}
