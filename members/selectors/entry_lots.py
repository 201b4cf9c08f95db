"""Where an entry's points came from or went: its lots, the wait of an order, the hold behind it (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field

from members.models import Merchant, Order, PendingPoints, PointsAllocation, PointsEntry, PointsLot


@dataclass(frozen=True, slots=True)
class Part:
    """`points` that an entry took from a lot (positive) or gave back to it (negative)."""

    points: int
    since: dt.datetime  # when the lot's points became available
    expires_on: dt.date | None
    order: str = ""  # the number of the order that brought them; "" for none


@dataclass(slots=True)
class Lots:
    """What the lots say about an entry.

    `made` is the lot that it brought, `lapsed` the one that expired by it, `parts` what it took from lots or gave back.
    `waits` is what of the entry's order still waits now, `due_at` until when (None: the order is not completed).
    """

    made: PointsLot | None = None
    lapsed: PointsLot | None = None
    parts: list[Part] = field(default_factory=list)
    waits: int = 0
    due_at: dt.datetime | None = None


def lots_of(*, merchant: Merchant, entry: PointsEntry) -> Lots:
    """The lots of one entry. Four queries."""
    taken = list(
        PointsAllocation.objects.of(merchant.pk)
        .filter(member_id=entry.member_id, sequence=entry.sequence)
        .order_by("id")
        .values_list("lot", "points")
    )
    numbers = {entry.sequence, entry.lot, *(number for number, _points in taken)}
    found = PointsLot.objects.of(merchant.pk).filter(member_id=entry.member_id, number__in=numbers - {None})
    by_number = {lot.number: lot for lot in found}
    orders = _order_numbers(merchant, list(by_number.values()))
    answer = Lots(
        made=by_number.get(entry.sequence),
        lapsed=by_number.get(entry.lot) if entry.lot is not None else None,
        parts=[
            Part(points, lot.available_at, lot.expires_on, orders.get(lot.order_id or 0, ""))
            for lot, points in ((by_number[number], points) for number, points in taken)
        ],
    )
    waiting = PendingPoints.objects.of(merchant.pk).filter(order_id=entry.order_id or 0, points__gt=0).first()
    if waiting is not None:
        answer.waits, answer.due_at = waiting.points, waiting.due_at
    return answer


def _order_numbers(merchant: Merchant, lots: Sequence[PointsLot]) -> dict[int, str]:
    ids = {lot.order_id for lot in lots if lot.order_id is not None}
    return dict(Order.objects.of(merchant.pk).filter(pk__in=ids).values_list("pk", "external_id"))
