"""What a merchant's endpoints and people are told of its program's fate, in the transaction of the fact (interface.md).

Warnings and closures are told set-based: a run closes tens of thousands of programs in one transaction.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from compliance.lib.calendar import PLATFORM_ZONE
from compliance.models import Run
from compliance.selectors import notices as selectors
from members.lib.webhooks import WebhookEvent
from members.models import Program
from members.services import mail, webhook_events

WARNINGS = (WebhookEvent.PROGRAM_AT_RISK, WebhookEvent.PROGRAM_FINAL_NOTICE)
WARNED = """
select n.merchant_id, n.sent_at as at, jsonb_build_object('notice', n.public_id, 'run_on', n.for_run_on,
    'days_left', n.for_run_on - (n.sent_at at time zone %(zone)s)::date, 'days_before', n.days_before,
    'danger_at', n.danger_at) as data
from compliance_notice n
where n.id = any(%(ids)s) and (n.days_before <= %(final)s) = %(is_final)s
"""
CLEARED = """
select d.merchant_id, %(at)s::timestamptz as at, jsonb_build_object('period', %(period)s::text, 'run_on', %(on)s::date,
    'days', %(on)s::date - (d.uncovered_since at time zone %(zone)s)::date, 'policy', d.policy_id) as data
from compliance_decision d where d.run_id = %(run)s and d.merchant_id = any(%(cleared)s)
"""
RESTORED = """
select %(merchant)s::bigint as merchant_id, %(at)s::timestamptz as at,
    jsonb_build_object('status', %(status)s::text, 'protected_until', %(until)s::timestamptz) as data
"""


def warned(*, ids: Collection[int], final_notice_days: int) -> None:
    """Tell endpoints of warnings just sent; those of the last `final_notice_days` days are final notices."""
    for event in WARNINGS:
        webhook_events.of_programs(
            event,
            WARNED,
            ids=list(ids),
            zone=PLATFORM_ZONE.key,
            final=final_notice_days,
            is_final=event is WebhookEvent.PROGRAM_FINAL_NOTICE,
        )


def cleared(*, values: dict[str, Any], period: str) -> None:
    """Tell endpoints of programs that a chunk of a run has just closed; `values` are those of its statements."""
    told = {name: values[name] for name in ("at", "on", "run", "cleared")}
    webhook_events.of_programs(
        WebhookEvent.PROGRAM_CLEARED, CLEARED, zone=PLATFORM_ZONE.key, period=period, **told
    )


def restored(*, program: Program, until_at: dt.datetime, at: dt.datetime) -> None:
    """Tell endpoints that a program is back, with its status."""
    webhook_events.of_programs(
        WebhookEvent.PROGRAM_RESTORED,
        RESTORED,
        merchant=program.pk,
        at=at,
        status=str(program.status),
        until=until_at,
    )


def tell_undone(*, merchant_id: int, run: Run, at: dt.datetime) -> None:
    """Have owners and managers told by e-mail that their clearing was undone."""
    for user_id, email in selectors.receivers(merchant_id=merchant_id):
        mail.leave_email(
            merchant_id=merchant_id,
            key=f"undone:{run.pk}:{user_id}",
            to=email,
            template="compliance/clearance/email/undone",
            context={"run_on": run.run_on.isoformat()},
            at=at,
        )
