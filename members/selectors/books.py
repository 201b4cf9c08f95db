"""The books of points of a merchant: what moved month by month and what is owed at an instant (domain.md 6).

Figures come from the ledger alone, set-based: movements from its entries, what is available from its lots, turned back
by the few entries that came after the instant asked for. So the books of an instant past are those of the entries then,
and for every instant: opening + movements = closing = available + pending + held - deficit, where available is the sum
of the open lots by the month of their last usable day (as that day is known now: closures and switches move it).

What is closed is read from statements and never worked out again; a span that begins with one reads the rest only.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from members.lib import books
from members.lib.books import MOVEMENTS, Breakage, Bucket, Flow, Movements, Pots
from members.lib.periods import add_months, local_instant, merchant_day
from members.models import Merchant, PointsStatement
from members.selectors import rules

MIDNIGHT = dt.time()
ALL_ARRIVED = 2**62  # a position above every entry's id

FINGERPRINT = """sum(hashtextextended(concat_ws('|', e.member_id, e.sequence, extract(epoch from e.at), e.kind,
    e.points, e.pending, e.balance_after), 0)::numeric)"""
# Entries of a span that count as come: {beyond} leaves out those that the statement before covers.
MOVED = """
select greatest(date_trunc('month', e.at at time zone %(zone)s)::date, %(first)s::date) as month, e.kind,
    coalesce(r.verb, '') as verb, sum(e.points), sum(e.pending),
    coalesce(sum(r.points) filter (where e.kind = 'capture'), 0), count(*),
    count(*) filter (where e.at < %(since)s::timestamptz),
    {fingerprint}
from members_pointsentry e
left join members_pointsrequest r on r.merchant_id = e.merchant_id and r.id = e.request_id
where e.merchant_id = %(merchant)s and e.at < %(until)s and e.id <= %(position)s {beyond}
group by 1, 2, 3
"""
# The entries that each statement of some shops covers, in one pass: the first statement whose bounds hold them both. As
# an entry's place is found by counting bounds that lie behind it, entries that no statement covers have the last place.
COVERED = """
with closed as materialized (
    select merchant_id, array_agg(until order by month) as untils, array_agg(position order by month) as positions,
        max(until) as until, max(position) as position
    from members_pointsstatement where merchant_id between %(first)s and %(last)s group by 1
)
select e.merchant_id, greatest(width_bucket(e.at, s.untils), width_bucket(e.id - 1, s.positions)) as place, e.kind,
    coalesce(r.verb, '') as verb, sum(e.points), sum(e.pending),
    coalesce(sum(r.points) filter (where e.kind = 'capture'), 0), count(*), {fingerprint}
from closed s join members_pointsentry e on e.merchant_id = s.merchant_id and e.at < s.until and e.id <= s.position
left join members_pointsrequest r on r.merchant_id = e.merchant_id and r.id = e.request_id
where e.merchant_id between %(first)s and %(last)s
group by 1, 2, 3, 4
"""
BEYOND = "and (e.at >= %(since)s or e.id > %(mark)s)"
# Lots as they are, less what entries since have brought, plus what they have taken. One statement, one moment.
OUTSTANDING = """
with later as materialized (
    select member_id, sequence, kind, points, lot from members_pointsentry
    where merchant_id = %(merchant)s and (at >= %(until)s or id > %(position)s)
), parts as (
    select l.expires_on, l.remaining as points from members_pointslot l
    join members_pointsaccount a on a.merchant_id = l.merchant_id and a.member_id = l.member_id
    where l.merchant_id = %(merchant)s and a.merchant_id = %(merchant)s and l.remaining > 0
        and (l.expires_on is null or a.expired_through is null or l.expires_on > a.expired_through)
    union all
    select l.expires_on, x.points from later e
    join members_pointsallocation x
        on x.merchant_id = %(merchant)s and x.member_id = e.member_id and x.sequence = e.sequence
    join members_pointslot l on l.merchant_id = %(merchant)s and l.member_id = x.member_id and l.number = x.lot
    union all
    select l.expires_on, -e.points from later e
    join members_pointslot l on l.merchant_id = %(merchant)s and l.member_id = e.member_id and l.number = e.lot
    where e.kind = 'expire'
    union all
    select l.expires_on, -l.amount from later e
    join members_pointslot l on l.merchant_id = %(merchant)s and l.member_id = e.member_id and l.number = e.sequence
), since as (
    select member_id, sum(points) as points from later group by 1
)
select date_trunc('month', expires_on)::date as month, sum(points)::bigint as points, null::bigint as deficit
from parts group by 1 having sum(points) <> 0
union all
select null, null, coalesce(sum(greatest(0, a.deficit - a.available + coalesce(s.points, 0))), 0)::bigint
from members_pointsaccount a left join since s on s.member_id = a.member_id where a.merchant_id = %(merchant)s
"""
# Lots by the month in which they became available; those of points that came back, or from elsewhere, are no issue.
COHORTS = """
select date_trunc('month', l.available_at at time zone %(zone)s)::date, sum(l.amount)::bigint,
    coalesce(sum(-x.points), 0)::bigint,
    bool_and(l.expires_on < %(today)s and (l.remaining = 0 or coalesce(l.expires_on <= a.expired_through, false)))
from members_pointslot l
join members_pointsaccount a on a.merchant_id = l.merchant_id and a.member_id = l.member_id
join members_pointsentry e on e.merchant_id = l.merchant_id and e.member_id = l.member_id and e.sequence = l.number
left join members_pointsrequest r on r.merchant_id = e.merchant_id and r.id = e.request_id
left join members_pointsentry x
    on x.merchant_id = l.merchant_id and x.member_id = l.member_id and x.lot = l.number and x.kind = 'expire'
where l.merchant_id = %(merchant)s and l.expires_on is not null and e.kind <> 'restore'
    and r.verb is distinct from 'import'
group by 1
"""
GIVEN_BACK = """
select coalesce(sum(e.points), 0)::bigint from members_pointsentry e
join members_pointsrequest r on r.merchant_id = e.merchant_id and r.id = e.request_id and r.verb = 'give_back'
where e.merchant_id = %(merchant)s and e.kind = 'restore'
"""


@dataclass(slots=True)
class Month:
    """One month of the books; `statement` when it is closed. Opening and closing are balances."""

    month: dt.date
    opening: int
    moved: Movements
    closing: int
    pots: Pots | None = None  # known for closed months and for now
    statement: PointsStatement | None = None


@dataclass(slots=True)
class Books:
    """What is owed at an instant, and how it came to that, the oldest month first."""

    at: dt.datetime
    pots: Pots
    buckets: list[Bucket]
    months: list[Month] = field(default_factory=list)
    cost: Decimal | None = None
    rules_version: int | None = None
    breakage: Breakage | None = None  # that of the last statement
    difference: int = 0  # between entries and lots; a sound ledger has none

    @property
    def is_empty(self) -> bool:
        """Whether no points ever moved."""
        return not self.months


def month_end(month: dt.date, merchant: Merchant) -> dt.datetime:
    """The instant at which a merchant's month is over."""
    return local_instant(add_months(month, 1), MIDNIGHT, merchant.zone)


def last_statement(*, merchant_id: int) -> PointsStatement | None:
    """The last month that is closed."""
    return PointsStatement.objects.of(merchant_id).order_by("-month").first()


def flows(
    *,
    merchant: Merchant,
    until: dt.datetime,
    position: int = ALL_ARRIVED,
    after: PointsStatement | None = None,
) -> dict[dt.date, Flow]:
    """What moved before `until`, by merchant month, of entries up to a position that the statement `after` leaves out.

    What is dated in a month that is closed already is booked in the first month that is open.
    """
    found: dict[dt.date, Flow] = {}
    parameters: dict[str, Any] = {
        "merchant": merchant.pk,
        "zone": merchant.timezone,
        "until": until,
        "position": position,
        "since": after and after.until,
        "mark": after and after.position,
        "first": after and add_months(after.month, 1),
    }
    with connection.cursor() as cursor:
        cursor.execute(MOVED.format(beyond=BEYOND if after else "", fingerprint=FINGERPRINT), parameters)
        for month, kind, verb, points, pending, asked, entries, late, fingerprint in cursor.fetchall():
            flow = found.setdefault(month, Flow())
            flow.note(kind, verb, points=int(points), pending=int(pending), asked=int(asked))
            flow.entries += entries
            flow.late += late
            flow.fingerprint += int(fingerprint)
    return dict(sorted(found.items()))


def flows_of_statements(*, first: int, last: int) -> dict[tuple[int, int], Flow]:
    """What the entries moved that each statement covers, by merchant and the statement's place among its own.

    Of the merchants with ids from `first` to `last`, in one query. Works as platform.
    """
    found: dict[tuple[int, int], Flow] = {}
    with connection.cursor() as cursor:
        cursor.execute(COVERED.format(fingerprint=FINGERPRINT), {"first": first, "last": last})
        for merchant, place, kind, verb, points, pending, asked, entries, fingerprint in cursor.fetchall():
            flow = found.setdefault((merchant, place), Flow())
            flow.note(kind, verb, points=int(points), pending=int(pending), asked=int(asked))
            flow.entries += entries
            flow.fingerprint += int(fingerprint)
    return found


def outstanding(
    *, merchant_id: int, until: dt.datetime, position: int = ALL_ARRIVED
) -> tuple[list[Bucket], int]:
    """Available points by the month of their last usable day, never-expiring ones last; and what members owe."""
    buckets: list[Bucket] = []
    deficit = 0
    with connection.cursor() as cursor:
        cursor.execute(OUTSTANDING, {"merchant": merchant_id, "until": until, "position": position})
        for month, points, owing in cursor.fetchall():
            if owing is not None:
                deficit = int(owing)
            else:
                buckets.append(Bucket(month, int(points)))
    return sorted(buckets, key=lambda each: (each.month is None, each.month or dt.date.max)), deficit


def breakage(*, merchant: Merchant, before: dt.date) -> Breakage:
    """The estimate as the ledger stands: from months before `before` whose points were all used or lapsed."""
    parameters: dict[str, Any] = {"merchant": merchant.pk, "zone": merchant.timezone, "today": before}
    with connection.cursor() as cursor:
        cursor.execute(COHORTS, parameters)
        cohorts = cursor.fetchall()
        cursor.execute(GIVEN_BACK, parameters)
        (given_back,) = cursor.fetchone()
    return books.matured(cohorts, given_back=int(given_back), before=before)


def basis_of(statement: PointsStatement) -> Breakage:
    """The basis that a statement was closed with."""
    basis = statement.breakage_basis
    rows = tuple(
        (dt.date.fromisoformat(month), issued, expired) for month, issued, expired in basis.get("months", ())
    )
    return Breakage(rows, basis.get("given_back", 0))


def pots_of(statement: PointsStatement) -> Pots:
    """What was owed when a month was closed."""
    return Pots(statement.available, statement.pending, statement.held, statement.deficit)


def buckets_of(statement: PointsStatement) -> list[Bucket]:
    """What was available when a month was closed, by the month of its last usable day."""
    return [
        Bucket(None if month is None else dt.date.fromisoformat(month), points)
        for month, points in statement.by_expiry
    ]


def moved_of(statement: PointsStatement) -> Movements:
    """The movements of a closed month."""
    return Movements(*(getattr(statement, name) for name in MOVEMENTS))


def statements(*, merchant_id: int) -> list[PointsStatement]:
    """Every closed month, the oldest first. One query."""
    return list(PointsStatement.objects.of(merchant_id).order_by("month"))


def statements_of_shops(*, first: int, last: int) -> list[PointsStatement]:
    """Every closed month of the merchants with ids from `first` to `last`, by merchant, the oldest first."""
    rows = PointsStatement.objects.filter(merchant_id__gte=first, merchant_id__lte=last)
    return list(rows.order_by("merchant_id", "month"))


def statement_of(*, merchant_id: int, month: dt.date) -> PointsStatement | None:
    """The statement of a month that is closed."""
    return PointsStatement.objects.of(merchant_id).filter(month=month).first()


def books_at(*, merchant: Merchant, at: dt.datetime) -> Books:
    """The books as they stand at an instant: closed months as they were closed, the rest from the ledger.

    Asked for an instant past, they leave out every entry and statement since. Works as the merchant.
    """
    closed = [each for each in statements(merchant_id=merchant.pk) if each.until <= at]
    last = closed[-1] if closed else None
    found = flows(merchant=merchant, until=at, after=last)
    buckets, deficit = outstanding(merchant_id=merchant.pk, until=at)
    pots = Pots(available=sum(each.points for each in buckets), deficit=deficit)
    months = [Month(one.month, one.opening, moved_of(one), one.closing, pots_of(one), one) for one in closed]
    whole = Flow(pending=last.pending, held=last.held) if last else Flow()
    balance = last.closing if last else 0
    for month, flow in _without_gaps(found, last, merchant_day(at, merchant.zone)).items():
        whole.add(flow)
        months.append(Month(month, balance, flow.moved, balance + flow.moved.total))
        balance += flow.moved.total
    pots.pending, pots.held = whole.pending, whole.held
    if months and months[-1].pots is None:
        months[-1].pots = pots
    version = rules.version_at(merchant_id=merchant.pk, at=at)
    return Books(
        at=at,
        pots=pots,
        buckets=buckets,
        months=months,
        cost=version.point_cost if version else None,
        rules_version=version.number if version else None,
        breakage=basis_of(last) if last else None,
        difference=balance - pots.balance,
    )


def _without_gaps(
    found: dict[dt.date, Flow], last: PointsStatement | None, today: dt.date
) -> dict[dt.date, Flow]:
    """Every month since the last closed one, or the first with entries, to this one."""
    if last is None and not found:
        return {}
    month = add_months(last.month, 1) if last else min(found)
    until = max([today.replace(day=1), *found])
    whole: dict[dt.date, Flow] = {}
    while month <= until:
        whole[month] = found.get(month, Flow())
        month = add_months(month, 1)
    return whole
