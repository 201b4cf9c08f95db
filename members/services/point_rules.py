"""The point rule: rate, tier multipliers and what later issues add (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.earning import Earning
from members.lib.expiry import Expiry
from members.lib.periods import merchant_day
from members.lib.points import MOST_COST, MOST_GIVE_BACK_DAYS, MOST_RATE
from members.lib.refusals import Invalid
from members.models import Merchant, PointsLot, RulesVersion, Tier
from members.services import programs, rules
from members.services.audit import Actor
from members.services.points import MOST_POINTS

MOST_STORED = Decimal(999_999)  # minor units that the column of a cost holds
MOST_NOTICE_DAYS = 366
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
    leaves campaigns, caps and events as they are; `more` are `adjust_limit`, `give_back_days`, `notice_days` and
    `point_cost` (minor units). Raises Invalid for a tier that does not exist and, on its field, for a number out of its
    range.
    """
    multipliers = dict(tier_multipliers or {})
    known = dict(Tier.objects.of(merchant_id).filter(code__in=multipliers).values_list("code", "id"))
    if missing := sorted(set(multipliers) - set(known)):
        raise Invalid(_("There is no tier “%(tier)s”.") % {"tier": missing[0]})
    for name, rate in [("per_major", per_major), *multipliers.items()]:
        if not rate.is_finite() or not 0 <= rate <= MOST_RATE:
            raise Invalid.on(
                name,
                _("A rate lies between 0 and %(most)s, not %(rate)s.")
                % {"most": f"{MOST_RATE:,}", "rate": rate},
            )
        if -int(rate.normalize().as_tuple().exponent) > 6:
            raise Invalid.on(name, _("A rate has at most 6 decimals, not %(rate)s.") % {"rate": rate})
    _check_ranges(merchant_id, more)
    _check_notices(more.get("notice_days", ()))
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


def _check_ranges(merchant_id: int, values: Mapping[str, Any]) -> None:
    """What staff may do by hand, and what a point costs. Raises Invalid on the field that is out of its range."""
    limit, days, cost = (values.get(name) for name in ("adjust_limit", "give_back_days", "point_cost"))
    if limit is not None:
        _check_whole("adjust_limit", limit, MOST_POINTS)
    if "give_back_days" in values:
        _check_whole("give_back_days", days, MOST_GIVE_BACK_DAYS)
    if cost is not None:
        currency = Merchant.objects.values_list("currency", flat=True).get(pk=merchant_id)
        most = min(Decimal(MOST_COST).scaleb(get_currency_precision(currency)), MOST_STORED)
        if not isinstance(cost, Decimal | int) or not Decimal(cost).is_finite() or not 0 <= cost <= most:
            raise Invalid.on(
                "point_cost",
                _("“%(text)s” does not lie between 0 and %(most)s.") % {"text": cost, "most": f"{most:,f}"},
            )
        if -int(Decimal(cost).normalize().as_tuple().exponent) > 6:
            raise Invalid.on("point_cost", _("A rate has at most 6 decimals, not %(rate)s.") % {"rate": cost})


def _check_whole(field: str, value: Any, most: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise Invalid.on(
            field,
            _("“%(text)s” is not a whole number from %(least)s to %(most)s.")
            % {"text": value, "least": "0", "most": f"{most:,}"},
        )


def _check_notices(days: Any) -> None:
    """Raises Invalid unless it is a list of different whole numbers of days."""
    is_list = isinstance(days, list | tuple)
    if not is_list or any(type(each) is not int or not 1 <= each <= MOST_NOTICE_DAYS for each in days):
        raise Invalid.on(
            "notice_days", _("Members are told 1 to %(most)s days before.") % {"most": MOST_NOTICE_DAYS}
        )


def _date_old_lots(merchant_id: int, at: dt.datetime, rule: Expiry) -> None:
    """Points that never expired get a last usable day when the rule is switched: nothing lapses for one period.

    Lots that are spent get it too: a cancellation gives points back to them.
    """
    today = merchant_day(at, Merchant.objects.get(pk=merchant_id).zone)
    PointsLot.objects.of(merchant_id).filter(expires_on=None).update(
        expires_on=rule.last_day_after_switch(today)
    )
    programs.note_lots_moved(merchant_id=merchant_id)
