"""Whom an edit of the rules moves at its instant: who reaches more, and who holds a tier that is gone (domain.md 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from django.db import connection

from members.lib import tier_sql
from members.lib.periods import merchant_day
from members.lib.tiers import TierRules
from members.models import Merchant, RulesVersion, TierLift, WorkState
from members.models.worked import WORKED

OPEN = (*WORKED, WorkState.FAILED)  # of one that broke off, too, members still wait
# {sums}, {start} and {qualified} are made of the rules. Who is a member no more has a standing all the same, which must
# not name a tier that is gone.
MOVED = """
with ladder (tier_id, place) as (values {ladder}),
people as (
    select m.id as member_id, m.joined_on, m.status, coalesce(s.tier_id, %(base)s) as held
    from members_member m
    left join members_tierstanding s on s.merchant_id = m.merchant_id and s.member_id = m.id
    where m.merchant_id = %(merchant)s and m.id = any(%(members)s)
),
sums as (
    select p.member_id, {sums}
    from people p join members_dailytotal d on d.merchant_id = %(merchant)s and d.member_id = p.member_id
    where d.member_id = any(%(members)s) and d.day >= %(since)s and d.day >= {start} and d.day <= %(today)s
    group by 1
)
select p.member_id from people p
left join ladder l on l.tier_id = p.held
left join sums n on n.member_id = p.member_id
where l.place is null and p.held = any(%(gone)s)
    or p.status = 'active' and %(is_open)s and {qualified} > coalesce(l.place, -1)
order by 1
"""


def moved(
    *,
    merchant: Merchant,
    at: dt.datetime,
    rules: TierRules,
    is_open: bool,
    targets: Mapping[int, int],
    member_ids: Collection[int],
) -> list[int]:
    """Those of some members whom the rules move at `at`, by id. One query; nobody rises while the program is not open.

    `targets` are those of tiers taken out, by id.
    """
    if not member_ids:
        return []
    today = merchant_day(at, merchant.zone)
    query = MOVED.format(
        ladder=", ".join(f"({int(tier.id)}, {place})" for place, tier in enumerate(rules.ladder)),
        sums=", ".join(
            filter(None, ["count(*) as days", tier_sql.sums("now_", wanted=tier_sql.asked(rules))])
        ),
        start=tier_sql.start_of(rules.window, "%(today)s::date", "p.joined_on"),
        qualified=tier_sql.place_of(rules, "n.now_"),
    )
    known: dict[str, Any] = {
        "merchant": merchant.pk,
        "members": sorted(member_ids),
        "base": rules.base.id,
        "today": today,
        "since": tier_sql.earliest_start(rules.window, today),
        "gone": list(targets),
        "is_open": is_open,
    }
    with connection.cursor() as cursor:
        cursor.execute(query, known)
        return [row[0] for row in cursor.fetchall()]


def still_open(*, merchant_id: int) -> list[TierLift]:
    """The lifts that some members still wait for, in the order in which they came into force."""
    return list(TierLift.objects.of(merchant_id).filter(state__in=OPEN).order_by("pk"))


def of_version(*, merchant_id: int, version: RulesVersion | None) -> TierLift | None:
    """What a version of the rules did, or does, to the members; None where nobody was there."""
    if version is None:
        return None
    return TierLift.objects.of(merchant_id).filter(version=version.number).order_by("pk").first()


def flows(lift: TierLift) -> Sequence[tuple[int, int, int]]:
    """(from tier id, to tier id, members), the largest first."""
    return sorted(((a, b, n) for a, b, n in lift.flows), key=lambda flow: (-flow[2], flow[0], flow[1]))
