"""What comes next of a member's balance as a page shows it: the soonest few, and what is beyond them (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

from members.lib.periods import merchant_day, next_daily_job
from members.models import (
    ExpiryEmail,
    ExpiryEmailState,
    ExpiryNotice,
    Member,
    Merchant,
    PointsRequest,
    PointsRequestStatus,
)
from members.selectors import points
from members.selectors.points import Held

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
    mailed: dict[dt.date, dt.datetime] = field(default_factory=dict)  # likewise: by e-mail
    lasting: int = 0  # without expiry
    confirming: list[Confirming] = field(default_factory=list)
    confirming_later: int = 0
    holds: list[Held] = field(default_factory=list)
    proposals: list[PointsRequest] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to come."""
        return not (self.expiring or self.lasting or self.confirming or self.holds or self.proposals)


def coming(*, merchant: Merchant, member: Member, at: dt.datetime) -> Coming:
    """What comes next for one member. Three queries, four where the member was told of any."""
    has = points.balance(merchant_id=merchant.pk, public_id=member.public_id, at=at)
    if has is None:
        return Coming()
    proposed = PointsRequest.objects.of(merchant.pk).filter(
        member_id=member.pk, status=PointsRequestStatus.PROPOSED
    )
    soon = has.expiring[:SHOWN]
    notices = ExpiryNotice.objects.of(merchant.pk).filter(
        member_id=member.pk, expires_on__in=[day for day, _points in soon]
    )
    told = list(notices.order_by("at").values_list("id", "expires_on", "at"))
    return Coming(
        expiring=soon,
        told={day: at for _id, day, at in told},
        mailed=_mailed(merchant, {notice: day for notice, day, _at in told}),
        expiring_later=sum(number for _day, number in has.expiring[SHOWN:]),
        lasting=has.lasting,
        confirming=[
            Confirming(one.points, _confirmed_on(one.due_at, merchant), one.order)
            for one in has.waiting[:SHOWN]
        ],
        confirming_later=sum(one.points for one in has.waiting[SHOWN:]),
        holds=has.holds,
        proposals=list(proposed.order_by("id")),
    )


def _mailed(merchant: Merchant, notices: dict[int, dt.date]) -> dict[dt.date, dt.datetime]:
    """When the e-mail of a notice went out, by last usable day."""
    if not notices:
        return {}
    sent = ExpiryEmail.objects.of(merchant.pk).filter(notice_id__in=notices, state=ExpiryEmailState.SENT)
    rows = sent.order_by("settled_at").values_list("notice_id", "settled_at")
    return {notices[notice_id]: at for notice_id, at in rows}


def _confirmed_on(due_at: dt.datetime | None, merchant: Merchant) -> dt.date | None:
    """The merchant day of the first daily job at or after an instant."""
    if due_at is None:
        return None
    return merchant_day(next_daily_job(due_at - _INSTANT, merchant.zone), merchant.zone)
