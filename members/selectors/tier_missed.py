"""Members whose metrics reach a higher tier than they hold: lifts that should have happened (domain.md 5).

Whoever reaches a tier rises at once, and time alone only lowers metrics: so a member below the tier that today's
metrics reach was missed, unless something may explain it, which is left out:

- staff moved the member, and no order landed since;
- the program was closed at some time since the window began: what arrives then moves nobody until the next order;
- an order counts that has no terms yet: it arrived while the program was not open, and moved nobody.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection

from members.lib import tier_sql
from members.lib.periods import merchant_day
from members.models import Closure, Merchant, ProgramStatus
from members.selectors import rules as rules_of

# One shop's; {sums}, {start} and {qualified} are made of its rules.
MISSED = """
with sample as (
    select id as member_id, joined_on from members_member
    where merchant_id = %(merchant)s and id %% %(share)s = %(part)s and status = 'active'
),
now as (
    select d.member_id, {sums}
    from sample s join members_dailytotal d on d.merchant_id = %(merchant)s and d.member_id = s.member_id
    where d.day >= %(since)s and d.day <= %(today)s and d.day >= {start}
    group by 1
),
ladder (tier_id, place) as (values {ladder})
select n.member_id from now n
left join members_tierstanding t on t.merchant_id = %(merchant)s and t.member_id = n.member_id
left join ladder l on l.tier_id = t.tier_id
where coalesce(l.place, 0) < {qualified}
    and not exists (
        select from members_tiermove m
        where m.merchant_id = %(merchant)s and m.member_id = n.member_id and m.cause = 'staff'
            and not exists (
                select from members_order o where o.merchant_id = %(merchant)s and o.member_id = n.member_id
                    and o.at > m.at and o.counts
            )
    )
    and not exists (
        select from members_order o where o.merchant_id = %(merchant)s and o.member_id = n.member_id
            and o.counts and o.per_major is null
    )
order by 1 limit %(most)s
"""
MOST = 1_000  # of one shop


def of_shops(*, first: int, last: int, part: int, share: int, at: dt.datetime) -> list[tuple[int, int]]:
    """(merchant, member) of those missed in a sample of the merchants with ids from `first` to `last`. Works as
    platform; two queries a shop."""
    open_shops = Merchant.objects.filter(
        pk__gte=first, pk__lte=last, program__status=ProgramStatus.OPEN
    ).order_by("pk")
    return [
        (merchant.pk, member_id)
        for merchant in open_shops
        for member_id in _of_shop(merchant, part=part, share=share, at=at)
    ]


def _of_shop(merchant: Merchant, *, part: int, share: int, at: dt.datetime) -> list[int]:
    version = rules_of.version_at(merchant_id=merchant.pk, at=at)
    if version is None or len(version.ladder) < 2:
        return []
    rules = rules_of.tier_rules(version, rules_of.tier_codes(merchant_id=merchant.pk))
    today = merchant_day(at, merchant.zone)
    since = tier_sql.earliest_start(rules.window, today)
    closures = Closure.objects.filter(merchant_id=merchant.pk).values_list("to_at", flat=True)
    if any(to_at is None or merchant_day(to_at, merchant.zone) >= since for to_at in closures):
        return []
    query = MISSED.format(
        sums=tier_sql.sums("now_"),
        start=tier_sql.start_of(rules.window, "%(today)s::date", "s.joined_on"),
        ladder=", ".join(f"({int(tier.id)}, {place})" for place, tier in enumerate(rules.ladder)),
        qualified=tier_sql.place_of(rules, "n.now_"),
    )
    known: dict[str, Any] = {
        "merchant": merchant.pk,
        "today": today,
        "since": since,
        "part": part,
        "share": share,
        "most": MOST,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, known)
        return [row[0] for row in cursor.fetchall()]
