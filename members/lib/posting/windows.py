"""What orders bring to a member's days, and window sums of these, moved along by the days that enter and leave instead
of summed again.
"""

from __future__ import annotations

from datetime import date, timedelta

from members.lib.posting.changes import Changes
from members.lib.posting.events import PAID
from members.lib.posting.state import DayTotals, MemberState, OrderState, WindowTotals
from members.lib.tiers import Metrics, TierRules

_ONE_DAY = timedelta(days=1)
Contribution = tuple[date | None, int, int, int]
"""What an order brings its member's days: (day, spend_minor, orders, points)."""

NOTHING: Contribution = (None, 0, 0, 0)


def metrics_on(state: MemberState, rules: TierRules, today: date) -> Metrics:
    """The member's metrics over the window that ends `today`; moves `state.window` there."""
    start = rules.window.start(today, state.joined_on)
    window = state.window
    if window is None or start < window.start or today < window.through:
        window = state.window = _summed(state.daily, start, today)
    elif start != window.start or today != window.through:
        steps = (start - window.start).days + (today - window.through).days
        if steps > len(state.daily) + 1:
            window = state.window = _summed(state.daily, start, today)
        else:
            _advance(window, state.daily, start, today)
    return window.metrics(rules)


def post_to_day(state: MemberState, day: date, *, spend_minor: int, orders: int, points: int) -> None:
    """Add to a day's totals, and to the window's if the day lies in it."""
    totals = state.daily.get(day)
    if totals is None:
        totals = state.daily[day] = DayTotals()
    was_active = totals.orders > 0
    totals.spend_minor += spend_minor
    totals.orders += orders
    totals.points += points
    window = state.window
    if window is not None and window.start <= day <= window.through:
        window.spend_minor += spend_minor
        window.orders += orders
        window.points += points
        window.active_days += (totals.orders > 0) - was_active


def _summed(daily: dict[date, DayTotals], start: date, through: date) -> WindowTotals:
    window = WindowTotals(start, through)
    for day, totals in daily.items():
        if start <= day <= through:
            _add(window, totals, 1)
    return window


def _advance(window: WindowTotals, daily: dict[date, DayTotals], start: date, through: date) -> None:
    """Move a window forward; days that both enter and leave cancel out."""
    day = window.start
    while day < start:
        if totals := daily.get(day):
            _add(window, totals, -1)
        day += _ONE_DAY
    day = window.through
    while day < through:
        day += _ONE_DAY
        if totals := daily.get(day):
            _add(window, totals, 1)
    window.start = start
    window.through = through


def _add(window: WindowTotals, totals: DayTotals, sign: int) -> None:
    window.spend_minor += sign * totals.spend_minor
    window.orders += sign * totals.orders
    window.points += sign * totals.points
    window.active_days += sign * (totals.orders > 0)


def contribution(order: OrderState) -> Contribution:
    """What the order brings its member's days now."""
    if order.member_id is None or order.paid_on is None:
        return NOTHING
    if order.status != PAID:
        return (order.paid_on, 0, 0, order.posted)
    return (order.paid_on, order.total_minor - order.refunded_minor, int(order.counts), order.posted)


def post_days(state: MemberState, order: OrderState, before: Contribution, changes: Changes) -> bool:
    """Post the difference to the member's days; whether spend or orders of any day moved."""
    after = contribution(order)
    if after == before:
        return False
    (old_day, *old), (new_day, *new) = before, after
    if old_day == new_day or old_day is None:
        _post_day(state, new_day, changes, new[0] - old[0], new[1] - old[1], new[2] - old[2])
        return old[:2] != new[:2]
    _post_day(state, old_day, changes, -old[0], -old[1], -old[2])
    _post_day(state, new_day, changes, new[0], new[1], new[2])
    return any(old[:2]) or any(new[:2])


def _post_day(
    state: MemberState, day: date | None, changes: Changes, spend: int, count: int, points: int
) -> None:
    if day is None or state.member_id is None or not (spend or count or points):
        return
    post_to_day(state, day, spend_minor=spend, orders=count, points=points)
    changes.add_to_day(state.member_id, day, spend, count, points)
