"""What a policy would change at the coming runs, over all programs and without a trace (domain.md 3).

Both policies are read from the coverage of benefits, which no policy has judged: for most programs from the line that
is stored of it (`compliance.selectors.outlines`), for those of which the line does not tell stretch by stretch. A
version under which other kinds count, for instance, has every program looked at that has such a kind. A program is
closed at the first of the runs at which rules 1 and 2 hold, no protection or exemption stands, and a warning was
delivered in time or still can be: from the next daily job on everybody who is threatened is taken to be warned. Appeals
are taken to be decided by then.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from typing import Any

from django.db import connection

from compliance.lib import runs as rule
from compliance.lib.calendar import assessment_instant, platform_date
from compliance.lib.danger import latest_opening
from compliance.lib.policy import CountingBasis, Policy, PolicyHistory
from compliance.lib.runs import Run
from compliance.models import Run as RunRow
from compliance.models import Standing
from compliance.selectors import outlines, policies
from compliance.selectors.outlines import Group

RUNS = 3  # how many runs are looked ahead

# When some benefit that counts is in force: of a counted kind, without a doubt that the policy refuses.
_FORCE = f"""
force_{{i}} as materialized (
    select merchant_id, range_agg(in_force) as stretches from benefits_coverage
    where {policies.counts(suffix="_{i}")} {{among}} group by merchant_id
)
"""
_LONG = "(lower_inf(x) or upper_inf(x) or upper(x) - lower(x) >= %(cover_{i})s)"
# Nothing in the window decides for most programs, or something that runs; only then each stretch is looked at.
_IN_FORCE = f"""
and (
    f.stretches is null or not f.stretches && tstzrange(r.at - %(window_{{i}})s, r.at, '(]')
    or (%(cover_{{i}})s > interval '0' and not f.stretches @> r.at and not exists (
        select from unnest(f.stretches) x
        where {_LONG} and (lower_inf(x) or lower(x) <= r.at)
            and (upper_inf(x) or r.at < upper(x) + %(window_{{i}})s)
    ))
)
"""
_CONFIGURED = f"""
and not exists (
    select from benefits_coverage c cross join lateral unnest(c.configured_at, c.force_from) e(at, force_from)
    where c.merchant_id = s.merchant_id and {policies.counts("c.", suffix="_{i}")}
        and e.at <= r.at and r.at < e.at + %(window_{{i}})s
        and (%(lead_{{i}})s::interval is null or e.force_from - e.at <= %(lead_{{i}})s::interval)
        and (%(cover_{{i}})s = interval '0' or exists (
            select from unnest(f.stretches) x where x @> e.force_from and {_LONG}
        ))
)
"""
_CLOSED_AT = """
select s.merchant_id, r.day, p.status = 'open' as is_open
from compliance_standing s join members_program p using (merchant_id)
left join force_{i} f using (merchant_id)
cross join unnest(
    %(at_{i})s::timestamptz[], %(day_{i})s::date[], %(old_{i})s::date[], %(warned_{i})s::timestamptz[],
    %(warns_{i})s::boolean[]
) r(at, day, old_enough, warned_by, can_warn)
where p.status in ('open', 'closed') and p.opened_at <= r.at and s.first_opened_on <= r.old_enough
    and (s.protected_until is null or s.protected_until <= r.at)
    and (s.exempt_until is null or s.exempt_until <= r.at)
    and (r.can_warn or s.warned_at <= r.warned_by)
"""
_AMONG = "and {table}merchant_id = any(%(among)s)"  # when only these merchants are looked at
_FIRST = (
    "select distinct on (merchant_id) merchant_id, day, is_open from ({parts}) each order by merchant_id, day"
)
_COMPARED = f"""
both_ways as (
    select merchant_id, o.day as was_on, w.day as is_on, w.is_open
    from without o full join with_it w using (merchant_id)
), changed as (
    select b.*, is_on is not null and (was_on is null or is_on < was_on) as is_more from both_ways b
)
select was_on, is_on, count(*),
    {outlines.IMPACT}
from changed c group by was_on, is_on
"""
FEW = 0.3  # of all programs: where more are looked at one by one, all are, in one statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One run: programs that it would close as things stand and with the version tried.

    more: closed there with the version, and not as soon (or not at all) without; fewer: the other way round. members:
    of those more. curable: of those more the programs that their merchants have open, so that one benefit published
    before the run keeps them. ready: of these the ones that have a benefit of a counted kind drafted or paused.
    """

    on: str
    without: int
    with_it: int
    more: int
    fewer: int
    members: int
    curable: int
    ready: int


def compare(
    history: PolicyHistory, tried: PolicyHistory, *, at: dt.datetime, runs: int = RUNS
) -> list[Change]:
    """The coming runs under a history of versions and under another, by day. Works as platform; six queries at most."""
    done = frozenset(RunRow.objects.values_list("period", flat=True))
    without = list(islice(rule.coming_runs(history, at, done), runs))
    with_it = list(islice(rule.coming_runs(tried, at, done), runs))
    if not without and not with_it:
        return []
    groups, named = outlines.compare(without, with_it, at=at, warned_from=warned_from(at))
    if named and len(named) > FEW * Standing.objects.count():
        groups = one_by_one(without, with_it, at=at)
    elif named:
        groups += one_by_one(without, with_it, at=at, among=named)
    days = sorted({run.on for run in (*without, *with_it)})[:runs]
    return [_change(day, groups) for day in days]


def _change(day: dt.date, groups: Sequence[Group]) -> Change:
    """What groups of programs amount to for the run of a day."""
    closed = [each for each in groups if each.is_on == day]
    sooner = [each for each in closed if each.was_on is None or day < each.was_on]
    saved = [each for each in groups if each.was_on == day and (each.is_on is None or day < each.is_on)]
    return Change(
        on=day.isoformat(),
        without=sum(each.programs for each in groups if each.was_on == day),
        with_it=sum(each.programs for each in closed),
        more=sum(each.programs for each in sooner),
        fewer=sum(each.programs for each in saved),
        members=sum(each.members for each in sooner),
        curable=sum(each.curable for each in sooner),
        ready=sum(each.ready for each in sooner),
    )


def one_by_one(
    without: Sequence[Run], with_it: Sequence[Run], *, at: dt.datetime, among: list[int] | None = None
) -> list[Group]:
    """Who is closed when by either runs, in groups, from each stretch and configuration; of some merchants or of all.
    One query."""
    values: dict[str, Any] = {
        "among": among,
        **policies.counting((with_it or without)[0].version.policy),
    }
    tables: list[str] = []
    first = {
        "without": _closing(without, at, tables, values),
        "with_it": _closing(with_it, at, tables, values),
    }
    ctes = [*tables, *(f"{name} as ({statement})" for name, statement in first.items())]
    with connection.cursor() as cursor:
        cursor.execute(f"with {', '.join(ctes)}, {_COMPARED}", values)
        names = ("was_on", "is_on", "programs", "members", "curable", "ready")
        return [Group(**dict(zip(names, row, strict=True))) for row in cursor.fetchall()]


def as_json(found: Sequence[Change]) -> list[dict[str, Any]]:
    """Changes as a row keeps them."""
    return [asdict(each) for each in found]


def closing(history: PolicyHistory, *, at: dt.datetime, runs: int = RUNS) -> dict[int, dt.date]:
    """Which programs the coming runs would close, each with its run's day. Works as platform; two queries."""
    done = frozenset(RunRow.objects.values_list("period", flat=True))
    tables: list[str] = []
    values: dict[str, Any] = {}
    statement = _closing(list(islice(rule.coming_runs(history, at, done), runs)), at, tables, values)
    with connection.cursor() as cursor:
        cursor.execute(f"with {', '.join(tables)} {statement}" if tables else statement, values)
        return {merchant_id: day for merchant_id, day, _is_open in cursor.fetchall()}


def _closing(runs: Sequence[Run], at: dt.datetime, tables: list[str], values: dict[str, Any]) -> str:
    """The statement of the programs that some runs close, each at the first that does; adds to its tables and values.

    Runs under one version share what is read of the benefits.
    """
    parts = []
    for _number, group in groupby(runs, key=lambda run: run.version.number):
        same, i = list(group), len(tables)
        policy = same[0].version.policy
        among = values.get("among") is not None
        tables.append(_FORCE.format(i=i, among=_AMONG.format(table="") if among else ""))
        values |= {f"{name}_{i}": value for name, value in _values(same, policy, at).items()}
        closed = _CLOSED_AT + (_AMONG.format(table="s.") if among else "") + _covered(policy)
        parts.append(closed.format(i=i))
    if not parts:
        return "select null::bigint as merchant_id, null::date as day, null::boolean as is_open where false"
    return _FIRST.format(parts=" union all ".join(parts))


def _covered(policy: Policy) -> str:
    basis = policy.counting_basis
    return (_IN_FORCE if basis is not CountingBasis.CONFIGURED else "") + (
        _CONFIGURED if basis is not CountingBasis.IN_FORCE else ""
    )


def _values(runs: Sequence[Run], policy: Policy, at: dt.datetime) -> dict[str, Any]:
    warned = warned_from(at)
    return {
        **policies.counting(policy),
        "window": policy.window,
        "cover": policy.min_cover,
        "lead": policy.max_lead,
        "at": [run.at for run in runs],
        "day": [run.on for run in runs],
        "old": [latest_opening(run.on, policy) for run in runs],
        "warned": [run.at - policy.min_notice for run in runs],
        "warns": [warned <= run.at - policy.min_notice for run in runs],
    }


def warned_from(at: dt.datetime) -> dt.datetime:
    """The instant of the next daily job: from then on everybody who is threatened is taken to be warned."""
    today = assessment_instant(platform_date(at))
    return today if today >= at else assessment_instant(platform_date(at) + dt.timedelta(days=1))
