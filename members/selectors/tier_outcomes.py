"""What becomes of each member by proposed tier rules and by those in force, as one statement (domain.md 5).

Two futures are worked out side by side from one pass over the daily rows: what recalculation does at the end of each
validity if the proposed rules are saved now, and if nothing is saved. `why` compares them:

- `change`: without the change the member would not fall, or later, or not as deep.
- `unless`: would fall all the same; today's numbers reach the tier, they will not on that day.
- `anyway`: would fall all the same; today's numbers do not reach the tier.

`without_place` is where the member comes to in the ladder in force if nothing is saved; a row that `is_final` says
where the member comes to with the change, so that both can be compared: each member has one such row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from members.lib import tier_sql
from members.lib.tiers import TierRules, Window

YEAR = dt.timedelta(days=364)
WORK_MEM = "256MB"  # for one statement of one request
# Members, standings and daily rows are walked side by side in the order of their keys: a third of what hashing takes.
PLANNED = (
    "set local enable_nestloop = off; set local enable_hashjoin = off; set local enable_bitmapscan = off; "
    "set local enable_seqscan = off; set local jit = off; set local max_parallel_workers_per_gather = 0"
)
UNPLANNED = (
    "set local work_mem to default; set local enable_nestloop = on; set local enable_hashjoin = on; "
    "set local enable_bitmapscan = on; set local enable_seqscan = on; set local jit to default; "
    "set local max_parallel_workers_per_gather to default"
)

# {parts} are made of the rules: see `statement`. A member's days are read once and grouped as they come, member by
# member, with the least of what is the same in all of a member's rows: PostgreSQL 15 has no any_value. Without
# "offset 0" the planner would work out a place again wherever it is named.
OUTCOMES = """
with people as (
    select m.id as member_id{joined}, coalesce(s.tier_id, %(base)s) as held, s.valid_until{target_until}
    from members_member m left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
    {target_validity}
    where m.merchant_id = %(merchant)s and m.status = 'active'
),
placed as (
    select member_id{joined}, held, {days} from (select *, {until} as until from people) p
),
now as (
    select p.member_id, min(p.held) as held, {day_values}, {sums}
    from placed p left join members_dailytotal d on d.merchant_id = %(merchant)s and d.member_id = p.member_id
        and d.day >= %(earliest)s and d.day <= %(today)s
    group by p.member_id order by p.member_id
),
told as (
    select *, {old_place} as old_place, {place} as place, {qualified} as qualified, {check_place} as check_place,
        {old_check_place} as old_check_place from now offset 0
),
judged as (
    select member_id, held, old_place, place, {is_gone} as is_gone, qualified, year_points,
        case when place > 0 and qualified <= place and check_place < place then fall_on end as fall_on,
        {fall_place} as fall_place,
        case when old_place > 0 and old_check_place < old_place then {old_fall_day} end as old_fall_on,
        {old_fall_place} as old_fall_place
    from told offset 0
),
futures as (
    select member_id, held, place, is_gone, qualified, year_points, fall_on, old_fall_on, qualified > place as rises,
        case when fall_on is not null then {fall_to} end as fall_to,
        case when old_fall_on is null then old_place else {old_fall_to} end as without_place
    from judged j offset 0
),
outcomes as materialized (
    select member_id, held, held as from_tier, without_place, year_points, 0 as again,
        case when rises then 'rise' when is_gone then 'moved' when fall_on is not null then 'fall'
            when old_fall_on is not null then 'kept' else 'stay' end as kind,
        case when rises or is_gone or fall_on is null then '' else {why} end as why,
        case when rises then qualified when is_gone or fall_on is null then place else fall_to end as to_place,
        case when rises or is_gone then %(today)s::date else fall_on end as day,
        rises or not is_gone or fall_on is null as is_final
    from futures
    {again}
)
"""
# Who is moved from a tier that is taken out and falls from the target later is told a second time.
AGAIN = """union all
    select member_id, held, (%(targets)s::bigint[])[array_position(%(gone)s::bigint[], held)], without_place,
        year_points, 1, 'fall', {why}, fall_to, fall_on, true
    from futures where is_gone and not rises and fall_on is not null"""
WHY = (
    "case when old_fall_on is null or old_fall_on > fall_on or {without_new} > fall_to then 'change' "
    "when qualified >= place then 'unless' else 'anyway' end"
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """Rules to compare: those in force and those proposed, with where members of tiers taken out go, by id."""

    present: TierRules
    proposed: TierRules
    targets: Mapping[int, int] = field(default_factory=dict)

    def place_after(self, tier_id: int) -> int:
        """The place in the proposed ladder of a tier of either, or of where its members go."""
        rank = self.proposed.rank
        return rank.get(tier_id, rank.get(self.targets.get(tier_id, self.proposed.base.id), 0))


def rows(
    proposal: Proposal, select: str, *, merchant_id: int, today: dt.date, first: dt.date, **more: Any
) -> list[tuple[Any, ...]]:
    """What `select` finds in the outcomes of all members. `first` is the day of the next recalculation.

    Row security hides from the planner how many rows there are: left alone it looks up each member's days by itself, or
    sorts them on disk, or compiles for longer than it computes.
    """
    text, known = statement(proposal, today)
    with connection.cursor() as cursor:
        cursor.execute(f"set local work_mem = '{WORK_MEM}'; {PLANNED}")
        cursor.execute(text + select, {"merchant": merchant_id, "first": first, **known, **more})
        found = cursor.fetchall()
        cursor.execute(UNPLANNED)
        return found


def statement(proposal: Proposal, today: dt.date) -> tuple[str, dict[str, Any]]:
    """The common table expressions that end in `outcomes`, and their parameters but merchant and first."""
    old, new = proposal.present, proposal.proposed
    is_same = not proposal.targets and (old.window, old.grace_days) == (new.window, new.grace_days)
    days = _days(proposal, is_same=is_same)
    since = min(tier_sql.earliest_start(rules.window, today) for rules in (old, new))
    earliest = min(since, today - YEAR)
    after = ", ".join(str(proposal.place_after(tier.id)) for tier in old.ladder)
    why = WHY.format(without_new=f"(array[{after}])[without_place + 1]")
    text = OUTCOMES.format(
        joined=", joined_on" if "membership_year" in (old.window.kind, new.window.kind) else "",
        days=", ".join(f"{text} as {name}" for name, text in days.items()),
        day_values=", ".join(f"min(p.{name}) as {name}" for name in days),
        sums=_sums(proposal, today, earliest, is_same=is_same),
        why=why,
        again=AGAIN.format(why=why) if proposal.targets else "",
        **_held(proposal),
        **_reached(proposal, was="" if is_same else "was_"),
    )
    return text, {
        "base": new.base.id,
        "today": today,
        "year": today - YEAR,
        "earliest": earliest,
        "gone": list(proposal.targets),
        "targets": list(proposal.targets.values()),
    }


def _held(proposal: Proposal) -> dict[str, str]:
    """Where the tier that is held stands in either ladder, and until when it is valid."""
    old, targets = proposal.present, proposal.targets
    tiers = sorted({*old.rank, *proposal.proposed.rank})
    return {
        "target_until": ", v.valid_until as target_until" if targets else "",
        "target_validity": _target_validity(proposal),
        "until": "greatest(valid_until, target_until)" if targets else "valid_until",
        "old_place": _case({t: old.rank.get(t, 0) for t in tiers}),
        "place": _case({t: proposal.place_after(t) for t in tiers}),
        "is_gone": f"held in ({', '.join(str(int(gone)) for gone in targets)})" if targets else "false",
    }


def _reached(proposal: Proposal, *, was: str) -> dict[str, str]:
    """The places reached today and on the days that decide, and where a fall ends; `was` begins the names of what is
    counted for the rules in force alone.
    """
    old, new = proposal.present, proposal.proposed
    return {
        "qualified": tier_sql.place_of(new, "new_"),
        "check_place": tier_sql.place_of(new, "check_" if new.grace_days else "fall_"),
        "fall_place": tier_sql.place_of(new, "fall_"),
        "old_check_place": tier_sql.place_of(old, f"{was}check_" if old.grace_days else f"{was}fall_"),
        "old_fall_place": tier_sql.place_of(old, f"{was}fall_"),
        "old_fall_day": f"{was}fall_on",
        "fall_to": _fall_to(new, ""),
        "old_fall_to": _fall_to(old, "old_"),
    }


def _case(places: Mapping[int, int]) -> str:
    """A tier's place, of the column `held`."""
    cases = " ".join(f"when {int(tier)} then {int(place)}" for tier, place in places.items())
    return f"case held {cases} else 0 end"


def _fall_to(rules: TierRules, prefix: str) -> str:
    """The place that recalculation leaves: one lower, or the highest that is reached or whose validity still runs.

    Validities are looked up for those alone who fall from where there is one between them and the lowest.
    """
    if rules.downgrade == "one_step":
        return f"j.{prefix}place - 1"
    if len(rules.ladder) < 3:
        return f"j.{prefix}fall_place"
    places = " ".join(f"when {int(tier_id)} then {int(place)}" for tier_id, place in rules.rank.items())
    place = f"case v.tier_id {places} end"
    still = (
        f"select max({place}) from members_tiervalidity v where v.merchant_id = %(merchant)s "
        f"and v.member_id = j.member_id and {place} < j.{prefix}place "
        f"and v.valid_until + {int(rules.grace_days)} >= j.{prefix}fall_on"
    )
    return (
        f"case when j.{prefix}fall_place >= j.{prefix}place - 1 then j.{prefix}fall_place "
        f"else greatest(j.{prefix}fall_place, coalesce(({still}), 0)) end"
    )


def _target_validity(proposal: Proposal) -> str:
    """Only who is moved from a tier taken out can have a validity of the tier where it goes."""
    if not proposal.targets:
        return ""
    goes = " ".join(f"when {int(gone)} then {int(target)}" for gone, target in proposal.targets.items())
    return (
        "left join members_tiervalidity v on v.merchant_id = m.merchant_id and v.member_id = m.id "
        f"and v.tier_id = case s.tier_id {goes} end"
    )


def _days(proposal: Proposal, *, is_same: bool) -> dict[str, str]:
    """The days on which recalculation decides, by either rules; a fall's day is the first one without grace. The lowest
    tier has no validity, and no such day.
    """
    found: dict[str, str] = {}
    sides = [("", "until", proposal.proposed.grace_days)]
    if not is_same:
        sides.append(("was_", "valid_until", proposal.present.grace_days))
    for prefix, until, grace in sides:
        for name, later in (("fall", grace), *([("check", 0)] if grace else [])):
            day = f"greatest({until} + {int(later) + 1}, %(first)s::date)"
            found[f"{prefix}{name}_on"] = f"case when {until} is not null then {day} end"
    return found


def _sums(proposal: Proposal, today: dt.date, earliest: dt.date, *, is_same: bool) -> str:
    """Each member's metrics today and on the days that decide, and the points of a year, of the rows from `earliest` to
    today. What the ladders do not ask for is not counted, and what the rows are anyway is not asked.
    """
    old, new = proposal.present, proposal.proposed
    # prefix -> (window, the day on which it ends where that is not today, what is counted)
    counted: dict[str, tuple[Window, str, set[str]]] = {"new_": (new.window, "", tier_sql.asked(new))}
    both = tier_sql.asked(new) | (tier_sql.asked(old) if is_same else set())
    for name in ("check", "fall") if new.grace_days else ("fall",):
        counted[f"{name}_"] = (new.window, f"p.{name}_on", both)
    if not is_same:
        for name in ("check", "fall") if old.grace_days else ("fall",):
            counted[f"was_{name}_"] = (old.window, f"p.was_{name}_on", tier_sql.asked(old))
    columns = []
    for prefix, (window, day, metrics) in counted.items():
        if day or window.kind == "membership_year":
            only = f"d.day >= {tier_sql.start_of(window, day or '%(today)s::date', 'p.joined_on')}"
        else:
            start = window.start(today)
            only = f"d.day >= '{start.isoformat()}'" if start > earliest else ""
        if metrics:
            columns.append(tier_sql.sums(prefix, only, metrics))
    year = " filter (where d.day >= %(year)s)" if today - YEAR > earliest else ""
    return ", ".join([*columns, f"coalesce(sum(d.points){year}, 0)::bigint as year_points"])
