"""A merchant's webhooks: adding one, its secret shown once, deleting, sending a message again (interface.md)."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib import outward, queue
from members.lib.fields import opaque_id
from members.lib.refusals import Conflict, Invalid, NotFound
from members.lib.webhooks import WebhookEvent
from members.models import Program, WebhookDelivery, WebhookEndpoint
from members.services import audit
from members.services.audit import Actor
from members.services.webhook_events import TASK
from members.services.webhook_sending import give_up

MOST_ENDPOINTS = 10
SECRET_BYTES = 32


@transaction.atomic
def add_endpoint(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    url: str,
    events: Iterable[str],
    public_id: str = "",
) -> tuple[WebhookEndpoint, str]:
    """Have events sent to an address. Returns the endpoint with its secret, which is stored sealed and shown this once.

    `public_id` makes a repeated request harmless: the endpoint made before comes back with an empty secret. Raises
    Invalid (an address that is none or leads inside, no event), Conflict (too many).
    """
    program = _lock(merchant_id)
    live = WebhookEndpoint.objects.of(merchant_id).filter(deleted_at=None)
    if public_id and (made := live.filter(public_id=public_id).first()):
        return made, ""
    url = url.strip()
    outward.checked_url(url, allows_loopback=settings.WEBHOOKS_TO_LOOPBACK)
    wanted = set(events)
    chosen = [event for event in WebhookEvent.values if event in wanted]
    if not chosen or wanted - set(chosen):
        missing = _("Choose at least one event.")
        raise Invalid(missing, errors={"events": missing})
    if live.count() >= MOST_ENDPOINTS:
        raise Conflict(
            _("A shop has at most %(limit)s webhooks. Delete one that is no longer used.")
            % {"limit": MOST_ENDPOINTS}
        )
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    endpoint = WebhookEndpoint(
        merchant_id=merchant_id,
        public_id=public_id or opaque_id(),
        url=url,
        events=chosen,
        created_at=at,
        created_by_id=actor.user_id,
    )
    endpoint.secret = secret
    endpoint.save(force_insert=True)
    _note_events(program)
    _audit(endpoint, at, actor, "webhook.added", after={"events": chosen})
    return endpoint, secret


@transaction.atomic
def delete_endpoint(*, merchant_id: int, at: dt.datetime, actor: Actor, public_id: str) -> WebhookEndpoint:
    """End a webhook: nothing is sent there any more, and its secret is gone. Again changes nothing. Raises NotFound."""
    program = _lock(merchant_id)
    endpoint = WebhookEndpoint.objects.of(merchant_id).filter(public_id=public_id).first()
    if endpoint is None:
        raise NotFound(_("There is no such webhook."))
    if endpoint.deleted_at is None:
        endpoint.deleted_at, endpoint.secret = at, ""
        endpoint.save(update_fields=["deleted_at", "secret"])
        give_up(endpoint, at=at)
        _note_events(program)
        _audit(endpoint, at, actor, "webhook.deleted")
    return endpoint


@transaction.atomic
def redeliver(*, merchant_id: int, at: dt.datetime, actor: Actor, public_id: str) -> WebhookDelivery:
    """Have a message sent again under its own id, whatever became of it, with all its attempts before it.

    Raises NotFound; Conflict when its webhook was deleted.
    """
    delivery = (
        WebhookDelivery.objects.of(merchant_id)
        .select_for_update(of=("self",))
        .select_related("endpoint")
        .filter(public_id=public_id)
        .first()
    )
    if delivery is None:
        raise NotFound(_("There is no such message."))
    if delivery.endpoint.deleted_at is not None:
        raise Conflict(_("This webhook was deleted. Add it again to receive messages."))
    delivery.due_at, delivery.attempts, delivery.done_at = at, 0, None
    delivery.save(update_fields=["due_at", "attempts", "done_at"])
    WebhookEndpoint.objects.of(merchant_id).filter(pk=delivery.endpoint_id).update(paused_until=None)
    _audit(delivery.endpoint, at, actor, "webhook.redelivered", after={"message": delivery.public_id})
    queue.enqueue(TASK)
    return delivery


def _lock(merchant_id: int) -> Program:
    """The program's row, kept from others who add or delete; postings go on."""
    program = Program.objects.select_for_update(no_key=True).filter(merchant_id=merchant_id).first()
    if program is None:
        raise NotFound(_("This merchant has no program."))
    return program


def _note_events(program: Program) -> None:
    """Write into the program's row what its endpoints want now, where every posting sees it."""
    lists = (
        WebhookEndpoint.objects.of(program.merchant_id)
        .filter(deleted_at=None)
        .values_list("events", flat=True)
    )
    wanted = {event for events in lists for event in events}
    program.webhook_events = [event for event in WebhookEvent.values if event in wanted] or None
    program.save(update_fields=["webhook_events"])


def _audit(
    endpoint: WebhookEndpoint,
    at: dt.datetime,
    actor: Actor,
    action: str,
    after: dict[str, object] | None = None,
) -> None:
    """The host alone names the endpoint: a path may hold secrets."""
    audit.record(
        merchant_id=endpoint.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("webhook", endpoint.public_id),
        label=urlsplit(endpoint.url).hostname or "",
        after=after,
    )
