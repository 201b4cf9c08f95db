"""Taking many entitlements of one benefit back that were never used, set-based (domain 8).

What was used, expired, or is reserved for an order under way stays. The pieces go back into the stock and what was set
aside for them into the budget, as for one that staff take back (`claims.revoke`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import connection

from benefits.services import entitlement_events, issuing
from members.services.audit import Actor

TAKEN_BACK = """
update benefits_entitlement set state = 'revoked', revoked_at = %(at)s, reserved_until = null, reservation = ''
where merchant_id = %(merchant)s and benefit_id = %(benefit)s and member_id = any(%(members)s::bigint[])
    and cause = any(%(causes)s::text[]) and source = %(source)s and state in ('issued', 'reserved', 'released')
    and uses_left = uses_total and paid_with = 'nothing'
    and (reserved_until is null or reserved_until <= %(at)s) and (valid_until is null or valid_until > %(at)s)
returning member_id, id, coalesce(worth_minor, 0) * uses_total
"""


def take_back(
    *,
    merchant_id: int,
    benefit_id: int,
    at: dt.datetime,
    actor: Actor,
    source: str,
    causes: Sequence[str],
    member_ids: Sequence[int],
) -> set[int]:
    """Take back what these causes brought these members; the members who lost one. In the caller's transaction."""
    counter = issuing.reopen_counter(merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor)
    values: dict[str, Any] = {
        "merchant": merchant_id, "benefit": benefit_id, "members": list(member_ids), "causes": list(causes),
        "source": source, "at": at,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(TAKEN_BACK, values)
        rows = cursor.fetchall()
    if rows:
        issuing.give_back_stock(counter, len(rows))
        issuing.give_back_budget(counter.benefit, sum(int(promised) for _member, _id, promised in rows))
        entitlement_events.revoked(program=counter.merchant.program, at=at, ids=[row[1] for row in rows])
    return {row[0] for row in rows}
