"""What a till does with a member's entitlement: reserve, redeem, release, undo (domain.md 8).

Every act has a key that works once in its merchant: the same key and body answers as the first time, another body is
refused, a refused request keeps no key. One transaction each: lock the program and the entitlement, judge by
`benefits.lib.entitlements.why_not`, write the use and the state. A right that the member paid for with points or money
is honoured whatever became of the benefit and the program; nothing else is used while the program is not open.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib import entitlements as rule
from benefits.lib.entitlements import State
from benefits.lib.scope import NOWHERE, Place
from benefits.models import Entitlement, EntitlementSource, EntitlementUse, UseAction
from benefits.selectors import entitlements as selectors
from benefits.services import asking, entitlement_events, issuing
from benefits.services.till_desk import Desk, open_desk, write
from benefits.services.till_words import refusal_of, require_place
from members.lib.periods import merchant_day
from members.lib.refusals import HoldEnded, Invalid, NotCancellable, NotFound
from members.services import benefit_uses, programs
from members.services.audit import Actor

LONGEST_ORDER = 64


@dataclass(slots=True)
class Done:
    """What came of an act: the use that was written, now or under the same key before, and its entitlement."""

    entitlement: Entitlement
    use: EntitlementUse
    is_new: bool = True


@transaction.atomic
def redeem(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    code: str,
    key: str,
    saved_minor: int | None = None,
    order: str = "",
    reservation: str = "",
    place: Place = NOWHERE,
) -> Done:
    """Use an entitlement once. `saved_minor`: what it saved the member (what its settings say, where nobody knows
    better), at most what one use can save; `reservation`: the id of the one it was reserved under; `order`: the shop's
    own number; `place`: where the till is, which a benefit for certain places needs.

    Raises NotFound (no such code, or another merchant's), NotUsable (its slug says why), NotHere, HoldEnded, Invalid,
    IdempotencyConflict.
    """
    asked = {"saved_minor": saved_minor, "order": order, "reservation": reservation, **place.told}
    _check_order(order)
    desk = open_desk(merchant_id, at, actor, UseAction.REDEEM, code, asking.keyed("key", key), asked)
    if desk.before is not None:
        return Done(desk.entitlement, desk.before, is_new=False)
    entitlement = desk.entitlement
    holds = bool(reservation) and reservation == entitlement.reservation
    if reservation and not (holds and rule.is_reserved(desk.standing, at)):
        raise HoldEnded(_("This reservation has ended. Redeem without it, or reserve again."))
    _require_usable(desk, place, has_reservation=holds)
    saved = _saved(entitlement, saved_minor)
    entitlement.uses_left -= 1
    entitlement.state = State.ISSUED if entitlement.uses_left else State.REDEEMED
    use = write(desk, saved_minor=saved)
    entitlement_events.used(program=desk.program, use=use)
    return Done(entitlement, use)


@transaction.atomic
def reserve(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    code: str,
    key: str,
    minutes: int = rule.RESERVE_MINUTES,
    order: str = "",
    place: Place = NOWHERE,
) -> Done:
    """Keep one use for an order under way; after `minutes` it ends by itself. The use's public id is the reservation.

    Raises as `redeem`, and Invalid for minutes under 1 or over a day.
    """
    _check_order(order)
    if (
        isinstance(minutes, bool)
        or not isinstance(minutes, int)
        or not 1 <= minutes <= rule.MOST_RESERVE_MINUTES
    ):
        raise Invalid.on(
            "minutes", _("A reservation lasts 1 to %(most)s minutes.") % {"most": rule.MOST_RESERVE_MINUTES}
        )
    asked = {"minutes": minutes, "order": order, **place.told}
    desk = open_desk(merchant_id, at, actor, UseAction.RESERVE, code, asking.keyed("key", key), asked)
    if desk.before is not None:
        return Done(desk.entitlement, desk.before, is_new=False)
    _require_usable(desk, place)
    until = at + dt.timedelta(minutes=minutes)
    desk.entitlement.state, desk.entitlement.reserved_until = State.RESERVED, until
    return Done(desk.entitlement, write(desk, until=until))


@transaction.atomic
def release(
    *, merchant_id: int, at: dt.datetime, actor: Actor, code: str, key: str, reservation: str = ""
) -> Done:
    """Let a reservation go: the use is there for everyone again. `reservation` refuses to let go of another's.

    Raises as `redeem`; NotCancellable when nothing is reserved.
    """
    asked = {"reservation": reservation}
    desk = open_desk(merchant_id, at, actor, UseAction.RELEASE, code, asking.keyed("key", key), asked)
    if desk.before is not None:
        return Done(desk.entitlement, desk.before, is_new=False)
    entitlement = desk.entitlement
    is_other = bool(reservation) and reservation != entitlement.reservation
    if not rule.is_reserved(desk.standing, at) or is_other:
        raise NotCancellable(_("Nothing is reserved here: the reservation was used, let go, or has ended."))
    entitlement.state = State.RELEASED
    return Done(entitlement, write(desk))


@transaction.atomic
def undo(*, merchant_id: int, at: dt.datetime, actor: Actor, use_id: str) -> Done:
    """Take a redemption (its use's public id) back, within ten minutes: the use is there again. Again changes nothing.

    Raises NotFound; NotCancellable later, or for what is no redemption; ProgramNotOpen, ProgramCleared unless it was
    paid for.
    """
    redeemed = EntitlementUse.objects.of(merchant_id).filter(public_id=use_id).first()
    if redeemed is None:
        raise NotFound(_("There is no such redemption."))
    if redeemed.action != UseAction.REDEEM:
        raise NotCancellable(_("Only redemptions are taken back."))
    code = Entitlement.objects.of(merchant_id).values_list("code", flat=True).get(pk=redeemed.entitlement_id)
    desk = open_desk(merchant_id, at, actor, UseAction.UNDO, code, f"undo:{redeemed.pk}", {})
    if desk.before is not None:
        return Done(desk.entitlement, desk.before, is_new=False)
    if at > redeemed.at + rule.UNDO:
        raise NotCancellable(_("A redemption can be taken back within 10 minutes; this one is older."))
    if not desk.standing.is_paid:
        programs.require_open(desk.program)
    entitlement = desk.entitlement
    entitlement.uses_left += 1
    if (
        entitlement.state == State.EXPIRED
    ):  # since then; its uses were given back to the budget without this one
        issuing.give_back_budget(entitlement.benefit, entitlement.worth_minor or 0)
    elif not rule.is_reserved(desk.standing, at) and entitlement.state != State.REVOKED:
        entitlement.state = State.ISSUED
    saved = None if redeemed.saved_minor is None else -redeemed.saved_minor
    use = write(desk, saved_minor=saved, undoes=redeemed.pk)
    benefit_uses.take_back(
        merchant_id=merchant_id,
        member_id=entitlement.member_id,
        benefit=entitlement.benefit.public_id,
        day=merchant_day(redeemed.at, desk.zone),
    )
    entitlement_events.used(program=desk.program, use=use, undone=redeemed)
    return Done(entitlement, use)


# The parts of the acts


def _require_usable(desk: Desk, place: Place, *, has_reservation: bool = False) -> None:
    why = rule.why_not(desk.standing, desk.at, has_reservation=has_reservation)
    if why is not None:
        raise refusal_of(why)
    promise = selectors.promises([desk.entitlement])[desk.entitlement.pk]
    require_place(promise.scope, place, merchant_id=desk.entitlement.merchant_id)


def _saved(entitlement: Entitlement, said: int | None) -> int | None:
    """What a use saves: what was promised when it was issued. Raises Invalid for more than it can."""
    if said is None and entitlement.source == EntitlementSource.DRAW:
        return entitlement.worth_minor  # of the prize, which the draw's settings tell among others
    if said is None:
        promise = selectors.promises([entitlement])[entitlement.pk]
        return promise.kind.saved_minor(promise.settings)
    if isinstance(said, bool) or not isinstance(said, int) or said < 0:
        raise Invalid.on("saved_minor", _("Give a whole number of minor units, 0 or more."))
    if entitlement.worth_minor is not None and said > entitlement.worth_minor:
        raise Invalid.on(
            "saved_minor",
            _("One use saves at most %(most)s minor units.") % {"most": entitlement.worth_minor},
        )
    return said


def _check_order(order: str) -> None:
    if len(order) > LONGEST_ORDER or "\x00" in order:
        raise Invalid.on(
            "order", _("An order number has at most %(most)s characters.") % {"most": LONGEST_ORDER}
        )
