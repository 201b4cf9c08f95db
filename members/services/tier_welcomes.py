"""The welcome to a tier: points or a benefit for reaching it, once per qualification (domain.md 5).

A qualification is a rise by an order or by an edit of the rules. Its key names tier, member and merchant day, so that
the same rise brings its welcome once, however often it is posted; who falls and reaches the tier again another day is
welcomed again. Tiers given by staff or a plan bring none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from functools import lru_cache
from zoneinfo import ZoneInfo

from members.lib.periods import merchant_day
from members.lib.posting import Rules, TierMove
from members.lib.tiers import TierRules
from members.models import Merchant, Program
from members.services import awards, occasions
from members.services.audit import Actor
from members.services.awards import Award
from members.services.occasions import Rise

EVENT = "tier_welcome"
JOB = Actor.job("tiers")
CAUSES = ("order", "rules")


def risen(
    rules: TierRules, moves: Iterable[TierMove], targets: Mapping[int, int] | None = None
) -> list[TierMove]:
    """The moves that are rises by an order or an edit of the rules. `targets` are those of deleted tiers, by id: who
    held one of them has risen only above where its members go."""
    rank = rules.rank
    return [
        move
        for move in moves
        if move.cause in CAUSES and rank[move.to_tier_id] > _place(move.from_tier_id, rank, targets or {})
    ]


def _place(tier_id: int | None, rank: Mapping[int, int], targets: Mapping[int, int]) -> int:
    """Where a move began, in the ladder now; beyond it for a tier of which nothing is known: no rise then."""
    if tier_id is None:
        return -1
    return rank.get(tier_id, rank.get(targets.get(tier_id, tier_id), len(rank)))


def give(
    *,
    merchant: Merchant,
    program: Program,
    rules: Rules,
    at: dt.datetime,
    moves: Iterable[TierMove],
    targets: Mapping[int, int] | None = None,
    shifted: int = 0,
) -> int:
    """Welcome who has risen, after the moves are written and in their transaction: points here, and others hear of it
    (`occasions`). How many points there were.

    Only while the program is open; the caller holds its lock. `shifted`: see `awards.Award`.
    """
    rises = risen(rules.tiers, moves, targets) if rules.is_open else []
    if not rises:
        return 0
    ladder, rank = rules.tiers.ladder, rules.tiers.rank
    given = _points(
        merchant, program, rules, at, [m for m in rises if ladder[rank[m.to_tier_id]].welcome], shifted
    )
    occasions.tell_risen(
        merchant_id=merchant.pk,
        at=at,
        rises=[
            Rise(move.member_id, ladder[rank[move.to_tier_id]].code, move.at, _key(move, rules))
            for move in rises
        ],
    )
    return given


def _key(move: TierMove, rules: Rules) -> str:
    return f"{move.to_tier_id}:{move.member_id}:{_day(move.at, rules.zone)}"


@lru_cache(maxsize=64)  # an edit lifts thousands at one instant
def _day(at: dt.datetime, zone: ZoneInfo) -> dt.date:
    return merchant_day(at, zone)


def _points(
    merchant: Merchant, program: Program, rules: Rules, at: dt.datetime, rises: list[TierMove], shifted: int
) -> int:
    """The points of the tiers that have some."""
    if not rises:
        return 0
    awards.lock(merchant_id=merchant.pk, member_ids=sorted({move.member_id for move in rises}))
    ladder, rank = rules.tiers.ladder, rules.tiers.rank
    return awards.give(
        merchant=merchant,
        program=program,
        rules=rules,
        at=at,
        actor=JOB,
        awards=[
            Award(
                move.member_id,
                f"{EVENT}:{_key(move, rules)}",
                ladder[rank[move.to_tier_id]].welcome,
                EVENT,
                details={"tier": ladder[rank[move.to_tier_id]].code},
                shifted=shifted,
            )
            for move in rises
        ],
    )
