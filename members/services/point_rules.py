"""The point rule: rate, tier multipliers and what later issues add (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import Invalid
from members.models import RulesVersion, Tier
from members.services import rules
from members.services.audit import Actor


@transaction.atomic
def configure(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    per_major: Decimal,
    tier_multipliers: Mapping[str, Decimal] | None = None,
    pending_days: int = 0,
    expiry: Mapping[str, Any] | None = None,
    clawback: str = "allow_deficit",
) -> RulesVersion:
    """Replace the point part of the rules from `at` on; orders already stored keep their terms.

    `per_major` is points per major currency unit (at most 6 decimals), multipliers are by tier code. Raises Invalid
    for a negative rate or a tier that does not exist.
    """
    multipliers = dict(tier_multipliers or {})
    known = dict(Tier.objects.of(merchant_id).filter(code__in=multipliers).values_list("code", "id"))
    if missing := sorted(set(multipliers) - set(known)):
        raise Invalid(_("There is no tier “%(tier)s”.") % {"tier": missing[0]})
    for name, rate in [("per_major", per_major), *multipliers.items()]:
        if not rate.is_finite() or rate < 0 or rate > 1_000_000:
            raise Invalid.on(name, _("A rate lies between 0 and 1,000,000, not %(rate)s.") % {"rate": rate})
        if -int(rate.normalize().as_tuple().exponent) > 6:
            raise Invalid.on(name, _("A rate has at most 6 decimals, not %(rate)s.") % {"rate": rate})
    if pending_days < 0:
        raise Invalid(_("Pending days are not negative."))
    return rules.new_version(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        values={
            "per_major": per_major,
            "tier_multipliers": {
                str(known[code]): str(value.normalize()) for code, value in sorted(multipliers.items())
            },
            "pending_days": pending_days,
            "expiry": dict(expiry or {"kind": "never"}),
            "clawback": clawback,
        },
    )
