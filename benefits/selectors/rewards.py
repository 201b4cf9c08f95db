"""Reading rewards and their orders."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from benefits.models import Benefit, BenefitStatus, RewardOrder, RewardState

KIND = "points_exchange"


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """Which orders a list shows. Empty means all; `search`: an order's id, a tracking number, the reward's name."""

    search: str = ""
    state: str = ""

    @property
    def is_narrow(self) -> bool:
        """Whether it leaves anything out."""
        return bool(self.search or self.state)


def in_force(*, merchant_id: int, at: dt.datetime) -> QuerySet[Benefit]:
    """The rewards in force. Runs no query."""
    rows: QuerySet[Benefit] = Benefit.objects.of(merchant_id)
    return rows.filter(
        Q(from_at=None) | Q(from_at__lte=at),
        Q(to_at=None) | Q(to_at__gt=at),
        kind=KIND,
        status=BenefitStatus.PUBLISHED,
    )


def _narrowed(merchant_id: int, search: str) -> QuerySet[RewardOrder]:
    rows: QuerySet[RewardOrder] = RewardOrder.objects.of(merchant_id)
    if search:
        rows = rows.filter(Q(public_id=search) | Q(tracking__icontains=search) | Q(item__icontains=search))
    return rows


def orders(*, merchant_id: int, wanted: OrderFilter = OrderFilter()) -> QuerySet[RewardOrder]:
    """Orders that a filter means, the newest first, with member and benefit. Runs no query."""
    rows = _narrowed(merchant_id, wanted.search)
    if wanted.state in RewardState.values:
        rows = rows.filter(state=wanted.state)
    return rows.select_related("member", "benefit").order_by("-id")


def counts(*, merchant_id: int, search: str = "") -> dict[str, int]:
    """How many orders there are by state, "" for all of them. One query."""
    rows = _narrowed(merchant_id, search).order_by().values_list("state").annotate(n=Count("id"))
    found = dict(rows)
    return {"": sum(found.values()), **{state: found.get(state, 0) for state in RewardState.values}}


def of_member(*, merchant_id: int, member_id: int) -> QuerySet[RewardOrder]:
    """A member's orders, the newest first, with member and benefit. Runs no query."""
    return orders(merchant_id=merchant_id).filter(member_id=member_id)


def by_public_id(*, merchant_id: int, public_id: str) -> RewardOrder | None:
    """One order. One query."""
    return orders(merchant_id=merchant_id).filter(public_id=public_id).first()


def ordered(*, merchant_id: int) -> dict[int, int]:
    """How often each reward was ordered and not cancelled, by the benefit's id. One query."""
    rows = RewardOrder.objects.of(merchant_id).exclude(state=RewardState.CANCELLED).order_by()
    return dict(rows.values_list("benefit_id").annotate(n=Count("id")))
