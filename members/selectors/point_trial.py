"""What the orders of the last days would have earned under another rate, beside what they earned (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_precision
from django.db import connection

from members.lib.earning import Earning
from members.lib.periods import merchant_day
from members.models import Merchant, Tier
from members.selectors import point_trial_campaigns as campaigns_of
from members.selectors.point_trial_campaigns import CampaignRow

DAYS = 30
# Every factor is a numeric, whose products are exact; one floor at the end, as an order is priced. Orders that a
# campaign or a cap may concern are priced one by one (`point_trial_campaigns`).
TRIAL = """
with o as (
    select o.id, o.tier_id, o.total_minor from members_order o
    where o.merchant_id = %(merchant)s and paid_on > %(first)s and paid_on <= %(today)s and status = 'paid'
        and member_id is not null and per_major is not null and ({folded}) is not true
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
"""


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
    """A row a tier of the ladder, lowest first, and their sum; before refunds. `campaigns` is what each campaign gives
    of it beyond the rate, `capped` what the caps of an order and a day take; `left_out` orders were too many to be
    priced one by one.
    """

    first: dt.date
    last: dt.date
    rows: list[Row] = field(default_factory=list)
    campaigns: list[CampaignRow] = field(default_factory=list)
    capped: int = 0
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
    earning: Earning | None = None,
) -> Trial:
    """The orders paid in the 30 days that end today, priced at a rate with multipliers by tier code, under campaigns
    and caps. One query, three with campaigns.

    Orders that earned by no rule, because the program was not open, are left out.
    """
    today = merchant_day(at, merchant.zone)
    answer = Trial(today - dt.timedelta(days=DAYS - 1), today, [Row(tier) for tier in tiers])
    by_tier = {row.tier.pk: row for row in answer.rows if row.tier is not None}
    rates = {tier.pk: multipliers.get(tier.code, Decimal(1)) for tier in tiers}
    digits = get_currency_precision(merchant.currency)
    span: dict[str, Any] = {
        "merchant": merchant.pk,
        "first": today - dt.timedelta(days=DAYS),
        "today": today,
    }
    which, values = campaigns_of.concerned(earning)
    with connection.cursor() as cursor:
        cursor.execute(
            TRIAL.format(folded=which),
            span
            | values
            | {
                "rate": per_major,
                "unit": Decimal(1).scaleb(-digits),
                "tiers": list(rates),
                "rates": [per_major * times for times in rates.values()],
            },
        )
        found = cursor.fetchall()
    if earning is not None and earning.prices_orders:
        rule = campaigns_of.Rule(per_major, rates, digits, earning, merchant.zone)
        priced = campaigns_of.priced(rule, which, span | values)
        found += priced.rows
        answer.campaigns, answer.capped, answer.left_out = priced.campaigns, priced.capped, priced.left_out
    for tier_id, orders, would_earn, earned in found:
        row = by_tier.get(tier_id)
        if row is None:
            row = Row(None)
            answer.rows.append(row)
            by_tier[tier_id] = row
        row.orders += orders
        row.would_earn += int(would_earn)
        row.earned += int(earned)
    return answer
