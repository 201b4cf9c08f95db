"""What a closure kept back, posted on request: parts of the fold's `OrdersPosted` (domain.md 2, 6).

While a program is not open, an order counts in its member's days at once and earns nothing; a refund lowers the day and
takes nothing back. Posting does what is missing, in the order in which things arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from members.lib.points import Clawback
from members.lib.posting.events import PAID
from members.lib.posting.orders import target_points
from members.lib.posting.rules import Rules
from members.lib.posting.state import MemberState, OrderState
from members.lib.posting.windows import post_to_day


def lay_aside(state: MemberState, order: OrderState) -> None:
    """Take what an order brought out of its member's days as the fold sees them; the stored days keep it."""
    _lay(state, order, -1)


def lay_back(state: MemberState, order: OrderState) -> None:
    """Put it back: the order arrives now."""
    _lay(state, order, 1)


def _lay(state: MemberState, order: OrderState, sign: int) -> None:
    if order.paid_on is not None and order.status == PAID:
        spend, count = sign * order.net_minor, sign * order.counts
        post_to_day(state, order.paid_on, spend_minor=spend, orders=count, points=0)


def under(rules: Rules, policy: Clawback | None) -> Rules:
    """The rules with the clawback policy of another day; None: their own."""
    if policy is None or policy == rules.points.clawback:
        return rules
    return replace(rules, points=replace(rules.points, clawback=policy))


def steps(
    order: OrderState, clawbacks: Mapping[str, Clawback], *, is_new: bool
) -> Iterator[tuple[str | None, Clawback | None]]:
    """(refund, its policy) for each move of the order's points, which is then as refunded as it was by that time.

    An order that earns only now earns what is left of it: no refund takes anything back. One that had earned before the
    closure gives back refund by refund; (None, None) is what is no refund's. Walk it to its end.
    """
    late = [refund for refund in order.refunds.values() if refund.refund in clawbacks]
    if is_new or not late or order.refunded is None:
        yield None, None
        return
    whole, so_far = order.refunded, list(order.refunded)
    for refund in late:
        for number, amount in refund.lines:
            so_far[number - 1] -= amount
    order.refunded = so_far
    if target_points(order) < order.posted:
        yield None, None
    for refund in sorted(late, key=lambda each: (each.at, each.sequence)):
        for number, amount in refund.lines:
            so_far[number - 1] += amount
        if target_points(order) < order.posted:
            yield refund.refund, clawbacks[refund.refund]
    order.refunded = whole
    yield None, None
