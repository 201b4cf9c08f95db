"""How a member stands with checking in: today's, the row of days, what it brings (domain.md 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from members.lib.check_ins import CheckIn, Step, best
from members.lib.posting import Rules
from members.models import PointsRequest, TierStanding

SPACE = "award"  # of the requests that awards are


@dataclass(frozen=True, slots=True)
class Row:
    """A member's row of days.

    days: in a row, today's included once it is done, else those until yesterday. points: what today's check-in brought,
    or would bring. next_step: (check-ins to go, points) of the next full row.
    """

    is_done: bool
    days: int
    points: int
    next_step: Step | None


def key_of(member_id: int, day: dt.date) -> str:
    """The key under which a member's check-in of a merchant day is kept: one a day."""
    return f"check_in:{member_id}:{day}"


def rules_of(*, merchant_id: int, member_id: int, rules: Rules, at: dt.datetime) -> list[CheckIn]:
    """The rules by which a member checks in now. At most one query."""
    earning = rules.points.earning
    if not any(rule.tiers for rule in earning.check_ins):
        return earning.check_ins_of(tier_id=None, at=at)
    standing = TierStanding.objects.of(merchant_id).filter(member_id=member_id).first()
    tier_id = standing.tier_id if standing else rules.tiers.ladder[0].id
    return earning.check_ins_of(tier_id=tier_id, at=at)


def days_until(*, merchant_id: int, member_id: int, day: dt.date) -> tuple[int, int | None]:
    """How many days in a row a member checked in until a day, that day included, and what that day brought; (0, None)
    when not on that day. One query."""
    rows = PointsRequest.objects.of(merchant_id).filter(space=SPACE, key=key_of(member_id, day))
    row = rows.first()
    return (0, None) if row is None else (row.details.get("streak", 1), row.points)


def row_of(*, merchant_id: int, member_id: int, rules: list[CheckIn], today: dt.date) -> Row | None:
    """The member's row of days today; None where no rule rewards a check-in and none was done. At most two
    queries."""
    days, brought = days_until(merchant_id=merchant_id, member_id=member_id, day=today)
    is_done = brought is not None
    if not is_done:
        yesterday = today - dt.timedelta(days=1)
        days, _points = days_until(merchant_id=merchant_id, member_id=member_id, day=yesterday)
    rule = best(rules, days if is_done else days + 1)
    if brought is not None:
        return Row(is_done, days, brought, rule.next_step(days) if rule else None)
    if rule is None:
        return None
    return Row(is_done, days, rule.points + rule.bonus(days + 1), rule.next_step(days))
