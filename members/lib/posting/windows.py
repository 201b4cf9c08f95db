"""Window sums of a member, moved along by the days that enter and leave instead of summed again."""

from __future__ import annotations

from datetime import date, timedelta

from members.lib.posting.state import DayTotals, MemberState, WindowTotals
from members.lib.tiers import Metrics, TierRules

_ONE_DAY = timedelta(days=1)


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
