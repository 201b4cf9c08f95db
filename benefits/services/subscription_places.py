"""Where members' terms in a plan lie: one after the other, never two at one instant; a closure moves them (domain.md
2 and 9). In the caller's transaction and under its locks."""

from __future__ import annotations

import contextlib
import datetime as dt
from zoneinfo import ZoneInfo

from django.db import connection

from benefits.lib import plans as rule
from benefits.lib.plans import Period
from benefits.models import Plan, Subscription
from members.lib.periods import merchant_day
from members.lib.refusals import Invalid
from members.models import Merchant
from members.services import tier_hand

# By merchant days: a term that ends at a midnight does so afterwards too.
LATER = "(({each} at time zone %(zone)s + make_interval(days => %(days)s)) at time zone %(zone)s)"
LONGER = f"""
update benefits_subscription set
    from_at = case when from_at > %(since)s then {LATER.format(each="from_at")} else from_at end,
    to_at = {LATER.format(each="to_at")}, ends_at = {LATER.format(each="to_at")},
    floor_until = floor_until + %(days)s, floor_before = floor_before + %(days)s
where merchant_id = %(merchant)s and refunded_at is null and to_at > %(since)s
"""
MOVED_ON = f"""
update benefits_subscription set from_at = {LATER.format(each="from_at")},
    to_at = {LATER.format(each="to_at")}, ends_at = {LATER.format(each="to_at")}, floor_until = floor_until + %(days)s
where merchant_id = %(merchant)s and id = any(%(ids)s::bigint[])
"""


def place(*, plan: Plan, member_id: int, at: dt.datetime, zone: ZoneInfo) -> tuple[Period, int]:
    """When the term bought now runs: from the first instant that no term of the member in the plan covers. Where a
    refund left a gap too short for it, the terms after the gap are moved on; also by how many days they were.

    Raises Invalid when the last would end too far ahead.
    """
    ahead, covered = _ahead(plan, member_id, at), at
    while ahead and ahead[0].from_at <= covered:
        covered = ahead.pop(0).to_at
    when = rule.period(at=at, after=covered, months=plan.months, zone=zone)
    days = rule.overlap_days(when, ahead[0].from_at, zone) if ahead else 0
    if days:
        rule.check_end(merchant_day(ahead[-1].to_at, zone) + dt.timedelta(days=days), at=at, zone=zone)
        _move_on(ahead, days, at, zone)
    return when, days


def _ahead(plan: Plan, member_id: int, at: dt.datetime) -> list[Subscription]:
    """The member's terms in a plan that run or are to come, in their order; not those that were refunded."""
    rows = Subscription.objects.of(plan.merchant_id).filter(plan=plan, member_id=member_id)
    rows = rows.filter(refunded_at=None, to_at__gt=at).select_related("floor_tier")
    return list(rows.order_by("from_at", "pk"))


def _move_on(terms: list[Subscription], days: int, at: dt.datetime, zone: ZoneInfo) -> None:
    """Have a member's terms to come run so many merchant days later, with the tiers that they grant."""
    first = terms[0]
    with connection.cursor() as cursor:
        cursor.execute(
            MOVED_ON,
            {
                "merchant": first.merchant_id,
                "ids": [term.pk for term in terms],
                "zone": str(zone),
                "days": days,
            },
        )
    floors: dict[str, dt.date] = {}
    for term in terms:
        if term.floor_tier is not None and term.floor_until is not None:
            until = term.floor_until + dt.timedelta(days=days)
            floors[term.floor_tier.code] = max(until, floors.get(term.floor_tier.code, until))
    for tier, until in floors.items():
        with contextlib.suppress(Invalid):  # it left the ladder meanwhile
            tier_hand.grant_floor(
                merchant_id=first.merchant_id, member_ids=[first.member_id], at=at, tier=tier, until=until
            )


def on_reopened(*, merchant_id: int, since: dt.datetime, days: int) -> None:
    """What a closure froze lasts as many days longer: terms that had not ended when it began, and the tiers of terms
    that were refunded meanwhile, until the daily job takes them back."""
    if not days:
        return
    zone = Merchant.objects.get(pk=merchant_id).timezone
    with connection.cursor() as cursor:
        cursor.execute(LONGER, {"merchant": merchant_id, "since": since, "zone": zone, "days": days})
        cursor.execute(
            "update benefits_subscription set floor_until = floor_until + %(days)s, "
            "floor_before = floor_before + %(days)s where merchant_id = %(merchant)s "
            "and refunded_at is not null and floor_tier_id is not null and floor_ended_at is null",
            {"merchant": merchant_id, "days": days},
        )
