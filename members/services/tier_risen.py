"""Members whom an edit of the rules lifts, moved by one statement for thousands (domain.md 5).

Equal to folding `members.lib.tiers.after_edit` over each of them, for whoever holds a tier of the ladder: the tier
reached, its validity renewed and never shortened, and a line of history with the metrics that decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Any

from members.lib import set_based, tier_sql
from members.lib.periods import add_months, merchant_day
from members.lib.posting import Rules, TierMove
from members.lib.tiers import METRICS, Metrics
from members.models import Merchant

DENSE = 3  # ids in a range for each member asked
# {metrics}, {start}, {qualified} and {growth} are made of the rules. All that a line of history says is counted in the
# same pass that finds who is lifted.
RISE = """
with ladder (tier_id, place) as (values {ladder}),
people as (
    select m.id as member_id, m.joined_on, l.tier_id as held, l.place
    from members_member m
    left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
        and s.member_id {among}
    join ladder l on l.tier_id = coalesce(s.tier_id, %(base)s)
    where m.merchant_id = %(merchant)s and m.id {among} and m.status = 'active'
        and m.id in (select unnest(%(members)s::bigint[]))
),
sums as (
    select p.member_id, min(p.held) as held, min(p.place) as place, {metrics}
    from people p join members_dailytotal d on d.merchant_id = %(merchant)s and d.member_id = p.member_id
    where d.member_id {among} and d.day >= %(since)s and d.day >= {start} and d.day <= %(today)s
    group by p.member_id
),
placed as (select *, {qualified} as qualified from sums offset 0),
risen as materialized (
    select p.*, l.tier_id as reached, {growth} as now_growth
    from placed p join ladder l on l.place = p.qualified where p.qualified > p.place
),
valid as (
    insert into members_tiervalidity (merchant_id, member_id, tier_id, valid_until)
    select %(merchant)s, member_id, reached, %(until)s from risen order by member_id
    on conflict (merchant_id, member_id, tier_id) do update
    set valid_until = greatest(members_tiervalidity.valid_until, excluded.valid_until)
    returning member_id, valid_until
),
held as (
    insert into members_tierstanding (merchant_id, member_id, tier_id, since, valid_until)
    select %(merchant)s, r.member_id, r.reached, %(at)s, v.valid_until
    from risen r join valid v on v.member_id = r.member_id order by r.member_id
    on conflict (merchant_id, member_id) do update
    set tier_id = excluded.tier_id, since = excluded.since, valid_until = excluded.valid_until
),
moves as (
    insert into members_tiermove (merchant_id, member_id, at, from_tier_id, to_tier_id, cause, rules_version, reason,
        {names})
    select %(merchant)s, member_id, %(at)s, held, reached, 'rules', %(version)s, '', {values}
    from risen order by member_id
)
select member_id, held, reached, {values} from risen order by member_id
"""


def rise(
    *, merchant: Merchant, rules: Rules, at: dt.datetime, shifted: int, member_ids: Collection[int]
) -> list[TierMove]:
    """Lift those of some members who qualify for more than they hold by `rules`, in force from `at`; their moves, in
    the order of the members. Nobody while the program is not open, and nobody whose tier is not in the ladder.

    `shifted`: the days by which closures since `at` have moved validities. In the caller's transaction, which holds the
    merchant, the program and the members.
    """
    if not member_ids or not rules.is_open or len(rules.tiers.ladder) < 2:
        return []
    tiers, today = rules.tiers, merchant_day(at, merchant.zone)
    least, most = min(member_ids), max(member_ids)
    is_dense = most - least < DENSE * len(member_ids)  # the days between are read as they stand
    statement = RISE.format(
        among="between %(least)s and %(most)s" if is_dense else "= any(%(members)s::bigint[])",
        ladder=", ".join(f"({int(tier.id)}, {place})" for place, tier in enumerate(tiers.ladder)),
        metrics=tier_sql.sums("now_"),
        start=tier_sql.start_of(tiers.window, "%(today)s::date", "p.joined_on"),
        qualified=tier_sql.place_of(tiers, "now_"),
        growth=tier_sql.growth_of(tiers, "now_"),
        names=", ".join(METRICS),
        values=", ".join(f"now_{metric}" for metric in METRICS),
    )
    known: dict[str, Any] = {
        "merchant": merchant.pk,
        "members": f"{{{','.join(map(str, sorted(member_ids)))}}}",  # adapted once, not number by number
        "least": least,
        "most": most,
        "base": tiers.base.id,
        "today": today,
        "since": tier_sql.earliest_start(tiers.window, today),
        "at": at,
        "until": add_months(today, tiers.validity_months) + dt.timedelta(days=shifted),
        "version": rules.version,
    }
    return [
        TierMove(member_id, at, held, reached, "rules", rules.version, Metrics(*metrics))
        for member_id, held, reached, *metrics in set_based.fetch_all(statement, known)
    ]
