"""Reading grades: what a month came to, in one statement for any range of programs, and what is stored of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from benefits.selectors import price_guard
from compliance.lib.calendar import last_of_month, start_of
from compliance.lib.grade_policy import GradePolicy as Policy
from compliance.lib.grade_policy import Metric
from compliance.lib.grades import Month, band_of
from compliance.models import Grade, GradePolicy, GradeRun, ShopCategory
from compliance.models.grades import FACTS
from compliance.selectors import policies
from members.lib import set_based
from members.models import Merchant

ONE_DAY = dt.timedelta(days=1)
PAGE_MS = 1_500  # how long a page may count
# What the months of programs in a range of merchants came to. Benefit days are platform days on which some benefit that
# the clearance policy counts (its kind, and no paper) was in force at some instant; the rest are merchant days. Who
# stands in a declared list joined before, elsewhere: no recruit. A member is effective who bought within the policy's
# days; benefit use is the share of them who used a benefit in the month, nothing where nobody is effective. Findings of
# the price guard come counted and weighed.
MONTHS = f"""
with programs as materialized (
    select p.merchant_id, p.first_opened_at from members_program p
    where p.merchant_id between %(first)s and %(last)s and p.status = 'open' and p.first_opened_at < %(at)s
), online as (
    select c.merchant_id, count(distinct d.day) as days from benefits_coverage c
    join unnest(%(days)s::date[], %(starts)s::timestamptz[], %(stops)s::timestamptz[]) d(day, start, stop)
    on c.in_force && tstzrange(d.start, d.stop)
    where c.merchant_id between %(first)s and %(last)s and {policies.counts("c.")} group by 1
), buyers as (
    select t.merchant_id, count(distinct t.member_id) as members from members_dailytotal t
    join members_member m on m.merchant_id = t.merchant_id and m.id = t.member_id and m.status = 'active'
    where t.merchant_id between %(first)s and %(last)s and t.day between %(effective_from)s and %(until)s
    and t.orders > 0 group by 1
), users as (
    select u.merchant_id, count(distinct u.member_id) as members from members_benefituse u
    join members_member m on m.merchant_id = u.merchant_id and m.id = u.member_id and m.status = 'active'
    where u.merchant_id between %(first)s and %(last)s and u.day between %(since)s and %(until)s and u.uses > 0
    and exists (
        select 1 from members_dailytotal t where t.merchant_id = u.merchant_id and t.member_id = u.member_id
        and t.day between %(effective_from)s and %(until)s and t.orders > 0
    )
    group by 1
), sales as (
    select o.merchant_id, count(*) filter (where o.counts) as orders, sum(o.net_minor) as whole,
        coalesce(sum(o.net_minor) filter (where m.joined_at <= o.paid_at), 0) as part
    from members_order o left join members_member m on m.merchant_id = o.merchant_id and m.id = o.member_id
    where o.merchant_id between %(first)s and %(last)s and o.paid_on between %(since)s and %(until)s
    and o.status = 'paid' group by 1
), joined as (
    select m.merchant_id, count(*) as joins from members_member m
    where m.merchant_id between %(first)s and %(last)s and m.joined_on between %(since)s and %(until)s
    and m.source <> 'list' and m.status <> 'erased' group by 1
), found as (
    select merchant_id, findings, weighed
    from unnest(%(found_at)s::bigint[], %(findings)s::int[], %(weighed)s::bigint[]) f (merchant_id, findings, weighed)
)
select p.merchant_id, p.first_opened_at, coalesce(k.category, 'general') as category,
    cardinality(%(days)s::date[]) as days, coalesce(s.orders, 0) as orders, coalesce(o.days, 0) as benefit_days,
    coalesce(b.members, 0) as effective_members, coalesce(s.part, 0)::bigint as member_minor,
    coalesce(s.whole, 0)::bigint as all_minor, coalesce(j.joins, 0) as joins,
    (coalesce(u.members, 0) * 10000 / nullif(b.members, 0))::int as benefit_use,
    coalesce(f.findings, 0) as findings, coalesce(f.weighed, 0) as findings_weighed
from programs p
left join compliance_shopcategory k on k.merchant_id = p.merchant_id
left join online o on o.merchant_id = p.merchant_id
left join buyers b on b.merchant_id = p.merchant_id
left join users u on u.merchant_id = p.merchant_id
left join sales s on s.merchant_id = p.merchant_id
left join joined j on j.merchant_id = p.merchant_id
left join found f on f.merchant_id = p.merchant_id
"""


def values(
    *, since: dt.date, until: dt.date, at: dt.datetime, policy: Policy, first: int, last: int
) -> dict[str, Any]:
    """The parameters of `MONTHS`: the days from `since` to `until`, merchants from `first` to `last`. Two queries."""
    found = price_guard.counts(
        start=start_of(since), end=start_of(until + ONE_DAY), first_id=first, last_id=last
    )
    clearance = policies.current(at=at).policy
    days = [since + place * ONE_DAY for place in range((until - since).days + 1)]
    return {
        "first": first,
        "last": last,
        "at": at,
        "days": days,
        "starts": [start_of(day) for day in days],
        "stops": [start_of(day + ONE_DAY) for day in days],
        "since": since,
        "until": until,
        "effective_from": until - (policy["effective_days"] - 1) * ONE_DAY,
        **policies.counting(clearance),
        "found_at": list(found),
        "findings": [sum(each.values()) for each in found.values()],
        "weighed": [policy.weighed(each) for each in found.values()],
    }


def month_until(*, merchant: Merchant, today: dt.date, at: dt.datetime, policy: Policy) -> Month | None:
    """What the present month has come to so far, `today` included; None while the program is not open, or where
    counting (a year of buyers of a large shop) takes longer than a page may: the month's grade counts it."""
    given = values(
        since=today.replace(day=1), until=today, at=at, policy=policy, first=merchant.pk, last=merchant.pk
    )
    statement = f"select {', '.join(FACTS)} from ({MONTHS}) found"
    rows = set_based.in_time(lambda: set_based.fetch_few(statement, given), milliseconds=PAGE_MS)
    return Month(**dict(zip(FACTS, rows[0], strict=True))) if rows else None


def policy_rows() -> list[GradePolicy]:
    """Every version, oldest first."""
    return list(GradePolicy.objects.order_by("number"))


def in_force(rows: Sequence[GradePolicy], at: dt.datetime) -> GradePolicy | None:
    """The version in force at an instant, as known then: the last recorded of those that begin last."""
    known = [row for row in rows if row.effective_at <= at and row.published_at <= at]
    return max(known, key=lambda row: (row.effective_at, row.published_at, row.number), default=None)


def policy_at(*, at: dt.datetime) -> GradePolicy | None:
    """The version in force at an instant; None before the installation."""
    return in_force(policy_rows(), at)


def history(*, merchant_id: int, most: int = 24) -> list[Grade]:
    """A merchant's grades, the latest month first, each with its run."""
    rows = Grade.objects.of(merchant_id).select_related("run", "policy").order_by("-run__month")
    return list(rows[:most])


def category_of(*, merchant_id: int) -> str:
    """The category in which a merchant is graded."""
    row = ShopCategory.objects.of(merchant_id).first()
    return "general" if row is None else row.category


def lines_now(month: Month, policy: Policy, category: str) -> dict[Metric, Any]:
    """The lines that a month is held against under a policy."""
    return policy.lines(band_of(month.orders, policy), category)


def latest_run() -> GradeRun | None:
    """The latest month whose grades are all computed."""
    return GradeRun.objects.exclude(done_at=None).order_by("-month").first()


def end_of(month: dt.date) -> dt.date:
    """The last day of a month named by its first."""
    return last_of_month(month)
