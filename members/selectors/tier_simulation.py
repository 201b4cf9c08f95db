"""What a change of the tier rules would do, told before it is saved (domain.md 5). Reads only, one statement for all.

Who rises does so at once. Who falls does so at the end of validity and grace, never before, and only if nothing more is
bought until then: every fall is told with the day and the reason.

- `change`: today's numbers reach the tier by the rules in force and not by the proposed ones.
- `anyway`: today's numbers reach it by neither.
- `unless`: today's numbers reach it; they will not on that day, unless the member buys again.

Members of a tier that is taken out are moved at once, with the longer of its validity and the target's; who falls from
there later is told a second time, from the target.

Without orders in between, saving shows exactly these moves: risers at once, each fall on its day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from django.db import connection

from members.lib import tier_sql
from members.lib.periods import add_months, daily_job_instant, merchant_day
from members.lib.tiers import TierRules
from members.models import Merchant

SAMPLE = 50
YEAR = dt.timedelta(days=364)
WORK_MEM = "256MB"  # for one statement of one request
PLANNED = "set local enable_nestloop = off; set local enable_sort = off; set local jit = off"
UNPLANNED = (
    "set local work_mem to default; set local enable_nestloop = on; set local enable_sort = on; "
    "set local jit to default"
)

# {parts} is built by `_query` from the rules: see there. One row for each member.
NOW = """
with ladder (tier_id, old_place, place, target_id) as (values {ladder}),
held as (
    select m.id as member_id, m.joined_on, coalesce(s.tier_id, %(base)s) as held, s.valid_until
    from members_member m left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
    where m.merchant_id = %(merchant)s and m.status = 'active'
),
kept as (
    select p.member_id, p.joined_on, p.held, l.old_place, l.target_id is not null as is_gone,
        coalesce(t.tier_id, p.held) as kept, coalesce(t.place, l.place) as place,
        coalesce(t.old_place, l.old_place) as kept_old_place,
        case when coalesce(t.place, l.place) > 0 then {until} end as until
    from held p
    join ladder l on l.tier_id = p.held
    left join ladder t on t.tier_id = l.target_id
    {target_validity}
),
people as (
    select *, case when place > 0 then greatest(until + 1, %(first)s::date) end as check_on,
        case when place > 0 then greatest(until + {grace} + 1, %(first)s::date) end as fall_on
    from kept
),
sums as ({sums}),
now as (
    select p.*, {old_qualified} as old_qualified, {qualified} as qualified, {falls} as falls_short,
        {fall_qualified} as fall_qualified, coalesce(n.year_points, 0) as year_points
    from people p left join sums n on n.member_id = p.member_id
)
"""
OUTCOMES = (
    NOW
    + """,
falling as (
    select member_id, fall_on, place, fall_qualified,
        case when qualified >= place then 'unless' when old_qualified >= kept_old_place then 'change' else 'anyway' end
            as why
    from now where place > 0 and qualified <= place and falls_short
),
below as (
    select f.member_id, max(l.place) as place
    from falling f
    join members_tiervalidity v on v.merchant_id = %(merchant)s and v.member_id = f.member_id
    join ladder l on l.tier_id = v.tier_id and l.place < f.place
    where v.valid_until + {grace} >= f.fall_on
    group by 1
),
outcomes as materialized (
    select n.member_id, n.held,
        case when n.qualified > n.place then 'rise' when n.is_gone then 'moved'
            when f.member_id is not null then 'fall'
            when n.old_qualified < n.old_place and n.qualified >= n.place then 'kept' else 'stay' end as kind,
        case when n.qualified > n.place or n.is_gone or f.member_id is null then '' else f.why end as why,
        case when n.qualified > n.place then n.qualified
            when f.member_id is null or n.is_gone then n.place
            else {fall_to} end as to_place,
        case when n.qualified > n.place or n.is_gone then %(today)s::date else f.fall_on end as day,
        n.year_points, false as again
    from now n
    left join falling f on f.member_id = n.member_id
    left join below b on b.member_id = n.member_id
    union all
    select n.member_id, n.kept, 'fall', f.why, {fall_to}, f.fall_on, n.year_points, true
    from now n
    join falling f on f.member_id = n.member_id
    left join below b on b.member_id = n.member_id
    where n.is_gone
)
"""
)
AT_ONCE = "select member_id from now where qualified > place or is_gone order by 1"
# Who is a member no more has a standing all the same, which must not name a tier that is gone.
NO_MEMBERS = """
select m.id from members_member m
join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
where m.merchant_id = %(merchant)s and m.status <> 'active' and s.tier_id = any(%(gone)s) order by 1
"""
COUNTS = """
select 0, kind, why, held, to_place, count(*), sum(year_points), min(day), max(day), null::bigint, null::date,
    count(*) filter (where again)
from outcomes group by kind, why, held, to_place
union all
select 1, kind, why, null, null, count(*), null, null, null, null, date_trunc('month', day)::date, null
from outcomes where kind = 'fall' group by kind, why, date_trunc('month', day)
union all
(select 2, kind, why, held, to_place, 1, year_points, day, day, member_id, null, again::int
from outcomes where kind not in ('stay', 'kept') {only} order by kind desc, day, member_id limit %(most)s)
"""
LIST = """
select m.public_id, o.kind, o.why, o.held, o.to_place, o.day
from outcomes o join members_member m on m.merchant_id = %(merchant)s and m.id = o.member_id
where o.kind not in ('stay', 'kept') order by o.kind desc, o.day, o.member_id
"""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rules to compare: those in force and those proposed, with where members of tiers taken out go, by id."""

    present: TierRules
    proposed: TierRules
    targets: Mapping[int, int] = field(default_factory=dict)


@dataclass(slots=True)
class Flow:
    """Members who go from a tier to a tier for one reason (or stay), and what they earned in the last year."""

    kind: str
    why: str
    from_id: int
    to_id: int
    members: int
    year_points: int = 0
    first_on: dt.date | None = None
    last_on: dt.date | None = None
    member_id: int | None = None  # of a list's row
    again: int = 0  # of these, whom the change moves first: they are in another flow too


@dataclass(slots=True)
class Simulation:
    """What the proposed rules would do."""

    flows: list[Flow] = field(default_factory=list)
    months: list[tuple[dt.date, str, int]] = field(default_factory=list)  # of falls: first day, why, how many
    sample: list[Flow] = field(default_factory=list)

    def count(self, kind: str, why: str = "") -> int:
        """Members of a kind, for one reason or any."""
        return sum(f.members for f in self.flows if f.kind == kind and why in ("", f.why))

    @property
    def moving(self) -> list[Flow]:
        """Those that go somewhere, the largest first within each kind."""
        order = {"rise": 0, "moved": 1, "fall": 2}
        found = [flow for flow in self.flows if flow.kind in order]
        return sorted(found, key=lambda flow: (order[flow.kind], flow.why, -flow.members, flow.from_id))

    @property
    def total(self) -> int:
        """All members."""
        return sum(flow.members - flow.again for flow in self.flows)


def simulate(*, merchant: Merchant, at: dt.datetime, proposal: Proposal, most: int = SAMPLE) -> Simulation:
    """Who would rise, be moved or fall, in numbers, with the first of them. One query."""
    result = Simulation()
    tiers = proposal.proposed.ladder
    for part, kind, why, held, to, members, points, first, last, member_id, month, again in _rows(
        merchant, at, proposal, COUNTS.format(only=""), most=most
    ):
        if part == 1:
            result.months.append((month, why, members))
            continue
        flow = Flow(kind, why, held, tiers[to].id, members, int(points), first, last, member_id, again)
        (result.sample if part == 2 else result.flows).append(flow)
    result.months.sort()
    return result


def listed(*, merchant: Merchant, at: dt.datetime, proposal: Proposal) -> Iterator[tuple[Any, ...]]:
    """Everyone who would move: (public id, kind, why, from tier id, to tier id, day)."""
    tiers = proposal.proposed.ladder
    for public_id, kind, why, held, to, day in _rows(merchant, at, proposal, LIST):
        yield public_id, kind, why, held, tiers[to].id, day


def moved_at_once(*, merchant: Merchant, at: dt.datetime, proposal: Proposal) -> list[int]:
    """The members whom putting the proposal into force moves at that instant: those who rise, and those of tiers taken
    out. One statement; all others stay what they are.
    """
    today = merchant_day(at, merchant.zone)
    query, known = _query(proposal, today, text=NOW)
    parameters = {"merchant": merchant.pk, "first": today, **known}
    found = [row[0] for row in _run(query + AT_ONCE, parameters)]
    if proposal.targets:
        gone = {"merchant": merchant.pk, "gone": list(proposal.targets)}
        found += [row[0] for row in _run(NO_MEMBERS, gone)]
    return found


def points_a_year(flow: Flow, multipliers: Mapping[int, Decimal]) -> int:
    """How many more points (negative: fewer) a flow's members would have earned with the last 365 days' orders."""
    was, becomes = multipliers.get(flow.from_id, Decimal(1)), multipliers.get(flow.to_id, Decimal(1))
    if not was:
        return 0
    more = flow.year_points * (becomes - was) / was
    return int(more.to_integral_value(ROUND_FLOOR))


def _rows(
    merchant: Merchant, at: dt.datetime, proposal: Proposal, select: str, **more: Any
) -> list[tuple[Any, ...]]:
    today = merchant_day(at, merchant.zone)
    query, known = _query(proposal, today)
    first = tier_sql.first_job_day(today, is_after_job=daily_job_instant(today, merchant.zone) <= at)
    return _run(query + select, {"merchant": merchant.pk, "first": first, **known, **more})


def _run(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """The rows of a statement over all members.

    Row security hides from the planner how many rows there are: left alone it looks up each member's days by itself, or
    sorts them on disk, or compiles for longer than it computes.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"set local work_mem = '{WORK_MEM}'; {PLANNED}")
        cursor.execute(query, parameters)
        found = cursor.fetchall()
        cursor.execute(UNPLANNED)
        return found


def _query(proposal: Proposal, today: dt.date, text: str = OUTCOMES) -> tuple[str, dict[str, Any]]:
    """The statement of all outcomes, or of the present alone, and its parameters."""
    present, proposed = proposal.present, proposal.proposed
    fall_to = (
        "f.place - 1"
        if proposed.downgrade == "one_step"
        else "greatest(f.fall_qualified, coalesce(b.place, 0))"
    )
    day = "check" if proposed.grace_days else "fall"  # without grace both are one day
    # Only who is moved from a tier taken out can have a validity of the tier where it goes.
    validity = (
        "left join members_tiervalidity v "
        "on v.merchant_id = %(merchant)s and v.member_id = p.member_id and v.tier_id = l.target_id"
    )
    known_until = "greatest(p.valid_until, v.valid_until)" if proposal.targets else "p.valid_until"
    query = text.format(
        ladder=_ladder(proposal),
        until=f"coalesce({known_until}, %(renewed)s::date)",
        target_validity=validity if proposal.targets else "",
        sums=_sums(proposal),
        old_qualified=tier_sql.place_of(present, "n.new_" if present.window == proposed.window else "n.old_"),
        qualified=tier_sql.place_of(proposed, "n.new_"),
        grace=int(proposed.grace_days),
        falls=f"{tier_sql.place_of(proposed, f'n.{day}_')} < p.place",
        fall_qualified=tier_sql.place_of(proposed, "n.fall_"),
        fall_to=fall_to,
    )
    since = min(tier_sql.earliest_start(rules.window, today) for rules in (present, proposed))
    return query, {
        "base": present.base.id,
        "today": today,
        "since": since,
        "year": today - YEAR,
        "earliest": min(since, today - YEAR),
        "renewed": add_months(today, proposed.validity_months),
    }


def _ladder(proposal: Proposal) -> str:
    """(tier id, place now, place then, target's id) for every tier of either ladder."""
    old, new = proposal.present.rank, proposal.proposed.rank
    rows = []
    for tier_id in sorted({*old, *new}):
        target = proposal.targets.get(tier_id, proposal.proposed.base.id) if tier_id not in new else None
        cells = (old.get(tier_id, 0), new.get(tier_id), target)
        rows.append(
            f"({int(tier_id)}, {', '.join('null::int' if c is None else str(int(c)) for c in cells)})"
        )
    return ", ".join(rows)


def _sums(proposal: Proposal) -> str:
    """Each member's metrics today by both windows and on the days that decide, and the points of a year: the days are
    read once. What a statement does not use of them is not counted.
    """
    present, proposed = proposal.present, proposal.proposed
    today, wanted = "%(today)s::date", tier_sql.asked(proposed)
    # prefix -> (window, the day on which it ends, what is counted)
    counted = {"new_": (proposed.window, today, wanted)}
    if present.window == proposed.window:
        counted["new_"] = (proposed.window, today, wanted | tier_sql.asked(present))
    else:
        counted["old_"] = (present.window, today, tier_sql.asked(present))
    for name in ("check", "fall") if proposed.grace_days else ("fall",):
        counted[f"{name}_"] = (proposed.window, f"p.{name}_on", wanted)
    columns = [
        tier_sql.sums(
            prefix, f"d.day >= {tier_sql.start_of(window, day, 'p.joined_on')} and d.day <= {day}", metrics
        )
        for prefix, (window, day, metrics) in counted.items()
        if metrics
    ]
    columns.append(f"sum(d.points) filter (where d.day >= %(year)s and d.day <= {today}) as year_points")
    return (
        f"select d.member_id, {', '.join(columns)} "
        "from members_dailytotal d join people p on p.member_id = d.member_id "
        "where d.merchant_id = %(merchant)s and d.day >= %(earliest)s group by 1"
    )
