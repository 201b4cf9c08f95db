"""What webhooks carry, as OpenAPI 3.1 describes it (interface.md, Webhooks)."""

from __future__ import annotations

from typing import Any

from members.lib.webhooks import WebhookEvent
from members.models import Channel, EntryKind, JoinSource

MEMBER: dict[str, Any] = {"type": "string", "description": "Id of the member."}
COUNT: dict[str, Any] = {"type": "integer"}
ENTRY: dict[str, Any] = {
    "number": {"type": "integer", "description": "Counts the member's entries from 1."},
    "kind": {"type": "string", "enum": EntryKind.values},
    "points": {"type": "integer", "description": "The change of available less deficit."},
    "pending": {"type": "integer", "description": "The change of pending."},
    "balance_after": {"type": "integer", "description": "Available less deficit, after this entry."},
    "cause": {"type": "string", "enum": ["order", "refund", "rule", "staff", "request"]},
}
TIER: dict[str, Any] = {"type": "string", "description": "A tier's code."}
DAY: dict[str, Any] = {"type": "string", "format": "date"}
INSTANT: dict[str, Any] = {"type": "string", "format": "date-time"}
WARNING: dict[str, dict[str, Any]] = {
    "notice": {"type": "string", "description": "Id of the notice in the shop's inbox."},
    "run_on": {**DAY, "description": "The day of the clearance, at 23:00 Beijing time."},
    "days_left": {"type": "integer", "description": "Days of the platform from sending until that day."},
    "days_before": {"type": "integer", "description": "Which warning it is: so many days before."},
    "danger_at": {**INSTANT, "description": "From when on a clearance would close the program."},
}
MAYBE_INSTANT: dict[str, Any] = {**INSTANT, "type": ["string", "null"]}
BENEFIT: dict[str, Any] = {"type": "string", "description": "Id of the benefit."}
KIND: dict[str, Any] = {"type": "string", "description": "The benefit's kind."}
RIGHT: dict[str, dict[str, Any]] = {
    "member": MEMBER,
    "benefit": BENEFIT,
    "kind": KIND,
    "code": {"type": "string", "description": "The code for the till."},
    "source": {"type": "string", "description": "What brought it."},
    "uses_left": {"type": "integer", "description": "How often it can be used."},
    "valid_until": {**MAYBE_INSTANT, "description": "The first instant without it."},
}
USE: dict[str, dict[str, Any]] = {
    "member": MEMBER,
    "benefit": BENEFIT,
    "kind": KIND,
    "code": {"type": "string", "description": "The code that was redeemed."},
    "redemption": {"type": "string", "description": "Id of the redemption."},
    "uses_left": {"type": "integer", "description": "How often it can be used after it."},
    "saved_minor": {
        "type": ["integer", "null"],
        "description": "What the member saved, in minor units; null where nobody knows, negative for an undo.",
    },
}
DATA: dict[WebhookEvent, dict[str, dict[str, Any]]] = {
    WebhookEvent.POINTS_CHANGED: {
        "member": MEMBER,
        "available": COUNT,
        "pending": COUNT,
        "deficit": COUNT,
        "entries": {
            "type": "array",
            "items": {"type": "object", "properties": ENTRY, "required": list(ENTRY)},
            "description": "What moved, in order; the latest 50. All of them are in the ledger.",
        },
    },
    WebhookEvent.POINTS_EXPIRING: {
        "member": MEMBER,
        "points": {"type": "integer", "description": "Points that can be used until that day."},
        "expires_on": {"type": "string", "format": "date", "description": "Their last usable day."},
        "days": {
            "type": "integer",
            "description": "The rule that asked for this message: so many days before.",
        },
        "days_left": {"type": "integer", "description": "Days from the shop's today until that day."},
    },
    WebhookEvent.MEMBER_JOINED: {
        "member": MEMBER,
        "channel": {"type": "string", "enum": Channel.values},
        "source": {"type": "string", "enum": JoinSource.values},
        "joined_at": {"type": "string", "format": "date-time"},
    },
    WebhookEvent.MEMBER_TIER_CHANGED: {
        "member": MEMBER,
        "from": {**TIER, "type": ["string", "null"]},
        "to": TIER,
        "cause": {"type": "string", "enum": ["order", "rules", "recalculation", "plan", "staff"]},
    },
    WebhookEvent.PROGRAM_AT_RISK: WARNING,
    WebhookEvent.PROGRAM_FINAL_NOTICE: WARNING,
    WebhookEvent.PROGRAM_CLEARED: {
        "period": {"type": "string", "description": "The run's period, such as 2026-06."},
        "run_on": {**DAY, "description": "The day of the clearance."},
        "days": {"type": "integer", "description": "Days without a qualifying benefit."},
        "policy": {"type": "integer", "description": "The version of the rule that was in force."},
    },
    WebhookEvent.PROGRAM_RESTORED: {
        "status": {"type": "string", "enum": ["open", "closed"], "description": "Closed if it was before."},
        "protected_until": {**INSTANT, "description": "No clearance before."},
    },
    WebhookEvent.BENEFIT_PUBLISHED: {
        "benefit": BENEFIT,
        "kind": KIND,
        "name": {"type": "string"},
        "from_at": MAYBE_INSTANT,
        "to_at": {**MAYBE_INSTANT, "description": "The first instant without it; null is open."},
    },
    WebhookEvent.ENTITLEMENT_ISSUED: RIGHT,
    WebhookEvent.ENTITLEMENT_REDEEMED: {
        **USE,
        "order": {"type": "string", "description": "The order number that the till sent; may be empty."},
    },
    WebhookEvent.ENTITLEMENT_UNDONE: USE,
    WebhookEvent.ENTITLEMENT_REVOKED: RIGHT,
    WebhookEvent.DRAW_WON: {
        "member": MEMBER,
        "benefit": BENEFIT,
        "draw": {"type": "string", "description": "Id of the draw."},
        "prize": {"type": "string", "description": "Its name, as it was published."},
        "place": {"type": "integer", "description": "Among the winners of the prize, from 1."},
        "code": {"type": "string", "description": "The code by which the prize is claimed."},
        "valid_until": {**MAYBE_INSTANT, "description": "The first instant without it."},
    },
}
TOLD = {
    WebhookEvent.POINTS_CHANGED: "Once for every posting that moved a member's points: the balance and the entries.",
    WebhookEvent.POINTS_EXPIRING: "Once for each last usable day and each number of days before it in the point rules.",
    WebhookEvent.MEMBER_JOINED: "Somebody became a member, by themselves or by a list.",
    WebhookEvent.MEMBER_TIER_CHANGED: "A member rose or fell.",
    WebhookEvent.PROGRAM_AT_RISK: "Once for each warning that is sent more than a week before a clearance.",
    WebhookEvent.PROGRAM_FINAL_NOTICE: "Once for each of the last warnings: one qualifying benefit cancels it.",
    WebhookEvent.PROGRAM_CLEARED: "A clearance closed the program: nothing was deleted, all of it is frozen.",
    WebhookEvent.PROGRAM_RESTORED: "An appeal was upheld, or the clearance undone: everything is back as it was.",
    WebhookEvent.BENEFIT_PUBLISHED: "A benefit was published, at once or for later.",
    WebhookEvent.ENTITLEMENT_ISSUED: "Once for each entitlement: claimed, exchanged, given or brought by an occasion.",
    WebhookEvent.ENTITLEMENT_REDEEMED: "A member used an entitlement at a till or in an order.",
    WebhookEvent.ENTITLEMENT_UNDONE: "A redemption was taken back within ten minutes.",
    WebhookEvent.ENTITLEMENT_REVOKED: "An entitlement was taken back unused: its code is no longer valid.",
    WebhookEvent.DRAW_WON: "Once for each prize that a member won, when the draw was held.",
}
EXAMPLE: dict[WebhookEvent, dict[str, Any]] = {
    WebhookEvent.POINTS_CHANGED: {
        "member": "k7x2m9q4w8r3t6yz",
        "available": 380,
        "pending": 0,
        "deficit": 0,
        "entries": [
            {
                "number": 17,
                "kind": "redeem",
                "points": -120,
                "pending": 0,
                "balance_after": 380,
                "cause": "request",
            }
        ],
    },
    WebhookEvent.POINTS_EXPIRING: {
        "member": "k7x2m9q4w8r3t6yz",
        "points": 120,
        "expires_on": "2026-07-30",
        "days": 30,
        "days_left": 30,
    },
    WebhookEvent.MEMBER_JOINED: {
        "member": "k7x2m9q4w8r3t6yz",
        "channel": "taobao",
        "source": "api",
        "joined_at": "2026-06-30T06:05:00+00:00",
    },
    WebhookEvent.MEMBER_TIER_CHANGED: {
        "member": "k7x2m9q4w8r3t6yz",
        "from": "base",
        "to": "silver",
        "cause": "order",
    },
    WebhookEvent.PROGRAM_AT_RISK: {
        "notice": "4c1f0a8be2d94f7a9c3e",
        "run_on": "2026-06-30",
        "days_left": 30,
        "days_before": 30,
        "danger_at": "2026-06-20T16:00:00+00:00",
    },
    WebhookEvent.PROGRAM_FINAL_NOTICE: {
        "notice": "9d2e5b7ac0f14e6b8a1d",
        "run_on": "2026-06-30",
        "days_left": 3,
        "days_before": 3,
        "danger_at": "2026-06-20T16:00:00+00:00",
    },
    WebhookEvent.PROGRAM_CLEARED: {"period": "2026-06", "run_on": "2026-06-30", "days": 100, "policy": 1},
    WebhookEvent.PROGRAM_RESTORED: {"status": "open", "protected_until": "2026-08-05T02:00:00+00:00"},
    WebhookEvent.ENTITLEMENT_REDEEMED: {
        "member": "k7x2m9q4w8r3t6yz",
        "benefit": "d4h8s2v6c9f3j7np",
        "kind": "coupon",
        "code": "WGVNQB05CP",
        "redemption": "m3t9w5k2x8q6r4yz",
        "uses_left": 0,
        "saved_minor": 1000,
        "order": "20260630-17",
    },
    WebhookEvent.BENEFIT_PUBLISHED: {
        "benefit": "d4h8s2v6c9f3j7np",
        "kind": "coupon",
        "name": "满100减10",
        "from_at": "2026-06-30T06:05:00+00:00",
        "to_at": None,
    },
    WebhookEvent.ENTITLEMENT_ISSUED: {
        "member": "k7x2m9q4w8r3t6yz",
        "benefit": "d4h8s2v6c9f3j7np",
        "kind": "coupon",
        "code": "WGVNQB05CP",
        "source": "birthday",
        "uses_left": 1,
        "valid_until": "2026-07-30T16:00:00+00:00",
    },
    WebhookEvent.ENTITLEMENT_UNDONE: {
        "member": "k7x2m9q4w8r3t6yz",
        "benefit": "d4h8s2v6c9f3j7np",
        "kind": "coupon",
        "code": "WGVNQB05CP",
        "redemption": "m3t9w5k2x8q6r4yz",
        "uses_left": 1,
        "saved_minor": -1000,
    },
    WebhookEvent.ENTITLEMENT_REVOKED: {
        "member": "k7x2m9q4w8r3t6yz",
        "benefit": "d4h8s2v6c9f3j7np",
        "kind": "coupon",
        "code": "WGVNQB05CP",
        "source": "campaign",
        "uses_left": 1,
        "valid_until": None,
    },
    WebhookEvent.DRAW_WON: {
        "member": "k7x2m9q4w8r3t6yz",
        "benefit": "d4h8s2v6c9f3j7np",
        "draw": "q8w3r6t2y9z4x7mk",
        "prize": "一盒新茶",
        "place": 1,
        "code": "WGVNQB05CP",
        "valid_until": None,
    },
}
HEADERS = {
    "webhook-id": "The message's id, the same however often it is sent: what was worked already can be left out.",
    "webhook-timestamp": "When it was sent, in seconds since 1970. Refuse what is older than some minutes.",
    "webhook-signature": "`v1,` and the HMAC of id, timestamp and body (Standard Webhooks), with the webhook's secret.",
}


def message_schema(event: WebhookEvent) -> dict[str, Any]:
    """The JSON schema of an event's message."""
    data = DATA[event]
    properties = {
        "type": {"type": "string", "const": str(event)},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
        "data": {"type": "object", "properties": data, "required": list(data)},
    }
    return {"type": "object", "properties": properties, "required": list(properties)}


def example(event: WebhookEvent) -> dict[str, Any]:
    """A message."""
    return {"type": str(event), "timestamp": "2026-06-30T06:05:00+00:00", "data": EXAMPLE[event]}


def webhooks() -> dict[str, Any]:
    """The `webhooks` of the document."""
    parameters = [
        {"name": name, "in": "header", "required": True, "schema": {"type": "string"}, "description": text}
        for name, text in HEADERS.items()
    ]
    return {
        str(event): {
            "post": {
                "operationId": event.name.lower(),
                "summary": str(event.label),
                "description": TOLD[event],
                "tags": ["Webhooks"],
                "parameters": parameters,
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {"schema": message_schema(event), "example": example(event)}
                    },
                },
                "responses": {
                    "2XX": {
                        "description": "Taken. Anything else, or nothing within ten seconds, is tried again."
                    }
                },
            }
        }
        for event in WebhookEvent
    }
