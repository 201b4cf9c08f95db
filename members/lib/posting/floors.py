"""The end of a tier that a paid plan granted: what is left is what the member had, or reached meanwhile, without it."""

from __future__ import annotations

from datetime import date, timedelta

from members.lib import tiers
from members.lib.periods import add_months, merchant_day
from members.lib.posting.changes import Changes
from members.lib.posting.events import FloorEnded
from members.lib.posting.rules import Rules
from members.lib.posting.state import MemberState
from members.lib.posting.windows import metrics_on


def end(state: MemberState, event: FloorEnded, rules: Rules, changes: Changes) -> None:
    """Shorten the tier's validity to the member's own; nobody moves before the next recalculation (domain.md 5).

    Of a tier that left the ladder nothing is left to end: where members moved to another, the edit had the grant follow
    (`occasions.tell_tiers_gone`).
    """
    if state.member_id is None or event.tier_id not in rules.tiers.rank:
        return
    today = merchant_day(event.at, rules.zone)
    known = [day for day in (event.before, event.still, _reached(state, event, rules, today)) if day]
    own = max(known, default=None)
    standing = state.standing
    moved = tiers.end_floor(standing, event.tier_id, until=event.until, own=own, today=today)
    if moved:
        changes.standings[state.member_id] = state
        changes.validities[state.member_id, event.tier_id] = standing.validity[event.tier_id]


def _reached(state: MemberState, event: FloorEnded, rules: Rules, today: date) -> date | None:
    """Until when the orders since the grant, as they count now, would have made the tier valid by themselves."""
    ladder, found = rules.tiers, None
    tier = ladder.ladder[ladder.rank[event.tier_id]]
    days = [day for day, totals in state.daily.items() if event.since <= day <= today and totals.orders > 0]
    for day in sorted(days):
        if not tier.holds(metrics_on(state, ladder, day)):
            continue
        moved = sum(days for began, days in event.shifts if began >= day)
        until = add_months(day, ladder.validity_months) + timedelta(days=moved)
        found = until if found is None else max(found, until)
    return found
