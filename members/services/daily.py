"""The daily job of a merchant's day, 03:00 local: what validity and expiry end is worked here (play.md).

Its cost follows what is due, not what exists: the due members of a zone are found by one index scan.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.lib.posting import Changes, Recalculation, fold
from members.models import Merchant, ProgramStatus
from members.selectors import rules as rules_selector
from members.services import (
    earning_daily,
    expiry_notices,
    job_progress,
    member_facts,
    points_daily,
    posting,
    programs,
    segment_counts,
    statements,
    webhook_events,
)

CHUNK = 5_000
BATCH = 50_000  # of members due, read at once
# In the order of the index, each part behind the one before.
DUE = """
select s.valid_until, s.merchant_id, s.member_id from members_tierstanding s
join members_program p on p.merchant_id = s.merchant_id and p.status = 'open'
join members_merchant m on m.id = s.merchant_id and m.timezone = %s
where s.valid_until < %s and (s.valid_until, s.merchant_id, s.member_id) > (%s, %s, %s)
order by 1, 2, 3 limit %s
"""
# A day that no order is of any more comes to nothing.
REBUILD = """
with sums as (
    select member_id, paid_on as day, coalesce(sum(net_minor) filter (where status = 'paid'), 0) as spend,
        count(*) filter (where counts) as orders, sum(posted) as points
    from members_order where merchant_id = %(merchant)s and member_id = any(%(members)s) and paid_on is not null
    group by 1, 2
),
kept as (
    select member_id, day, spend_minor as spend, orders, points from members_dailytotal
    where merchant_id = %(merchant)s and member_id = any(%(members)s)
),
wrong as (
    select member_id, day, coalesce(a.spend, 0) as spend, coalesce(a.orders, 0) as orders,
        coalesce(a.points, 0) as points
    from sums a full join kept b using (member_id, day)
    where (coalesce(a.spend, 0), coalesce(a.orders, 0), coalesce(a.points, 0))
        <> (coalesce(b.spend, 0), coalesce(b.orders, 0), coalesce(b.points, 0))
)
insert into members_dailytotal (merchant_id, member_id, day, spend_minor, orders, points)
select %(merchant)s, member_id, day, spend, orders, points from wrong
on conflict (merchant_id, member_id, day) do update
set spend_minor = excluded.spend_minor, orders = excluded.orders, points = excluded.points
"""


@dataclass(slots=True)
class Recalculated:
    """How many members a recalculation looked at, and what became of them."""

    examined: int = 0
    upgraded: int = 0
    downgraded: int = 0
    unchanged: int = 0
    repaired: int = 0  # days of members whose totals were not what the orders come to; only with --full

    def add(self, other: Recalculated) -> None:
        """Count another part in."""
        self.examined += other.examined
        self.upgraded += other.upgraded
        self.downgraded += other.downgraded
        self.unchanged += other.unchanged
        self.repaired += other.repaired


def run_daily(*, zone: str, at: dt.datetime) -> dict[str, int]:
    """The daily job of a zone's merchants: close the books of a month that is over, confirm waiting points, recalculate
    tiers, expire points, tiers again; then what birthdays and referrals bring, notices of points that expire soon, the
    facts that segments ask, and how many each segment has.

    Works as platform to find who is due, then as each merchant. A killed job is simply run again: what was done is
    no longer due. domain.md 5 and 6, play.md. Returns counts: examined, upgraded, downgraded, unchanged, the lots and
    points confirmed and expired, birthdays with their points, referrals, the months closed, the notices given, the
    members with new facts, and the segments counted.
    """
    job_progress.begin("books")
    closed = statements.close_due(zone=zone, at=at)
    job_progress.begin("confirm")
    confirmed = points_daily.confirm_due(zone=zone, at=at)
    total = recalculate_due(zone=zone, at=at)
    job_progress.begin("expire")
    expired = points_daily.expire_due(zone=zone, at=at)
    if expired.lots:
        total.add(recalculate_due(zone=zone, at=at))
    job_progress.begin("occasions")
    birthdays = earning_daily.birthdays_due(zone=zone, at=at)
    referrals = earning_daily.referrals_due(zone=zone, at=at)
    told = expiry_notices.tell_due(zone=zone, at=at)
    job_progress.begin("facts")
    facts = member_facts.refresh_due(zone=zone, at=at)
    segments = segment_counts.recount_due(zone=zone, at=at)
    return asdict(total) | {
        "birthdays": birthdays.members,
        "birthday_points": birthdays.points,
        "referrals": referrals,
        "confirmed_lots": confirmed.lots,
        "confirmed_points": confirmed.points,
        "expired_lots": expired.lots,
        "expired_points": expired.points,
        "months_closed": closed,
        "expiry_notices": told,
        "facts": facts,
        "segments": segments,
    }


def recalculate_due(*, zone: str, at: dt.datetime) -> Recalculated:
    """Recalculate the tiers of a zone's members whose validities ended before the merchant day of `at`."""
    today = merchant_day(at, ZoneInfo(zone))
    total = Recalculated()
    job_progress.begin("tiers", _count_due(zone, today) if job_progress.is_told() else 0)
    for merchant_id, member_ids in due_members(zone=zone, today=today):
        total.add(recalculate(merchant_id=merchant_id, member_ids=member_ids, at=at))
        job_progress.advance(len(member_ids))
    return total


def _count_due(zone: str, today: dt.date) -> int:
    """How many members are due. Works as platform; one query."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"select count(*) from ({DUE}) due", [zone, today, dt.date.min, 0, 0, None])
        return int(cursor.fetchone()[0])


def due_members(*, zone: str, today: dt.date) -> Iterator[tuple[int, list[int]]]:
    """Members of open programs of a zone whose present tier's validity ended before today: (merchant, members), at most
    CHUNK members at a time, so that a day on which everybody is due needs no more memory than any other.

    Who became due by a move of the same day is not asked for again; who is decided by the time a later part is read is
    not in it. Works as platform while it reads, and in no scope between.
    """
    after: tuple[Any, ...] = (dt.date.min, 0, 0)
    while after:
        with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(DUE, [zone, today, *after, BATCH])
            rows = cursor.fetchall()
        after = rows[-1] if len(rows) == BATCH else ()
        found: dict[int, list[int]] = defaultdict(list)
        for _day, merchant_id, member_id in rows:
            found[merchant_id].append(member_id)
        for merchant_id, members in found.items():
            members.sort()
            for start in range(0, len(members), CHUNK):
                yield merchant_id, members[start : start + CHUNK]


def recalculate(*, merchant_id: int, member_ids: list[int], at: dt.datetime) -> Recalculated:
    """Recalculate some members of one merchant in one transaction; nothing while the program is not open. Those alone
    are read whose validity is over: nothing is to be decided of the others."""
    done = Recalculated()
    with tenancy.tenant(merchant_id), transaction.atomic():
        program = programs.lock_for_write(merchant_id=merchant_id)
        if program.status != ProgramStatus.OPEN:
            return done
        posting.lock_merchant(merchant_id=merchant_id, alone=False)
        at, version = rules_selector.after_edits(merchant_id=merchant_id, at=at)
        rules = rules_selector.rules_at(merchant_id=merchant_id, at=at, program=program, version=version)
        merchant = Merchant.objects.get(pk=merchant_id)
        changes = Changes()
        due = _over(merchant_id, member_ids, merchant_day(at, merchant.zone))
        posting.lock_members(merchant_id=merchant_id, member_ids=due)
        states = posting.load(merchant=merchant, rules=rules, member_ids=due, at=at, spending=())
        for member_id in due:
            fold(states[member_id], [Recalculation(at=at)], rules, changes=changes)
        posting.write(merchant_id=merchant_id, changes=changes)
        webhook_events.told(changes, program=program, at=at)
    rank = rules.tiers.rank
    for move in changes.moves:
        if rank[move.to_tier_id] > rank.get(move.from_tier_id, -1):
            done.upgraded += 1
        else:
            done.downgraded += 1
    done.examined = len(member_ids)
    done.unchanged = done.examined - done.upgraded - done.downgraded
    return done


def _over(merchant_id: int, member_ids: list[int], today: dt.date) -> list[int]:
    """Those of some members whose present tier's validity ended before today."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select member_id from members_tierstanding where merchant_id = %s and member_id = any(%s) "
            "and valid_until < %s order by member_id",
            [merchant_id, member_ids, today],
        )
        return [row[0] for row in cursor.fetchall()]


def recalculate_all(*, merchant_id: int, at: dt.datetime) -> Recalculated:
    """Recompute every member of a merchant (`--full`): daily totals from the orders, then the tier. After the daily job
    it must change nothing.
    """
    total = Recalculated()
    with tenancy.tenant(merchant_id), transaction.atomic():
        chunks = list(posting.member_chunks(merchant_id=merchant_id, size=CHUNK))
    for ids in chunks:
        total.repaired += rebuild_days(merchant_id=merchant_id, member_ids=ids)
        total.add(recalculate(merchant_id=merchant_id, member_ids=ids, at=at))
    return total


def rebuild_days(*, merchant_id: int, member_ids: list[int]) -> int:
    """Put the daily totals of some members right where they are not what the orders come to. How many days."""
    with tenancy.tenant(merchant_id), transaction.atomic(), connection.cursor() as cursor:
        posting.lock_merchant(merchant_id=merchant_id, alone=True)
        cursor.execute(REBUILD, {"merchant": merchant_id, "members": member_ids})
        return cursor.rowcount
