"""What is noted of members who wait for an edit of the rules while its lift is worked off (domain.md 5).

One who was touched meanwhile has had the turn before its chunk. While the program is closed nobody is moved (domain.md
2): of a member whose days change then the sums are kept that the edit is to find, so that the turn, once the program is
open, comes to what it would have come to before.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db import connection

from members.lib import bulk, tier_sql
from members.lib.periods import merchant_day
from members.lib.posting import Rules, WindowTotals
from members.models import Merchant, TierLift, TierLiftMember

FOUND = ("spend_minor", "orders", "active_days", "points_earned")
# What was kept once stays: the edit came before all that follows.
KEEP = """
insert into members_tierliftmember (merchant_id, lift_id, member_id, {names})
select %(merchant)s, %(lift)s, m.id, {sums}
from members_member m left join members_dailytotal d on d.merchant_id = m.merchant_id and d.member_id = m.id
    and d.member_id = any(%(members)s::bigint[]) and d.day >= %(since)s and d.day >= {start} and d.day <= %(today)s
where m.merchant_id = %(merchant)s and m.id = any(%(members)s::bigint[])
group by m.id order by m.id
on conflict (merchant_id, lift_id, member_id) do nothing
"""


def waiting(lift: TierLift, member_ids: Collection[int]) -> list[int]:
    """Those of some members who had no turn before their chunk."""
    if not member_ids:
        return []
    had = TierLiftMember.objects.of(lift.merchant_id).filter(
        lift_id=lift.pk, member_id__in=member_ids, spend_minor=None
    )
    early = set(had.values_list("member_id", flat=True))
    return sorted(set(member_ids) - early)


def had_turn(lift: TierLift, member_ids: Collection[int]) -> None:
    """Note that some waiting members have had the turn; what was kept of them is needed no more."""
    TierLiftMember.objects.of(lift.merchant_id).filter(lift_id=lift.pk, member_id__in=member_ids).delete()
    marks = [(lift.pk, each) for each in sorted(member_ids)]
    bulk.insert(TierLiftMember, lift.merchant_id, ("lift_id", "member_id"), marks)


def keep(merchant: Merchant, lift: TierLift, rules: Rules, member_ids: Collection[int]) -> None:
    """Keep what the edit finds of some waiting members, before their days change. `rules` are the edit's."""
    window, today = rules.tiers.window, merchant_day(lift.at, merchant.zone)
    statement = KEEP.format(
        names=", ".join(FOUND),
        sums=tier_sql.sums(""),
        start=tier_sql.start_of(window, "%(today)s::date", "m.joined_on"),
    )
    known: dict[str, Any] = {
        "merchant": merchant.pk,
        "lift": lift.pk,
        "members": sorted(member_ids),
        "since": tier_sql.earliest_start(window, today),
        "today": today,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, known)


def kept(lift: TierLift, rules: Rules, member_ids: Collection[int]) -> dict[int, WindowTotals]:
    """What the edit finds of those of some members of whom it was kept. `rules` are the edit's."""
    window, today = rules.tiers.window, merchant_day(lift.at, rules.zone)
    rows = TierLiftMember.objects.of(lift.merchant_id).filter(
        lift_id=lift.pk, member_id__in=member_ids, spend_minor__isnull=False
    )
    return {
        member_id: WindowTotals(window.start(today, joined_on), today, *found)
        for member_id, joined_on, *found in rows.values_list("member_id", "member__joined_on", *FOUND)
    }
