"""What a till does with a member's entitlement: reserve, redeem, release, undo (domain.md 8).

Every act has a key that works once in its merchant: the same key and body answers as the first time, another body is
refused, a refused request keeps no key. One transaction each: lock the program and the entitlement, judge by
`benefits.lib.entitlements.why_not`, write the use and the state. A right that the member paid for with points or money
is honoured whatever became of the benefit and the program; nothing else is used while the program is not open.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from psycopg.types.json import Jsonb

from benefits.lib import entitlements as rule
from benefits.lib.codes import read_code
from benefits.lib.entitlements import State
from benefits.models import Entitlement, EntitlementSource, EntitlementUse, UseAction
from benefits.selectors import entitlements as selectors
from benefits.services import asking, entitlement_events, issuing
from benefits.services.till_words import UNKNOWN_CODE, refusal_of
from members.lib import prepared
from members.lib.fields import opaque_id
from members.lib.periods import merchant_day
from members.lib.refusals import HoldEnded, IdempotencyConflict, Invalid, NotCancellable, NotFound
from members.models import Merchant, Program
from members.services import audit, benefit_uses, programs
from members.services.audit import Actor

OTHER_REQUEST = _("This key was used for another request. Send a new key with a new request.")
_COLUMNS = (
    "merchant_id", "public_id", "entitlement_id", "action", "key", "asked", "at", "state_after", "left_after",
    "until", "saved_minor", "undoes", "actor_kind", "actor_label", "by_id",
)  # fmt: skip
INSERTED = (
    f"insert into benefits_entitlementuse ({', '.join(_COLUMNS)}) "
    f"values ({', '.join(f'%({name})s' for name in _COLUMNS)}) "
    "on conflict (merchant_id, key) do nothing returning id"
)
LONGEST_ORDER = 64
ACTED = {
    UseAction.RESERVE: "entitlement.reserved",
    UseAction.RELEASE: "entitlement.released",
    UseAction.REDEEM: "entitlement.redeemed",
    UseAction.UNDO: "entitlement.undone",
}


@dataclass(slots=True)
class Done:
    """What came of an act: the use that was written, now or under the same key before, and its entitlement."""

    entitlement: Entitlement
    use: EntitlementUse
    is_new: bool = True


@dataclass(slots=True)
class _Desk:
    """A locked entitlement, with all that decides what may be done with it, and the act that is asked for."""

    program: Program
    entitlement: Entitlement
    standing: rule.Standing
    at: dt.datetime
    actor: Actor
    action: UseAction
    key: str
    asked: dict[str, Any]
    before: EntitlementUse | None = None  # what the key did before

    @property
    def replayed(self) -> Done | None:
        """The first answer, when the key was used with the same body before."""
        return None if self.before is None else Done(self.entitlement, self.before, is_new=False)


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
) -> Done:
    """Use an entitlement once. `saved_minor`: what it saved the member (what its settings say, where nobody knows
    better), at most what one use can save; `reservation`: the id of the one it was reserved under; `order`: the shop's
    own number.

    Raises NotFound (no such code, or another merchant's), NotUsable (its slug says why), HoldEnded, Invalid,
    IdempotencyConflict.
    """
    asked = {"saved_minor": saved_minor, "order": order, "reservation": reservation}
    _check_order(order)
    desk = _open(merchant_id, at, actor, UseAction.REDEEM, code, asking.keyed("key", key), asked)
    if desk.replayed is not None:
        return desk.replayed
    entitlement = desk.entitlement
    holds = bool(reservation) and reservation == entitlement.reservation
    if reservation and not (holds and rule.is_reserved(desk.standing, at)):
        raise HoldEnded(_("This reservation has ended. Redeem without it, or reserve again."))
    _require_usable(desk, has_reservation=holds)
    saved = _saved(entitlement, saved_minor)
    entitlement.uses_left -= 1
    entitlement.state = State.ISSUED if entitlement.uses_left else State.REDEEMED
    use = _write(desk, saved_minor=saved)
    merchant = Merchant.objects.get(pk=merchant_id)
    benefit_uses.note(
        merchant_id=merchant_id,
        member_id=entitlement.member_id,
        benefit=entitlement.benefit.public_id,
        day=merchant_day(at, merchant.zone),
    )
    entitlement_events.redeemed(program=desk.program, use=use)
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
    asked = {"minutes": minutes, "order": order}
    desk = _open(merchant_id, at, actor, UseAction.RESERVE, code, asking.keyed("key", key), asked)
    if desk.replayed is not None:
        return desk.replayed
    _require_usable(desk)
    until = at + dt.timedelta(minutes=minutes)
    desk.entitlement.state, desk.entitlement.reserved_until = State.RESERVED, until
    return Done(desk.entitlement, _write(desk, until=until))


@transaction.atomic
def release(
    *, merchant_id: int, at: dt.datetime, actor: Actor, code: str, key: str, reservation: str = ""
) -> Done:
    """Let a reservation go: the use is there for everyone again. `reservation` refuses to let go of another's.

    Raises as `redeem`; NotCancellable when nothing is reserved.
    """
    asked = {"reservation": reservation}
    desk = _open(merchant_id, at, actor, UseAction.RELEASE, code, asking.keyed("key", key), asked)
    if desk.replayed is not None:
        return desk.replayed
    entitlement = desk.entitlement
    is_other = bool(reservation) and reservation != entitlement.reservation
    if not rule.is_reserved(desk.standing, at) or is_other:
        raise NotCancellable(_("Nothing is reserved here: the reservation was used, let go, or has ended."))
    entitlement.state = State.RELEASED
    return Done(entitlement, _write(desk))


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
    desk = _open(merchant_id, at, actor, UseAction.UNDO, code, f"undo:{redeemed.pk}", {})
    if desk.replayed is not None:
        return desk.replayed
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
    use = _write(desk, saved_minor=saved, undoes=redeemed.pk)
    zone = Merchant.objects.get(pk=merchant_id).zone
    benefit_uses.take_back(
        merchant_id=merchant_id,
        member_id=entitlement.member_id,
        benefit=entitlement.benefit.public_id,
        day=merchant_day(redeemed.at, zone),
    )
    return Done(entitlement, use)


# The parts of the acts


def _open(
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    action: UseAction,
    code: str,
    key: str,
    asked: dict[str, Any],
) -> _Desk:
    """Lock the program and the entitlement, and look whether the key did this before. Raises NotFound,
    IdempotencyConflict."""
    meant = read_code(code)
    program = programs.lock_for_write(merchant_id=merchant_id)
    entitlement = selectors.locked(merchant_id=merchant_id, code=meant) if meant else None
    if entitlement is None:
        raise NotFound(UNKNOWN_CODE)
    closed_since = None if program.status == "open" else programs.closed_since(merchant_id=merchant_id)
    standing = selectors.standing(entitlement, program, closed_since)
    desk = _Desk(program, entitlement, standing, at, actor, action, key, asked)
    known = EntitlementUse.objects.of(merchant_id).filter(key=key).first()
    if known is not None:
        if (known.entitlement_id, known.action, known.asked) != (entitlement.pk, action, asked):
            raise IdempotencyConflict(OTHER_REQUEST)
        desk.before = known
    return desk


def _require_usable(desk: _Desk, *, has_reservation: bool = False) -> None:
    why = rule.why_not(desk.standing, desk.at, has_reservation=has_reservation)
    if why is not None:
        raise refusal_of(why)


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


def _write(
    desk: _Desk,
    *,
    saved_minor: int | None = None,
    until: dt.datetime | None = None,
    undoes: int | None = None,
) -> EntitlementUse:
    """Write the use and the entitlement as it is after it; what a person does is in the audit log too."""
    entitlement, actor = desk.entitlement, desk.actor
    use = EntitlementUse(
        merchant_id=entitlement.merchant_id,
        public_id=opaque_id(),
        entitlement=entitlement,
        action=desk.action,
        key=desk.key,
        asked=desk.asked,
        at=desk.at,
        state_after=entitlement.state,
        left_after=entitlement.uses_left,
        until=until,
        saved_minor=saved_minor,
        undoes=undoes,
        actor_kind=actor.kind,
        actor_label=actor.label[:120],
        by_id=actor.user_id,
    )
    _insert(use)
    if desk.action == UseAction.RESERVE:
        entitlement.reservation = use.public_id
    elif entitlement.state != State.RESERVED:
        entitlement.reserved_until, entitlement.reservation = None, ""
    entitlement.save(update_fields=["state", "uses_left", "reserved_until", "reservation"])
    if actor.kind == "user":
        audit.record(
            merchant_id=entitlement.merchant_id,
            at=desk.at,
            actor=actor,
            action=ACTED[desk.action],
            subject=("member", entitlement.member.public_id),
            label=str(entitlement.benefit),
            after={"benefit": entitlement.benefit.public_id, "use": use.public_id, "left": use.left_after},
        )
    return use


def _insert(use: EntitlementUse) -> None:
    """Raises IdempotencyConflict when another entitlement's act took the key at this very moment."""
    row = prepared.fetch_one(
        INSERTED, {name: getattr(use, name) for name in _COLUMNS} | {"asked": Jsonb(use.asked)}
    )
    if row is None:
        raise IdempotencyConflict(OTHER_REQUEST)
    use.pk = int(row[0])
