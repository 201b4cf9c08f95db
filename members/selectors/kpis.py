"""The four figures of the home page with their daily series (ux.md): whole numbers, net of refunds, merchant days.

Four queries, however many members and orders there are; every one reads a range of days by index.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import Count

from members.lib.periods import merchant_day
from members.models import Member, Merchant

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
    return Kpis(
        today=today,
        members=_members(merchant, today, joined),
        recruits=_recruits(today, joined),
        share=_share(merchant, today),
        repurchase=_repurchase(merchant, today),
    )


def _days(today: dt.date, count: int) -> list[dt.date]:
    return [today - n * _ONE for n in reversed(range(count))]


def _joined_by_day(merchant: Merchant, today: dt.date) -> dict[dt.date, int]:
    first = today - (SERIES + RECRUIT_DAYS) * _ONE
    rows = Member.objects.of(merchant.pk).filter(joined_on__gt=first, joined_on__lte=today)
    return dict(rows.values_list("joined_on").annotate(n=Count("pk")).order_by())


def _members(merchant: Merchant, today: dt.date, joined: dict[dt.date, int]) -> MembersFigure:
    total = Member.objects.of(merchant.pk).filter(joined_on__lte=today).count()
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


def _share(merchant: Merchant, today: dt.date) -> ShareFigure:
    first = today - (LONG_SERIES + GMV_DAYS - 2) * _ONE
    with connection.cursor() as cursor:
        cursor.execute(
            "select o.paid_on, sum(o.net_minor), "
            "coalesce(sum(o.net_minor) filter (where m.joined_at <= o.paid_at), 0) "
            "from members_order o left join members_member m "
            "on m.merchant_id = o.merchant_id and m.id = o.member_id "
            "where o.merchant_id = %s and o.paid_on between %s and %s and o.status = 'paid' "
            "group by o.paid_on",
            [merchant.pk, first, today],
        )
        by_day = {day: (int(whole), int(part)) for day, whole, part in cursor.fetchall()}
    whole, part, figure = 0, 0, ShareFigure(days=_days(today, LONG_SERIES))
    for day in _days(today, LONG_SERIES + GMV_DAYS - 1):
        more, less = by_day.get(day, (0, 0)), by_day.get(day - GMV_DAYS * _ONE, (0, 0))
        whole, part = whole + more[0] - less[0], part + more[1] - less[1]
        if day >= figure.days[0]:
            figure.series.append(_permille(part, whole))
    figure.permille, figure.member_minor, figure.all_minor = figure.series[-1], part, whole
    return figure


def _permille(part: int, whole: int) -> int | None:
    """Rounded half up; None of nothing."""
    return (part * 2000 + whole) // (2 * whole) if whole > 0 else None


# A buyer counts as one from an order until the next one or until 90 days later, whichever is first; and as one who
# bought again while the order before it is within the 90 days too. So every buyer is counted by intervals of days
# that do not overlap, and one pass over the orders gives every day of the series.
_REPURCHASE = """
with buys as (
    select o.member_id is not null as is_member, o.paid_on as day,
        lag(o.paid_on) over who as before, lead(o.paid_on) over who as after
    from members_order o
    where o.merchant_id = %(merchant)s and o.paid_on between %(first)s and %(today)s and o.counts
        and (o.member_id is not null or o.identity_id is not null)
    window who as (partition by o.member_id is not null, coalesce(o.member_id, o.identity_id)
        order by o.paid_on, o.id)
), spans as (
    select is_member, false as is_again, day as start, least(after, day + %(days)s) as stop from buys
    union all
    select is_member, true, day, least(after, before + %(days)s) from buys where before is not null
)
select is_member, is_again, start, stop, count(*) from spans where start < stop group by 1, 2, 3, 4
"""


def _repurchase(merchant: Merchant, today: dt.date) -> RepurchaseFigure:
    first = today - (REPURCHASE_DAYS + SERIES - 2) * _ONE
    with connection.cursor() as cursor:
        cursor.execute(
            _REPURCHASE,
            {"merchant": merchant.pk, "first": first, "today": today, "days": REPURCHASE_DAYS},
        )
        spans = cursor.fetchall()
    days = _days(today, SERIES)
    buyers, again = (
        _alive(spans, days, is_member=True, is_again=False),
        _alive(spans, days, is_member=True, is_again=True),
    )
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


def _alive(
    spans: Iterable[tuple[bool, bool, dt.date, dt.date, int]],
    days: Sequence[dt.date],
    *,
    is_member: bool,
    is_again: bool,
) -> list[int]:
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
