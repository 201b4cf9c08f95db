"""The daily job of a merchant's day for entitlements: birthdays bring gifts, what ran out expires (domain.md 8).

Who is due is found as platform by an index, what is written as each merchant, in chunks, a transaction each: a killed
job is run again, a late one works its own day. Nothing is done for a program that is not open, where nothing expires.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from benefits.services import occasions
from members.lib import tenant as tenancy
from members.lib.earning_events import birthdays_on
from members.lib.periods import merchant_day
from members.models import ProgramStatus
from members.services import programs

CHUNK = 20_000
YEAR = dt.timedelta(days=300)  # a birthday that was moved over New Year does not come twice
# Shops of a zone with gifts for birthdays.
SHOPS = """
select p.merchant_id from members_program p join members_merchant z on z.id = p.merchant_id and z.timezone = %s
where p.status = 'open' and exists (select from benefits_benefit b where b.merchant_id = p.merchant_id
    and b.kind = 'birthday_gift' and b.status = 'published')
order by 1
"""
BIRTHDAYS = """
select m.id from members_member m where m.merchant_id = %(merchant)s and m.status = 'active'
    and m.birth_month is not null and (m.birth_month, m.birth_day) in (
        select * from unnest(%(months)s::int[], %(days)s::int[]))
    and m.joined_at <= %(at)s and m.id > %(after)s
    and not exists (select from benefits_entitlement e where e.merchant_id = m.merchant_id and e.member_id = m.id
        and e.benefit_id = %(benefit)s and e.source = 'birthday' and e.at > %(lately)s)
order by m.id limit %(chunk)s
"""
RUN_OUT = """
select e.merchant_id, count(*) from benefits_entitlement e
join members_program p on p.merchant_id = e.merchant_id and p.status = 'open'
join members_merchant z on z.id = e.merchant_id and z.timezone = %s
where e.valid_until <= %s and e.state in ('issued', 'reserved', 'released')
group by 1 order by 1
"""
EXPIRE = """
with gone as (
    update benefits_entitlement e set state = 'expired', reserved_until = null, reservation = ''
    where e.merchant_id = %(merchant)s and e.id in (
        select id from benefits_entitlement where merchant_id = %(merchant)s and valid_until <= %(at)s
            and state in ('issued', 'reserved', 'released')
            and not (state = 'reserved' and reserved_until > %(at)s)
        order by id limit %(chunk)s for update skip locked)
    returning e.benefit_id, e.uses_left * coalesce(e.worth_minor, 0) as free
),
given_back as (
    update benefits_benefitbudget b set taken_minor = greatest(b.taken_minor - g.free, 0)
    from (select benefit_id, sum(free) as free from gone group by 1) g
    where b.merchant_id = %(merchant)s and b.benefit_id = g.benefit_id
)
select count(*) from gone
"""


def run_daily(*, zone: str, at: dt.datetime) -> dict[str, int]:
    """The daily job of a zone's merchants; runs as platform. Returns counts: gifts given, entitlements expired."""
    return {
        "birthday_gifts": birthdays_due(zone=zone, at=at),
        "entitlements_expired": expire_due(zone=zone, at=at),
    }


def birthdays_due(*, zone: str, at: dt.datetime) -> int:
    """Give a zone's members their birthday gifts of the merchant day of `at`, each once a year; how many."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SHOPS, [zone])
        shops = [row[0] for row in cursor.fetchall()]
    return sum(_celebrate(merchant_id, merchant_day(at, ZoneInfo(zone)), at) for merchant_id in shops)


def _celebrate(merchant_id: int, today: dt.date, at: dt.datetime) -> int:
    with tenancy.tenant(merchant_id), transaction.atomic():
        benefits = occasions.brought_by("birthday", merchant_id=merchant_id, at=at)
    done = 0
    for benefit in benefits:
        after = 0
        while True:
            last, given = _chunk(merchant_id, benefit.pk, today, at, after)
            done += given
            if last is None:
                break
            after = last
    return done


def _chunk(
    merchant_id: int, benefit_id: int, today: dt.date, at: dt.datetime, after: int
) -> tuple[int | None, int]:
    """One chunk of members behind `after`: its last one, None for the last chunk; and how many gifts there were."""
    months, days = zip(*birthdays_on(today), strict=True)
    values: dict[str, Any] = {
        "merchant": merchant_id, "benefit": benefit_id, "months": list(months), "days": list(days), "at": at,
        "after": after, "lately": at - YEAR, "chunk": CHUNK,
    }  # fmt: skip
    with tenancy.tenant(merchant_id), transaction.atomic():
        program = programs.lock_for_write(merchant_id=merchant_id)
        if program.status != ProgramStatus.OPEN:
            return None, 0
        with connection.cursor() as cursor:
            cursor.execute(BIRTHDAYS, values)
            members = [row[0] for row in cursor.fetchall()]
        given = occasions.issue_many(
            merchant_id=merchant_id,
            benefit_id=benefit_id,
            at=at,
            source="birthday",
            who=[(member, f"birthday:{today.year}") for member in members],
        )
    return (members[-1] if len(members) == CHUNK else None), given


def expire_due(*, zone: str, at: dt.datetime) -> int:
    """Expire what ran out of a zone's merchants; how many. What was set aside for it goes back to its budget."""
    shops: dict[int, int] = defaultdict(int)
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(RUN_OUT, [zone, at])
        shops |= dict(cursor.fetchall())
    done = 0
    for merchant_id in shops:
        while True:
            gone = _expire_chunk(merchant_id, at)
            done += gone
            if gone < CHUNK:
                break
    return done


def _expire_chunk(merchant_id: int, at: dt.datetime) -> int:
    with tenancy.tenant(merchant_id), transaction.atomic():
        if programs.lock_for_write(merchant_id=merchant_id).status != ProgramStatus.OPEN:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(EXPIRE, {"merchant": merchant_id, "at": at, "chunk": CHUNK})
            return int(cursor.fetchone()[0])


def on_reopened(*, merchant_id: int, since: dt.datetime, days: int) -> None:
    """What a closure froze lasts as many days longer: entitlements that had not run out when it began."""
    if days:
        with connection.cursor() as cursor:
            cursor.execute(
                "update benefits_entitlement set valid_until = valid_until + make_interval(days => %s) "
                "where merchant_id = %s and valid_until > %s and state in ('issued', 'reserved', 'released')",
                [days, merchant_id, since],
            )
