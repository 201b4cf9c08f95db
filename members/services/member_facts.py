"""Making the rows of each member whose daily totals or tier changed, or whose windows moved: the facts that segments
ask (domain.md 10), and what the orders come to for the tier (domain.md 5, `members.selectors.tier_outlook`).

Its cost follows what changed. What is not made yet is no harm: readers go over the daily totals of those members
(`members.selectors.member_facts`). A chunk is a transaction, so that a job that was killed goes on where it was.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from members.lib import set_based
from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.models import Merchant
from members.selectors import member_facts as facts
from members.selectors import rules as rules_of
from members.selectors import tier_outlook

CHUNK = 20_000  # members
LOCK = "select pg_try_advisory_xact_lock(hashtextextended('members.facts', %s))"
# The marks go first, the days are read by the next statement: a change that comes between leaves its own mark.
MARKED = """
with taken as (
    delete from members_factsdue where merchant_id = %(merchant)s and id <= (
        select max(id) from (
            select id from members_factsdue where merchant_id = %(merchant)s order by id limit %(chunk)s) first)
    returning member_id
)
select member_id, count(*) from taken group by 1
"""
MOVED = """
select member_id from members_memberfacts where merchant_id = %(merchant)s and changes_on <= %(today)s
limit %(chunk)s
"""
# Outlooks that another day changes, and those counted by a window or a grace that are in force no more. One that holds
# no more because the validity is over waits for what becomes of that.
OUTLOOKS_MOVED = """
(select member_id from members_tieroutlook where merchant_id = %(merchant)s and counted_by = %(counted_by)s
    and changes_on <= %(today)s and (valid_until is null or valid_until >= as_of) limit %(chunk)s)
union
(select member_id from members_tieroutlook where merchant_id = %(merchant)s and counted_by < %(counted_by)s
    limit %(chunk)s)
"""
_COLUMNS = ("as_of", "changes_on", *facts.OWN, *facts.FIGURES)
MAKE = f"""
insert into members_memberfacts (merchant_id, member_id, {", ".join(_COLUMNS)})
select %(merchant)s, w.member_id, %(today)s, coalesce(d.changes_on, {facts.NEVER}),
    {", ".join(own.format(of="w") for own in facts.OWN.values())}, d.first_day, d.last_day,
    coalesce(d.days, 0), d.gap, d.spread,
    {", ".join(f"coalesce(d.{name}, 0)" for name in facts.FIGURES if name.startswith(("orders", "spend")))}
from unnest(%(members)s::bigint[]) w (member_id) left join (
    select member_id, {facts.CHANGES_ON} as changes_on,
        {", ".join(f"{figure} as {name}" for name, figure in facts.FIGURES.items())}
    from {facts.days_of("%(members)s::bigint[]", gaps=True)} group by member_id
) d on d.member_id = w.member_id
on conflict (merchant_id, member_id) do update set {", ".join(f"{name} = excluded.{name}" for name in _COLUMNS)}
"""
DUE = f"""
select m.id from members_merchant m where m.timezone = %(zone)s and coalesce(
    (select true from members_factsdue d where d.merchant_id = m.id limit 1),
    (select true from members_memberfacts f where f.merchant_id = m.id and f.changes_on <= %(today)s limit 1),
    case when exists (select from members_tieroutlook o where o.merchant_id = m.id) then (
        select true from ({tier_outlook.COUNTED_BY.format(merchant="m.id", at="%(at)s")}) v (number), lateral (
            select from members_tieroutlook o where o.merchant_id = m.id and (o.counted_by < v.number
                or o.counted_by = v.number and o.changes_on <= %(today)s
                and (o.valid_until is null or o.valid_until >= o.as_of)) limit 1) o) end
) order by m.id
"""
# Who has waited longest comes first, so that no shop waits behind busier ones for ever.
MARKS = "select merchant_id from members_factsdue group by 1 order by min(id), 1 limit %(most)s"
TASK = "members.facts"
MOST_SHOPS = 200  # that a minute looks at


def refresh_due(*, zone: str, at: dt.datetime) -> int:
    """Make the facts of a zone's members that are due at `at`, as platform to find whose, then as each merchant. How
    many members."""
    today = merchant_day(at, ZoneInfo(zone))
    with tenancy.platform(), transaction.atomic():
        shops = _rows(DUE, {"zone": zone, "today": today, "at": at})
    return sum(refresh(merchant_id=merchant_id, at=at) for (merchant_id,) in shops)


def is_due() -> bool:
    """Whether any member waits, for whoever may see all merchants."""
    return bool(_rows("select true from members_factsdue limit 1", {}))


def refresh_marked(*, at: dt.datetime) -> int:
    """Make the facts of members with changes since, wherever they are: what a minute does. How many members."""
    with tenancy.platform(), transaction.atomic():
        shops = _rows(MARKS, {"most": MOST_SHOPS})
    return sum(refresh(merchant_id=merchant_id, at=at) for (merchant_id,) in shops)


def refresh(*, merchant_id: int, at: dt.datetime, chunk: int = CHUNK) -> int:
    """Make the facts of a merchant's members that are due, chunk by chunk. How many members; nothing while another
    process is at it. Idempotent."""
    done = 0
    while True:
        made, is_full = _refresh_chunk(merchant_id, at, chunk)
        done += made
        if not is_full:  # what comes meanwhile is the next minute's
            return done


def _refresh_chunk(merchant_id: int, at: dt.datetime, chunk: int) -> tuple[int, bool]:
    """How many members were made anew, and whether there may be more: one member can have many marks."""
    with tenancy.tenant(merchant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LOCK, [merchant_id])
        if not cursor.fetchone()[0]:
            return 0, False
        today = merchant_day(at, Merchant.objects.get(pk=merchant_id).zone)
        values: dict[str, Any] = {"merchant": merchant_id, "today": today, "chunk": chunk}
        values["counted_by"] = tier_outlook.version_counting(merchant_id=merchant_id, at=at)
        marks = dict(_rows(MARKED, values))
        members = set(marks)
        for moved in (MOVED, OUTLOOKS_MOVED):
            if len(members) < chunk:
                members |= {row[0] for row in _rows(moved, values)}
        if members:
            values["members"] = sorted(members)
            set_based.execute(MAKE, values)
            _make_outlooks(values, at)
        return len(members), len(members) >= chunk or sum(marks.values()) >= chunk


def _make_outlooks(values: dict[str, Any], at: dt.datetime) -> None:
    version = rules_of.version_at(merchant_id=values["merchant"], at=at)
    if version is not None:
        rules = rules_of.tier_rules(version, rules_of.tier_codes(merchant_id=values["merchant"]))
        statement, days = tier_outlook.make(rules, values["today"])
        set_based.execute(statement, values | days)


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
