"""What the orders of the last days would have earned under another rate, beside what they earned (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from babel.numbers import get_currency_precision
from django.db import connection

from members.lib.periods import merchant_day
from members.models import Merchant, Tier

DAYS = 30
# Every factor is a numeric, whose products are exact; one floor at the end, as an order is priced. What campaigns or
# caps concern was priced by more than a rate, and is counted only.
TRIAL = """
with all_of_them as (
    select o.id, o.tier_id, o.total_minor, coalesce(b.kept ? 'terms', false) as is_more from members_order o
    left join members_orderbonus b on b.merchant_id = o.merchant_id and b.order_id = o.id
    where o.merchant_id = %(merchant)s and paid_on > %(first)s and paid_on <= %(today)s and status = 'paid'
        and member_id is not null and per_major is not null
), o as (
    select * from all_of_them where not is_more
), earned as (
    select order_id, sum(points) as points from members_orderline
    where merchant_id = %(merchant)s and order_id in (select id from o) group by 1
)
select o.tier_id, count(*),
    sum(floor(o.total_minor * coalesce(r.rate, %(rate)s::numeric) * %(unit)s::numeric)),
    coalesce(sum(e.points), 0)::bigint
from o
left join unnest(%(tiers)s::bigint[], %(rates)s::numeric[]) r (tier_id, rate) on r.tier_id = o.tier_id
left join earned e on e.order_id = o.id
group by 1
union all
select 0, count(*), 0, 0 from all_of_them where is_more
"""
LEFT_OUT = 0  # in the place of a tier


@dataclass(slots=True)
class Row:
    """Orders of members who held a tier before them, and their points. `tier` None: a tier of old."""

    tier: Tier | None
    orders: int = 0
    would_earn: int = 0
    earned: int = 0

    @property
    def difference(self) -> int:
        """How many points more the rule would have given; negative for fewer."""
        return self.would_earn - self.earned


@dataclass(slots=True)
class Trial:
    """A row a tier of the ladder, lowest first, and their sum; before refunds. `left_out` orders were priced by
    campaigns or caps too.
    """

    first: dt.date
    last: dt.date
    rows: list[Row] = field(default_factory=list)
    left_out: int = 0

    @property
    def total(self) -> Row:
        """All tiers together."""
        return Row(
            None,
            sum(row.orders for row in self.rows),
            sum(row.would_earn for row in self.rows),
            sum(row.earned for row in self.rows),
        )


def trial(
    *,
    merchant: Merchant,
    at: dt.datetime,
    tiers: list[Tier],
    per_major: Decimal,
    multipliers: Mapping[str, Decimal],
) -> Trial:
    """The orders paid in the 30 days that end today, priced at a rate with multipliers by tier code. One query.

    Orders that earned by no rule, because the program was not open, are left out, and those under campaigns or caps.
    """
    today = merchant_day(at, merchant.zone)
    answer = Trial(today - dt.timedelta(days=DAYS - 1), today, [Row(tier) for tier in tiers])
    by_tier = {row.tier.pk: row for row in answer.rows if row.tier is not None}
    with connection.cursor() as cursor:
        cursor.execute(
            TRIAL,
            {
                "merchant": merchant.pk,
                "first": today - dt.timedelta(days=DAYS),
                "today": today,
                "rate": per_major,
                "unit": Decimal(1).scaleb(-get_currency_precision(merchant.currency)),
                "tiers": [tier.pk for tier in tiers],
                "rates": [per_major * multipliers.get(tier.code, Decimal(1)) for tier in tiers],
            },
        )
        found = cursor.fetchall()
    for tier_id, orders, would_earn, earned in found:
        if tier_id == LEFT_OUT:
            answer.left_out = orders
            continue
        row = by_tier.get(tier_id)
        if row is None:
            row = Row(None)
            answer.rows.append(row)
            by_tier[tier_id] = row
        row.orders, row.would_earn, row.earned = orders, int(would_earn), int(earned)
    return answer
