"""The task that sends what transactions left for merchants' endpoints."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.utils import timezone

from members.lib.queue import task
from members.services import webhook_events, webhook_sending


@task(webhook_events.TASK)
def send_webhooks(**_: Any) -> dict[str, int]:
    """Send due messages; idempotent, claims are taken with SKIP LOCKED."""
    return asdict(webhook_sending.drain(at=timezone.now()))
