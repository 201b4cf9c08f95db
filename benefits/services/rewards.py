"""Orders of rewards: placed for points, paid, sent, received, or cancelled with the points back (domain.md 8).

A reward is a benefit of the kind points_exchange that is sent. Placing spends the points, takes a piece and writes the
order in one transaction, or does nothing; locks in the order program, points, coverage, benefit, order. An order is
paid for with points, so it is sent whatever became of the program; points move only while it is open, so nothing is
placed or cancelled before it is open again. Every act done again changes nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from benefits.lib.kinds.points_exchange import PointsExchangeKind
from benefits.models import Benefit, RewardOrder, RewardState
from benefits.services import asking, issuing, looks
from members.lib.periods import merchant_day
from members.lib.refusals import Conflict, Invalid, NotCancellable, NotFound
from members.models import Merchant
from members.services import audit, benefit_uses, points, programs
from members.services.audit import Actor

PAID_FOR = "reward_order"
LONGEST_ADDRESS, LONGEST_TRACKING, LONGEST_REASON = 300, 80, 200
STATE = RewardState
NO_REASON = _("Say why you need the address; the reason goes into the audit log.")
CHANGED = _("The price of this reward was changed at this very moment. Look at it again.")


class NotPaid(Conflict):
    """Money is due for the order, and nobody said that it was paid."""

    slug = "reward-not-paid"


@transaction.atomic
def place(
    *,
    merchant_id: int,
    at: dt.datetime,
    actor: Actor,
    member_id: int,
    benefit_id: int,
    key: str,
    send_to: str = "",
    seen: tuple[int, int] | None = None,
) -> tuple[RewardOrder, bool]:
    """An order of a reward, and whether it is new: its points are spent, or nothing happens. `seen`: the price (points,
    money in minor units) that who asks was told; nothing is spent at another.

    Raises NotFound, Invalid (no such reward, an address over 300 characters), NotInForce, NotInAudience, LimitReached,
    OutOfStock, InsufficientPoints, Conflict (the price changed meanwhile), ProgramNotOpen, ProgramCleared.
    """
    cause = asking.keyed("reward", key)
    send_to = _text("send_to", send_to, LONGEST_ADDRESS)
    member = asking.member_of(merchant_id, member_id)
    if known := _known(merchant_id, member_id, benefit_id, cause):
        return known, False
    benefit = Benefit.objects.of(merchant_id).filter(pk=benefit_id).first()
    if benefit is None:
        raise NotFound(_("There is no such reward."))
    if not is_sent(benefit):
        raise Invalid(_("This is no reward that is sent to members."))
    price = _price(benefit)
    if seen is not None and seen != price:
        raise Conflict(CHANGED)
    points.redeem(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        member_id=member_id,
        points=price[0],
        key=asking.points_key(member_id, benefit_id, cause),
        reason=str(benefit)[:200],
        paid_for=PAID_FOR,
    )
    counter = issuing.open_counter(merchant_id=merchant_id, benefit_id=benefit_id, at=at, actor=actor)
    if known := _known(merchant_id, member_id, benefit_id, cause):  # asked at this very moment
        return known, False
    if not is_sent(counter.benefit) or _price(counter.benefit) != price:
        raise Conflict(CHANGED)
    asking.check_audience(counter, member)
    asking.check_member_limits(counter, member)
    issuing.take_stock(counter, 1)
    order = RewardOrder(
        merchant_id=merchant_id,
        member=member,
        benefit=counter.benefit,
        key=cause,
        revision=counter.benefit.revision,
        item=str(counter.benefit.settings.get("item") or counter.benefit)[:200],
        points=price[0],
        money_minor=price[1],
        at=at,
    )
    order.send_to = send_to
    order.save(force_insert=True)
    return order, True


def is_sent(benefit: Benefit) -> bool:
    """Whether a benefit is a reward that is ordered and sent."""
    return benefit.kind == PointsExchangeKind.code and benefit.settings.get("delivery") == "order"


@transaction.atomic
def pay(*, merchant_id: int, at: dt.datetime, actor: Actor, order_id: str) -> RewardOrder:
    """Say that the money of an order was paid. Raises NotFound, Invalid (no money is due), Conflict (cancelled)."""
    order = _locked(merchant_id, order_id)
    if order.paid_at is not None:
        return order
    if not order.money_minor:
        raise Invalid(_("This order cost points alone: no money is due."))
    _require(order, STATE.PLACED)
    order.state, order.paid_at = STATE.PAID, at
    return _saved(order, at, actor, "reward_order.paid", ("state", "paid_at"))


@transaction.atomic
def ship(
    *, merchant_id: int, at: dt.datetime, actor: Actor, order_id: str, tracking: str = ""
) -> RewardOrder:
    """Say that a reward was sent, by which carrier under which number. Raises NotFound, Invalid, NotPaid, Conflict
    (cancelled)."""
    tracking = _text("tracking", tracking, LONGEST_TRACKING)
    order = _locked(merchant_id, order_id)
    if order.state in (STATE.SHIPPED, STATE.RECEIVED):
        return order
    _require(order, STATE.PLACED, STATE.PAID)
    if order.money_minor and order.paid_at is None:
        raise NotPaid(_("The money of this order is not paid yet. Mark it as paid, then send it."))
    order.state, order.shipped_at, order.tracking = STATE.SHIPPED, at, tracking
    zone = Merchant.objects.get(pk=merchant_id).zone
    benefit_uses.note(
        merchant_id=merchant_id,
        member_id=order.member_id,
        benefit=order.benefit.public_id,
        day=merchant_day(at, zone),
    )
    return _saved(order, at, actor, "reward_order.shipped", ("state", "shipped_at", "tracking"))


@transaction.atomic
def receive(*, merchant_id: int, at: dt.datetime, actor: Actor, order_id: str) -> RewardOrder:
    """Say that the member has the reward. Raises NotFound, Conflict (not sent yet, or cancelled)."""
    order = _locked(merchant_id, order_id)
    if order.state == STATE.RECEIVED:
        return order
    _require(order, STATE.SHIPPED)
    order.state, order.received_at = STATE.RECEIVED, at
    return _saved(order, at, actor, "reward_order.received", ("state", "received_at"))


@transaction.atomic
def cancel(*, merchant_id: int, at: dt.datetime, actor: Actor, order_id: str, reason: str) -> RewardOrder:
    """Cancel an order that was not sent: its points go back to their lots, its piece to the stock. Money that was paid
    is paid back by the shop.

    Raises NotFound, Invalid without a reason, NotCancellable (sent), ProgramNotOpen, ProgramCleared.
    """
    reason = _text("reason", reason, LONGEST_REASON)
    if not reason:
        raise Invalid.on("reason", _("Say why it is cancelled; the reason goes into the audit log."))
    programs.lock_open(merchant_id=merchant_id)
    seen = RewardOrder.objects.of(merchant_id).filter(public_id=order_id).first()
    if seen is None:
        raise NotFound(_("There is no such order."))
    if seen.state == STATE.CANCELLED:
        return seen
    points.cancel(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        key=asking.points_key(seen.member_id, seen.benefit_id, seen.key),
        paid_for=PAID_FOR,
    )
    counter = issuing.reopen_counter(merchant_id=merchant_id, benefit_id=seen.benefit_id, at=at, actor=actor)
    order = _locked(merchant_id, order_id)
    if order.state == STATE.CANCELLED:
        return order
    if order.state not in (STATE.PLACED, STATE.PAID):
        raise NotCancellable(_("This reward was sent already, so its order is not cancelled."))
    order.state, order.cancelled_at, order.reason = STATE.CANCELLED, at, reason
    issuing.give_back_stock(counter, 1)
    return _saved(
        order, at, actor, "reward_order.cancelled", ("state", "cancelled_at", "reason"), reason=reason
    )


@transaction.atomic
def address(*, merchant_id: int, at: dt.datetime, actor: Actor, order_id: str, reason: str) -> str:
    """Where an order is sent, "" when nobody said it; the look is logged with its reason (domain.md 11). Raises
    Invalid without a reason, NotFound, TooManyLooks after 200 in an hour by one person."""
    reason = _text("reason", reason, LONGEST_REASON)
    if not reason:
        raise Invalid.on("reason", NO_REASON)
    order = RewardOrder.objects.of(merchant_id).filter(public_id=order_id).first()
    if order is None:
        raise NotFound(_("There is no such order."))
    action = "reward_order.address_shown"
    looks.check(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action=action,
        text=_("You have shown %(n)s addresses within an hour. Try again later."),
    )
    audit.record(
        merchant_id=merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("reward_order", order.public_id),
        label=order.item,
        reason=reason,
    )
    return order.send_to


def _price(benefit: Benefit) -> tuple[int, int]:
    """Points and money (minor units) of a reward. Raises Invalid where the settings say no points."""
    cost = benefit.settings.get("points")
    if isinstance(cost, bool) or not isinstance(cost, int) or cost < 1:
        raise Invalid(_("This is no reward that is sent to members."))
    return cost, benefit.settings.get("money_minor") or 0


def _known(merchant_id: int, member_id: int, benefit_id: int, cause: str) -> RewardOrder | None:
    rows = RewardOrder.objects.of(merchant_id).select_related("member", "benefit")
    return rows.filter(member_id=member_id, benefit_id=benefit_id, key=cause).first()


def _locked(merchant_id: int, order_id: str) -> RewardOrder:
    """Raises NotFound."""
    programs.lock_for_write(merchant_id=merchant_id)
    rows = RewardOrder.objects.of(merchant_id).select_for_update(of=("self",))
    order = rows.select_related("member", "benefit").filter(public_id=order_id).first()
    if order is None:
        raise NotFound(_("There is no such order."))
    return order


def _require(order: RewardOrder, *states: RewardState) -> None:
    if order.state not in states:
        text = _("This order is “%(state)s”, so this cannot be done any more, or not yet.")
        raise Conflict(text % {"state": order.get_state_display()})


def _text(field: str, value: str, most: int) -> str:
    text = value.strip()
    if len(text) > most or "\x00" in text:
        raise Invalid.on(field, _("Write at most %(most)s characters.") % {"most": most})
    return text


def _saved(
    order: RewardOrder, at: dt.datetime, actor: Actor, action: str, fields: Sequence[str], reason: str = ""
) -> RewardOrder:
    """Write what became of an order, and who did it."""
    order.save(update_fields=list(fields))
    audit.record(
        merchant_id=order.merchant_id,
        at=at,
        actor=actor,
        action=action,
        subject=("reward_order", order.public_id),
        label=order.item,
        after={"state": str(order.state)},
        reason=reason,
    )
    return order
