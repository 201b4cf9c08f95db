"""Awards: points that an event brings, one or many at once, by one rule (domain.md 6, Earning).

An award is a request under a key that says what happened to whom (`birthday:7:2024`), so that it comes once however
often it is asked for. Its points are credited by `members.lib.posting.ledger`, as every other, and written where folds
of orders are written: available at once, expiring by the program's rule, repaying a deficit first. Under an award's
cap nothing may be left to give: the request is kept with 0 points, and no entry.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from members.lib import bulk
from members.lib.fields import opaque_id
from members.lib.periods import merchant_day
from members.lib.posting import Changes, Rules
from members.lib.posting.ledger import Ledger
from members.models import Merchant, PointsRequest, PointsRequestStatus, PointsVerb, Program
from members.services import posting, webhook_events
from members.services.audit import Actor

SPACE = "award"
COLUMNS = (
    "id", "public_id", "space", "key", "verb", "member_id", "points", "reason", "status", "at", "sequence", "postings",
    "actor_kind", "actor_label", "by_id", "details",
)  # fmt: skip


@dataclass(slots=True)
class Award:
    """Points for a member. `details` say by which event, and what trimmed it (`wanted`, `trimmed_by`).

    `shifted` are the days by which closures since the award's instant have moved all expiries, where it comes later.
    """

    member_id: int
    key: str
    points: int
    event: str
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    shifted: int = 0


def lock(*, merchant_id: int, member_ids: Sequence[int]) -> None:
    """Lock the accounts whose awards are decided next; the caller has locked merchant and program, in this order."""
    posting.lock_members(merchant_id=merchant_id, member_ids=member_ids)


def known(*, merchant_id: int, keys: Sequence[str]) -> dict[str, PointsRequest]:
    """The awards that these keys brought already."""
    rows = PointsRequest.objects.of(merchant_id).filter(space=SPACE, key__in=keys)
    return {row.key: row for row in rows}


def give(
    *,
    merchant: Merchant,
    program: Program,
    rules: Rules,
    at: dt.datetime,
    actor: Actor,
    awards: Sequence[Award],
) -> int:
    """Credit awards whose keys are new; those that came before are left out. How many points there were.

    In the caller's transaction, which holds the open program and the members' locks (`lock`). Set-based.
    """
    seen = set(known(merchant_id=merchant.pk, keys=[award.key for award in awards]))
    new = [award for award in awards if award.key not in seen and not seen.add(award.key)]  # type: ignore[func-returns-value]
    if not new:
        return 0
    states = posting.load(
        merchant=merchant,
        rules=rules,
        member_ids={award.member_id for award in new},
        at=at,
        spending=(),  # who owes has no lots but those that come now
    )
    changes, rows = Changes(), []
    today = merchant_day(at, rules.zone)
    for request_id, award in zip(bulk.next_ids(PointsRequest, len(new)), new, strict=True):
        sequence = None
        if award.points:
            state, last = states[award.member_id], rules.points.last_day(today)
            ledger = Ledger(
                state.account, changes, award.member_id, at, today, rules.points.expiry, rules.version
            )
            entry = ledger.credit(
                "earn",
                award.points,
                expires_on=last and last + dt.timedelta(days=award.shifted),
                is_earned=True,
                cause="rule",
                request=request_id,
                posting=1,
            )
            changes.accounts[award.member_id] = state
            sequence = entry.sequence
        rows.append(
            (
                request_id, opaque_id(), SPACE, award.key, str(PointsVerb.AWARD), award.member_id, award.points,
                award.reason, str(PointsRequestStatus.DONE), at, sequence, int(sequence is not None), actor.kind,
                actor.label, actor.user_id, {"event": award.event, "version": rules.version, **award.details},
            )
        )  # fmt: skip
    bulk.insert(PointsRequest, merchant.pk, COLUMNS, rows)
    posting.write(merchant_id=merchant.pk, changes=changes)
    webhook_events.told(changes, program=program, at=at)
    return sum(award.points for award in new)
