"""What time does to points: waiting ones are confirmed, old ones expire, holds end (domain.md 6).

Set-based, in chunks of members of one merchant: lock the accounts in member order, then one statement. A killed job is
simply run again: what was done is no longer due. Nothing is due in a program that is not open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.lib.expiry import living_day
from members.lib.parallel import work_parts
from members.lib.periods import merchant_day
from members.lib.refusals import Refusal
from members.lib.webhooks import WebhookEvent
from members.models import ProgramStatus
from members.selectors import rules as rules_selector
from members.services import posting, programs, webhook_events
from members.services.points_desk import end_hold

CHUNK = 10_000  # members whose points are confirmed at once
EXPIRING = 50_000  # lots that expire at once: what a transaction costs by itself is spread over more of them
LAST = 2**62  # above every member's id

DUE_TO_CONFIRM = """
select distinct w.merchant_id, w.member_id from members_pendingpoints w
join members_program p on p.merchant_id = w.merchant_id and p.status = 'open'
join members_merchant m on m.id = w.merchant_id and m.timezone = %(zone)s
where w.points > 0 and w.due_at <= %(at)s
order by 1, 2
"""
# Days that ended since a program's last expired one, a step along the index for each: lots that expired stay in it.
DUE_TO_EXPIRE = """
select p.merchant_id, due.day from members_program p
join members_merchant m on m.id = p.merchant_id and m.timezone = %(zone)s
cross join lateral (
    with recursive days as (
        select coalesce(p.points_expired_through, '-infinity') as day
        union all
        select (
            select l.expires_on from members_pointslot l
            where l.merchant_id = p.merchant_id and l.remaining > 0 and l.expires_on > days.day
                and l.expires_on < %(today)s order by 1 limit 1
        ) from days where days.day is not null
    ) select day from days where day > coalesce(p.points_expired_through, '-infinity')
) due
where p.status = 'open' order by 1, 2
"""
DONE_THROUGH = """
update members_program set points_expired_through = %s
where merchant_id = %s and (points_expired_through is null or points_expired_through < %s)
"""
CHUNK_ENDS = """
select member_id from (
    select member_id, row_number() over (order by member_id) as place from members_pointslot
    where merchant_id = %(merchant)s and expires_on = %(day)s and remaining > 0
) lots where place %% %(size)s = 0 order by 1
"""
LOCK = """
select count(*) from (
    select from members_pointsaccount where merchant_id = %(merchant)s and member_id = any(%(members)s)
    order by member_id for update
) locked
"""
# Credits repay a deficit in their own order, and who is in deficit has no other lots: what is left of each new lot is
# what the running sum exceeds the deficit by.
CONFIRM = """
with due as (
    select w.order_id, w.member_id, w.points, w.confirmed,
        row_number() over (partition by w.member_id order by w.due_at, w.order_id) as place,
        sum(w.points) over (partition by w.member_id order by w.due_at, w.order_id
            rows between unbounded preceding and current row) as so_far
    from members_pendingpoints w
    where w.merchant_id = %(merchant)s and w.member_id = any(%(members)s) and w.points > 0 and w.due_at <= %(at)s
), posted as (
    select d.*, a.sequence + d.place as number, a.available - a.deficit + d.so_far as balance,
        least(d.points, greatest(0, d.so_far - a.deficit)) as remaining, a.expired_through
    from due d join members_pointsaccount a on a.merchant_id = %(merchant)s and a.member_id = d.member_id
), entries as (
    insert into members_pointsentry (merchant_id, member_id, sequence, at, kind, points, pending, balance_after,
        cause, order_id, posting, rules_version)
    select %(merchant)s, member_id, number, %(at)s, 'confirm', points, -points, balance, 'order', order_id,
        -(confirmed + 1), %(version)s
    from posted order by member_id, number
), lots as (
    insert into members_pointslot (merchant_id, member_id, number, order_id, available_at, amount, remaining,
        expires_on)
    select %(merchant)s, member_id, number, order_id, %(at)s, points, remaining,
        case when %(expires_on)s <= expired_through then expired_through + 1 else %(expires_on)s end
    from posted
), repaid as (
    insert into members_pointsallocation (merchant_id, member_id, sequence, lot, points)
    select %(merchant)s, member_id, number, number, points - remaining from posted where remaining < points
), waiting as (
    update members_pendingpoints w set points = 0, confirmed = w.confirmed + 1
    from posted where w.merchant_id = %(merchant)s and w.order_id = posted.order_id
), totals as (
    select member_id, count(*) as how_many, sum(points) as points, max(number) as last from posted group by member_id
), accounts as (
    update members_pointsaccount a set sequence = a.sequence + t.how_many, pending = a.pending - t.points,
        available = a.available + t.points - least(t.points, a.deficit),
        deficit = a.deficit - least(t.points, a.deficit)
    from totals t where a.merchant_id = %(merchant)s and a.member_id = t.member_id
)
select coalesce(sum(how_many), 0), coalesce(sum(points), 0){heard} from totals
"""
# What is returned besides when somebody listens: whose points moved, from which entry to which.
CONFIRMED = """, array_agg(member_id), array_agg(last - how_many + 1), array_agg(last)"""
EXPIRED = (
    """, array_agg(moved.member_id), array_agg(moved.last - moved.how_many + 1), array_agg(moved.last)"""
)
# Lots are not touched: a lot is dead when its last usable day is at or before the account's `expired_through`.
# Accounts are not locked beforehand either: one that moved on since the statement began is left out, and comes in the
# next round. The account's day is over then: what comes later (`living_day`) ends later. Lots are walked twice along
# their key, in the order of members, which costs less than keeping and sorting them.
EXPIRE = """
with due as materialized (
    select a.member_id, a.sequence, t.how_many, t.points
    from (
        select member_id, count(*) as how_many, sum(remaining)::bigint as points from members_pointslot
        where merchant_id = %(merchant)s and expires_on = %(day)s and remaining > 0
            and member_id > %(after)s and member_id <= %(until)s
        group by member_id
    ) t join members_pointsaccount a on a.member_id = t.member_id
    where a.merchant_id = %(merchant)s and a.member_id > %(after)s and a.member_id <= %(until)s
        and (a.expired_through is null or a.expired_through < %(day)s)
), moved as (
    update members_pointsaccount a set sequence = a.sequence + t.how_many, available = a.available - t.points,
        expired = a.expired + t.points, expired_through = %(day)s
    from due t
    where a.merchant_id = %(merchant)s and a.member_id > %(after)s and a.member_id <= %(until)s
        and a.member_id = t.member_id and a.sequence = t.sequence
    returning a.member_id, t.how_many, t.points, t.sequence, a.sequence as last,
        a.available - a.deficit + t.points as balance
), entries as (
    insert into members_pointsentry (merchant_id, member_id, sequence, at, kind, points, pending, balance_after,
        cause, posting, lot, rules_version)
    select %(merchant)s, l.member_id, m.sequence + row_number() over spending, %(at)s, 'expire', -l.remaining, 0,
        m.balance - (sum(l.remaining) over spending)::bigint, 'rule', 0, l.number, %(version)s
    from members_pointslot l join moved m on m.member_id = l.member_id
    where l.merchant_id = %(merchant)s and l.expires_on = %(day)s and l.remaining > 0
        and l.member_id > %(after)s and l.member_id <= %(until)s
    window spending as (partition by l.member_id order by l.available_at, l.number rows unbounded preceding)
)
select coalesce(sum(how_many), 0), coalesce(sum(points), 0), (select count(*) from due) - count(*){heard} from moved
"""


@dataclass(slots=True)
class Moved:
    """How many lots a job confirmed or expired, of how many points."""

    lots: int = 0
    points: int = 0

    def add(self, lots: int, points: int) -> None:
        """Count a chunk in."""
        self.lots += lots
        self.points += points


def confirm_due(*, zone: str, at: dt.datetime, merchant_id: int | None = None) -> Moved:
    """Make points available whose wait is over by `at`, in a zone's open programs; by due instant, then arrival."""
    done = Moved()
    due = _rows(DUE_TO_CONFIRM, {"zone": zone, "at": at})
    for merchant, members in _chunks(due, merchant_id):
        done.add(*_confirm_chunk(merchant, members, at))
    return done


def expire_due(*, zone: str, at: dt.datetime, merchant_id: int | None = None) -> Moved:
    """Expire lots whose last usable day is over on the merchant day of `at`, in a zone's open programs.

    One entry a lot, in spending order. Lots of one day and merchant are worked in chunks of members.
    """
    done = Moved()
    today = merchant_day(at, ZoneInfo(zone))
    for merchant, day in _rows(DUE_TO_EXPIRE, {"zone": zone, "today": today}):
        if merchant_id not in (None, merchant):
            continue
        work = partial(_expire_chunk, merchant, day, at)
        parts = work_parts(work, _ranges(merchant, day))
        for part in parts:
            done.add(*(part or (0, 0)))
        if None in parts:  # closed meanwhile: the day is not done
            continue
        with tenancy.tenant(merchant), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(DONE_THROUGH, [day, merchant, day])
    return done


def _ranges(merchant_id: int, day: dt.date) -> list[tuple[int, int]]:
    """Members with lots that end on a day, as ranges (after, until) of some `EXPIRING` lots."""
    with tenancy.tenant(merchant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(CHUNK_ENDS, {"merchant": merchant_id, "day": day, "size": EXPIRING})
        ends = [row[0] for row in cursor.fetchall()]
    return list(pairwise([0, *dict.fromkeys(ends), LAST]))


def _expire_chunk(
    merchant_id: int, day: dt.date, at: dt.datetime, members: tuple[int, int]
) -> tuple[int, int] | None:
    """Expire a day's lots of a range of members, in one transaction; how many lots and points, None when the program is
    not open by now.

    Nobody posts to many members meanwhile, so locks do not cross. (An order sent for another member than its own locks
    two: should that cross, the database refuses one of both, which is done again.)

    The chunk's commit does not wait for the disk: what a crash loses of it is done again, since the day is noted as
    done by a commit that waits, for everything before it.
    """
    lots = points = 0
    after, until = members
    with tenancy.tenant(merchant_id), transaction.atomic():
        program = programs.lock_for_write(merchant_id=merchant_id)
        if program.status != ProgramStatus.OPEN:
            return None
        posting.lock_merchant(merchant_id=merchant_id, alone=False)
        version = rules_selector.version_at(merchant_id=merchant_id, at=at)
        is_heard = webhook_events.wants(program, WebhookEvent.POINTS_CHANGED)
        parameters: dict[str, Any] = {
            "merchant": merchant_id,
            "day": day,
            "after": after,
            "until": until,
            "at": at,
            "version": version and version.number,
        }
        with connection.cursor() as cursor:
            if not is_heard:  # what is told to others must not be undone by a crash
                cursor.execute("set local synchronous_commit = off")
            left = 1
            while left:
                cursor.execute(EXPIRE.format(heard=EXPIRED if is_heard else ""), parameters)
                more_lots, more_points, left, *moved = cursor.fetchone()
                lots, points = lots + int(more_lots), points + int(more_points)
                _tell(merchant_id, at, moved)
    return lots, points


def end_due_holds(*, at: dt.datetime) -> int:
    """End every hold whose time is over by `at`, each at its own instant, in open programs. How many were due.

    One whose program is closed meanwhile waits; the others go on.
    """
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select r.merchant_id, r.id from members_pointsrequest r join members_program p "
            "on p.merchant_id = r.merchant_id and p.status = 'open' "
            "where r.status = 'held' and r.ends_at <= %s order by r.ends_at, r.id",
            [at],
        )
        due = cursor.fetchall()
    for merchant_id, request_id in due:
        with tenancy.tenant(merchant_id), suppress(Refusal):
            end_hold(merchant_id=merchant_id, request_id=request_id)
    return len(due)


def next_hold_end() -> dt.datetime | None:
    """When the first hold of an open program ends by itself; None when none is held. Works as platform."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select min(r.ends_at) from members_pointsrequest r join members_program p "
            "on p.merchant_id = r.merchant_id and p.status = 'open' where r.status = 'held'"
        )
        row = cursor.fetchone()
    return None if row is None else row[0]


def _rows(query: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What is due, across merchants. Works as platform."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def _chunks(rows: list[tuple[int, int]], merchant_id: int | None) -> Iterator[tuple[int, list[int]]]:
    """(merchant, members) of rows sorted by merchant, a chunk of one merchant at a time."""
    rows = [row for row in rows if merchant_id in (None, row[0])]
    start = 0
    for place in range(1, len(rows) + 1):
        if place == len(rows) or place - start == CHUNK or rows[place][0] != rows[start][0]:
            yield rows[start][0], [row[1] for row in rows[start:place]]
            start = place


def _confirm_chunk(merchant_id: int, members: list[int], at: dt.datetime) -> tuple[int, int]:
    """Confirm what is due of some members in one transaction; nothing when the program is not open by now."""
    with tenancy.tenant(merchant_id), transaction.atomic():
        program = programs.lock_for_write(merchant_id=merchant_id)
        if program.status != ProgramStatus.OPEN:
            return 0, 0
        rules = rules_selector.rules_at(merchant_id=merchant_id, at=at, program=program)
        today = living_day(merchant_day(at, rules.zone), program.points_expired_through)
        is_heard = webhook_events.wants(program, WebhookEvent.POINTS_CHANGED)
        parameters: dict[str, Any] = {
            "merchant": merchant_id,
            "members": members,
            "at": at,
            "version": rules.version,
            "expires_on": rules.points.last_day(today),
        }
        with connection.cursor() as cursor:
            cursor.execute(LOCK, parameters)
            cursor.execute(CONFIRM.format(heard=CONFIRMED if is_heard else ""), parameters)
            lots, points, *moved = cursor.fetchone()
        _tell(merchant_id, at, moved)
    return int(lots), int(points)


def _tell(merchant_id: int, at: dt.datetime, moved: list[list[int] | None]) -> None:
    """Leave what moved for those who listen: members, first entries, last entries; empty when nobody does."""
    if moved and moved[0]:
        spans = list(zip(*(column or [] for column in moved), strict=True))
        webhook_events.points_changed(merchant_id=merchant_id, at=at, spans=spans)
