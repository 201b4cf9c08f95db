"""Confirming a price list that was shown to a person: only then a price changes (domain.md 7)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.prices import rows_from_json
from benefits.models import Benefit, PriceUpload
from benefits.services import price_guard
from benefits.services.arguments import Arguments
from benefits.services.benefits import change_benefit, publish_benefit
from benefits.services.price_guard import PriceBlocked
from benefits.services.prices import lock_upload
from members.lib import batches
from members.lib.refusals import Conflict
from members.services.audit import Actor

KEPT_UNCONFIRMED = dt.timedelta(days=7)


def as_json(arguments: Arguments, *, public_id: str) -> dict[str, Any]:
    """Arguments of a benefit to be published with a list, as `PriceUpload.arguments` keeps them."""
    return {
        "public_id": public_id,
        "kind": arguments.kind,
        "name": arguments.name,
        "from_at": arguments.from_at and arguments.from_at.astimezone(dt.UTC).isoformat(),
        "to_at": arguments.to_at and arguments.to_at.astimezone(dt.UTC).isoformat(),
        "settings": dict(arguments.settings or {}),
        "audience": arguments.audience,
        "stock": arguments.stock,
        "scope": arguments.scope,
    }


def _from_json(values: Mapping[str, Any]) -> dict[str, Any]:
    instants = {
        name: values[name] and dt.datetime.fromisoformat(values[name]) for name in ("from_at", "to_at")
    }
    return {**values, **instants}


def confirm(*, merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> Benefit:
    """Publish the benefit that the list was uploaded for, or give an existing one its new list.

    Confirming again changes nothing. Raises NotFound, Conflict when the benefit changed after the list was shown,
    what `publish_benefit` and `change_benefit` raise; PriceBlocked, of which a record is kept when the caller goes on.
    """
    try:
        with transaction.atomic():
            return _confirm(merchant_id, public_id, at, actor)
    except PriceBlocked as refusal:
        with transaction.atomic():
            price_guard.keep(
                refusal.findings, merchant_id=merchant_id, at=at, actor=actor,
                source="list", source_id=public_id, was_blocked=True,
            )  # fmt: skip
        raise


def _confirm(merchant_id: int, public_id: str, at: dt.datetime, actor: Actor) -> Benefit:
    upload = lock_upload(merchant_id=merchant_id, public_id=public_id)
    if upload.confirmed_at is not None and upload.benefit is not None:
        return upload.benefit
    rows = rows_from_json(upload.rows)
    rest: dict[str, Any] = {"merchant_id": merchant_id, "at": at, "actor": actor, "prices": rows}
    if upload.benefit_id is None:
        benefit = publish_benefit(**_from_json(upload.arguments), **rest)
    else:
        benefit = change_benefit(
            benefit_id=upload.benefit_id, expected_revision=upload.arguments.get("revision"), **rest
        )
    upload.benefit = benefit
    upload.confirmed_at = at
    upload.save(update_fields=["benefit", "confirmed_at"])
    return benefit


@transaction.atomic
def drop(*, merchant_id: int, public_id: str) -> PriceUpload:
    """Forget a list that was not confirmed. Raises NotFound, Conflict when it was."""
    upload = lock_upload(merchant_id=merchant_id, public_id=public_id)
    if upload.confirmed_at is not None:
        raise Conflict(_("This list is in force already. Upload another one to change prices."))
    upload.delete()
    return upload


def forget_unconfirmed(*, at: dt.datetime) -> int:
    """Delete lists that nobody confirmed within a week; returns how many. Works as platform."""
    return batches.delete(
        "benefits_priceupload",
        key=["merchant_id", "id"],
        condition="confirmed_at is null and uploaded_at < %s",
        values=[at - KEPT_UNCONFIRMED],
    )
