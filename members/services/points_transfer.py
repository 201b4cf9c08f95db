"""Points of two members who turned out to be one person: everything one has becomes the other's (domain.md 1 and 6)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.refusals import IdempotencyConflict, Invalid
from members.models import Member, PointsRequest, PointsRequestStatus, PointsVerb
from members.services import audit, posting, programs
from members.services.audit import Actor
from members.services.points_desk import Desk, open_desk

SPACE = "transfer"  # of the keys of the receiving side; the giving side's are the merchant's own
LONGEST_KEY, LONGEST_REASON = 128, 200


@transaction.atomic
def transfer(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    from_member_id: int,
    to_member_id: int,
    key: str,
    reason: str,
) -> PointsRequest:
    """Move all points that a member can spend, or the deficit, to another member; the same key and members again is a
    no-op that answers as the first time.

    Each lot keeps its last usable day. What waits for its confirmation and what is held stays where it is, and follows
    by another transfer once it is available. Both accounts are locked in member order, so crossing transfers wait for
    each other and never block each other for good. Raises Invalid (one member, key or reason out of shape), NotFound,
    IdempotencyConflict, ProgramNotOpen, ProgramCleared. domain.md 6.
    """
    _check(from_member_id, to_member_id, key, reason)
    programs.lock_for_write(merchant_id=merchant_id)
    giving, receiving = (
        _asked(member, key, space, reason, actor, at)
        for member, space in ((from_member_id, ""), (to_member_id, SPACE))
    )
    posting.lock_members(merchant_id=merchant_id, member_ids=_existing(merchant_id, giving, receiving))
    source = open_desk(merchant_id=merchant_id, at=at, wanted=giving)
    target = open_desk(merchant_id=merchant_id, at=at, wanted=receiving)
    if source.answered is not None:
        if source.answered.details.get("other") != target.member:
            raise IdempotencyConflict(_("The key “%(key)s” was used for another request.") % {"key": key})
        return source.answered
    lots, owed = source.ledger().hand_over(cause="request")
    target.ledger().take_over(lots, owed, cause="request")
    moved = sum(lot.remaining for lot in lots) - owed
    _write(target, source.member, moved, actor, "points.transferred_in")
    return _write(source, target.member, -moved, actor, "points.transferred_out")


def _check(from_member_id: int, to_member_id: int, key: str, reason: str) -> None:
    if from_member_id == to_member_id:
        raise Invalid(_("Points are moved from one member to another."), errors={"to": "same"})
    if not key or len(key) > LONGEST_KEY:
        raise Invalid(_("A key has 1 to 128 characters."), errors={"key": "length"})
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(
            _("A transfer needs a reason of at most %(most)s characters.") % {"most": LONGEST_REASON},
            errors={"reason": "required"},
        )


def _asked(member_id: int, key: str, space: str, reason: str, actor: Actor, at: dt.datetime) -> PointsRequest:
    """One side. `points` is 0, since what there was is known only when it has moved; `details` say how many."""
    return PointsRequest(
        key=key,
        space=space,
        verb=PointsVerb.TRANSFER,
        member_id=member_id,
        points=0,
        reason=reason,
        at=at,
        actor_kind=actor.kind,
        actor_label=actor.label,
        by_id=actor.user_id,
    )


def _existing(merchant_id: int, *sides: PointsRequest) -> set[int]:
    """The members that there are: an account of nobody is not made; the desk then says that there is no such member."""
    ids = [side.member_id for side in sides]
    return set(Member.objects.of(merchant_id).filter(pk__in=ids).values_list("pk", flat=True))


def _write(desk: Desk, other: str, points: int, actor: Actor, action: str) -> PointsRequest:
    """One side written and audited; `other` is the other member's opaque id."""
    first = desk.changes.entries[0].sequence if desk.changes.entries else None
    request = desk.write(
        status=PointsRequestStatus.DONE, sequence=first, details={"other": other, "points": points}
    )
    audit.record(
        merchant_id=desk.merchant_id,
        at=desk.at,
        actor=actor,
        action=action,
        subject=("member", desk.member),
        after={"points": points, "request": request.public_id, "other": other},
        reason=request.reason,
    )
    return request
