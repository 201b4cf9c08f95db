"""Telling a merchant's endpoints of redemptions (interface.md, Webhooks)."""

from __future__ import annotations

from benefits.models import EntitlementUse
from members.lib.webhooks import WebhookEvent
from members.models import Program
from members.services import webhook_events


def redeemed(*, program: Program, use: EntitlementUse) -> None:
    """Leave the event of a redemption in its transaction; nothing when nobody listens."""
    entitlement = use.entitlement
    webhook_events.told_of(
        program=program,
        event=WebhookEvent.ENTITLEMENT_REDEEMED,
        at=use.at,
        data={
            "member": entitlement.member.public_id,
            "benefit": entitlement.benefit.public_id,
            "kind": entitlement.benefit.kind,
            "code": entitlement.code,
            "redemption": use.public_id,
            "uses_left": use.left_after,
            "saved_minor": use.saved_minor,
            "order": use.asked.get("order", ""),
        },
    )
