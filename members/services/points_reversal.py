"""Undoing what was posted by hand: an adjustment or an award is negated by its own lots (domain.md 6)."""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from members.lib.posting import Entry, Lot
from members.lib.posting.ledger import Ledger
from members.lib.refusals import Conflict, Invalid, NotCancellable, NotFound
from members.models import PointsLot, PointsRequest, PointsRequestStatus, PointsVerb
from members.selectors import rules as rules_selector
from members.services import audit
from members.services.audit import Actor
from members.services.points_desk import Desk, open_desk, request_of

REVERSIBLE = (PointsVerb.ADJUST, PointsVerb.AWARD)
LONGEST_REASON = 200


@transaction.atomic
def reverse(
    *, merchant_id: int, at: dt.datetime, actor: Actor, key: str, reason: str, space: str = ""
) -> PointsRequest:
    """Undo an adjustment or an award, with a reason; again is a no-op.

    Points that were added are taken from their own lot first and then in spending order; points that were taken go back
    to their lots. What a person may not adjust alone they do not reverse alone. Raises NotFound, Invalid (no reason),
    NotCancellable (of another kind, never posted, all expired), Conflict (over the limit), InsufficientPoints (spent
    since), ProgramNotOpen, ProgramCleared.
    """
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise Invalid(
            _("A reversal needs a reason of at most %(most)s characters.") % {"most": LONGEST_REASON},
            errors={"reason": "required"},
        )
    request = request_of(merchant_id=merchant_id, key=key, space=space)
    desk = open_desk(merchant_id=merchant_id, at=at, request=request)
    if request.verb not in REVERSIBLE:
        raise NotCancellable(_("Only adjustments and awards are reversed."))
    if request.status == PointsRequestStatus.CANCELLED:
        return request
    if request.status != PointsRequestStatus.DONE or request.sequence is None:
        raise NotCancellable(_("No points were moved by this request, so there is nothing to reverse."))
    ledger = desk.ledger(rules_version=_version_within_limit(request, at, actor))
    if _negate(desk, ledger) is None:
        raise NotCancellable(_("All of these points have expired already, so there is nothing to take back."))
    details = {**request.details, "reversed_by": actor.label, "reversal_reason": reason}
    request = desk.write(status=PointsRequestStatus.CANCELLED, settled_at=at, details=details)
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action="points.reversed",
        subject=("member", desk.member),
        after={"points": -request.points, "request": request.public_id, "status": str(request.status)},
        reason=reason,
    )
    return request


def _version_within_limit(request: PointsRequest, at: dt.datetime, actor: Actor) -> int:
    """The number of the rules in force. Raises Conflict where one person may not move as many points."""
    version = rules_selector.version_at(merchant_id=request.merchant_id, at=at)
    if version is None:
        raise NotFound(_("This program has no rules yet."))
    limit = version.adjust_limit
    if actor.kind == "user" and limit is not None and abs(request.points) > limit:
        raise Conflict(
            _(
                "One person alone moves at most %(limit)s points. Propose the opposite adjustment; "
                "another person approves it."
            )
            % {"limit": limit}
        )
    return version.number


def _negate(desk: Desk, ledger: Ledger) -> Entry | None:
    """The entry that negates the request's first one; None when nothing is left to take."""
    request = desk.request
    if request.points < 0:
        return ledger.give_back("adjust", desk.taken(), cause="staff")
    if request.verb == PointsVerb.ADJUST:
        return ledger.take_back("adjust", request.points, _own_lot(desk), cause="staff")
    entry = ledger.take_back("clawback", request.points, _own_lot(desk), cause="staff")
    if entry is not None:
        desk.account.clawed_back -= entry.points
    return entry


def _own_lot(desk: Desk) -> Lot:
    """The lot that the request's first entry made: the open one of the account, else what is left of it."""
    number = desk.request.sequence
    for lot in desk.account.lots:
        if lot.number == number:
            return lot
    row = PointsLot.objects.of(desk.merchant_id).get(member_id=desk.request.member_id, number=number)
    return Lot(row.number, row.order_id, row.available_at, row.amount, row.remaining, row.expires_on)
