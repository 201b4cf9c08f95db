"""Telling a merchant's endpoints of benefits, entitlements and winners (interface.md, Webhooks).

Each in the transaction of its fact, set-based; nothing is asked when nobody listens.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from benefits.models import Benefit, Draw, EntitlementUse
from members.lib.webhooks import WebhookEvent
from members.models import Program
from members.services import webhook_events

RIGHTS = """
select e.id as place, %(at)s::timestamptz as at, jsonb_build_object('member', m.public_id, 'benefit', b.public_id,
    'kind', b.kind, 'code', e.code, 'source', e.source, 'uses_left', e.uses_left, 'valid_until', e.valid_until) as data
from benefits_entitlement e
join members_member m on m.merchant_id = %(merchant)s and m.id = e.member_id
join benefits_benefit b on b.merchant_id = %(merchant)s and b.id = e.benefit_id
where e.merchant_id = %(merchant)s and e.id = any(%(ids)s::bigint[])
"""
WINS = """
select w.id as place, %(at)s::timestamptz as at, jsonb_build_object('member', m.public_id, 'benefit', b.public_id,
    'draw', d.public_id, 'prize', d.rules -> 'prizes' -> (w.prize - 1) ->> 'name', 'place', w.place, 'code', e.code,
    'valid_until', e.valid_until) as data
from benefits_drawwin w
join benefits_draw d on d.merchant_id = %(merchant)s and d.id = w.draw_id
join benefits_benefit b on b.merchant_id = %(merchant)s and b.id = d.benefit_id
join benefits_entitlement e on e.merchant_id = %(merchant)s and e.id = w.entitlement_id
join members_member m on m.merchant_id = %(merchant)s and m.id = e.member_id
where w.merchant_id = %(merchant)s and w.draw_id = %(draw)s
"""


def issued(*, program: Program, at: dt.datetime, ids: Sequence[int]) -> None:
    """Leave the events of entitlements that were issued, however: once each."""
    _rights(program, WebhookEvent.ENTITLEMENT_ISSUED, at, ids)


def revoked(*, program: Program, at: dt.datetime, ids: Sequence[int]) -> None:
    """Leave the events of entitlements that were taken back unused."""
    _rights(program, WebhookEvent.ENTITLEMENT_REVOKED, at, ids)


def _rights(program: Program, event: WebhookEvent, at: dt.datetime, ids: Sequence[int]) -> None:
    if ids:
        webhook_events.told_set(program=program, event=event, facts=RIGHTS, at=at, ids=list(ids))


def won(*, program: Program, draw: Draw, at: dt.datetime) -> None:
    """Leave the events of a draw's winners, after they are written."""
    webhook_events.told_set(program=program, event=WebhookEvent.DRAW_WON, facts=WINS, at=at, draw=draw.pk)


def published(*, program: Program, benefit: Benefit, at: dt.datetime) -> None:
    """Leave the event of a benefit that was published."""
    webhook_events.told_of(
        program=program,
        event=WebhookEvent.BENEFIT_PUBLISHED,
        at=at,
        data={
            "benefit": benefit.public_id,
            "kind": benefit.kind,
            "name": benefit.name,
            "from_at": benefit.from_at and benefit.from_at.astimezone(dt.UTC).isoformat(),
            "to_at": benefit.to_at and benefit.to_at.astimezone(dt.UTC).isoformat(),
        },
    )


def used(*, program: Program, use: EntitlementUse, undone: EntitlementUse | None = None) -> None:
    """Leave the event of a redemption in its transaction; of an undo, with the redemption that it takes back."""
    entitlement = use.entitlement
    data = {
        "member": entitlement.member.public_id,
        "benefit": entitlement.benefit.public_id,
        "kind": entitlement.benefit.kind,
        "code": entitlement.code,
        "redemption": (undone or use).public_id,
        "uses_left": use.left_after,
        "saved_minor": use.saved_minor,
    }
    webhook_events.told_of(
        program=program,
        event=WebhookEvent.ENTITLEMENT_UNDONE if undone else WebhookEvent.ENTITLEMENT_REDEEMED,
        at=use.at,
        data=data if undone else data | {"order": use.asked.get("order", "")},
    )
