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
# Segments and stages mean active members: rows of facts are asked, less those of the few who are none any more.
ACTIVE = (
    "not exists (select from members_member e where e.merchant_id = %(merchant)s and e.status <> 'active' "
    "and e.id = f.member_id)"
)


def _late(gap: str, spread: str) -> str:
    return f"({gap} + greatest({spread}, ({gap} + 1) / 2, %(least_slack)s))"


def _stage(quiet: str, late: str, days: str) -> str:
    """The stage of who bought on so many days and was quiet for so long."""
    return f"""case when {quiet} > %(lost_times)s * {late} then 'lost'
        when {quiet} > %(dormant_times)s * {late} then 'dormant'
        when {quiet} > {late} then 'decline'
        when {days} < %(growth_days)s then 'introduction'
        when {days} < %(own_days)s then 'growth'
        else 'mature' end"""


def _program(own: str) -> str:
    """The medians over all who have a rhythm of their own, by counting how many have which (`own`: gap, spread, n): the
    value at place ceil(n / 2)."""
    return f"""
lifecycle_own as materialized ({own}),
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


def program_of(*, among: str = "") -> str:
    """The program's rhythm as expressions of a `with`; of the members among an array, if one is named."""
    counted = (
        "select f.gap, f.spread, count(*) as n from {source} f "
        f"where f.days >= %(own_days)s and {ACTIVE} group by 1, 2"
    )
    parts = member_facts.both(counted, ("days", "gap", "spread"), among=among)
    return _program(f"select gap, spread, sum(n) as n from ({parts}) parts group by 1, 2")


PROGRAM_RHYTHM = program_of()
_PROGRAMS_LATE = "(select " + _late("gap", "spread") + " from lifecycle_program)"
_IS_OWN = "coalesce(f.days >= %(own_days)s, false)"
# The stage of a member `m` with its facts `f`, to stand in a list of sources; the program's rhythm is one value.
STAGE_OF = f"""
cross join lateral (
    select {_stage("s.quiet", "s.late", "coalesce(f.days, 0)")} as stage
    from (
        select %(today)s - coalesce(f.last_day, m.joined_on) as quiet,
            case when {_IS_OWN} then {_late("f.gap", "f.spread")} else {_PROGRAMS_LATE} end as late
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
_OWN_LATE = _late("f.gap", "f.spread")
_QUIET = "(%(today)s - f.last_day)"
_STAGED = f"""
select case when {_IS_OWN} then f.gap end as gap, case when {_IS_OWN} then f.spread end as spread,
    least(f.days, %(own_days)s) as days, case when {_IS_OWN} then {_stage(_QUIET, _OWN_LATE, "f.days")} end as stage,
    case when not {_IS_OWN} then f.last_day end as last_day, count(*) as n
from {{source}} f where f.days > 0 and {ACTIVE} group by 1, 2, 3, 4, 5
"""
_JOINED = f"select f.joined_on, count(*) as n from {{source}} f where f.days > 0 and {ACTIVE} group by 1"
# Buyers by what decides their stage, added up. Who never bought is one of all who joined on a day, less those who are
# no members any more, less those who bought.
COUNTS = f"""
with staged as materialized ({member_facts.both(_STAGED, COLUMNS)}),
{_program("select gap, spread, sum(n) as n from staged where days = %(own_days)s group by 1, 2")},
others as (
    select joined_on, sum(n) as n from (
        select joined_on, count(*) as n from members_member where merchant_id = %(merchant)s group by 1
        union all select joined_on, -count(*) from members_member
        where merchant_id = %(merchant)s and status <> 'active' group by 1
        union all select joined_on, -n from ({member_facts.both(_JOINED, ("days", "joined_on"))}) bought
    ) days group by 1 having sum(n) <> 0
)
select true, coalesce(stage, {_stage("(%(today)s - last_day)", _PROGRAMS_LATE, "days")}), sum(n)::bigint
from staged group by 2
union all
select false, {_stage("(%(today)s - joined_on)", _PROGRAMS_LATE, "0")}, sum(n)::bigint from others group by 2
"""
PROGRAM = f"with {PROGRAM_RHYTHM} select gap, spread, own from lifecycle_program"
BUYERS_IN = f"""
with {PROGRAM_RHYTHM} select f.member_id from {member_facts.source(COLUMNS)} f
where f.days > 0 and {ACTIVE} and {
    _stage(_QUIET, f"case when {_IS_OWN} then {_OWN_LATE} else {_PROGRAMS_LATE} end", "f.days")
} = %(stage)s
order by f.last_day desc, f.member_id desc limit %(limit)s offset %(offset)s
"""
OTHERS_IN = f"""
with {PROGRAM_RHYTHM} select m.id from members_member m
left join {member_facts.source(("days",))} f on f.member_id = m.id
where m.merchant_id = %(merchant)s and m.status = 'active' and coalesce(f.days, 0) = 0
    and {_stage("(%(today)s - m.joined_on)", _PROGRAMS_LATE, "0")} = %(stage)s
order by m.id desc limit %(limit)s offset %(offset)s
"""
# Who has a rhythm, has broken it and is not gone yet; those who spent most in the last year first.
WARNED = f"""
select f.member_id, f.gap, {_QUIET}, f.last_day, f.spend_365, count(*) over ()
from {member_facts.source((*COLUMNS, "spend_365"))} f
where f.days >= %(own_days)s and {_QUIET} > {_OWN_LATE} and {_QUIET} <= %(dormant_times)s * {_OWN_LATE} and {ACTIVE}
order by 5 desc, 3, 1 limit %(limit)s offset %(offset)s
"""


def parameters(merchant: Merchant, at: dt.datetime) -> dict[str, Any]:
    """What the statements are given."""
    return {"merchant": merchant.pk, "today": merchant_day(at, merchant.zone), **PARAMETERS}


@dataclass(frozen=True, slots=True)
class Stage:
    """How many members are at a stage: of those who ever bought, and of the others."""

    buyers: int = 0
    others: int = 0

    @property
    def members(self) -> int:
        """Both."""
        return self.buyers + self.others


def stages(*, merchant: Merchant, at: dt.datetime) -> dict[str, Stage]:
    """Members by stage, every stage named. One query."""
    found: dict[str, dict[str, int]] = {stage: {} for stage in STAGES}
    for bought, stage, count in fetch_all(COUNTS, parameters(merchant, at)):
        found[stage]["buyers" if bought else "others"] = count
    return {stage: Stage(**counts) for stage, counts in found.items()}


def counts(*, merchant: Merchant, at: dt.datetime) -> dict[str, int]:
    """Members by stage, every stage named. One query."""
    return {stage: found.members for stage, found in stages(merchant=merchant, at=at).items()}


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


def members_in(
    *,
    merchant: Merchant,
    at: dt.datetime,
    stage: str,
    limit: int,
    offset: int = 0,
    known: Stage | None = None,
) -> list[int]:
    """The ids of the members of a stage, the last to have bought first, who never bought last. `known` is how many they
    are (asked where it is not given). Two queries at most."""
    known = known or stages(merchant=merchant, at=at)[stage]
    values = {**parameters(merchant, at), "stage": stage}
    found: list[int] = []
    if offset < known.buyers:
        rows = fetch_all(BUYERS_IN, {**values, "limit": limit, "offset": offset})
        found = [row[0] for row in rows]
    if len(found) < limit and known.others:
        rest = {"limit": limit - len(found), "offset": max(0, offset - known.buyers)}
        found += [row[0] for row in fetch_all(OTHERS_IN, {**values, **rest})]
    return found


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
