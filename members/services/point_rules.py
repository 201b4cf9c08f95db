"""The point rule: rate, tier multipliers and what later issues add (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.earning import Earning
from members.lib.expiry import Expiry
from members.lib.periods import merchant_day
from members.lib.refusals import Invalid
from members.models import Merchant, PointsLot, RulesVersion, Tier
from members.services import programs, rules
from members.services.audit import Actor

USUAL_PENDING_DAYS = 7  # of a program made on the web (domain.md 6)


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
    earning: Earning | None = None,
    **more: Any,
) -> RulesVersion:
    """Replace the point part of the rules from `at` on; orders already stored keep their terms.

    `per_major` is points per major currency unit (at most 6 decimals), multipliers are by tier code; `earning` None
    leaves campaigns, caps and events as they are. Raises Invalid for a negative rate or a tier that does not exist.
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
    rule = Expiry.read(expiry or {"kind": "never"})
    before = RulesVersion.objects.of(merchant_id).order_by("-at", "-number").first()
    version = rules.new_version(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        values={
            "per_major": per_major,
            "tier_multipliers": {
                str(known[code]): str(value.normalize()) for code, value in sorted(multipliers.items())
            },
            "pending_days": pending_days,
            "expiry": rule.stored(),
            "clawback": clawback,
            **({} if earning is None else {"earning": earning.stored()}),
            **more,
        },
    )
    if before is not None and before.expiry.get("kind", "never") == "never" and rule.kind != "never":
        _date_old_lots(merchant_id, at, rule)
    return version


def _date_old_lots(merchant_id: int, at: dt.datetime, rule: Expiry) -> None:
    """Points that never expired get a last usable day when the rule is switched: nothing lapses for one period.

    Lots that are spent get it too: a cancellation gives points back to them.
    """
    today = merchant_day(at, Merchant.objects.get(pk=merchant_id).zone)
    PointsLot.objects.of(merchant_id).filter(expires_on=None).update(
        expires_on=rule.last_day_after_switch(today)
    )
    programs.note_lots_moved(merchant_id=merchant_id)
