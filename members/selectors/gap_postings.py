"""What a closure kept back: the orders that earned nothing, the refunds that took nothing back (domain.md 2, 6)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from members.lib.posting import OrderKey
from members.models import Closure, GapPosting

ANOTHER_LIFE = "reopened"  # of a closure: what was before it is no affair of the life that began then
# An order without terms earned nothing yet; one that had them earlier was refunded or changed meanwhile. An order that
# was sent again since the program is open, or refunded then, may be settled: posting passes it over.
NEW = """
select o.id, o.member_id from members_order o
where o.merchant_id = %(merchant)s and o.member_id > %(after)s and o.rules_version is null
    and o.at >= %(since)s and o.at < %(until)s
"""
REFUNDED = """
select o.id, o.member_id from members_refund r
join members_order o on o.merchant_id = r.merchant_id and o.id = r.order_id
where r.merchant_id = %(merchant)s and r.at >= %(since)s and r.at < %(until)s
    and o.member_id > %(after)s and o.rules_version is not null
"""
CHANGED = """
select o.id, o.member_id from members_orderrevision v
join members_order o on o.merchant_id = v.merchant_id and o.id = v.order_id
where v.merchant_id = %(merchant)s and v.replaced_at >= %(since)s and v.replaced_at < %(until)s
    and o.member_id > %(after)s and o.rules_version is not null
"""
# Who was erased meanwhile holds nothing, and gets nothing.
_PEOPLE = (
    "join members_member m on m.merchant_id = %(merchant)s and m.id = k.member_id and m.status <> 'erased'"
)
NEXT = f"""
select distinct k.member_id from ({NEW} union all {REFUNDED} union all {CHANGED}) k {_PEOPLE} order by 1 limit %(most)s
"""
ORDERS = """
select o.member_id, o.id, o.channel, o.external_id, o.rules_version is null from members_order o
join ({kept}) k on k.id = o.id
where o.merchant_id = %(merchant)s and o.member_id = any(%(members)s)
group by 1, 2, 3, 4, 5 order by 1, 2
""".format(kept=f"{NEW} union all {REFUNDED} union all {CHANGED}")
REFUNDS = """
select o.channel, o.external_id, r.refund, (
    select v.clawback from members_rulesversion v where v.merchant_id = r.merchant_id and v.at <= r.at
    order by v.at desc, v.number desc limit 1
)
from members_refund r join members_order o on o.merchant_id = r.merchant_id and o.id = r.order_id
where r.merchant_id = %(merchant)s and r.at >= %(since)s and r.at < %(until)s and o.member_id = any(%(members)s)
"""
COUNT = f"""
select (select count(*) from ({NEW}) k {_PEOPLE}),
    (select count(distinct k.member_id) from ({NEW} union all {REFUNDED} union all {CHANGED}) k {_PEOPLE})
"""


@dataclass(slots=True)
class Kept:
    """What a closure kept back of some members: order keys by member in the order of arrival, those that never earned,
    and the refunds stored meanwhile with the clawback policy of their day."""

    orders: dict[int, list[OrderKey]] = field(default_factory=lambda: defaultdict(list))
    new: set[OrderKey] = field(default_factory=set)
    clawbacks: dict[OrderKey, dict[str, Any]] = field(default_factory=lambda: defaultdict(dict))


def closures(*, merchant_id: int, most: int = 12) -> list[Closure]:
    """The closures that are over and whose orders can be posted, the latest first."""
    over = Closure.objects.of(merchant_id).exclude(to_at=None)
    return list(over.exclude(Exists(_reopened(merchant_id, OuterRef("pk")))).order_by("-from_at")[:most])


def is_of_a_former_life(closure: Closure) -> bool:
    """Whether the program was opened anew after a clearance when a closure ended, or since. One query."""
    return _reopened(closure.merchant_id, closure.pk).exists()


def _reopened(merchant_id: int, since: Any) -> QuerySet[Closure]:
    return Closure.objects.of(merchant_id).filter(ended_by=ANOTHER_LIFE, pk__gte=since)


def posting_of(closure: Closure) -> GapPosting | None:
    """The posting that was asked for; None while nobody did."""
    return GapPosting.objects.of(closure.merchant_id).filter(closure_id=closure.pk).first()


def next_members(closure: Closure, *, after: int, most: int) -> list[int]:
    """The members of whom the closure kept something back, by id, behind one of them. One query."""
    return [row[0] for row in _rows(NEXT, closure, after=after, most=most)]


def kept(closure: Closure, *, members: Collection[int]) -> Kept:
    """What the closure kept back of some members. Two queries."""
    found, ids = Kept(), sorted(members)
    for member_id, _id, channel, external_id, is_new in _rows(ORDERS, closure, members=ids):
        found.orders[member_id].append((channel, external_id))
        if is_new:
            found.new.add((channel, external_id))
    for channel, external_id, refund, policy in _rows(REFUNDS, closure, members=ids):
        found.clawbacks[channel, external_id][refund] = policy or "allow_deficit"
    return found


def count(closure: Closure) -> tuple[int, int]:
    """(orders that never earned, members of whom something was kept back). One query."""
    ((orders, members),) = _rows(COUNT, closure)
    return orders, members


def _rows(query: str, closure: Closure, *, after: int = 0, **more: Any) -> list[tuple[Any, ...]]:
    known: dict[str, Any] = {
        "merchant": closure.merchant_id,
        "since": closure.from_at,
        "until": _end(closure),
        "after": after,
        **more,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, known)
        return cursor.fetchall()


def _end(closure: Closure) -> dt.datetime:
    assert closure.to_at is not None, "a closure that still lasts keeps more back"
    return closure.to_at
