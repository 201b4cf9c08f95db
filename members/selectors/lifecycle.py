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
from members.selectors import member_facts

COLUMNS = ("days", "last_day", "gap", "spread")
# The medians over all who have a rhythm of their own, by counting how many have which: the value at place ceil(n / 2).
PROGRAM_RHYTHM = f"""
lifecycle_own as materialized (
    select f.gap, f.spread, count(*) as n from {member_facts.source(("days", "gap", "spread"))} f
    join members_member m on m.merchant_id = %(merchant)s and m.id = f.member_id and m.status = 'active'
    where f.days >= %(own_days)s group by 1, 2
),
lifecycle_program as materialized (
    select own, case when own < %(least_own)s then %(usual_gap)s else (
            select min(gap) from (select gap, sum(sum(n)) over (order by gap) as upto from lifecycle_own group by gap) g
            where 2 * upto >= own) end as gap,
        case when own < %(least_own)s then %(usual_spread)s else (
            select min(spread) from (
                select spread, sum(sum(n)) over (order by spread) as upto from lifecycle_own group by spread) g
            where 2 * upto >= own) end as spread
    from (select coalesce(sum(n), 0)::bigint as own from lifecycle_own) every
)
"""
_IS_OWN = "coalesce(f.days >= %(own_days)s, false)"
_GAP = f"case when {_IS_OWN} then f.gap else (select gap from lifecycle_program) end"
_SPREAD = f"case when {_IS_OWN} then f.spread else (select spread from lifecycle_program) end"
_QUIET = "%(today)s - coalesce(f.last_day, m.joined_on)"
# The stage of a member `m` with its facts `f`, to stand in a list of sources; the program's rhythm is one value.
STAGE_OF = f"""
cross join lateral (
    select case when s.quiet > %(lost_times)s * s.late then 'lost'
        when s.quiet > %(dormant_times)s * s.late then 'dormant'
        when s.quiet > s.late then 'decline'
        when coalesce(f.days, 0) < %(growth_days)s then 'introduction'
        when f.days < %(own_days)s then 'growth'
        else 'mature' end as stage, s.quiet, s.gap, s.is_own
    from (
        select r.quiet, r.gap, r.is_own, r.gap + greatest(r.spread, (r.gap + 1) / 2, %(least_slack)s) as late
        from (select {_GAP} as gap, {_SPREAD} as spread, {_QUIET} as quiet, {_IS_OWN} as is_own) r
    ) s
) c
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
_FACTS = member_facts.source((*COLUMNS, "spend_365"))
_FROM = (
    f"from members_member m left join {_FACTS} f on f.member_id = m.id {STAGE_OF} "
    "where m.merchant_id = %(merchant)s and m.status = 'active'"
)
COUNTS = f"with {PROGRAM_RHYTHM} select c.stage, count(*) {_FROM} group by c.stage"
PROGRAM = f"with {PROGRAM_RHYTHM} select gap, spread, own from lifecycle_program"
IN_STAGE = f"""
with {PROGRAM_RHYTHM} select m.id {_FROM} and c.stage = %(stage)s
order by coalesce(f.last_day, date '0001-01-01') desc, m.id desc limit %(limit)s offset %(offset)s
"""
# Who has a rhythm, has broken it and is not gone yet; those who spent most in the last year first.
WARNED = f"""
with {PROGRAM_RHYTHM} select m.id, c.gap, c.quiet, f.last_day, f.spend_365, count(*) over ()
{_FROM} and f.days >= %(own_days)s and c.stage = 'decline'
order by 5 desc, 3, 1 limit %(limit)s offset %(offset)s
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
