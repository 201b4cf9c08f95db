"""A member's points: balance, lots, entries (domain.md 6; play.md `show points`, `show entries`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from django.db.models import F

from members.lib import prepared
from members.models import Merchant, PointsAccount, PointsEntry, PointsLot, PointsRequest

# All that a till asks about a member, in one row. There is none when the merchant has no program; `m.id` is null when
# there is no such member.
BALANCE = """
select p.status, m.id, a.available, a.pending, a.deficit, a.earned, a.redeemed, a.expired, a.clawed_back,
    l.remaining, l.until, w.points, w.due, w.orders, h.ids, h.points, h.since, h.ends, h.reasons, h.keys, v.point_cost
from members_program p
left join members_member m on m.merchant_id = p.merchant_id and m.public_id = %(member)s
left join members_pointsaccount a on a.merchant_id = p.merchant_id and a.member_id = m.id
left join lateral (
    select array_agg(remaining order by expires_on nulls last, available_at, number) as remaining,
        array_agg(expires_on order by expires_on nulls last, available_at, number) as until
    from members_pointslot
    where merchant_id = p.merchant_id and member_id = m.id and remaining > 0
        and (expires_on is null or a.expired_through is null or expires_on > a.expired_through)
) l on true
left join lateral (
    select array_agg(q.points order by q.due_at nulls last, q.order_id) as points,
        array_agg(q.due_at order by q.due_at nulls last, q.order_id) as due,
        array_agg(o.external_id order by q.due_at nulls last, q.order_id) as orders
    from members_pendingpoints q join members_order o on o.merchant_id = q.merchant_id and o.id = q.order_id
    where q.merchant_id = p.merchant_id and q.member_id = m.id and q.points > 0
) w on true
left join lateral (
    select array_agg(public_id order by ends_at, id) as ids, array_agg(points order by ends_at, id) as points,
        array_agg(at order by ends_at, id) as since, array_agg(ends_at order by ends_at, id) as ends,
        array_agg(reason order by ends_at, id) as reasons, array_agg(key order by ends_at, id) as keys
    from members_pointsrequest where merchant_id = p.merchant_id and member_id = m.id and status = 'held'
) h on true
left join lateral (
    select point_cost from members_rulesversion
    where merchant_id = p.merchant_id and at <= %(at)s order by at desc, number desc limit 1
) v on true
where p.merchant_id = %(merchant)s
"""


class Waiting(NamedTuple):
    """Points of an order that wait. `due_at` None: the order is not completed."""

    points: int
    due_at: dt.datetime | None
    order: str


class Held(NamedTuple):
    """Points that are set aside until a hold ends by itself."""

    id: str
    points: int
    at: dt.datetime
    ends_at: dt.datetime
    reason: str
    key: str


@dataclass(slots=True)
class Balance:
    """What a member has, and what comes next, besides the program's state: the one reading behind API and pages.

    `lots` are (remaining, last usable day) in spending order; `waiting` and `holds` the soonest first. Instants are
    aware. `point_cost` is minor units a point, None unset.
    """

    status: str
    member_id: int | None
    available: int
    pending: int
    deficit: int
    earned: int
    redeemed: int
    expired: int
    clawed_back: int
    lots: list[tuple[int, dt.date | None]]
    waiting: list[Waiting]
    holds: list[Held]
    point_cost: Decimal | None

    @property
    def value_minor(self) -> int | None:
        """What the available points cost the merchant, about; None when no cost is set."""
        if self.point_cost is None:
            return None
        return int((self.available * self.point_cost).quantize(Decimal(1), ROUND_HALF_UP))

    @property
    def expiring(self) -> list[tuple[dt.date, int]]:
        """(last usable day, points), the earliest first."""
        days: dict[dt.date, int] = {}
        for remaining, until in self.lots:
            if until is not None:
                days[until] = days.get(until, 0) + remaining
        return list(days.items())

    @property
    def lasting(self) -> int:
        """Available points that never expire."""
        return sum(remaining for remaining, until in self.lots if until is None)

    @property
    def confirming(self) -> list[tuple[dt.datetime | None, int]]:
        """(due instant, points), the earliest first, None last."""
        instants: dict[dt.datetime | None, int] = {}
        for one in self.waiting:
            instants[one.due_at] = instants.get(one.due_at, 0) + one.points
        return list(instants.items())


def balance(*, merchant_id: int, public_id: str, at: dt.datetime) -> Balance | None:
    """What the member of an id has; None when the merchant has no program. One query."""
    row = prepared.fetch_one(BALANCE, {"merchant": merchant_id, "member": public_id, "at": at})
    if row is None:
        return None
    numbers = [number or 0 for number in row[2:9]]
    values: list[Any] = [
        *row[:2], *numbers, _rows(row[9:11]), [Waiting(*one) for one in _rows(row[11:14])],
        [Held(*one) for one in _rows(row[14:20])], row[20],
    ]  # fmt: skip
    return Balance(*values)


def _rows(columns: Iterable[list[Any] | None]) -> list[Any]:
    return list(zip(*(column or () for column in columns), strict=True))


def balance_after(*, merchant_id: int, member_id: int, sequence: int) -> int:
    """available - deficit right after an entry. One query."""
    row = prepared.fetch_one(
        "select balance_after from members_pointsentry "
        "where merchant_id = %(merchant)s and member_id = %(member)s and sequence = %(sequence)s",
        {"merchant": merchant_id, "member": member_id, "sequence": sequence},
    )
    assert row is not None
    return int(row[0])


def available(*, merchant_id: int, member_id: int) -> int:
    """What a member can spend now. One query."""
    account = PointsAccount.objects.of(merchant_id).filter(member_id=member_id)
    return account.values_list("available", flat=True).first() or 0


def request(
    *, merchant_id: int, member_id: int, public_id: str, verbs: Sequence[str]
) -> PointsRequest | None:
    """What a merchant's system asked of a member's points, by the id shown outside; None for anything else."""
    rows = PointsRequest.objects.of(merchant_id).filter(public_id=public_id, space="")
    return rows.filter(member_id=member_id, verb__in=verbs).first()


def standing(*, merchant_id: int, member_id: int, at: dt.datetime) -> dict[str, Any]:
    """Available, pending, deficit, lots in spending order, and the positive totals. Two queries."""
    account = PointsAccount.objects.of(merchant_id).filter(member_id=member_id).first() or PointsAccount()
    lots = PointsLot.objects.of(merchant_id).filter(member_id=member_id, remaining__gt=0)
    return {
        "available": account.available,
        "pending": account.pending,
        "deficit": account.deficit,
        "lots": [
            {"remaining": lot.remaining, "expires_on": lot.expires_on}
            for lot in lots.order_by(F("expires_on").asc(nulls_last=True), "available_at", "number")
            if not (account.expired_through and lot.expires_on and lot.expires_on <= account.expired_through)
        ],
        "earned": account.earned,
        "redeemed": account.redeemed,
        "expired": account.expired,
        "clawed_back": account.clawed_back,
    }


def entries(*, merchant_id: int, member_id: int) -> list[dict[str, Any]]:
    """Every entry of a member in order, as a play prints them."""
    zone = Merchant.objects.get(pk=merchant_id).zone
    rows = PointsEntry.objects.of(merchant_id).filter(member_id=member_id).order_by("sequence")
    return [
        {
            "at": row.at.astimezone(zone),
            "kind": row.kind,
            "points": row.points,
            "pending": row.pending,
            "balance_after": row.balance_after,
            "cause": row.cause,
        }
        for row in rows
    ]
