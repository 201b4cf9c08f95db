"""Giving one member one entitlement: by claim, for points, by staff; and taking it back unused (domain.md 8).

A request has a key: the same member, benefit and key is answered with the entitlement that it brought before. One
transaction each, in the order program, points, coverage, benefit, budget, so that nothing waits for the other.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.codes import read_code
from benefits.lib.entitlements import OPEN, State
from benefits.lib.scope import NOWHERE, Place
from benefits.models import Benefit, Entitlement, EntitlementSource, PaidWith
from benefits.selectors import entitlements as selectors
from benefits.services import asking, entitlement_events, issuing
from benefits.services.issuing import Counter
from benefits.services.till_words import require_place
from members.lib.refusals import Conflict, Invalid, NotCancellable, NotFound
from members.models import Member
from members.services import audit, points, programs
from members.services.audit import Actor

SOURCE = EntitlementSource
EXCHANGED = "points_exchange"
PAID_FOR = "entitlement"
CHANGED = _("The price in points was changed at this very moment. Look at it again.")


@transaction.atomic
def claim(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    benefit_id: int,
    key: str,
    place: Place = NOWHERE,
) -> tuple[Entitlement, bool]:
    """An entitlement that a member claims, and whether it is new. Once for each member unless the benefit's settings
    say how many; what is given for points is exchanged and not claimed. `place`: where the member is, where that is
    known; a code for other places is not handed out there.

    Raises NotFound, Invalid (a kind that is not claimed), NotInForce, NotInAudience, NotHere, LimitReached, OutOfStock,
    ProgramNotOpen, ProgramCleared.
    """
    cause = asking.keyed(SOURCE.CLAIM, key)
    member = asking.member_of(merchant_id, member_id)
    if known := _known(merchant_id, member_id, benefit_id, cause):
        return known, False
    counter = issuing.open_counter(
        merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor, is_claim=True
    )
    if not counter.kind.is_claimed(counter.benefit.settings):
        raise Invalid(_("This benefit is not claimed: it comes by itself, or is exchanged for points."))
    _require_place(counter, place)
    return _issue(counter, member, SOURCE.CLAIM, cause)


@transaction.atomic
def exchange(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    benefit_id: int,
    key: str,
    seen: int | None = None,
    place: Place = NOWHERE,
) -> tuple[Entitlement, bool]:
    """An entitlement for points, and whether it is new: the points are spent and it is issued, or nothing happens.
    `seen`: the price in points that who asks was told; nothing is spent at another.

    Raises as `claim`, and InsufficientPoints.
    """
    cause = asking.keyed(SOURCE.EXCHANGE, key)
    member = asking.member_of(merchant_id, member_id)
    if known := _known(merchant_id, member_id, benefit_id, cause):
        return known, False
    benefit = Benefit.objects.of(merchant_id).filter(pk=benefit_id).first()
    if benefit is None:
        raise NotFound(_("There is no such benefit."))
    price = benefit.settings.get("points")
    if benefit.kind != EXCHANGED or isinstance(price, bool) or not isinstance(price, int) or price < 1:
        raise Invalid(_("This benefit is not exchanged for points."))
    if benefit.settings.get("delivery") == "order":
        raise Invalid(_("This reward is sent to members: order it instead of exchanging points for a code."))
    if seen is not None and seen != price:
        raise Conflict(CHANGED)
    spent = points.redeem(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        member_id=member_id,
        points=price,
        key=asking.points_key(member_id, benefit_id, cause),
        reason=str(benefit)[:200],
        paid_for=PAID_FOR,
    )
    counter = issuing.open_counter(merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor)
    if counter.benefit.settings.get("points") != price:
        raise Conflict(CHANGED)
    _require_place(counter, place)
    return _issue(counter, member, SOURCE.EXCHANGE, cause, paid_points=spent.points)


@transaction.atomic
def give(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    benefit_id: int,
    key: str,
    reason: str,
) -> tuple[Entitlement, bool]:
    """An entitlement that staff give a member, with a reason, and whether it is new. The audience does not bind them,
    stock, budget, limits and the control group do. Raises as `claim`, and Invalid without a reason.
    """
    if not reason.strip() or len(reason) > 200:
        raise Invalid.on("reason", _("Say why it is given, in at most 200 characters."))
    cause = asking.keyed(SOURCE.STAFF, key)
    member = asking.member_of(merchant_id, member_id)
    if known := _known(merchant_id, member_id, benefit_id, cause):
        return known, False
    counter = issuing.open_counter(merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor)
    given, is_new = _issue(counter, member, SOURCE.STAFF, cause, is_for_anyone=True)
    _audit(given, at, actor, "entitlement.given", reason=reason.strip())
    return given, is_new


@transaction.atomic
def revoke(*, merchant_id: int, at: dt.datetime, actor: Actor, code: str, reason: str) -> Entitlement:
    """Take an entitlement back that was never used; again changes nothing. What was paid in points comes back, and so
    do the piece and its part of the budget.

    Raises NotFound, NotCancellable (used, expired, reserved), Invalid without a reason, ProgramNotOpen, ProgramCleared.
    """
    if not reason.strip() or len(reason) > 200:
        raise Invalid.on("reason", _("Say why it is taken back, in at most 200 characters."))
    programs.lock_open(merchant_id=merchant_id)
    meant = read_code(code)
    seen = selectors.by_code(merchant_id=merchant_id, code=meant) if meant else None
    if seen is None:
        raise NotFound(_("There is no such code here. Check it sign by sign, or scan it again."))
    if seen.state == State.REVOKED:
        return seen
    if seen.source == SOURCE.DRAW:
        raise NotCancellable(_("A prize that was won is not taken back: the proof of its draw names it."))
    if seen.paid_with == PaidWith.POINTS:
        points.cancel(
            merchant_id=merchant_id,
            at=at,
            actor=actor,
            key=asking.points_key(seen.member_id, seen.benefit_id, seen.cause),
            paid_for=PAID_FOR,
        )
    counter = issuing.reopen_counter(merchant_id=merchant_id, benefit_id=seen.benefit_id, at=at, actor=actor)
    entitlement = selectors.locked(merchant_id=merchant_id, code=seen.code)
    assert entitlement is not None
    if entitlement.state == State.REVOKED:
        return entitlement
    _require_unused(entitlement, at)
    entitlement.state, entitlement.revoked_at = State.REVOKED, at
    entitlement.reserved_until, entitlement.reservation = None, ""
    entitlement.save(update_fields=["state", "revoked_at", "reserved_until", "reservation"])
    issuing.give_back_stock(counter, 1)
    issuing.give_back_budget(counter.benefit, (entitlement.worth_minor or 0) * entitlement.uses_total)
    entitlement_events.revoked(program=counter.merchant.program, at=at, ids=[entitlement.pk])
    _audit(entitlement, at, actor, "entitlement.revoked", reason=reason.strip())
    return entitlement


def _require_place(counter: Counter, place: Place) -> None:
    if place.told:
        require_place(counter.benefit.scope, place, merchant_id=counter.benefit.merchant_id)


def _require_unused(entitlement: Entitlement, at: dt.datetime) -> None:
    is_over = entitlement.valid_until is not None and entitlement.valid_until <= at
    if entitlement.state not in OPEN or entitlement.uses_left < entitlement.uses_total or is_over:
        raise NotCancellable(_("Only what was never used and has not expired can be taken back."))
    held = entitlement.reserved_until is not None and entitlement.reserved_until > at
    if entitlement.state == State.RESERVED and held:
        raise NotCancellable(_("It is reserved for an order under way. Release it first."))


def _known(merchant_id: int, member_id: int, benefit_id: int, cause: str) -> Entitlement | None:
    """What the key brought before."""
    rows = Entitlement.objects.of(merchant_id).select_related("member", "benefit")
    return rows.filter(member_id=member_id, benefit_id=benefit_id, cause=cause).first()


def _issue(
    counter: Counter,
    member: Member,
    source: EntitlementSource,
    cause: str,
    *,
    paid_points: int = 0,
    is_for_anyone: bool = False,
) -> tuple[Entitlement, bool]:
    """Check audience and limits, take stock and budget, write."""
    benefit = counter.benefit
    if known := _known(benefit.merchant_id, member.pk, benefit.pk, cause):  # asked at this very moment
        return known, False
    if is_for_anyone:
        asking.check_not_held(counter, member)
    else:
        asking.check_audience(counter, member)
    asking.check_member_limits(counter, member)
    issuing.take_stock(counter, 1)
    issuing.take_budget(counter, 1)
    issuing.write(
        counter,
        source=source,
        who=[(member.pk, cause)],
        paid_with=PaidWith.POINTS if paid_points else PaidWith.NOTHING,
        paid_amount=paid_points,
    )
    issued = _known(benefit.merchant_id, member.pk, benefit.pk, cause)
    assert issued is not None
    return issued, True


def _audit(entitlement: Entitlement, at: dt.datetime, actor: Actor, action: str, reason: str) -> None:
    audit.record(
        merchant_id=entitlement.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("member", entitlement.member.public_id),
        label=str(entitlement.benefit),
        after={"benefit": entitlement.benefit.public_id},
        reason=reason,
    )
