"""What a merchant is told of points that expire soon: this morning's sum for Home, and an e-mail at most once a week.

Members are told on their pages and by the shop's own systems; this tells the shop that there is something to bring
them back with. The sum is counted in the daily job, so that Home asks nothing of the ledger.
"""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db import connection

from members.models import ExpiryEmail, ExpiryEmailState, Program, Role, Staff
from members.services import mail

A_WEEK = dt.timedelta(days=7)
STALE = dt.timedelta(days=3)  # after that the e-mail is not worth sending
DAYS_LISTED = 5
TO = (Role.OWNER, Role.MANAGER)
# What can be used until each of the days, and how many members have any of it.
COUNTED = """
with soon as (
    select l.member_id, l.expires_on, sum(l.remaining)::bigint as points
    from members_pointslot l
    join members_pointsaccount a on a.merchant_id = l.merchant_id and a.member_id = l.member_id
    where l.merchant_id = %(merchant)s and l.expires_on between %(today)s and %(last)s and l.remaining > 0
        and (a.expired_through is null or l.expires_on > a.expired_through)
    group by 1, 2
)
select expires_on, count(*), sum(points)::bigint, (select count(distinct member_id) from soon)
from soon group by 1 order by 1
"""


def note(*, program: Program, notice_days: list[int], today: dt.date, at: dt.datetime) -> None:
    """Keep the morning's sum with the program and, a week after the last, leave the e-mail.

    In the caller's transaction, the program locked and open.
    """
    found = _counted(program.pk, today, max(notice_days, default=0)) if notice_days else {}
    if found and (mailed := _mailed(program.pk, at)):
        found["mailed"] = mailed
    values: dict[str, Any] = {"points_expiring": found}
    last = program.points_digest_on
    if found and (last is None or today - last >= A_WEEK):
        values["points_digest_on"] = today
        _leave_emails(program.pk, found, at)
    Program.objects.filter(pk=program.pk).update(**values)


def _counted(merchant_id: int, today: dt.date, days: int) -> dict[str, Any]:
    """{} when nothing expires within so many days."""
    values: dict[str, Any] = {
        "merchant": merchant_id,
        "today": today,
        "last": today + dt.timedelta(days=days),
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, values)
        rows = cursor.fetchall()
    if not rows:
        return {}
    return {
        "on": today.isoformat(),
        "until": rows[-1][0].isoformat(),
        "members": rows[0][3],
        "points": sum(points for _day, _members, points, _all in rows),
        "days": [[day.isoformat(), members, points] for day, members, points, _all in rows[:DAYS_LISTED]],
        "more": max(0, len(rows) - DAYS_LISTED),
    }


def _mailed(merchant_id: int, at: dt.datetime) -> int:
    """How many notices of the last seven days went to members by e-mail, or are on their way."""
    going = (ExpiryEmailState.WAITING, ExpiryEmailState.SENT)
    return ExpiryEmail.objects.of(merchant_id).filter(at__gt=at - A_WEEK, state__in=going).count()


def _leave_emails(merchant_id: int, found: dict[str, Any], at: dt.datetime) -> None:
    people = Staff.objects.filter(
        merchant_id=merchant_id, left_at=None, role__in=TO, user__is_active=True
    ).select_related("user")
    for each in people.order_by("id"):
        mail.leave_email(
            merchant_id=merchant_id,
            key=f"points-expiring {found['on']} {each.user_id}",
            to=each.user.email,
            template="members/expiry/email/digest",
            context={**found, "link": urljoin(settings.SITE_URL, "/program/books")},
            at=at,
            until=at + STALE,
        )
