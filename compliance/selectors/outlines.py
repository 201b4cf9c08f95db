"""The coming runs under two histories of versions, read from each program's line (`compliance.lib.outline`).

Programs are taken by the shape of their coverage, so that most are not looked at: a benefit without end covers them
whatever is tried. Of the others the line decides; those of which it decides nothing come back by name, and so do those
whose line is not the one of the instant.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from compliance.lib.danger import latest_opening
from compliance.lib.outline import taken_apart
from compliance.lib.policy import CountingBasis
from compliance.lib.runs import Run
from compliance.selectors import policies

# Each shape once, by as many probes of its index.
SHAPES = """
with recursive told as (
    (select cover_shape from compliance_standing where cover_shape > '' order by cover_shape limit 1)
    union all
    select (select s.cover_shape from compliance_standing s where s.cover_shape > t.cover_shape
        order by s.cover_shape limit 1)
    from told t where t.cover_shape is not null
)
select cover_shape from told where cover_shape is not null
"""
# What the stored line may say no more.
LATE = """
select merchant_id from compliance_standing where due_at <= %(at)s
union select merchant_id from compliance_standing where refreshed_at > %(at)s
union select d.merchant_id from benefits_coveragedue d join compliance_standing using (merchant_id)
union select merchant_id from compliance_standing where cover_shape = ''
union select merchant_id from compliance_standing where cover_shape = any(%(unread)s::text[])
"""
# was, now: which of the runs closes the program, 0 where its line does not tell. A program that its life does not let
# any run close is passed over by the join.
JUDGED = """
select merchant_id, {without} as was, {with_it} as now
from (
    select s.merchant_id, s.first_opened_on, s.warned_at, cover_from, cover_to, configured_at, configured_force,
        greatest(s.opened_at, s.protected_until, s.exempt_until) as free_from,
        case when cover_from is null then '-infinity' when cover_to is null then 'infinity' else cover_to end
            as ends_at
    from compliance_standing s
    where s.cover_shape = any(%(read)s::text[]) and s.refreshed_at <= %(at)s
        and (s.due_at is null or s.due_at > %(at)s)
        and not exists (select from benefits_coveragedue d where d.merchant_id = s.merchant_id)
) s
offset 0
"""
# Of programs `c`, those that are closed sooner (is_more): their members, how many are open, how many of these could be
# cured by a benefit that is ready.
IMPACT = f"""coalesce(sum((select count(*) from members_member m where m.merchant_id = c.merchant_id))
        filter (where is_more), 0)::bigint,
    count(*) filter (where is_more and is_open),
    count(*) filter (where is_more and is_open and exists (
        select from benefits_benefit b where b.merchant_id = c.merchant_id and b.status in ('draft', 'paused')
            and {policies.counts("b.")}
    ))"""
GROUPED = f"""
select was, now, count(*), array_agg(merchant_id) filter (where was = 0 or now = 0),
    {IMPACT}
from (
    select judged.*, p.status = 'open' as is_open,
        was is distinct from 0 and now <> 0 and now < coalesce(was, {{never}}) as is_more
    from ({{judged}}) judged join members_program p using (merchant_id)
    where p.status in ('open', 'closed') and (was is not null or now is not null)
) c group by was, now
"""
# Nothing covers a run: a window lies between it and all there was.
_OVER = {
    CountingBasis.IN_FORCE: "ends_at <= %(back_{i})s",
    CountingBasis.IN_FORCE_OR_CONFIGURED: "greatest(ends_at, configured_at) <= %(back_{i})s",
}
# The last stretch covers it: it runs, or was long enough and ended within the window.
_LONG = "(cover_to is null or cover_to - cover_from >= %(cover_{i})s)"
_COVERS = f"""
cover_from <= %(run_{{i}})s and (ends_at > %(run_{{i}})s or (ends_at > %(back_{{i}})s and {_LONG}))
"""
# By configuring alone: the last time is too long ago, or it counts.
_CONFIGURED = (
    "(configured_at is null or configured_at <= %(back_{i})s)",
    f"""
    (%(lead_{{i}})s::interval is null or configured_force - configured_at <= %(lead_{{i}})s::interval)
    and (%(cover_{{i}})s = interval '0'
        or (cover_from <= configured_force and configured_force < ends_at and {_LONG}))
    """,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Programs that the same runs close: days (None: no run). members, curable, ready: of those that the version tried
    closes sooner (`compliance.selectors.outlook.Change`)."""

    was_on: dt.date | None
    is_on: dt.date | None
    programs: int
    members: int = 0
    curable: int = 0
    ready: int = 0


def compare(
    without: Sequence[Run], with_it: Sequence[Run], *, at: dt.datetime, warned_from: dt.datetime
) -> tuple[list[Group], list[int]]:
    """Who is closed when by either runs, in groups, and the merchants of whom the lines do not tell, ascending.

    warned_from: when everybody who is threatened will have been warned. Works as platform; three queries.
    """
    read, unread = _shapes([*without, *with_it])
    values: dict[str, Any] = {"at": at, "read": read, "unread": unread}
    values |= policies.counting((with_it or without)[0].version.policy)
    days = sorted({run.on for run in (*without, *with_it)})
    judged = JUDGED.format(
        without=_first(without, days, warned_from, values), with_it=_first(with_it, days, warned_from, values)
    )
    with connection.cursor() as cursor:
        cursor.execute(LATE, values)
        named = [row[0] for row in cursor.fetchall()]
        cursor.execute(GROUPED.format(judged=judged, never=len(days) + 1), values)
        rows = cursor.fetchall()
    groups = []
    for was, now, programs, unknown, *more in rows:
        if unknown:
            named += unknown
            continue
        was_on, is_on = (None if code is None else days[code - 1] for code in (was, now))
        members, curable, ready = more
        groups.append(
            Group(
                was_on=was_on, is_on=is_on, programs=programs, members=members, curable=curable, ready=ready
            )
        )
    return groups, sorted(named)


def _shapes(runs: Sequence[Run]) -> tuple[list[str], list[str]]:
    """The shapes whose lines are read under the versions of all runs, and those whose programs have to be looked at one
    by one; the others are covered whatever happens."""
    tried = list({run.version.number: run.version.policy for run in runs}.values())
    force_counts = all(each.counting_basis is not CountingBasis.CONFIGURED for each in tried)
    read: list[str] = []
    unread: list[str] = []
    with connection.cursor() as cursor:
        cursor.execute(SHAPES)
        shapes = [row[0] for row in cursor.fetchall()]
    for shape in shapes:
        told = taken_apart(shape)
        if told.is_steady and force_counts and all(told.counts_for(each) for each in tried):
            continue
        (read if all(told.is_read_by(each) for each in tried) else unread).append(shape)
    return read, unread


def _first(
    runs: Sequence[Run], days: Sequence[dt.date], warned_from: dt.datetime, values: dict[str, Any]
) -> str:
    """In SQL: the place among the days of the first of the runs that closes the program, 0 where it is not known, null
    where none does. Adds to the values."""
    parts = []
    for run in runs:
        policy, i = run.version.policy, len(values)
        warned_by = run.at - policy.min_notice
        values |= {
            f"run_{i}": run.at,
            f"back_{i}": run.at - policy.window,
            f"old_{i}": latest_opening(run.on, policy),
            f"warned_{i}": warned_by,
            f"cover_{i}": policy.min_cover,
            f"lead_{i}": policy.max_lead,
        }
        free = f"free_from <= %(run_{i})s and first_opened_on <= %(old_{i})s"
        if warned_from > warned_by:
            free += f" and warned_at <= %(warned_{i})s"
        over, covers = (
            _CONFIGURED
            if policy.counting_basis is CountingBasis.CONFIGURED
            else (_OVER[policy.counting_basis], _COVERS)
        )
        place = days.index(run.on) + 1
        parts.append(f"when {free} and {over.format(i=i)} then {place}")
        parts.append(f"when {free} and ({covers.format(i=i)}) is not true then 0")
    return f"case {' '.join(parts)} end" if parts else "null::integer"
