"""Work left by a transaction for after its commit: e-mails (architecture.md 1, 2).

Webhooks have rows of their own (`webhook_sending`), so that a slow receiver holds no e-mail up.

A service leaves a row in its own transaction. A task claims due rows with SKIP LOCKED, commits the claim, does
the foreign call outside any transaction and marks the row done. A worker that dies in between leaves a row whose
claim runs out; it is then sent once more, so receivers may see a message twice and never miss one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import models, transaction

from members.lib import batches, queue
from members.lib import tenant as tenancy
from members.models import OutboxRow

log = structlog.get_logger(__name__)

TASK = "members.outbox"
LEASE = dt.timedelta(minutes=5)  # how long a claim holds when its worker says nothing
PAUSES = tuple(dt.timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720, 1440, 1440, 1440))
MAX_ATTEMPTS = len(PAUSES) + 1
BATCH = 50
KEPT_DONE = dt.timedelta(days=90)

# Looks at the row's payload under its tenant and returns the foreign call, or None when nothing is to be done.
Prepare = Callable[[int, dict[str, Any], dt.datetime], Callable[[], Any] | None]
HANDLERS: dict[str, Prepare] = {}


@dataclass(slots=True)
class Drained:
    """What a drain did: rows handed over, rows to be tried again (or given up)."""

    done: int = 0
    failed: int = 0


def handles(topic: str) -> Callable[[Prepare], Prepare]:
    """Name the function that prepares the rows of a topic."""

    def register(prepare: Prepare) -> Prepare:
        HANDLERS[topic] = prepare
        return prepare

    return register


def leave(
    *, merchant_id: int, topic: str, key: str, payload: Mapping[str, Any], at: dt.datetime
) -> OutboxRow | None:
    """Leave a row for the task and wake it after the commit. The same (topic, key) is left once per merchant.

    Needs the tenant (or the platform) in scope. Returns None when the key was left before.
    """
    row, made = OutboxRow.objects.get_or_create(
        merchant_id=merchant_id,
        topic=topic,
        key=key,
        defaults={"payload": dict(payload), "created_at": at, "due_at": at},
    )
    queue.enqueue(TASK)
    return row if made else None


def claim(*, at: dt.datetime, limit: int = BATCH) -> list[OutboxRow]:
    """Take due rows for this worker until the lease runs out; rows of other workers are skipped."""
    with transaction.atomic():
        due = OutboxRow.objects.filter(done_at=None, due_at__lte=at, attempts__lt=MAX_ATTEMPTS)
        rows = list(due.select_for_update(skip_locked=True).order_by("due_at", "id")[:limit])
        for row in rows:
            row.attempts += 1
            row.due_at = at + LEASE
        OutboxRow.objects.filter(pk__in=[row.pk for row in rows]).update(
            attempts=models.F("attempts") + 1, due_at=at + LEASE
        )
    return rows


def hand_over(row: OutboxRow, *, at: dt.datetime) -> str:
    """Do one claimed row's foreign call. Returns what went wrong, "" when nothing did."""
    prepare = HANDLERS.get(row.topic)
    if prepare is None:
        return f"nobody handles the topic {row.topic}"
    try:
        with tenancy.tenant(row.merchant_id), transaction.atomic():
            send = prepare(row.merchant_id, row.payload, at)
        if send is not None:
            send()
    except Exception as error:  # a mail server's or a handler's error: the row stays open and is tried again
        log.warning("outbox_failed", row=row.pk, topic=row.topic, attempts=row.attempts, error=str(error))
        return f"{type(error).__name__}: {error}"
    return ""


def settle(row: OutboxRow, *, at: dt.datetime, error: str) -> None:
    """Write what became of a claimed row: done, or due again after a pause that grows with every attempt."""
    if not error:
        changes: dict[str, Any] = {"done_at": at, "last_error": ""}
    else:
        pause = PAUSES[min(row.attempts, len(PAUSES)) - 1]
        changes = {"due_at": at + pause, "last_error": error[:300]}
    with transaction.atomic():
        OutboxRow.objects.filter(pk=row.pk, merchant_id=row.merchant_id, done_at=None).update(**changes)


def drain(*, at: dt.datetime, limit: int = 500) -> Drained:
    """Claim and hand over due rows, batch by batch, at most `limit`. Works as the platform."""
    report = Drained()
    while report.done + report.failed < limit:
        rows = claim(at=at)
        if not rows:
            break
        for row in rows:
            error = hand_over(row, at=at)
            settle(row, at=at, error=error)
            report.failed += bool(error)
            report.done += not error
    return report


def sweep(*, at: dt.datetime) -> bool:
    """Send the task again when rows are due; called every minute as the platform. True when it was sent."""
    with transaction.atomic():
        due = OutboxRow.objects.filter(done_at=None, due_at__lte=at, attempts__lt=MAX_ATTEMPTS).exists()
    if due:
        queue.enqueue(TASK)
    return due


def forget_done(*, at: dt.datetime) -> int:
    """Delete rows handed over more than 90 days before `at`; returns how many. Works as platform."""
    return batches.delete(
        "members_outboxrow", key=["merchant_id", "id"], condition="done_at < %s", values=[at - KEPT_DONE]
    )
