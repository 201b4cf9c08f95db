"""The stage of every member, their own rhythms of buying, and whose has broken (domain.md 10): one statement each.

The rule is `members.lib.lifecycle`; the statements below say the same, set-based.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from members.lib import lifecycle as rule
from members.lib.lifecycle import STAGES, Limits, Rhythm
from members.lib.periods import merchant_day
from members.lib.set_based import fetch_all
from members.models import Merchant

# One pass over the days of purchase: gaps of each member, of them the median and the quartiles as places of what was.
OWN = """
lifecycle_own as materialized (
    select member_id, count(*) as days, max(day) as last_day,
        percentile_disc(array[0.25, 0.5, 0.75]) within group (order by gap) as q
    from (
        select member_id, day, day - lag(day) over (partition by member_id order by day) as gap
        from members_dailytotal
        where merchant_id = %(merchant)s and orders > 0 and day <= %(today)s
            and member_id in (select id from members_member where merchant_id = %(merchant)s and status = 'active')
    ) g group by member_id
),
lifecycle_program as materialized (
    select case when count(*) < %(least_own)s then %(usual_gap)s
            else percentile_disc(0.5) within group (order by q[2]) end as gap,
        case when count(*) < %(least_own)s then %(usual_spread)s
            else percentile_disc(0.5) within group (order by q[3] - q[1]) end as spread
    from lifecycle_own where days >= %(own_days)s
)
"""
STAGE = """
lifecycle as materialized (
    select s.id as member_id, s.days, s.last_day, s.quiet, s.gap, s.is_own,
        case when s.quiet > %(lost_times)s * s.late then 'lost'
            when s.quiet > %(dormant_times)s * s.late then 'dormant'
            when s.quiet > s.late then 'decline'
            when s.days < %(growth_days)s then 'introduction'
            when s.days < %(own_days)s then 'growth'
            else 'mature' end as stage
    from (
        select m.id, coalesce(o.days, 0) as days, o.last_day,
            %(today)s - coalesce(o.last_day, m.joined_on) as quiet, r.gap, r.is_own,
            r.gap + greatest(r.spread, (r.gap + 1) / 2, %(least_slack)s) as late
        from members_member m
        left join lifecycle_own o on o.member_id = m.id
        cross join lifecycle_program p
        cross join lateral (
            select case when o.days >= %(own_days)s then o.q[2] else p.gap end as gap,
                case when o.days >= %(own_days)s then o.q[3] - o.q[1] else p.spread end as spread,
                coalesce(o.days >= %(own_days)s, false) as is_own
        ) r
        where m.merchant_id = %(merchant)s and m.status = 'active'
    ) s
)
"""
PARAMETERS = {
    "own_days": rule.OWN_DAYS,
    "least_own": rule.LEAST_OWN,
    "least_slack": rule.LEAST_SLACK,
    "growth_days": rule.GROWTH_DAYS,
    "dormant_times": rule.DORMANT_TIMES,
    "lost_times": rule.LOST_TIMES,
    "usual_gap": rule.USUAL.gap,
    "usual_spread": rule.USUAL.spread,
}
COUNTS = f"with {OWN}, {STAGE} select stage, count(*) from lifecycle group by stage"
PROGRAM = (
    f"with {OWN} select p.gap, p.spread, (select count(*) from lifecycle_own where days >= %(own_days)s) "
    "from lifecycle_program p"
)
IN_STAGE = f"""
with {OWN}, {STAGE}
select member_id from lifecycle where stage = %(stage)s
order by coalesce(last_day, date '0001-01-01') desc, member_id desc limit %(limit)s offset %(offset)s
"""
# Who has a rhythm, has broken it and is not gone yet; those who spent most in the last year first.
WARNED = f"""
with {OWN}, {STAGE}, late as (
    select member_id, gap, quiet, last_day from lifecycle where stage = 'decline' and is_own
)
select l.member_id, l.gap, l.quiet, l.last_day, coalesce(d.spend, 0), count(*) over ()
from late l left join (
    select member_id, sum(spend_minor)::bigint as spend from members_dailytotal
    where merchant_id = %(merchant)s and day > %(today)s - 365 and day <= %(today)s
        and member_id in (select member_id from late)
    group by member_id
) d on d.member_id = l.member_id
order by 5 desc, l.quiet, l.member_id limit %(limit)s offset %(offset)s
"""


def parameters(merchant: Merchant, at: dt.datetime) -> dict[str, Any]:
    """What the statements are given."""
    return {"merchant": merchant.pk, "today": merchant_day(at, merchant.zone), **PARAMETERS}


def counts(*, merchant: Merchant, at: dt.datetime) -> dict[str, int]:
    """Members by stage, every stage named. One query."""
    found = dict(fetch_all(COUNTS, parameters(merchant, at)))
    return {stage: found.get(stage, 0) for stage in STAGES}


@dataclass(frozen=True, slots=True)
class ProgramRhythm:
    """What members without a rhythm of their own are measured by. `own`: how many have one."""

    rhythm: Rhythm
    own: int

    @property
    def limits(self) -> Limits:
        """How long such a member may be quiet."""
        return rule.limits(self.rhythm)

    @property
    def is_assumed(self) -> bool:
        """Whether it is the usual one, because too few members have their own."""
        return self.own < rule.LEAST_OWN


def program_rhythm(*, merchant: Merchant, at: dt.datetime) -> ProgramRhythm:
    """The program's rhythm. One query."""
    ((gap, spread, own),) = fetch_all(PROGRAM, parameters(merchant, at))
    return ProgramRhythm(Rhythm(gap, spread), own)


def members_in(*, merchant: Merchant, at: dt.datetime, stage: str, limit: int, offset: int = 0) -> list[int]:
    """The ids of the members of a stage, the last to have bought first. One query."""
    values = {**parameters(merchant, at), "stage": stage, "limit": limit, "offset": offset}
    return [row[0] for row in fetch_all(IN_STAGE, values)]


@dataclass(frozen=True, slots=True)
class Warned:
    """A member who usually buys every `gap` days and has been quiet longer than that rhythm explains."""

    member_id: int
    gap: int
    quiet: int
    last_day: dt.date
    spend_minor: int  # of the last 365 days


@dataclass(slots=True)
class Warnings:
    """A page of those who are about to leave, and how many there are in all."""

    rows: list[Warned] = field(default_factory=list)
    total: int = 0


def warnings(*, merchant: Merchant, at: dt.datetime, limit: int, offset: int = 0) -> Warnings:
    """Members whose own rhythm broke, those who spent most in the last year first. One query."""
    rows = fetch_all(WARNED, {**parameters(merchant, at), "limit": limit, "offset": offset})
    return Warnings([Warned(*row[:5]) for row in rows], rows[0][5] if rows else 0)
