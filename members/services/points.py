"""Acts on a member's points: redeem, hold, capture, release, cancel, adjust, give back (domain.md 6).

Every act has a key that works once in its merchant; the same key and body answers as the first time, another body is
refused. One transaction each: lock the program and the account, read lots, move points by `members.lib.posting.ledger`,
write. Points move only while the program is open.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from members.lib.expiry import GRACE_DAYS
from members.lib.refusals import Conflict, HoldEnded, InsufficientPoints, Invalid, NotCancellable
from members.models import PointsRequest, PointsRequestStatus, PointsVerb
from members.services import audit
from members.services.audit import Actor
from members.services.points_desk import Desk, end_hold, open_desk, request_of

MOST_POINTS = 10**12
LONGEST_KEY = 128
MOST_MINUTES = 60 * 24 * 7
HOLD_MINUTES = 30
STATUS = PointsRequestStatus
# What expired of a member, and what was given back of it with the window (days) that was in force then.
EXPIRED = """
select e.at, (r.details ->> 'window')::int, e.points from members_pointsentry e
left join members_pointsrequest r on r.merchant_id = e.merchant_id and r.id = e.request_id
where e.merchant_id = %s and e.member_id = %s and (e.kind = 'expire' or e.kind = 'restore' and r.verb = 'give_back')
order by e.sequence
"""


@transaction.atomic
def redeem(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    points: int,
    key: str,
    reason: str = "",
    paid_for: str = "",
) -> PointsRequest:
    """Spend `points` of a member in one step, in spending order. The same key and body answers again.

    `paid_for`: what the member got for them ("entitlement"); only who takes that back cancels this.
    Raises InsufficientPoints, Invalid (points or key out of shape), NotFound (no such member), IdempotencyConflict,
    ProgramNotOpen, ProgramCleared. domain.md 6.
    """
    wanted = _wanted(PointsVerb.REDEEM, member_id, points, key, reason, actor, at)
    if paid_for:
        wanted.details = {"paid_for": paid_for}
    desk = open_desk(merchant_id=merchant_id, at=at, wanted=wanted)
    if desk.answered is not None:
        return desk.answered
    entry = desk.ledger().spend("redeem", points, cause="request")
    desk.account.redeemed += points
    return _written(desk, actor, "points.redeemed", status=STATUS.DONE, sequence=entry.sequence)


@transaction.atomic
def hold(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    points: int,
    key: str,
    minutes: int = HOLD_MINUTES,
    reason: str = "",
) -> PointsRequest:
    """Set `points` aside until they are captured or released; after `minutes` the hold ends by itself.

    Raises as `redeem`, and Invalid for minutes under 1 or over a week. domain.md 6.
    """
    if isinstance(minutes, bool) or not isinstance(minutes, int) or not 1 <= minutes <= MOST_MINUTES:
        raise Invalid(
            _("A hold lasts 1 to %(most)s minutes.") % {"most": MOST_MINUTES}, errors={"minutes": "range"}
        )
    wanted = _wanted(PointsVerb.HOLD, member_id, points, key, reason, actor, at)
    wanted.minutes, wanted.ends_at = minutes, at + dt.timedelta(minutes=minutes)
    desk = open_desk(merchant_id=merchant_id, at=at, wanted=wanted)
    if desk.answered is not None:
        return desk.answered
    entry = desk.ledger().spend("hold", points, cause="request")
    return _written(desk, actor, "points.held", status=STATUS.HELD, sequence=entry.sequence)


@transaction.atomic
def capture(*, merchant_id: int, at: dt.datetime, actor: Actor, key: str) -> PointsRequest:
    """Spend what a hold set aside; again is a no-op.

    Raises NotFound, HoldEnded (released, or its time is over), Invalid for a key of something else, ProgramNotOpen,
    ProgramCleared.
    """
    request = request_of(merchant_id=merchant_id, key=key, verb=PointsVerb.HOLD)
    desk = open_desk(merchant_id=merchant_id, at=at, request=request)
    if request.status == STATUS.CAPTURED:
        return request
    if request.status != STATUS.HELD or _is_over(request, at):
        raise HoldEnded(_("This hold has ended, so its points were given back. Make a new one."))
    desk.ledger().note("capture", cause="request")
    desk.account.redeemed += request.points
    return _settled(desk, actor, "points.captured", STATUS.CAPTURED)


@transaction.atomic
def release(*, merchant_id: int, at: dt.datetime, actor: Actor, key: str) -> PointsRequest:
    """Give what a hold set aside back to its lots; again is a no-op.

    Raises NotFound, NotCancellable (captured: cancel it instead), Invalid, ProgramNotOpen, ProgramCleared.
    """
    request = request_of(merchant_id=merchant_id, key=key, verb=PointsVerb.HOLD)
    if request.status == STATUS.HELD and _is_over(request, at):
        return end_hold(merchant_id=merchant_id, request_id=request.pk)
    desk = open_desk(merchant_id=merchant_id, at=at, request=request)
    if request.status == STATUS.RELEASED:
        return request
    if request.status != STATUS.HELD:
        raise NotCancellable(_("This hold was captured. Cancel the redemption instead."))
    desk.ledger().give_back("release", desk.taken(), cause="request")
    return _settled(desk, actor, "points.released", STATUS.RELEASED)


@transaction.atomic
def cancel(*, merchant_id: int, at: dt.datetime, actor: Actor, key: str, paid_for: str = "") -> PointsRequest:
    """Cancel a redemption, or a captured hold: its points go back to the lots they came from; again is a no-op.

    Points whose last usable day lies before today come back as a new lot of 30 days. `paid_for`: what is taken back
    from the member with it. Raises NotFound, NotCancellable (a hold that is still held, an adjustment, points for which
    the member keeps something), ProgramNotOpen, ProgramCleared.
    """
    request = request_of(merchant_id=merchant_id, key=key)
    desk = open_desk(merchant_id=merchant_id, at=at, request=request)
    if request.status == STATUS.CANCELLED:
        return request
    if request.verb not in (PointsVerb.REDEEM, PointsVerb.HOLD):
        raise NotCancellable(_("Only redemptions are cancelled. Reverse an adjustment instead."))
    if request.status not in (STATUS.DONE, STATUS.CAPTURED):
        raise NotCancellable(_("This hold was not captured. Release it instead."))
    if request.details.get("paid_for", paid_for) != paid_for:
        raise NotCancellable(
            _("These points were exchanged for a benefit. Take the benefit back: the points come with it.")
        )
    desk.ledger().give_back("restore", desk.taken(), cause="request")
    desk.account.redeemed -= request.points
    return _settled(desk, actor, "points.cancelled", STATUS.CANCELLED)


@transaction.atomic
def adjust(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    points: int,
    key: str,
    reason: str,
) -> PointsRequest:
    """Add or take points by hand, with a reason. Added points are available at once and expire by the rule in force.

    Over the limit that the merchant set for people, the adjustment is only proposed, and moves nothing until another
    person approves it. Raises as `redeem`; Invalid without a reason.
    """
    if not reason.strip():
        raise Invalid(_("An adjustment needs a reason."), errors={"reason": "required"})
    wanted = _wanted(PointsVerb.ADJUST, member_id, points, key, reason, actor, at)
    desk = open_desk(merchant_id=merchant_id, at=at, wanted=wanted, with_terms=True)
    if desk.answered is not None:
        return desk.answered
    limit = desk.terms.adjust_limit
    if actor.kind == "user" and limit is not None and abs(points) > limit:
        return _written(desk, actor, "points.adjustment_proposed", status=STATUS.PROPOSED)
    return _adjust(desk, actor)


def _adjust(desk: Desk, actor: Actor, **more: Any) -> PointsRequest:
    points, terms = desk.request.points, desk.terms
    ledger = desk.ledger(rules_version=terms.number)
    if points > 0:
        entry = ledger.credit("adjust", points, cause="staff", expires_on=terms.expiry.last_day(ledger.today))
    else:
        entry = ledger.spend("adjust", -points, cause="staff")
    return _written(desk, actor, "points.adjusted", status=STATUS.DONE, sequence=entry.sequence, **more)


@transaction.atomic
def decide(
    *, merchant_id: int, at: dt.datetime, actor: Actor, key: str, approves: bool, note: str = ""
) -> PointsRequest:
    """Approve a proposed adjustment, which moves the points now, or reject it. Another person decides.

    Raises NotFound, Conflict (decided already, or proposed by the same person), InsufficientPoints, ProgramNotOpen,
    ProgramCleared.
    """
    request = request_of(merchant_id=merchant_id, key=key, verb=PointsVerb.ADJUST)
    desk = open_desk(merchant_id=merchant_id, at=at, request=request, with_terms=True)
    if request.status != STATUS.PROPOSED:
        raise Conflict(_("This adjustment was decided already."))
    if request.by_id == actor.user_id:
        raise Conflict(_("Another person approves an adjustment than the one who proposed it."))
    details = {**request.details, "decided_by": actor.label, "note": note}
    decided: dict[str, Any] = {"settled_at": at, "details": details}
    if not approves:
        return _written(desk, actor, "points.adjustment_rejected", status=STATUS.REJECTED, **decided)
    return _adjust(desk, actor, **decided)


@transaction.atomic
def give_back(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    points: int,
    key: str,
    reason: str = "",
) -> PointsRequest:
    """Give expired points back as a lot of 30 days: at most what expired within the program's window and was not
    given back yet (domain.md 6).

    Raises as `redeem`; InsufficientPoints when fewer expired.
    """
    wanted = _wanted(PointsVerb.GIVE_BACK, member_id, points, key, reason, actor, at)
    desk = open_desk(merchant_id=merchant_id, at=at, wanted=wanted, with_terms=True)
    if desk.answered is not None:
        return desk.answered
    version = desk.terms
    left = _expired_lately(merchant_id, member_id, at - dt.timedelta(days=version.give_back_days))
    if points > left:
        raise InsufficientPoints(
            _("%(left)s points expired in the last %(days)s days and can be given back.")
            % {"left": left, "days": version.give_back_days},
            errors={"available": left},
        )
    desk.request.details = {"window": version.give_back_days}
    ledger = desk.ledger(rules_version=version.number)
    until = ledger.today + dt.timedelta(days=GRACE_DAYS)
    entry = ledger.credit("restore", points, cause="staff", expires_on=until)
    return _written(desk, actor, "points.given_back", status=STATUS.DONE, sequence=entry.sequence)


def _wanted(
    verb: str, member_id: int, points: int, key: str, reason: str, actor: Actor, at: dt.datetime
) -> PointsRequest:
    """The request as it is asked, checked for shape. Raises Invalid."""
    if isinstance(points, bool) or not isinstance(points, int):
        raise Invalid(_("Points are whole numbers."), errors={"points": "whole"})
    if points == 0 or (points < 0 and verb != PointsVerb.ADJUST):
        raise Invalid(_("Give a number of points above zero."), errors={"points": "positive"})
    if abs(points) > MOST_POINTS:
        raise Invalid(_("That is more points than anybody can have."), errors={"points": "range"})
    if not key or len(key) > LONGEST_KEY:
        raise Invalid(_("A key has 1 to 128 characters."), errors={"key": "length"})
    if len(reason) > 200:
        raise Invalid(_("A reason has at most 200 characters."), errors={"reason": "length"})
    return PointsRequest(
        key=key,
        verb=verb,
        member_id=member_id,
        points=points,
        reason=reason,
        at=at,
        actor_kind=actor.kind,
        actor_label=actor.label,
        by_id=actor.user_id,
    )


def _is_over(request: PointsRequest, at: dt.datetime) -> bool:
    return request.ends_at is not None and request.ends_at <= at


def _expired_lately(merchant_id: int, member_id: int, since: dt.datetime) -> int:
    """Points that expired since and were not given back yet; what was given back is the oldest that could be then."""
    expired: list[list[Any]] = []
    with connection.cursor() as cursor:
        cursor.execute(EXPIRED, [merchant_id, member_id])
        for at, window, points in cursor.fetchall():
            if window is None:
                expired.append([at, -points])
                continue
            for each in expired:
                part = min(points, each[1]) if each[0] >= at - dt.timedelta(days=window) else 0
                each[1] -= part
                points -= part
    return sum(points for at, points in expired if at >= since)


def _settled(desk: Desk, actor: Actor, action: str, status: PointsRequestStatus) -> PointsRequest:
    """Write what became of a redemption or hold, and who did it."""
    details = {**desk.request.details, "settled_by": actor.label}
    return _written(desk, actor, action, status=status, settled_at=desk.at, details=details)


def _written(desk: Desk, actor: Actor, action: str, **values: Any) -> PointsRequest:
    """Write an act. The request says who asked; what a person does, or what needs a reason, is audited besides."""
    request = desk.request
    audited = None
    if actor.kind == "user" or request.verb not in (PointsVerb.REDEEM, PointsVerb.HOLD):
        audited = audit.row(
            merchant_id=request.merchant_id,
            at=desk.at,
            actor=actor,
            action=action,
            subject=("member", desk.member),
            after={"points": request.points, "request": request.public_id, "status": str(values["status"])},
            reason=request.reason,
        )
    return desk.write(audited=audited, **values)
