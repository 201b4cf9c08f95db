"""What members' orders come to for their tiers, of each member a row: stored where that still holds, made anew where it
does not (domain.md 5).

A row holds for the days from `as_of` until before `changes_on`, while no FactsDue names its member, and as long as the
window and the grace of the rules stay as they are. Members for whom that fails are few once the night's job is done.
The statements take %(merchant)s, %(today)s and %(counted_by)s.
"""

from __future__ import annotations

import datetime as dt

from django.db import connection

from members.lib import tier_sql
from members.lib.tiers import METRICS, TierRules

NEVER = "date '9999-12-31'"
PLAIN = tuple(metric for metric in METRICS if metric != "growth")
TIMES = ("now", "check", "fall")  # what the figures are of
# The version since which the window and the grace have been what they are at an instant.
COUNTED_BY = """
select max(v.number) from members_rulesversion v
left join members_rulesversion p on p.merchant_id = v.merchant_id and p.number = v.number - 1
where v.merchant_id = {merchant} and v.at <= {at}
    and (p.number is null or p."window" <> v."window" or p.grace_days <> v.grace_days)
"""
# An array, so that the days of a few are found by their key however large the shop: joins must not loop here.
STALE = """array(
    select member_id from members_factsdue where merchant_id = %(merchant)s
    union select member_id from members_tieroutlook
        where merchant_id = %(merchant)s and counted_by = %(counted_by)s and changes_on <= %(today)s
    union select member_id from members_tieroutlook where merchant_id = %(merchant)s and as_of > %(today)s)"""
# Of active members. "not in" is asked of a table of few by a hash, wherever the rows come from.
HOLDS = """o.merchant_id = %(merchant)s and o.as_of <= %(today)s and o.changes_on > %(today)s
    and o.member_id not in (select z.member_id from members_factsdue z where z.merchant_id = %(merchant)s)
    and o.member_id not in (
        select e.id from members_member e where e.merchant_id = %(merchant)s and e.status <> 'active')"""
ALL = "o.merchant_id = %(merchant)s"
# What ALL has and HOLDS has not.
HOLDS_NOT = f"""o.merchant_id = %(merchant)s and o.member_id = any({STALE} || array(
    select e.id from members_member e where e.merchant_id = %(merchant)s and e.status <> 'active'))"""
MAKE = """
insert into members_tieroutlook (merchant_id, member_id, tier_held, valid_until, counted_by, as_of, changes_on,
    still_held, {columns}, year_points)
select %(merchant)s, p.member_id, p.tier_held, p.valid_until, %(counted_by)s, %(today)s, {changes_on},
    case when p.valid_until is not null then {still_held} end, {sums},
    coalesce(sum(d.points) filter (where d.day >= %(year)s and d.day <= %(today)s), 0)
from (
    select m.id as member_id, m.joined_on, s.tier_id as tier_held, s.valid_until, s.valid_until + 1 as check_on,
        s.valid_until + {grace} + 1 as fall_on
    from members_member m
    left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
        and s.member_id = any(%(members)s::bigint[])
    where m.merchant_id = %(merchant)s and m.id = any(%(members)s::bigint[])
) p left join members_dailytotal d on d.merchant_id = %(merchant)s and d.member_id = p.member_id
    and d.member_id = any(%(members)s::bigint[]) and d.day >= %(earliest)s
group by p.member_id, p.tier_held, p.valid_until, p.joined_on, p.check_on, p.fall_on
on conflict (merchant_id, member_id) do update set {setting}
"""


def version_counting(*, merchant_id: int, at: dt.datetime) -> int | None:
    """The version since which the window and the grace have been what they are at `at`. One query."""
    with connection.cursor() as cursor:
        statement = COUNTED_BY.format(merchant="%(merchant)s", at="%(at)s")
        cursor.execute(statement, {"merchant": merchant_id, "at": at})
        row: tuple[int | None] = cursor.fetchone()
        return row[0]


def counted_by(*, merchant_id: int, at: dt.datetime) -> int | None:
    """The version by which all rows are counted, if it is that of `at`; else None: of a new window all are to be made.
    Two queries."""
    version = version_counting(merchant_id=merchant_id, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            "select min(counted_by), max(counted_by) from members_tieroutlook where merchant_id = %s",
            [merchant_id],
        )
        return version if cursor.fetchone() == (version, version) else None


def first_of(*, merchant_id: int, part: int, whole: int) -> int:
    """A member's id with about so many of so many outlooks at or before it. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select min(member_id), max(member_id) from members_tieroutlook where merchant_id = %s",
            [merchant_id],
        )
        least, greatest = cursor.fetchone()
        return int(least + (greatest - least) * min(part, whole) // whole)


def make(rules: TierRules, today: dt.date) -> tuple[str, dict[str, dt.date]]:
    """The statement that makes the rows of %(members)s by the window and grace of some rules, and its parameters but
    those of all statements here."""
    year = today - dt.timedelta(days=364)
    columns = [f"{time}_{metric}" for time in TIMES for metric in PLAIN]
    statement = MAKE.format(
        columns=", ".join(columns),
        sums=", ".join(_sums(rules)),
        changes_on=_changes_on(rules),
        grace=int(rules.grace_days),
        still_held=still_held(rules.grace_days, "p"),
        setting=", ".join(
            f"{name} = excluded.{name}"
            for name in (
                "tier_held",
                "valid_until",
                "counted_by",
                "as_of",
                "changes_on",
                "still_held",
                *columns,
                "year_points",
            )
        ),
    )
    return statement, {"year": year, "earliest": min(year, tier_sql.earliest_start(rules.window, today))}


def still_held(grace_days: int, of: str, day: str = "fall_on") -> str:
    """The tiers whose own validity still runs on the day of a fall, of a row with `member_id` and that day; null for
    none."""
    return (
        "(select array_agg(v.tier_id) from members_tiervalidity v where v.merchant_id = %(merchant)s "
        f"and v.member_id = {of}.member_id and v.valid_until + {int(grace_days)} >= {of}.{day})"
    )


def _sums(rules: TierRules) -> list[str]:
    """The figures of PLAIN at TIMES."""
    found = []
    for time, day in (("now", "%(today)s::date"), ("check", "p.check_on"), ("fall", "p.fall_on")):
        if time == "check" and not rules.grace_days:
            found += ["null"] * len(PLAIN)
            continue
        only = f"d.day >= {tier_sql.start_of(rules.window, day, 'p.joined_on')} and d.day <= %(today)s"
        for metric in PLAIN:
            figure = tier_sql.SUMS[metric].format(only=f" filter (where {only})", and_only=f" and {only}")
            found.append(
                figure if time == "now" else f"case when p.valid_until is not null then {figure} end"
            )
    return found


def _changes_on(rules: TierRules) -> str:
    """The first day on which a figure is another although nothing was bought or refunded; at the end of validity the
    days that decide are no longer those of the row."""
    start = tier_sql.start_of(rules.window, "%(today)s::date", "p.joined_on")
    next_year = f"extract(year from {start})::int - extract(year from p.joined_on)::int + 1"
    ends = {
        "rolling": f"d.day + {int(rules.window.days)}",
        "calendar_year": "(date_trunc('year', %(today)s::timestamp) + interval '1 year')::date",
        "membership_year": f"(p.joined_on + make_interval(years => {next_year}))::date",
        "lifetime": NEVER,
    }[rules.window.kind]
    return (
        f"least(coalesce(min(d.day) filter (where d.day > %(today)s), {NEVER}), "
        f"coalesce(min({ends}) filter (where d.day <= %(today)s and d.day >= {start}), {NEVER}), "
        f"coalesce(min(d.day + 365) filter (where d.day <= %(today)s and d.day >= %(year)s), {NEVER}), "
        f"coalesce(p.valid_until + 1, {NEVER}))"
    )
