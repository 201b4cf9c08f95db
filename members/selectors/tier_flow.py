"""Who moved between tiers, and why: counts by cause, tiers at two days, and the moves themselves (domain.md 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils.translation import gettext_lazy

from members.lib.set_based import fetch_all
from members.models import Merchant, RulesVersion, TierMove
from members.selectors import segments

CAUSE_WORDS = {
    "order": gettext_lazy("By an order"),
    "rules": gettext_lazy("By an edit of the rules"),
    "recalculation": gettext_lazy("By the daily recalculation"),
    "plan": gettext_lazy("By a paid plan"),
    "staff": gettext_lazy("By staff"),
}
CAUSES = tuple(CAUSE_WORDS)
WAYS = ("up", "down")
MOVE_HEAD = (
    gettext_lazy("Time"), gettext_lazy("Member"), gettext_lazy("From"), gettext_lazy("To"), gettext_lazy("Cause"),
    gettext_lazy("Reason"), gettext_lazy("Spent, in minor units"), gettext_lazy("Orders"),
    gettext_lazy("Days with an order"), gettext_lazy("Points earned"), gettext_lazy("Growth"),
    gettext_lazy("Version of the rules"),
)  # fmt: skip
MOVE_NUMBERS = frozenset({6, 7, 8, 9, 10, 11})  # columns that hold numbers
# The tier at an instant is the one that the first move after it left; who moved no more holds it still. What is read
# by rows is what moved or joined since the start; all others are where they are now, and are only counted.
TIERS_AT = """
with since_start as materialized (
    select distinct on (member_id) member_id, coalesce(from_tier_id, %(base)s) as tier_id from members_tiermove
    where merchant_id = %(merchant)s and at >= %(start)s order by member_id, at, id
),
since_end as materialized (
    select distinct on (member_id) member_id, coalesce(from_tier_id, %(base)s) as tier_id from members_tiermove
    where merchant_id = %(merchant)s and at >= %(end)s order by member_id, at, id
),
few as materialized (
    select id, joined_at from members_member
    where merchant_id = %(merchant)s and status = 'active' and id = any(array(select member_id from since_start))
    union
    select id, joined_at from members_member
    where merchant_id = %(merchant)s and status = 'active' and joined_at >= %(start)s
),
held as materialized (
    select f.id, f.joined_at, coalesce(s.tier_id, %(base)s) as tier_id from few f left join (
        select member_id, tier_id from members_tierstanding
        where merchant_id = %(merchant)s and member_id = any(array(select id from few))
    ) s on s.member_id = f.id
),
standings as materialized (
    select tier_id, sum(n) as n from (
        select tier_id, count(*) as n from members_tierstanding where merchant_id = %(merchant)s group by 1
        union all
        select tier_id, -count(*) from members_tierstanding where merchant_id = %(merchant)s and member_id = any(array(
            select id from members_member where merchant_id = %(merchant)s and status <> 'active')) group by 1
    ) counted group by 1
),
links as (
    select case when h.joined_at < %(start)s then coalesce(a.tier_id, h.tier_id) end as before,
        coalesce(z.tier_id, h.tier_id) as after, count(*) as n
    from held h left join since_start a on a.member_id = h.id left join since_end z on z.member_id = h.id
    where h.joined_at < %(end)s group by 1, 2
    union all
    select tier_id, tier_id, sum(n) from (
        select tier_id, n from standings
        union all select %(base)s, %(everybody)s - (select coalesce(sum(n), 0) from standings)
        union all select tier_id, -count(*) from held group by 1
    ) stayed group by 1
)
select before, after, sum(n)::bigint from links group by 1, 2 having sum(n) > 0
"""


@dataclass(frozen=True, slots=True)
class Span:
    """From an instant to another."""

    start: dt.datetime
    end: dt.datetime


@dataclass(frozen=True, slots=True)
class Moves:
    """Moves of a cause from a tier to a tier."""

    cause: str
    from_id: int | None
    to_id: int
    count: int
    is_up: bool


def places(*, merchant: Merchant) -> dict[int, int]:
    """Every tier's place in the last ladder that had it. One query."""
    found: dict[int, int] = {}
    for version in RulesVersion.objects.of(merchant.pk).order_by("at", "number").only("merchant", "ladder"):
        found.update({rung["tier"]: place for place, rung in enumerate(version.ladder)})
    return found


def counts(*, merchant: Merchant, span: Span, places: Mapping[int, int]) -> list[Moves]:
    """Moves by cause and tiers. One query."""
    rows = (
        _moves(merchant, span)
        .values_list("cause", "from_tier_id", "to_tier_id")
        .annotate(n=Count("pk"))
        .order_by("cause", "from_tier_id", "to_tier_id")
    )
    return [
        Moves(cause, start, end, n, places.get(end, 0) > places.get(start or 0, -1))
        for cause, start, end, n in rows
    ]


def tiers_at(*, merchant: Merchant, span: Span, base_tier_id: int) -> list[tuple[int | None, int, int]]:
    """(tier at the start, tier at the end, members); no tier at the start: joined in between. Two queries."""
    return fetch_all(
        TIERS_AT,
        {
            "merchant": merchant.pk,
            "start": span.start,
            "end": span.end,
            "base": base_tier_id,
            "everybody": segments.everybody(merchant_id=merchant.pk),
        },
    )


def asked_moves(*, merchant: Merchant, span: Span, cause: str = "", way: str = "") -> QuerySet[TierMove]:
    """The moves of a span, newest first; of one cause, and of one of WAYS, if asked. Runs two queries for a way."""
    if way not in WAYS:
        return moves(merchant=merchant, span=span, cause=cause)
    moved = counts(merchant=merchant, span=span, places=places(merchant=merchant))
    return moves(merchant=merchant, span=span, cause=cause, pairs=pairs(moved, way))


def pairs(moved: list[Moves], way: str) -> list[tuple[int | None, int]] | None:
    """The pairs of tiers between which moves went up or down; None for both ways."""
    if way not in WAYS:
        return None
    return list({(each.from_id, each.to_id) for each in moved if each.is_up == (way == "up")})


def move_line(merchant: Merchant, move: TierMove) -> tuple[Any, ...]:
    """A move as a line of a file, under MOVE_HEAD."""
    return (
        move.at.astimezone(merchant.zone).isoformat(timespec="seconds"), move.member.public_id, move.from_tier or "",
        move.to_tier, CAUSE_WORDS[move.cause], move.reason, move.spend_minor, move.orders, move.active_days,
        move.points_earned, move.growth, move.rules_version,
    )  # fmt: skip


def moves(
    *, merchant: Merchant, span: Span, cause: str = "", pairs: list[tuple[int | None, int]] | None = None
) -> QuerySet[TierMove]:
    """The moves, newest first; of one cause, and of some pairs of tiers, if asked. Runs no query."""
    rows = _moves(merchant, span)
    if cause:
        rows = rows.filter(cause=cause)
    if pairs is not None:
        wanted = Q(pk__in=[])
        for start, end in pairs:
            wanted |= Q(from_tier_id=start, to_tier_id=end)
        rows = rows.filter(wanted)
    return rows.select_related("from_tier", "to_tier", "member").order_by("-at", "-pk")


def _moves(merchant: Merchant, span: Span) -> QuerySet[TierMove]:
    return TierMove.objects.of(merchant.pk).filter(at__gte=span.start, at__lt=span.end)
