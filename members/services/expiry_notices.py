"""Telling members of points that expire soon, in the daily job: once for each last usable day and rule (domain.md 6).

A notice is a row that the member's page shows and the shop's systems hear of as `points.expiring`, to pass it on by the
channel by which they know the member; a member who agreed to e-mails is sent one (`expiry_emails`). Nobody is told
while the program is not open; after a closure, the days that moved are told anew.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from members.lib import queue
from members.lib import tenant as tenancy
from members.lib.periods import merchant_day
from members.lib.webhooks import WebhookEvent
from members.models import Program, ProgramStatus
from members.selectors import rules as rules_selector
from members.services import expiry_digest, expiry_emails, outbox, programs, webhook_events

A_DAY = dt.timedelta(days=1)
# Shops of a zone with points that expire from today on and a day whose notices were not given yet.
DUE = """
select p.merchant_id from members_program p
join members_merchant m on m.id = p.merchant_id and m.timezone = %(zone)s
where p.status = 'open' and (p.points_noticed_through is null or p.points_noticed_through < %(today)s)
    and exists (
        select from members_pointslot l
        where l.merchant_id = p.merchant_id and l.remaining > 0 and l.expires_on >= %(today)s
    )
order by 1
"""
WITH_LOTS = """
select d from unnest(%(days)s::date[]) d where exists (
    select from members_pointslot l where l.merchant_id = %(merchant)s and l.expires_on = d and l.remaining > 0
)
"""
# Of each member with something left until the day; who was told of it by this rule, or a nearer one, is left out.
TELL = """
with told as (
    insert into members_expirynotice (merchant_id, member_id, expires_on, days, points, at)
    select %(merchant)s, l.member_id, %(day)s, %(days)s, sum(l.remaining)::bigint, %(at)s
    from members_pointslot l
    join members_pointsaccount a on a.merchant_id = l.merchant_id and a.member_id = l.member_id
    where l.merchant_id = %(merchant)s and l.expires_on = %(day)s and l.remaining > 0
        and (a.expired_through is null or l.expires_on > a.expired_through)
        and not exists (
            select from members_expirynotice n where n.merchant_id = %(merchant)s and n.member_id = l.member_id
                and n.expires_on = %(day)s and n.days <= %(days)s
        )
    group by l.member_id
    on conflict (merchant_id, member_id, expires_on, days) do nothing
    returning id, member_id, points
), mailed as (
    insert into members_expiryemail (merchant_id, notice_id, member_id, at, state)
    select %(merchant)s, t.id, t.member_id, %(at)s, 'waiting' from told t
    join members_member m on m.merchant_id = %(merchant)s and m.id = t.member_id
    where m.status = 'active' and m.email_index is not null and m.email_consent_at is not null
        and m.email_stopped_at is null
    returning notice_id
), queued as (
    insert into members_outboxrow (merchant_id, topic, key, payload, created_at, due_at, attempts, last_error)
    select %(merchant)s, %(topic)s, notice_id::text, jsonb_build_object('notice', notice_id), %(at)s,
        %(at)s + interval '1 minute' * ((row_number() over (order by notice_id) - 1) / %(a_minute)s), 0, ''
    from mailed
)
select count(*), array_agg(member_id order by member_id), array_agg(points order by member_id),
    (select count(*) from mailed)
from told
"""


def tell_due(*, zone: str, at: dt.datetime) -> int:
    """Give the notices due on the merchant day of `at` and those missed before, in a zone's open programs; how many.

    Works as platform to find the shops, then as each. A killed job is simply run again: who was told is told no more.
    """
    today = merchant_day(at, ZoneInfo(zone))
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(DUE, {"zone": zone, "today": today})
        due = [row[0] for row in cursor.fetchall()]
    return sum(_tell_shop(merchant_id, today, at) for merchant_id in due)


def days_due(notice_days: list[int], since: dt.date | None, today: dt.date) -> list[tuple[dt.date, int]]:
    """(last usable day, rule) of the notices that fell due after `since`, up to `today`.

    Of several rules for one day the nearest is told; days that are over are not.
    """
    found: dict[dt.date, int] = {}
    for days in sorted(notice_days, reverse=True):
        day = max(since + dt.timedelta(days=days) + A_DAY if since else today, today)
        while day <= today + dt.timedelta(days=days):
            found[day] = days
            day += A_DAY
    return sorted(found.items())


def _tell_shop(merchant_id: int, today: dt.date, at: dt.datetime) -> int:
    """Tell a shop's members, a last usable day at a time, then note that today is done."""
    told = 0
    with tenancy.tenant(merchant_id):
        with transaction.atomic():
            version = rules_selector.version_at(merchant_id=merchant_id, at=at)
            since = Program.objects.values_list("points_noticed_through", flat=True).get(pk=merchant_id)
            due = dict(days_due(version.notice_days if version else [], since, today))
            with connection.cursor() as cursor:
                cursor.execute(WITH_LOTS, {"merchant": merchant_id, "days": list(due)})
                busy = sorted(row[0] for row in cursor.fetchall())
        for day in busy:
            found = _tell_day(merchant_id, day, due[day], today, at)
            if found is None:
                return told  # closed meanwhile: the day is not done
            told += found
        with transaction.atomic():
            program = programs.lock_for_write(merchant_id=merchant_id)
            if program.status == ProgramStatus.OPEN:
                Program.objects.filter(pk=merchant_id).update(points_noticed_through=today)
                days = version.notice_days if version else []
                expiry_digest.note(program=program, notice_days=days, today=today, at=at)
    return told


@transaction.atomic
def _tell_day(merchant_id: int, day: dt.date, days: int, today: dt.date, at: dt.datetime) -> int | None:
    """Tell everybody whose points can be used until a day; None when the program is not open by now."""
    program = programs.lock_for_write(merchant_id=merchant_id)
    if program.status != ProgramStatus.OPEN:
        return None
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"merchant": merchant_id, "day": day, "days": days, "at": at}
        mailing = {"topic": expiry_emails.TOPIC, "a_minute": expiry_emails.A_MINUTE}
        cursor.execute(TELL, values | mailing)
        told, members, points, mailed = cursor.fetchone()
    if mailed:
        queue.enqueue(outbox.TASK)
    if told and webhook_events.wants(program, WebhookEvent.POINTS_EXPIRING):
        webhook_events.points_expiring(
            merchant_id=merchant_id,
            at=at,
            day=day,
            days=days,
            left=(day - today).days,
            told=list(zip(members, points, strict=True)),
        )
    return int(told)
