"""What orders bring by themselves, once an order, and what is taken back with an order refunded whole (domain 8).

Orders are heard of in the transaction that posts them (`members.services.order_news`). As with every occasion, what is
not in force, is for others, has nothing left or reached a limit brings nothing, and never refuses the order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence

from django.db.models import Q

from benefits.lib.entitlements import OPEN
from benefits.lib.kinds.parts.by_order import ON_ORDER, condition_of
from benefits.models import Benefit, BenefitStatus, Entitlement, EntitlementSource
from benefits.services import coverage, occasions, taking_back
from members.services import order_news
from members.services.occasions import OrderNow

SOURCE = EntitlementSource.ORDER


def cause_of(order_id: int) -> str:
    """What an entitlement that an order brought names as its cause."""
    return f"{SOURCE}:{order_id}"


def hear(benefit: Benefit) -> None:
    """Have postings tell of orders, for a benefit that they bring. In the transaction that publishes or changes it."""
    if condition_of(benefit.settings) is not None:
        order_news.hear(merchant_id=benefit.merchant_id)


def on_orders(*, merchant_id: int, at: dt.datetime, orders: Sequence[OrderNow]) -> None:
    """Take back what refunded orders brought and was not used; give what the others bring."""
    gone = {order.order_id: order.member_id for order in orders if not order.counts}
    lost = _brought_by(merchant_id, gone) if gone else []
    brought = list(_bringing(merchant_id, at, [order for order in orders if order.counts]))
    if lost or brought:  # several benefits in one transaction: as welcomes do
        coverage.lock(merchant_id=merchant_id)
    for benefit_id in lost:
        taking_back.take_back(
            merchant_id=merchant_id,
            benefit_id=benefit_id,
            at=at,
            actor=occasions.JOB,
            source=SOURCE,
            causes=[cause_of(order_id) for order_id in gone],
            member_ids=list(gone.values()),
        )
    for benefit_id, fitting in brought:
        for who in _rounds(fitting):
            occasions.issue_many(
                merchant_id=merchant_id, benefit_id=benefit_id, at=at, source=SOURCE, who=sorted(who.items())
            )


def _brought_by(merchant_id: int, gone: Mapping[int, int]) -> list[int]:
    """The benefits of which these orders brought something that may still be there, by id. One query."""
    rows = Entitlement.objects.of(merchant_id).filter(
        member_id__in=set(gone.values()),
        cause__in=[cause_of(order_id) for order_id in gone],
        source=SOURCE,
        state__in=OPEN,
    )
    return sorted(set(rows.values_list("benefit_id", flat=True)))


def _bringing(
    merchant_id: int, at: dt.datetime, orders: Sequence[OrderNow]
) -> Iterator[tuple[int, list[OrderNow]]]:
    """The benefits in force that some of the orders bring, by id, with those orders. One query."""
    if not orders:
        return
    rows = Benefit.objects.of(merchant_id).filter(
        Q(from_at=None) | Q(from_at__lte=at),
        Q(to_at=None) | Q(to_at__gt=at),
        status=BenefitStatus.PUBLISHED,
        settings__has_key=ON_ORDER,
    )
    for benefit in rows.order_by("id"):
        condition = condition_of(benefit.settings)
        if condition is None:
            continue
        fitting = [o for o in orders if condition.fits(o, from_at=benefit.from_at, to_at=benefit.to_at)]
        if fitting:
            yield benefit.pk, fitting


def _rounds(orders: Sequence[OrderNow]) -> Iterator[dict[int, str]]:
    """Causes by member, an order of each member at a time, the earlier before the later: limits see them in turn."""
    left = sorted(orders, key=lambda order: order.order_id)
    while left:
        now: dict[int, str] = {}
        later = []
        for order in left:
            if order.member_id in now:
                later.append(order)
            else:
                now[order.member_id] = cause_of(order.order_id)
        yield now
        left = later
