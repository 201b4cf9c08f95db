"""What comes next for a member's points: what expires when, what is confirmed when, what is held (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import F, Sum

from members.lib.periods import merchant_day, next_daily_job
from members.models import (
    ExpiryNotice,
    Merchant,
    PendingPoints,
    PointsAccount,
    PointsLot,
    PointsRequest,
    PointsRequestStatus,
)

SHOWN = 4
_INSTANT = dt.timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Confirming:
    """Points of an order that wait. `on` is the day whose daily job makes them available; None: not completed yet."""

    points: int
    on: dt.date | None
    order: str


@dataclass(slots=True)
class Coming:
    """What a member's points will do by themselves, the soonest first; what is beyond the first few is summed up."""

    expiring: list[tuple[dt.date, int]] = field(default_factory=list)  # (last usable day, points)
    expiring_later: int = 0
    told: dict[dt.date, dt.datetime] = field(
        default_factory=dict
    )  # last usable day -> when the member was last told
    lasting: int = 0  # without expiry
    confirming: list[Confirming] = field(default_factory=list)
    confirming_later: int = 0
    holds: list[PointsRequest] = field(default_factory=list)
    proposals: list[PointsRequest] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to come."""
        return not (self.expiring or self.lasting or self.confirming or self.holds or self.proposals)


def coming(*, merchant: Merchant, member_id: int) -> Coming:
    """What comes next for one member. Six queries."""
    answer = Coming()
    _set_expiring(answer, merchant, member_id)
    waiting = (
        PendingPoints.objects.of(merchant.pk)
        .filter(member_id=member_id, points__gt=0)
        .select_related("order")
        .order_by(F("due_at").asc(nulls_last=True), "order_id")
    )
    rows = list(waiting)
    answer.confirming = [
        Confirming(row.points, _confirmed_on(row.due_at, merchant), row.order.external_id)
        for row in rows[:SHOWN]
    ]
    answer.confirming_later = sum(row.points for row in rows[SHOWN:])
    answer.holds = _open_requests(merchant, member_id, PointsRequestStatus.HELD)
    answer.proposals = _open_requests(merchant, member_id, PointsRequestStatus.PROPOSED)
    return answer


def _open_requests(merchant: Merchant, member_id: int, status: str) -> list[PointsRequest]:
    # One status a query: each has an index of its own.
    rows = PointsRequest.objects.of(merchant.pk).filter(member_id=member_id, status=status)
    return list(rows.order_by("ends_at", "id"))


def _set_expiring(answer: Coming, merchant: Merchant, member_id: int) -> None:
    through = (
        PointsAccount.objects.of(merchant.pk)
        .filter(member_id=member_id)
        .values_list("expired_through", flat=True)
        .first()
    )
    lots = PointsLot.objects.of(merchant.pk).filter(member_id=member_id, remaining__gt=0)
    if through is not None:
        lots = lots.exclude(expires_on__lte=through)
    by_day = lots.values_list("expires_on").annotate(points=Sum("remaining"))
    dated = []
    for day, points in by_day.order_by(F("expires_on").asc(nulls_last=True)):
        if day is None:
            answer.lasting = points
        else:
            dated.append((day, points))
    answer.expiring = dated[:SHOWN]
    notices = ExpiryNotice.objects.of(merchant.pk).filter(
        member_id=member_id, expires_on__in=[day for day, _points in answer.expiring]
    )
    answer.told = dict(notices.order_by("at").values_list("expires_on", "at"))
    answer.expiring_later = sum(points for _day, points in dated[SHOWN:])


def _confirmed_on(due_at: dt.datetime | None, merchant: Merchant) -> dt.date | None:
    """The merchant day of the first daily job at or after an instant."""
    if due_at is None:
        return None
    return merchant_day(next_daily_job(due_at - _INSTANT, merchant.zone), merchant.zone)
