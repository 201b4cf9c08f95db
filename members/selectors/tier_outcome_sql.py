"""The statement that works out what becomes of each member (`members.selectors.tier_outcomes`), in its parts."""

# {parts} are made of the rules: see `statement`. A member's days are read once and grouped as they come, member by
# member, with the least of what is the same in all of a member's rows: PostgreSQL 15 has no any_value. Without
# "offset 0" the planner would work out a place again wherever it is named.
COUNTED = """people as (
    select m.id as member_id{joined}, coalesce(s.tier_id, %(base)s) as held, s.valid_until{target_until}
    from members_member m left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
        {standings_among}
    {target_validity}
    where m.merchant_id = %(merchant)s and m.status = 'active'{among}
),
placed as (
    select member_id{joined}, held, {days} from (select *, {until} as until from people) p
),
{name} as (
    select p.member_id, min(p.held) as held, {day_values}, {sums}
    from placed p left join members_dailytotal d on d.merchant_id = %(merchant)s and d.member_id = p.member_id
        and d.day >= %(earliest)s and d.day <= %(today)s{days_among}
    group by p.member_id order by p.member_id
)"""
# Of the members whose rows hold, the rows; the few others are counted.
LATE = """,
late as (select c.*, {still_held} as still_held{was_still_held} from counted c)"""
KEPT = """,
kept as (
    select o.member_id, coalesce(o.tier_held, %(base)s) as held, {kept_days}, {kept}o.year_points, o.still_held
    from members_tieroutlook o where {holds}
)"""
# By another window or grace: those of tiers that are held below end as they did, whatever the grace.
MOVED = """,
kept as (
    select o.member_id, coalesce(o.tier_held, %(base)s) as held, {kept_days}, {kept}o.year_points, o.still_held,
        o.still_held as was_still_held
    from members_tieroutlook o {read} where {holds}
)"""
# What follows is worked out for each member,
OF_EACH = """,
told as (
    select *, {old_place} as old_place, {place} as place, {qualified} as qualified, {check_place} as check_place,
        {fall_place} as fall_place, {old_check_place} as old_check_place, {old_fall_place} as old_fall_place
    from {source} n offset 0
),
alike as (select *, 1 as n, {still} as still, {old_still} as old_still from told t)"""
# or once for all who are alike. Places are one number there, which is hashed once for each member. No fence below the
# grouping, which several processes could not share.
OF_ALIKE = """,
alike as (
    select null::bigint as member_id, n, year_points, held, fall_on{was}, {unpacked}, {old_place} as old_place,
        {place} as place
    from (
        select sum(n)::bigint as n, sum(year_points) as year_points, held, fall_on{was}, places
        from ({parts}) p group by held, fall_on{was}, places having sum(n) <> 0
    ) t offset 0
)"""
# All outlooks are counted as they stand, and those that do not hold are taken off again: so nothing is asked of each.
ALIKE_KEPT = """
select {sign}count(*) as n, {sign}sum(t.year_points) as year_points, coalesce(t.tier_held, %(base)s) as held,
    t.valid_until + {after} as fall_on, {places} as places
from (
    select o.tier_held, o.valid_until, o.year_points, o.still_held, coalesce(o.tier_held, %(base)s) as held{kept}
    from members_tieroutlook o where {which}
) t group by t.tier_held, t.valid_until, 5"""
ALIKE_OF = """
select count(*) as n, sum(t.year_points) as year_points, t.held, t.fall_on{was}, {places} as places
from {source} t group by t.held, t.fall_on{was}, {place}"""
OUTCOMES = """
with {counted},
judged as (
    select member_id, n, held, old_place, place, {is_gone} as is_gone, qualified, year_points,
        case when place > 0 and qualified <= place and check_place < place then fall_on end as fall_on,
        case when old_place > 0 and old_check_place < old_place then {old_fall_day} end as old_fall_on,
        {fall_to} as fall_to, {old_fall_to} as old_fall_to
    from alike offset 0
),
futures as (
    select member_id, n, held, place, is_gone, qualified, year_points, fall_on, old_fall_on, qualified > place as rises,
        fall_to, case when old_fall_on is null then old_place else old_fall_to end as without_place
    from judged offset 0
),
outcomes as {materialized} (
    select member_id, n, held, held as from_tier, without_place, year_points, 0 as again,
        case when rises then 'rise' when is_gone then 'moved' when fall_on is not null then 'fall'
            when old_fall_on is not null then 'kept' else 'stay' end as kind,
        case when rises or is_gone or fall_on is null then '' else {why} end as why,
        case when rises then qualified when is_gone or fall_on is null then place else fall_to end as to_place,
        case when rises or is_gone then %(today)s::date else fall_on end as day,
        rises or not is_gone or fall_on is null as is_final
    from futures
    {again}
)
"""
# Who is moved from a tier that is taken out and falls from the target later is told a second time.
AGAIN = """union all
    select member_id, n, held, (%(targets)s::bigint[])[array_position(%(gone)s::bigint[], held)], without_place,
        year_points, 1, 'fall', {why}, fall_to, fall_on, true
    from futures where is_gone and not rises and fall_on is not null"""
WHY = (
    "case when old_fall_on is null or old_fall_on > fall_on or {without_new} > fall_to then 'change' "
    "when qualified >= place then 'unless' else 'anyway' end"
)
