"""Warnings before a run and the receipts of them (domain.md 3: due process).

A warning is delivered when it stands in the merchant's in-app inbox; whether anybody reads it, or whether the
e-mail arrives, changes nothing. The e-mails to owners and managers go through the outbox.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from compliance.lib.calendar import platform_date
from compliance.lib.policy import PolicyVersion
from compliance.models import Notice, Receipt, ReceiptChannel, ReceiptEvent
from compliance.selectors.notices import WRITE_TO
from compliance.services import program_events
from members.lib import queue
from members.lib.refusals import NotFound
from members.models.webhooks import MOST_ATTEMPTS
from members.services.outbox import MAX_ATTEMPTS

EMAIL_KEY = "notice:"  # + notice id + ":" + user id
TEMPLATE = "compliance/notices/email/warning"

# The smallest of warn_days that is at least the days left, unless it or a smaller one was sent for that run.
DUE = """
insert into compliance_notice
    (merchant_id, public_id, sent_at, danger_at, for_run_on, days_before, policy_id)
select due.merchant_id, substr(replace(gen_random_uuid()::text, '-', ''), 1, 20), %(sent_at)s, due.danger_at,
    due.run_on, due.days, %(policy)s
from (
    select s.merchant_id, s.danger_at, s.run_on,
        (select min(days) from unnest(%(warn_days)s::int[]) days where days >= s.run_on - %(today)s::date) as days
    from compliance_standing s join members_program p using (merchant_id)
    where p.status = 'open' and s.run_on between %(today)s and %(last)s
        and (s.protected_until is null or s.protected_until <= %(at)s)
        and s.danger_at is not null
) due
where due.days is not null and not exists (
    select from compliance_notice n
    where n.merchant_id = due.merchant_id and n.for_run_on = due.run_on and n.days_before <= due.days
)
on conflict do nothing
returning id
"""
DELIVERED = """
insert into compliance_receipt (merchant_id, notice_id, channel, event, user_id, at)
select merchant_id, id, 'inbox', 'delivered', null, sent_at from compliance_notice where id = any(%s)
"""
WARNED = """
update compliance_standing s set warned_at = coalesce(s.warned_at, n.sent_at), last_warned_at = n.sent_at
from compliance_notice n where n.id = any(%s) and s.merchant_id = n.merchant_id
"""
EMAILS = """
insert into members_outboxrow (merchant_id, topic, key, payload, created_at, due_at, attempts, last_error)
select n.merchant_id, 'email', %(key)s || n.id || ':' || u.id, jsonb_build_object(
    'to', u.email, 'template', %(template)s::text, 'until', null,
    'context', jsonb_build_object('run_on', n.for_run_on, 'days_before', n.days_before,
        'days_left', n.for_run_on - %(today)s::date)
), n.sent_at, n.sent_at, 0, ''
from compliance_notice n
join members_staff m on m.merchant_id = n.merchant_id and m.left_at is null and m.role = any(%(roles)s)
join members_user u on u.id = m.user_id and u.is_active
where n.id = any(%(ids)s)
on conflict do nothing
"""
HANDED_OVER = """
insert into compliance_receipt (merchant_id, notice_id, channel, event, user_id, at)
select o.merchant_id, split_part(o.key, ':', 2)::bigint, 'email', 'delivered', split_part(o.key, ':', 3)::bigint,
    o.done_at
from members_outboxrow o
join compliance_notice n on n.merchant_id = o.merchant_id and n.id = split_part(o.key, ':', 2)::bigint
where o.topic = 'email' and o.key like %s and o.done_at >= %s
on conflict do nothing
"""
# Given up, or refused for good by the mail server: it is tried again all the same, and delivered if that helps.
NOT_HANDED_OVER = """
insert into compliance_receipt (merchant_id, notice_id, channel, event, user_id, at)
select o.merchant_id, split_part(o.key, ':', 2)::bigint, 'email', 'failed', split_part(o.key, ':', 3)::bigint, %(at)s
from members_outboxrow o
join compliance_notice n on n.merchant_id = o.merchant_id and n.id = split_part(o.key, ':', 2)::bigint
where o.topic = 'email' and o.key like %(key)s and o.done_at is null
    and (o.attempts >= %(most)s or o.last_error like 'RefusedForGood%%')
on conflict do nothing
"""
_MESSAGES = """
insert into compliance_receipt (merchant_id, notice_id, channel, event, user_id, at)
select d.merchant_id, n.id, 'webhook', %(receipt)s, null, min({at})
from members_webhookdelivery d
join compliance_notice n on n.merchant_id = d.merchant_id and n.public_id = d.data->>'notice'
where d.event in ('program.at_risk', 'program.final_notice') and d.due_at >= %(since)s and {condition}
group by d.merchant_id, n.id
on conflict do nothing
"""
TAKEN = _MESSAGES.format(at="d.done_at", condition="d.done_at >= %(since)s")
NOT_TAKEN = _MESSAGES.format(at="d.due_at", condition="d.done_at is null and d.attempts >= %(most)s")


def send_due(*, at: dt.datetime, delivered_at: dt.datetime, version: PolicyVersion) -> int:
    """Send the warnings that the compliance job due at `at` finds due, each once; returns how many.

    delivered_at: when they are really placed in the inbox, later than `at` when the job is made up; notice counts
    from then. Reads standings that are true of `at`. Works as platform, in one transaction.
    """
    days = version.policy.warn_days
    if not days:
        return 0
    today = platform_date(at)
    with transaction.atomic():
        ids = _insert(
            {
                "at": at,
                "sent_at": delivered_at,
                "today": today,
                "last": today + dt.timedelta(days=max(days)),
                "warn_days": list(days),
                "policy": version.number,
            }
        )
        if ids:
            _follow(ids, today)
            program_events.warned(ids=ids, final_notice_days=version.policy.final_notice_days)
    return len(ids)


def _insert(values: dict[str, Any]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(DUE, values)
        return [row[0] for row in cursor.fetchall()]


def _follow(ids: list[int], today: dt.date) -> None:
    """Receipts of the delivery, what the standings remember, e-mails for after the commit."""
    with connection.cursor() as cursor:
        cursor.execute(DELIVERED, [ids])
        cursor.execute(WARNED, [ids])
        cursor.execute(
            EMAILS,
            {"ids": ids, "key": EMAIL_KEY, "template": TEMPLATE, "today": today, "roles": list(WRITE_TO)},
        )
    queue.enqueue("members.outbox")


def record_receipt(
    *,
    merchant_id: int,
    public_id: str,
    channel: str,
    event: str,
    user_id: int | None,
    at: dt.datetime,
) -> bool:
    """Record that a person saw or acknowledged a notice on a channel; once each. Needs the tenant in scope.

    channel, event: values of ReceiptChannel and ReceiptEvent. Returns whether it is the first such receipt. It is no
    write of the program's four functions, so it is taken whatever the program's status. Raises NotFound.
    """
    ReceiptChannel(channel), ReceiptEvent(event)
    with transaction.atomic():
        notice = Notice.objects.of(merchant_id).filter(public_id=public_id).first()
        if notice is None:
            raise NotFound(_("There is no such notice."))
        same = {"notice": notice, "channel": channel, "event": event, "user_id": user_id}
        if Receipt.objects.of(merchant_id).filter(**same).exists():
            return False
        made = Receipt.objects.bulk_create(
            [Receipt(merchant_id=merchant_id, at=at, **same)], ignore_conflicts=True
        )
    return bool(made)


def confirm(*, since: dt.datetime, at: dt.datetime) -> int:
    """Receipts for e-mails and messages to endpoints that were handed over since an instant, or given up; how many.

    Idempotent. Works as platform.
    """
    key, count = f"{EMAIL_KEY}%", 0
    parameters = {"since": since, "most": MOST_ATTEMPTS}
    values: Any
    with transaction.atomic(), connection.cursor() as cursor:
        for statement, values in (
            (HANDED_OVER, [key, since]),
            (NOT_HANDED_OVER, {"key": key, "most": MAX_ATTEMPTS, "at": at}),
            (TAKEN, parameters | {"receipt": ReceiptEvent.DELIVERED.value}),
            (NOT_TAKEN, parameters | {"receipt": ReceiptEvent.FAILED.value}),
        ):
            cursor.execute(statement, values)
            count += cursor.rowcount
    return count
