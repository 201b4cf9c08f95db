"""The task that hands over what transactions left for after their commit."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services import consumers, expiry_emails, ledger_nights, mail, outbox, staff, tier_audits

# Imported for the topics they handle.
HANDLERS = (
    mail.prepare_email,
    staff.prepare_invitation,
    consumers.prepare_link,
    expiry_emails.prepare,
    ledger_nights.prepare_alarm,
    tier_audits.prepare_alarm,
)


@task("members.outbox")
def drain_outbox(**_: Any) -> dict[str, int]:
    """Hand over due rows; idempotent, claims are taken with SKIP LOCKED."""
    report = outbox.drain(at=timezone.now())
    return {"done": report.done, "failed": report.failed}
