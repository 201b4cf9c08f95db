"""Members whose metrics reach a higher tier than they hold: lifts that should have happened (domain.md 5).

Whoever reaches a tier rises at once, and time alone only lowers metrics: so a member below the tier that today's
metrics reach was missed, unless something may explain it, which is left out:

- staff moved the member, and no order landed since;
- the program was closed at some time since the window began: what arrives then moves nobody until the next order;
- an order counts that has no terms yet: it arrived while the program was not open, and moved nobody;
- an edit of the rules has not reached all members yet.

One statement for many shops, each by its own ladder and window as they stand in its version in force. Of a shop it
looks at no more than `most` members, those that come first behind a place of `turn`, so that no shop's size decides
what a night costs, and other nights see others.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

TURNS = 1_000  # places among a shop's members at which a sample may begin
# The open programs with a ladder to climb that were open all the time their windows may reach back.
_SHOPS = """
ruled as (
    select z.id as merchant_id, z.timezone, (%(at)s at time zone z.timezone)::date as today,
        v.ladder, v.growth, coalesce(v."window" ->> 'kind', 'rolling') as kind,
        coalesce((v."window" ->> 'days')::int, 365) as days
    from members_merchant z
    join members_program p on p.merchant_id = z.id and p.status = 'open' and not p.is_lifting
    cross join lateral (
        select r.ladder, r.growth, r."window" from members_rulesversion r
        where r.merchant_id = z.id and r.at <= %(at)s order by r.at desc, r.number desc limit 1
    ) v
    where z.id = any(%(shops)s) and jsonb_array_length(v.ladder) > 1
),
shops as materialized (
    select * from (
        select *, case kind when 'rolling' then today - (days - 1)
            when 'calendar_year' then date_trunc('year', today::timestamp)::date
            when 'membership_year' then (today - interval '12 months')::date
            else date '0001-01-01' end as since
        from ruled
    ) s
    where not exists (
        select from members_closure c where c.merchant_id = s.merchant_id
            and (c.to_at is null or (c.to_at at time zone s.timezone)::date >= s.since)
    )
)
"""
# From a place among its ids on, and from the first id again where they end.
_SAMPLE = """
sample as materialized (
    select s.merchant_id, m.id as member_id, m.joined_on from shops s
    cross join lateral (
        select least + ((most - least) * %(turn)s / {turns})::bigint as start from (
            select (select id from members_member where merchant_id = s.merchant_id order by id limit 1) as least,
                (select id from members_member where merchant_id = s.merchant_id order by id desc limit 1) as most
        ) ends
    ) p
    cross join lateral (
        (select id, joined_on, status from members_member
            where merchant_id = s.merchant_id and id >= p.start order by id limit %(most)s)
        union all
        (select id, joined_on, status from members_member
            where merchant_id = s.merchant_id and id < p.start order by id limit %(most)s)
        limit %(most)s
    ) m
    where m.status = 'active'
)
"""
# `members.lib.tiers`: what a window sums, and the highest tier whose requirements hold.
_METRICS = """
metrics as (
    select p.merchant_id, p.member_id, s.ladder, n.*, g.growth
    from sample p join shops s on s.merchant_id = p.merchant_id
    cross join lateral (
        select case when s.kind <> 'membership_year' then s.since
            when latest <= s.today then latest else before end as start
        from (
            select (p.joined_on + make_interval(years => years))::date as latest,
                (p.joined_on + make_interval(years => greatest(years - 1, 0)))::date as before
            from (select greatest(
                extract(year from s.today)::int - extract(year from p.joined_on)::int, 0) as years) y
        ) anniversary
    ) w
    cross join lateral (
        select coalesce(sum(d.spend_minor), 0)::numeric as spend_minor, coalesce(sum(d.orders), 0)::numeric as orders,
            count(*) filter (where d.orders > 0)::numeric as active_days,
            coalesce(sum(d.points), 0)::numeric as points_earned
        from members_dailytotal d
        where d.merchant_id = p.merchant_id and d.member_id = p.member_id and d.day between w.start and s.today
    ) n
    cross join lateral (
        select coalesce(sum(weight::numeric * case metric when 'spend_minor' then n.spend_minor
            when 'orders' then n.orders when 'active_days' then n.active_days else n.points_earned end), 0) as growth
        from jsonb_each_text(s.growth) weights (metric, weight)
    ) g
),
reached as (
    select m.merchant_id, m.member_id, m.ladder, max(r.place) as place from metrics m
    cross join lateral jsonb_array_elements(m.ladder) with ordinality r (rung, place)
    cross join lateral (
        select bool_and(held) as every, bool_or(held) as any from (
            select case metric when 'spend_minor' then m.spend_minor when 'orders' then m.orders
                when 'active_days' then m.active_days when 'points_earned' then m.points_earned
                else m.growth end >= least::numeric as held
            from jsonb_each_text(r.rung -> 'requirements') asked (metric, least)
        ) checks
    ) c
    where coalesce(case when r.rung ->> 'needs' = 'any' then c.any else c.every end, true)
    group by 1, 2, 3
)
"""
MISSED = f"""
with {_SHOPS}, {_SAMPLE.format(turns=TURNS)}, {_METRICS}
select (select count(*) from sample), n.merchant_id, n.member_id
from (select 1) one left join lateral (
    select n.merchant_id, n.member_id from reached n
    left join members_tierstanding t on t.merchant_id = n.merchant_id and t.member_id = n.member_id
    where n.place > coalesce((
            select place from jsonb_array_elements(n.ladder) with ordinality r (rung, place)
            where (r.rung ->> 'tier')::bigint = t.tier_id), 1)
        and not exists (
            select from members_tiermove m
            where m.merchant_id = n.merchant_id and m.member_id = n.member_id and m.cause = 'staff'
                and not exists (
                    select from members_order o where o.merchant_id = n.merchant_id and o.member_id = n.member_id
                        and o.at > m.at and o.counts
                )
        )
        and not exists (
            select from members_order o where o.merchant_id = n.merchant_id and o.member_id = n.member_id
                and o.counts and o.per_major is null
        )
    order by 1, 2
) n on true
"""


@dataclass(frozen=True, slots=True)
class Looked:
    """How many members were looked at, and (merchant, member) of those who were missed."""

    members: int
    missed: list[tuple[int, int]]


def of_shops(*, shops: Sequence[int], most: int, turn: int, at: dt.datetime) -> Looked:
    """Who was missed among at most `most` members of each of these shops, which begin at a place of `turn` (0 until
    TURNS). Works as platform; one query."""
    known: dict[str, Any] = {"shops": list(shops), "most": most, "turn": turn, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(MISSED, known)
        rows = cursor.fetchall()
    return Looked(rows[0][0], [(row[1], row[2]) for row in rows if row[1] is not None])
