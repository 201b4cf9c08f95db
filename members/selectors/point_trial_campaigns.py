"""Orders under campaigns and caps as the fold would price them: in the order of arrival, each with what its member has
left of every limit (domain.md 6). Reads only.

Limits count what members had of them outside the orders that are tried; what these orders took of them is given back
first, so that a trial of the rules in force gives what was given.
"""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from members.lib import bonus
from members.lib.bonus import Priced
from members.lib.earning import Earning
from members.lib.points import EarningTerms, earning_terms, points_for

MOST = 20_000  # one by one takes a second or two for as many; the latest are taken
IN_SPAN = """
    o.merchant_id = %(merchant)s and o.paid_on > %(first)s and o.paid_on <= %(today)s and o.status = 'paid'
    and o.member_id is not null and o.per_major is not null
"""
# The latest `most` orders, in the order of arrival, with their lines.
ORDERS = """
with chosen as (
    select o.id, o.member_id, o.tier_id, o.channel, o.paid_at, o.at, o.total_minor, count(*) over () as of_all
    from members_order o where {span} and ({folded}) order by o.at desc, o.id desc limit %(most)s
)
select o.member_id, o.tier_id, o.channel, coalesce(b.scene, ''), o.paid_at, o.total_minor, o.of_all,
    b.kept->'terms'->>'day', coalesce(b.kept->'claims', '{{}}'), l.lines, l.points
from chosen o
left join members_orderbonus b on b.merchant_id = %(merchant)s and b.order_id = o.id
join lateral (
    select coalesce(jsonb_agg(jsonb_build_array(l.sku, l.amount_minor) order by l.number), '[]') as lines,
        coalesce(sum(l.points), 0)::bigint as points
    from members_orderline l where l.merchant_id = %(merchant)s and l.order_id = o.id
) l on true
order by o.at, o.id
"""
USES = """
select member_id, code, day, points from members_earninguse
where merchant_id = %s and member_id = any(%s) and code = any(%s)
"""


@dataclass(slots=True)
class CampaignRow:
    """What a campaign gives beyond the rate, and in how many orders; `cut` of them its own limits trimmed."""

    code: str
    name: str
    orders: int = 0
    exact: Decimal = Decimal(0)
    cut: int = 0

    @property
    def points(self) -> int:
        """What it gives, whole: an order has one floor for everything, so the parts are no sums of whole points."""
        return int(self.exact)


@dataclass(frozen=True, slots=True)
class Rule:
    """What is tried: a rate, multipliers by tier id, campaigns and caps."""

    per_major: Decimal
    multipliers: Mapping[int, Decimal]
    digits: int
    earning: Earning
    zone: ZoneInfo

    def terms(self, tier_id: int) -> EarningTerms:
        """The rate of a tier."""
        return earning_terms(
            rules_version=0,
            tier_id=tier_id,
            per_major=self.per_major,
            multiplier=self.multipliers.get(tier_id, Decimal(1)),
            minor_digits=self.digits,
        )


@dataclass(slots=True)
class Found:
    """(tier, orders, points, points earned then) of each tier, and what made them."""

    rows: list[tuple[int, int, int, int]] = field(default_factory=list)
    campaigns: list[CampaignRow] = field(default_factory=list)
    capped: int = 0
    left_out: int = 0


def concerned(earning: Earning | None) -> tuple[str, dict[str, Any]]:
    """An SQL condition over `o` that holds for every order that campaigns or caps may concern, and its parameters."""
    if earning is None or not earning.prices_orders:
        return "false", {}
    if earning.order_most is not None or earning.day_most is not None:
        return "true", {}
    parts, values = [], {}
    for n, campaign in enumerate(earning.campaigns):
        when, asked = campaign.when, []
        for name, condition, value in (
            ("from", "o.paid_at >= %({})s", when.from_at),
            ("to", "o.paid_at < %({})s", when.to_at),
            ("tiers", "o.tier_id = any(%({})s)", sorted(when.tiers)),
            ("channels", "o.channel = any(%({})s)", sorted(when.channels)),
        ):
            if value:
                values[f"{name}{n}"] = value
                asked.append(condition.format(f"{name}{n}"))
        parts.append(" and ".join(asked) or "true")
    return " or ".join(f"({part})" for part in parts), values


def priced(rule: Rule, which: str, values: Mapping[str, Any]) -> Found:
    """The orders that `concerned` names, priced. Two queries."""
    with connection.cursor() as cursor:
        cursor.execute(ORDERS.format(span=IN_SPAN, folded=which), {**values, "most": MOST})
        found = cursor.fetchall()
        orders = [(*row[:-3], json.loads(row[-3]), json.loads(row[-2]), row[-1]) for row in found]
        codes = [bonus.DAY, *(each.counted_as for each in rule.earning.campaigns if each.is_limited)]
        members = sorted({order[0] for order in orders})
        cursor.execute(USES, [values["merchant"], members, codes])
        uses: dict[int, dict[tuple[str, dt.date], int]] = defaultdict(dict)
        for member_id, code, day, points in cursor.fetchall():
            uses[member_id][code, day] = points
    for member_id, *_rest, day, claims, _lines, _points in orders:
        for code, points in claims.items():
            key = (code, dt.date.fromisoformat(day))
            uses[member_id][key] = uses[member_id].get(key, 0) - points
    return _fold(rule, orders, uses)


def _fold(rule: Rule, orders: list[Any], uses: dict[int, dict[tuple[str, dt.date], int]]) -> Found:
    sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0])
    campaigns = {each.code: CampaignRow(each.code, each.name) for each in rule.earning.campaigns}
    found = Found(campaigns=list(campaigns.values()))
    terms: dict[int, EarningTerms] = {}
    for member_id, tier_id, channel, scene, paid, total, of_all, _day, _claims, lines, earned in orders:
        found.left_out = of_all - len(orders)
        if tier_id not in terms:
            terms[tier_id] = rule.terms(tier_id)
        more = bonus.terms_for(
            rule.earning, tier_id=tier_id, channel=channel, scene=scene, paid=paid, zone=rule.zone
        )
        if more is None:
            points = points_for(total, terms[tier_id])
        else:
            had = uses[member_id]
            said = bonus.price([(sku, 1, amount) for sku, amount in lines], terms[tier_id], more, had, {})
            points = said.points
            for code, taken in said.claims.items():
                had[code, more.day] = had.get((code, more.day), 0) + taken
            _note(found, campaigns, said)
        mine = sums[tier_id]
        mine[0], mine[1], mine[2] = mine[0] + 1, mine[1] + points, mine[2] + earned
    found.rows = [(tier_id, *three) for tier_id, three in sums.items()]  # type: ignore[misc]
    return found


def _note(found: Found, campaigns: Mapping[str, CampaignRow], said: Priced) -> None:
    """Count what each campaign gave, and what the caps took."""
    found.capped += said.order_cut + said.day_cut
    for part in said.parts:
        if part.given or part.cut_by:
            row = campaigns[part.code]
            row.orders, row.exact, row.cut = (
                row.orders + 1,
                row.exact + part.given,
                row.cut + bool(part.cut_by),
            )
