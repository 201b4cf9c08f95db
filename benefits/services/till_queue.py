"""Codes that a till took without a connection, sent in when it returned: each is judged once, when it arrives.

The instant at which the code was taken is kept as evidence and decides nothing: what was used elsewhere meanwhile is
refused, never used twice. The key is of the till's making; sent again, whatever came of it is told again.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection, transaction

from benefits.lib.codes import read_code
from benefits.lib.entitlements import Why
from benefits.lib.scope import NOWHERE, Place
from benefits.lib.till_queue import ELSEWHERE, LONGEST_KEY, REDEEMED, UNKNOWN, believed
from benefits.models import Entitlement, EntitlementUse, QueuedCode, UseAction
from benefits.selectors import entitlements as selectors
from benefits.services import asking, tills
from benefits.services.till_desk import OTHER_REQUEST
from benefits.services.till_words import NotHere, NotUsable
from members.lib.fields import ALPHABET
from members.lib.refusals import (
    IdempotencyConflict,
    Invalid,
    NotFound,
    ProgramCleared,
    ProgramNotOpen,
)
from members.services import audit
from members.services.audit import Actor

ONE_AT_A_TIME = "select pg_advisory_xact_lock(hashtextextended(%s, %s))"


@transaction.atomic
def settle(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    code: str,
    key: str,
    taken_at: dt.datetime | None,
    place: Place = NOWHERE,
) -> QueuedCode:
    """Redeem a code that was taken without a connection, or note why not. The key's first answer when it comes again.

    Raises Invalid (a key or code that no till sends), IdempotencyConflict (the key was another code's).
    """
    meant = read_code(code)
    if meant is None or len(key) != LONGEST_KEY or not set(key) <= set(ALPHABET) or actor.user_id is None:
        raise Invalid(OTHER_REQUEST)
    with connection.cursor() as cursor:
        # Two requests under one key wait here: what is refused leaves no lock on the entitlement.
        cursor.execute(ONE_AT_A_TIME, [f"till_queue:{key}", merchant_id])
    before = selectors.queued(merchant_id=merchant_id, key=key)
    if before is not None:
        if (before.code, before.by_id) != (meant, actor.user_id):
            raise IdempotencyConflict(OTHER_REQUEST)
        return before
    outcome, use = _judged(merchant_id, at, actor, meant, key, place)
    row = QueuedCode.objects.create(
        merchant_id=merchant_id,
        key=key,
        code=meant,
        taken_at=believed(taken_at, at),
        at=at,
        outcome=outcome,
        use=use,
        by_id=actor.user_id,
    )
    _note(row, actor)
    return row


def page_key(once: str) -> str:
    """The key of a redemption of the cashier's page: the same whether its form arrived or was queued afterwards."""
    return f"page-{once}"


def _judged(
    merchant_id: int, at: dt.datetime, actor: Actor, code: str, key: str, place: Place
) -> tuple[str, EntitlementUse | None]:
    try:
        with transaction.atomic():
            done = tills.redeem(
                merchant_id=merchant_id, at=at, actor=actor, code=code, key=page_key(key), place=place
            )
    except NotUsable as refusal:
        return refusal.why.value, None
    except ProgramCleared:
        return Why.CLEARED.value, None
    except ProgramNotOpen:
        return Why.CLOSED.value, None
    except NotFound:
        return UNKNOWN, None
    except NotHere:
        return ELSEWHERE, None
    except IdempotencyConflict:
        use = _of_the_page(merchant_id, actor, code, key)
        if use is None:
            raise
        return REDEEMED, use
    return REDEEMED, done.use


def _of_the_page(merchant_id: int, actor: Actor, code: str, key: str) -> EntitlementUse | None:
    """The redemption that this person's form had made of the code under the key, where the till stood elsewhere than
    it says now."""
    rows = EntitlementUse.objects.of(merchant_id).select_related(
        "entitlement__member", "entitlement__benefit"
    )
    return rows.filter(
        key=asking.keyed("key", page_key(key)),
        action=UseAction.REDEEM,
        by_id=actor.user_id,
        entitlement__code=code,
    ).first()


def _note(row: QueuedCode, actor: Actor) -> None:
    """What was given away without being redeemed is the shop's loss, so it is told with the rest of what people do."""
    found = (
        Entitlement.objects.of(row.merchant_id)
        .filter(code=row.code)
        .select_related("member", "benefit")
        .first()
    )
    taken = None if row.taken_at is None else row.taken_at.isoformat()
    audit.record(
        merchant_id=row.merchant_id,
        at=row.at,
        actor=actor,
        action="entitlement.queued",
        subject=("member", found.member.public_id) if found else ("entitlement", ""),
        label=str(found.benefit) if found else "",
        after={"queued": row.outcome, "taken_at": taken, "use": row.use.public_id if row.use else None},
    )
