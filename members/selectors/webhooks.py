"""A merchant's webhooks and what was sent to them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from members.models import WebhookDelivery, WebhookEndpoint
from members.models.webhooks import MOST_ATTEMPTS


@dataclass(slots=True)
class EndpointRow:
    """An endpoint with how its latest message went."""

    endpoint: WebhookEndpoint
    latest: WebhookDelivery | None


def endpoints(*, merchant_id: int) -> list[EndpointRow]:
    """The webhooks that are sent to, the oldest first. Two queries."""
    latest = WebhookDelivery.objects.of(merchant_id).filter(endpoint_id=OuterRef("pk"))
    rows = WebhookEndpoint.objects.of(merchant_id).filter(deleted_at=None).select_related("created_by")
    newest = Subquery(latest.order_by("-created_at", "-pk").values("pk")[:1])
    found = list(rows.annotate(latest=newest).order_by("created_at", "pk"))
    ids = [row.latest for row in found if row.latest is not None]
    known = {row.pk: row for row in WebhookDelivery.objects.of(merchant_id).filter(pk__in=ids)}
    return [EndpointRow(row, known.get(row.latest)) for row in found]


def endpoint(*, merchant_id: int, public_id: str) -> WebhookEndpoint | None:
    """One that is sent to; None for a deleted one, nobody's or another merchant's. One query."""
    rows = WebhookEndpoint.objects.of(merchant_id).filter(public_id=public_id, deleted_at=None)
    return rows.select_related("created_by").first()


def deliveries(*, endpoint: WebhookEndpoint) -> QuerySet[WebhookDelivery]:
    """What was sent to it, the newest first. Runs no query."""
    rows: QuerySet[WebhookDelivery] = WebhookDelivery.objects.of(endpoint.merchant_id)
    return rows.filter(endpoint_id=endpoint.pk).order_by("-created_at", "-pk")


def state_of(delivery: WebhookDelivery) -> str:
    """taken | waiting (not tried yet) | retrying | given_up."""
    if delivery.done_at is not None:
        return "taken"
    if not delivery.attempts:
        return "waiting"
    return "given_up" if delivery.attempts >= MOST_ATTEMPTS else "retrying"


def next_at(delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> dt.datetime | None:
    """When an open message is tried next; None when never."""
    if state_of(delivery) not in ("waiting", "retrying"):
        return None
    return max(delivery.due_at, endpoint.paused_until) if endpoint.paused_until else delivery.due_at
