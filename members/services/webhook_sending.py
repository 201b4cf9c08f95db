"""Sending what was left for endpoints: claimed as rows of the outbox are, signed, sent, written down (interface.md).

A worker claims some due messages of every endpoint, commits the claim, and sends each endpoint's in order while others
are sent beside them; no transaction is open meanwhile. An endpoint that does not answer is left alone for a pause that
grows, so that a dead one costs one attempt a pause, whatever waits for it. A worker that dies leaves messages whose
claim runs out: a receiver may see one twice and never misses one.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import connection, models, transaction
from standardwebhooks.webhooks import Webhook

from members.lib import crypto, outward, queue
from members.models import WebhookDelivery, WebhookEndpoint
from members.models.webhooks import MOST_ATTEMPTS
from members.services.outbox import LEASE, PAUSES
from members.services.webhook_events import TASK

log = structlog.get_logger(__name__)

AT_ONCE = 8  # endpoints that are sent to beside each other
OF_EACH = 10  # messages of one endpoint in one claim: at worst all their deadlines fit into the lease
ENDPOINTS = 40
BUDGET = 30.0  # seconds after which a task ends and calls for another, so that workers stay free for others
LOG_KEPT = 30
DEAD_AFTER = 36  # attempts without an answer: a month of pauses that grow to a day
REFUSED, NO_SECRET = "http", "no-secret"
KEPT_FOR = dt.timedelta(days=30)
FORGET_AT_ONCE = 20_000

CLAIM = """
with due as (
    select d.merchant_id, d.id from members_webhookendpoint e
    cross join lateral (
        select merchant_id, id, due_at from members_webhookdelivery
        where merchant_id = e.merchant_id and endpoint_id = e.id and done_at is null and attempts < %(most)s
            and due_at <= %(at)s
        order by due_at, id limit %(each)s for update skip locked
    ) d
    where e.deleted_at is null and (e.paused_until is null or e.paused_until <= %(at)s)
    limit %(limit)s
)
update members_webhookdelivery d set attempts = d.attempts + 1, due_at = %(until)s
from due where d.merchant_id = due.merchant_id and d.id = due.id
returning d.id
"""
IS_DUE = """
select exists (
    select from members_webhookendpoint e
    where e.deleted_at is null and (e.paused_until is null or e.paused_until <= %(at)s) and exists (
        select from members_webhookdelivery
        where merchant_id = e.merchant_id and endpoint_id = e.id and done_at is null and attempts < %(most)s
            and due_at <= %(at)s
    )
)
"""
FORGET = """
delete from members_webhookdelivery where (merchant_id, id) in (
    select merchant_id, id from members_webhookdelivery
    where due_at < %(before)s and (done_at is not null or attempts >= %(most)s) order by due_at limit %(limit)s
)
"""


@dataclass(slots=True)
class Sent:
    """What a drain did: messages taken, not taken, and put back because their endpoint does not answer."""

    taken: int = 0
    failed: int = 0
    postponed: int = 0


@dataclass(slots=True)
class Attempt:
    """One message on its way and what came of it: `error` is "" when it was taken, "http" for an answer that says no,
    else why nobody answered (`outward.Reason`). `is_silent`: the next message would fare no better. `at` is when it was
    sent, null while it was not.
    """

    delivery: WebhookDelivery
    at: dt.datetime | None = None
    code: int | None = None
    ms: int | None = None
    error: str = ""
    detail: str = ""
    is_silent: bool = False


@dataclass(slots=True)
class Batch:
    """The claimed messages of one endpoint."""

    endpoint: WebhookEndpoint
    attempts: list[Attempt] = field(default_factory=list)


def body_of(delivery: WebhookDelivery) -> str:
    """The message as it is sent and signed: the same text at every attempt."""
    message = {
        "type": delivery.event,
        "timestamp": delivery.created_at.astimezone(dt.UTC).isoformat(),
        "data": delivery.data,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def headers_of(delivery: WebhookDelivery, *, secret: str, body: str, at: dt.datetime) -> dict[str, str]:
    """The headers of the Standard Webhooks specification."""
    name = f"msg_{delivery.public_id}"
    at = at.astimezone(dt.UTC)
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": settings.PRODUCT,
        "webhook-id": name,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(name, at, body),
    }


def drain(*, at: dt.datetime) -> Sent:
    """Send what is due, endpoints beside each other, for half a minute at most; calls for more when some is left.

    Works as platform.
    """
    report = Sent()
    began = time.monotonic()

    def now() -> dt.datetime:
        return at + dt.timedelta(seconds=time.monotonic() - began)

    while batches := claim(at=at):
        with ThreadPoolExecutor(max_workers=min(AT_ONCE, len(batches))) as pool:
            list(pool.map(lambda batch: _send(batch, now), batches))
        for batch in batches:
            _settle(batch, at, report)
        if time.monotonic() - began > BUDGET:
            with transaction.atomic():
                queue.enqueue(TASK)
            break
    return report


def claim(*, at: dt.datetime) -> list[Batch]:
    """Take some due messages of every endpoint that is not paused, until the lease runs out."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                CLAIM,
                {
                    "at": at,
                    "until": at + LEASE,
                    "most": MOST_ATTEMPTS,
                    "each": OF_EACH,
                    "limit": OF_EACH * ENDPOINTS,
                },
            )
            ids = [row[0] for row in cursor.fetchall()]
        rows = (
            WebhookDelivery.objects.filter(pk__in=ids).select_related("endpoint").order_by("created_at", "pk")
        )
        batches: dict[int, Batch] = {}
        for row in rows if ids else ():
            batch = batches.setdefault(row.endpoint_id, Batch(row.endpoint))
            batch.attempts.append(Attempt(row))
    return list(batches.values())


def _send(batch: Batch, now: Callable[[], dt.datetime]) -> None:
    """Send the messages of one endpoint in their order, until it does not answer. Touches no database."""
    try:
        secret = batch.endpoint.secret
    except crypto.Unreadable as error:  # a key was lost: said in the log of every message
        secret = ""
        log.error("webhook_secret_unreadable", endpoint=batch.endpoint.public_id, error=str(error))
    for attempt in batch.attempts:
        attempt.at = now()
        _attempt(attempt, batch.endpoint.url, secret, attempt.at)
        if attempt.is_silent:
            break


def _attempt(attempt: Attempt, url: str, secret: str, at: dt.datetime) -> None:
    body = body_of(attempt.delivery)
    if not secret:
        attempt.error, attempt.is_silent = NO_SECRET, True
        return
    try:
        answered = outward.post(
            url,
            body=body.encode(),
            headers=headers_of(attempt.delivery, secret=secret, body=body, at=at),
            allows_loopback=settings.WEBHOOKS_TO_LOOPBACK,
        )
    except outward.Unreachable as error:
        attempt.error, attempt.detail, attempt.is_silent = error.reason, error.detail, True
        return
    attempt.code, attempt.ms = answered.status, answered.ms
    if not answered.is_taken:
        attempt.error = REFUSED
        attempt.is_silent = answered.status == 429 or answered.status >= 500


def _settle(batch: Batch, at: dt.datetime, report: Sent) -> None:
    """Write down what became of a batch: taken, or due again after a pause that grows; and how its endpoint does."""
    endpoint, is_silent = batch.endpoint, False
    with transaction.atomic():
        for attempt in batch.attempts:
            if attempt.at is None:
                _put_back(attempt.delivery, at)
                report.postponed += 1
                continue
            _write_down(attempt, attempt.at)
            is_silent = attempt.is_silent
            report.failed += bool(attempt.error)
            report.taken += not attempt.error
        mine = WebhookEndpoint.objects.of(endpoint.merchant_id).filter(pk=endpoint.pk)
        if is_silent:
            pause = PAUSES[min(endpoint.failures, len(PAUSES) - 1)]
            mine.update(failures=models.F("failures") + 1, paused_until=at + pause)
            if endpoint.failures + 1 >= DEAD_AFTER:
                give_up(endpoint, at=at)
        elif endpoint.failures:
            mine.update(failures=0, paused_until=None)


def give_up(endpoint: WebhookEndpoint, *, at: dt.datetime) -> None:
    """Try nothing more of what waits for an endpoint; a person can still send it again."""
    rows = WebhookDelivery.objects.of(endpoint.merchant_id).filter(endpoint_id=endpoint.pk, done_at=None)
    rows.filter(attempts__lt=MOST_ATTEMPTS).update(attempts=MOST_ATTEMPTS, due_at=at)


def _put_back(delivery: WebhookDelivery, at: dt.datetime) -> None:
    rows = WebhookDelivery.objects.of(delivery.merchant_id).filter(pk=delivery.pk, done_at=None)
    rows.update(attempts=models.F("attempts") - 1, due_at=at)


def _write_down(attempt: Attempt, at: dt.datetime) -> None:
    delivery = attempt.delivery
    entry = {"at": at.isoformat(), "code": attempt.code, "ms": attempt.ms, "error": attempt.error}
    if attempt.detail:
        entry["detail"] = attempt.detail
    changes: dict[str, Any] = {
        "code": attempt.code,
        "ms": attempt.ms,
        "last_error": attempt.error,
        "log": [*delivery.log, entry][-LOG_KEPT:],
    }
    if attempt.error:
        changes["due_at"] = at + PAUSES[min(delivery.attempts, len(PAUSES)) - 1]
        log.warning(
            "webhook_failed", delivery=delivery.public_id, error=attempt.error, attempts=delivery.attempts
        )
    else:
        changes["done_at"] = at
    WebhookDelivery.objects.of(delivery.merchant_id).filter(pk=delivery.pk, done_at=None).update(**changes)


def sweep(*, at: dt.datetime) -> bool:
    """Send the task again when messages are due, and forget those over for a month; called every minute as platform."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(FORGET, {"before": at - KEPT_FOR, "most": MOST_ATTEMPTS, "limit": FORGET_AT_ONCE})
            cursor.execute(IS_DUE, {"at": at, "most": MOST_ATTEMPTS})
            is_due = bool(cursor.fetchone()[0])
        if is_due:
            queue.enqueue(TASK)
    return is_due
