"""What is stored of an order when it is sent, sent again or refunded, and when that is refused.

These functions look at the order alone; points, days and tiers follow in `fold`. All of them check before
they write.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from members.lib.periods import local_instant, merchant_day
from members.lib.points import kept, points_for, share
from members.lib.posting.events import OMITTED, PAID, STATUSES, UNPAID, Line, OrderPut, OrderRefund, Status
from members.lib.posting.rules import Rules
from members.lib.posting.state import OrderState, Refund
from members.lib.refusals import IdempotencyConflict, Invalid, RefundExceedsOrder
from members.lib.words import sentence as _


@dataclass(slots=True)
class Content:
    """What a put says once everything left out is filled in."""

    status: Status
    paid_at: datetime | None
    completed_at: datetime | None
    lines: tuple[Line, ...]


def resolved(put: OrderPut, stored: OrderState | None) -> Content:
    """The put with what was left out filled in from the stored order, or from the arrival. Raises
    `Invalid`.
    """
    status = put.status
    if status is OMITTED:
        status = stored.status if stored else PAID
    elif status not in STATUSES:
        raise Invalid.on("status", _("%(status)s is not a state of an order.", status=status))
    paid_at = put.paid_at
    if paid_at is OMITTED:
        paid_at = stored.paid_at if stored else None
    if status == UNPAID:
        paid_at = None
    elif status == PAID and paid_at is None:
        paid_at = put.at
    completed_at = put.completed_at
    if completed_at is OMITTED:
        completed_at = stored.completed_at if stored and stored.completed_at else put.at
    lines = put.lines if type(put.lines) is tuple else tuple(put.lines)
    return Content(status, paid_at, completed_at, lines)


def is_same(content: Content, stored: OrderState) -> bool:
    """Whether sending this again changes nothing."""
    return (
        content.lines == stored.lines
        and content.status == stored.status
        and content.paid_at == stored.paid_at
        and content.completed_at == stored.completed_at
    )


def check(content: Content, stored: OrderState | None, rules: Rules, at: datetime) -> None:
    """Refuse content that cannot be: `Invalid`, or `RefundExceedsOrder` for a line below what was
    refunded of it.
    """
    lines = content.lines
    if not lines:
        raise Invalid.on("lines", _("An order needs at least one line."))
    if min([line[2] for line in lines]) < 0 or min([line[1] for line in lines]) < 0:
        raise Invalid.on("lines", _("Amounts and quantities of lines are not negative."))
    for name, instant in (("paid_at", content.paid_at), ("completed_at", content.completed_at)):
        if instant is not None and instant.tzinfo is None:
            raise Invalid.on(name, _("An instant needs a time zone."))
    paid_at = content.paid_at
    if (
        paid_at is not None
        and paid_at > at
        and merchant_day(paid_at, rules.zone) > merchant_day(at, rules.zone)
    ):
        raise Invalid.on("paid_at", _("An order cannot be paid on a later day than it arrives."))
    if stored is not None and stored.refunded is not None:
        for i, refunded in enumerate(stored.refunded):
            if refunded > (lines[i][2] if i < len(lines) else 0):
                raise RefundExceedsOrder(
                    _("Line %(line)s cannot become less than what was refunded of it.", line=i + 1)
                )


def created(put: OrderPut, content: Content, member_id: int | None, rules: Rules) -> OrderState:
    """The order as it is stored for the first time."""
    paid_at = content.paid_at
    return OrderState(
        key=put.key,
        member_id=member_id,
        at=put.at,
        status=content.status,
        paid_at=paid_at,
        paid_on=merchant_day(paid_at, rules.zone) if paid_at else None,
        completed_at=content.completed_at,
        lines=content.lines,
        total_minor=sum([line[2] for line in content.lines]),
    )


def rewrite(order: OrderState, content: Content, rules: Rules) -> None:
    """Store changed content; refunds stay with their lines, by position."""
    order.status = content.status
    if content.paid_at != order.paid_at:
        order.paid_at = content.paid_at
        order.paid_on = merchant_day(content.paid_at, rules.zone) if content.paid_at else None
    order.completed_at = content.completed_at
    order.lines = content.lines
    order.total_minor = sum([line[2] for line in content.lines])
    if order.refunded is not None:
        more = len(content.lines) - len(order.refunded)
        order.refunded = order.refunded[: len(content.lines)] + [0] * more
    order.revision += 1


def price(order: OrderState) -> None:
    """Store each line's points: the order's own terms, one floor for the whole, shared by largest
    remainder.
    """
    if order.terms is not None:
        whole = points_for(order.total_minor, order.terms)
        order.points = share(whole, [line[2] for line in order.lines])


def date_pending(order: OrderState, rules: Rules) -> None:
    """Set when the order's points fall due: its own pending days after completion, at the same local time; never
    while it is not completed.
    """
    if order.terms is None or order.completed_at is None:
        order.due_at = None
        return
    order.due_at = order.completed_at
    if order.terms.pending_days:
        local = order.completed_at.astimezone(rules.zone)
        day = local.date() + timedelta(days=order.terms.pending_days)
        order.due_at = local_instant(day, local.time(), rules.zone)


def is_due(order: OrderState, at: datetime) -> bool:
    """Whether the order's points wait no more."""
    return order.due_at is not None and order.due_at <= at


def target_points(order: OrderState) -> int:
    """The points that the order should have posted: nothing unless paid, and what its lines keep after
    refunds.
    """
    if order.status != PAID or order.points is None:
        return 0
    if order.refunded is None:
        return sum(order.points)
    return sum(
        kept(points, line[2], refunded)
        for points, line, refunded in zip(order.points, order.lines, order.refunded, strict=True)
    )


def resolved_refund(event: OrderRefund, order: OrderState) -> Refund | None:
    """The refund with its lines filled in; None when this very refund is stored already.

    Raises `RefundExceedsOrder` (more than is left of a line, or nothing), `Invalid`, `IdempotencyConflict`
    (the key was used for another refund of this order).
    """
    known = order.refunds.get(event.refund)
    wanted = None if event.lines is None else _summed(event.lines, order)
    if known is not None:
        if known.is_whole if wanted is None else known.lines == wanted:
            return None
        raise IdempotencyConflict(_("This order has another refund with the key %(key)s.", key=event.refund))
    if order.status != PAID:
        raise RefundExceedsOrder(_("The order is not paid, so there is nothing to refund."))
    done = order.refunded or [0] * len(order.lines)
    left = [line[2] - refunded for line, refunded in zip(order.lines, done, strict=True)]
    if wanted is None:
        lines = tuple((i + 1, amount) for i, amount in enumerate(left) if amount)
        if not lines:
            raise RefundExceedsOrder(_("Nothing is left of this order to refund."))
        return Refund(event.key, event.refund, event.at, True, lines)
    if not wanted:
        raise RefundExceedsOrder(_("A refund of nothing is not a refund."))
    for number, amount in wanted:
        if amount == 0:
            raise RefundExceedsOrder(_("Line %(line)s: a refund of nothing is not a refund.", line=number))
        if amount > left[number - 1]:
            raise RefundExceedsOrder(
                _("Line %(line)s has only %(left)s left to refund.", line=number, left=left[number - 1])
            )
    return Refund(event.key, event.refund, event.at, False, wanted)


def _summed(lines: object, order: OrderState) -> tuple[tuple[int, int], ...]:
    """A refund's lines by number, amounts of a line named twice added up."""
    amounts: dict[int, int] = {}
    for number, amount in lines:  # type: ignore[attr-defined]
        if not 1 <= number <= len(order.lines):
            raise Invalid.on("lines", _("The order has no line %(line)s.", line=number))
        if amount < 0:
            raise Invalid.on("lines", _("A refund is not negative."))
        amounts[number] = amounts.get(number, 0) + amount
    return tuple(sorted(amounts.items()))


def take_refund(order: OrderState, refund: Refund) -> None:
    """Store a resolved refund."""
    if order.refunded is None:
        order.refunded = [0] * len(order.lines)
    for number, amount in refund.lines:
        order.refunded[number - 1] += amount
        order.refunded_minor += amount
    order.refunds[refund.refund] = refund
