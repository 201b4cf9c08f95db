"""The four figures of the home page with their daily series (ux.md): whole numbers, net of refunds, merchant days.

Three queries, however many members and orders there are; each reads a range of days by index, orders once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count

from members.lib.periods import merchant_day
from members.models import Member, MemberStatus, Merchant
from members.selectors import members

RECRUITS_GOAL = 100  # tenths of a member a day
GMV_GOAL = 50  # per mille
REPURCHASE_DAYS, GMV_DAYS, RECRUIT_DAYS = 90, 30, 7
SERIES, LONG_SERIES = 30, 90
_ONE = dt.timedelta(days=1)


@dataclass(slots=True)
class MembersFigure:
    """How many members there are, how many joined within 30 days, and the count at the end of each of 30 days."""

    total: int = 0
    joined: int = 0
    series: list[int] = field(default_factory=list)


@dataclass(slots=True)
class RecruitsFigure:
    """Joinings a day as the mean of seven days, in tenths; `goal` likewise."""

    tenths: int = 0
    goal: int = RECRUITS_GOAL
    series: list[int] = field(default_factory=list)

    @property
    def missing(self) -> int:
        """Tenths short of the goal; 0 when it is reached."""
        return max(self.goal - self.tenths, 0)


@dataclass(slots=True)
class ShareFigure:
    """Members' part of all net sales of 30 days, per mille; None without sales. A point for each of 90 days."""

    permille: int | None = None
    member_minor: int = 0
    all_minor: int = 0
    goal: int = GMV_GOAL
    days: list[dt.date] = field(default_factory=list)
    series: list[int | None] = field(default_factory=list)


@dataclass(slots=True)
class RepurchaseFigure:
    """Buyers with two orders or more of all buyers of 90 days, per mille, members against others."""

    permille: int | None = None
    others_permille: int | None = None
    buyers: int = 0
    others: int = 0
    series: list[int | None] = field(default_factory=list)


@dataclass(slots=True)
class Kpis:
    """The four figures of a merchant on a day."""

    today: dt.date
    members: MembersFigure
    recruits: RecruitsFigure
    share: ShareFigure
    repurchase: RepurchaseFigure


def kpis(*, merchant: Merchant, at: dt.datetime) -> Kpis:
    """All four figures as they stand at an instant."""
    today = merchant_day(at, merchant.zone)
    joined = _joined_by_day(merchant, today)
    sales, spans = _orders(merchant, today)
    return Kpis(
        today=today,
        members=_members(merchant, today, joined),
        recruits=_recruits(today, joined),
        share=_share(sales, today),
        repurchase=_repurchase(spans, today),
    )


def _days(today: dt.date, count: int) -> list[dt.date]:
    return [today - n * _ONE for n in reversed(range(count))]


def _joined_by_day(merchant: Merchant, today: dt.date) -> dict[dt.date, int]:
    first = today - (SERIES + RECRUIT_DAYS) * _ONE
    rows = Member.objects.of(merchant.pk).filter(joined_on__gt=first, joined_on__lte=today)
    rows = rows.exclude(status=MemberStatus.ERASED)
    return dict(rows.values_list("joined_on").annotate(n=Count("pk")).order_by())


def _members(merchant: Merchant, today: dt.date, joined: dict[dt.date, int]) -> MembersFigure:
    total = members.joined_until(merchant_id=merchant.pk, day=today)
    series, left = [], total
    for day in reversed(_days(today, SERIES)):
        series.append(left)
        left -= joined.get(day, 0)
    return MembersFigure(total=total, joined=total - left, series=series[::-1])


def _recruits(today: dt.date, joined: dict[dt.date, int]) -> RecruitsFigure:
    series = []
    for day in _days(today, SERIES):
        week = sum(joined.get(day - n * _ONE, 0) for n in range(RECRUIT_DAYS))
        series.append((week * 20 + RECRUIT_DAYS) // (2 * RECRUIT_DAYS))  # tenths, rounded half up
    return RecruitsFigure(tenths=series[-1], series=series)


# The orders of all series, read once. Only a member who joined within the days read can have paid before joining.
#
# Repurchase: a buyer counts as one from an order until the next one or until 90 days later, whichever is first; and as
# one who bought again while the order before it is within the 90 days too. So every buyer is counted by spans of days
# that do not overlap, and one pass over the orders gives every day of the series.
_ORDERS = """
with read as materialized (
    select o.id, o.paid_on, o.paid_at, o.net_minor, o.counts, o.member_id, o.identity_id
    from members_order o
    where o.merchant_id = %(merchant)s and o.paid_on between %(first)s and %(today)s and o.status = 'paid'
), buys as (
    select member_id is not null as is_member, paid_on as day,
        lag(paid_on) over who as before, lead(paid_on) over who as after
    from read where counts and (member_id is not null or identity_id is not null)
    window who as (partition by member_id is not null, coalesce(member_id, identity_id) order by paid_on, id)
), spans as (
    select is_member, false as is_again, day as start, least(after, day + %(days)s) as stop from buys
    union all
    select is_member, true, day, least(after, before + %(days)s) from buys where before is not null
), sales as (
    select r.paid_on, sum(r.net_minor) as whole, coalesce(sum(r.net_minor) filter (
        where r.member_id is not null and (m.id is null or m.joined_at <= r.paid_at)), 0) as part
    from read r left join members_member m
        on m.merchant_id = %(merchant)s and m.joined_on >= %(first)s and m.id = r.member_id
    group by r.paid_on
)
select 'sales', paid_on, null, null, null, whole, part from sales
union all
select 'buyers', start, stop, is_member, is_again, count(*), null from spans where start < stop group by 2, 3, 4, 5
"""
Span = tuple[bool, bool, dt.date, dt.date, int]
"""(by a member, bought again, from, until before, buyers)."""


def _orders(merchant: Merchant, today: dt.date) -> tuple[dict[dt.date, tuple[int, int]], list[Span]]:
    """(all net sales, members' part) by day, and the spans of buyers. One query."""
    longest = max(LONG_SERIES + GMV_DAYS, SERIES + REPURCHASE_DAYS)
    given: dict[str, int | dt.date] = {
        "merchant": merchant.pk,
        "first": today - (longest - 2) * _ONE,
        "today": today,
        "days": REPURCHASE_DAYS,
    }
    sales: dict[dt.date, tuple[int, int]] = {}
    spans: list[Span] = []
    with connection.cursor() as cursor:
        cursor.execute(_ORDERS, given)
        for kind, start, stop, is_member, is_again, count, part in cursor.fetchall():
            if kind == "sales":
                sales[start] = (int(count), int(part))
            else:
                spans.append((is_member, is_again, start, stop, int(count)))
    return sales, spans


def _share(sales: dict[dt.date, tuple[int, int]], today: dt.date) -> ShareFigure:
    whole, part, figure = 0, 0, ShareFigure(days=_days(today, LONG_SERIES))
    for day in _days(today, LONG_SERIES + GMV_DAYS - 1):
        more, less = sales.get(day, (0, 0)), sales.get(day - GMV_DAYS * _ONE, (0, 0))
        whole, part = whole + more[0] - less[0], part + more[1] - less[1]
        if day >= figure.days[0]:
            figure.series.append(_permille(part, whole))
    figure.permille, figure.member_minor, figure.all_minor = figure.series[-1], part, whole
    return figure


def _permille(part: int, whole: int) -> int | None:
    """Rounded half up; None of nothing."""
    return (part * 2000 + whole) // (2 * whole) if whole > 0 else None


def _repurchase(spans: Sequence[Span], today: dt.date) -> RepurchaseFigure:
    days = _days(today, SERIES)
    buyers = _alive(spans, days, is_member=True, is_again=False)
    again = _alive(spans, days, is_member=True, is_again=True)
    others = _alive(spans, days[-1:], is_member=False, is_again=False)[-1]
    others_again = _alive(spans, days[-1:], is_member=False, is_again=True)[-1]
    series = [_permille(part, whole) for part, whole in zip(again, buyers, strict=True)]
    return RepurchaseFigure(
        permille=series[-1],
        others_permille=_permille(others_again, others),
        buyers=buyers[-1],
        others=others,
        series=series,
    )


def _alive(spans: Iterable[Span], days: Sequence[dt.date], *, is_member: bool, is_again: bool) -> list[int]:
    """How many of these spans `[start, stop)` hold each day."""
    changes = [0] * (len(days) + 1)
    for member, repeated, start, stop, count in spans:
        if member is is_member and repeated is is_again and stop > days[0] and start <= days[-1]:
            changes[max((start - days[0]).days, 0)] += count
            changes[min((stop - days[0]).days, len(days))] -= count
    alive, total = [], 0
    for change in changes[:-1]:
        total += change
        alive.append(total)
    return alive
