"""The rules of tiers as expressions of SQL, for selections over all members at once. Equal to `members.lib.tiers`.

Only whole numbers, decimals and names of our own columns get into the text.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal

from members.lib.periods import add_months
from members.lib.tiers import METRICS, Metric, TierRules, Window

# What each plain metric is of a member's daily rows, and of none.
SUMS = {  # `d` is the row
    "spend_minor": "coalesce(sum(d.spend_minor){only}, 0)::bigint",
    "orders": "coalesce(sum(d.orders){only}, 0)::bigint",
    "active_days": "count(*) filter (where d.orders > 0{and_only})::bigint",
    "points_earned": "coalesce(sum(d.points){only}, 0)::bigint",
}


def start_of(window: Window, day: str, joined_on: str) -> str:
    """The first day that counts on `day`, an expression of a date, for who joined on `joined_on`."""
    if window.kind == "rolling":
        return f"({day} - {window.days - 1})"
    if window.kind == "calendar_year":
        return f"date_trunc('year', {day}::timestamp)::date"
    if window.kind == "lifetime":
        return "'0001-01-01'::date"
    years = f"greatest(extract(year from {day})::int - extract(year from {joined_on})::int, 0)"
    latest = f"({joined_on} + make_interval(years => {years}))::date"
    before = f"({joined_on} + make_interval(years => greatest({years} - 1, 0)))::date"
    return f"(case when {latest} <= {day} then {latest} else {before} end)"


def earliest_start(window: Window, today: date) -> date:
    """A day that no window of this kind begins before, from `today` on."""
    if window.kind == "membership_year":
        return add_months(today, -12)
    return window.start(today)


def sums(prefix: str, only: str = "", wanted: Collection[str] = tuple(SUMS)) -> str:
    """The plain metrics (all, or those wanted) of the rows for which `only` holds (all without), as columns with a
    prefix.
    """
    known = {
        "only": f" filter (where {only})" if only else "",
        "and_only": f" and {only}" if only else "",
    }
    return ", ".join(
        f"{text.format(**known)} as {prefix}{metric}" for metric, text in SUMS.items() if metric in wanted
    )


def asked(rules: TierRules) -> set[str]:
    """The plain metrics that decide by these rules: what a ladder does not ask for need not be counted."""
    found: set[str] = {metric for tier in rules.ladder for metric, _least in tier.requirements}
    return (found - {"growth"}) | (set(rules.growth) if "growth" in found else set())


def place_of(rules: TierRules, prefix: str) -> str:
    """The place in the ladder that the metrics in columns with a prefix qualify for: the highest that holds. Columns
    that are all null, of nobody's days, are enough for none but the lowest, which asks for nothing.
    """
    columns = {metric: f"{prefix}{metric}" for metric in METRICS[:-1]}
    columns["growth"] = _growth(rules.growth, columns)
    cases = []
    for place in range(len(rules.ladder) - 1, 0, -1):
        tier = rules.ladder[place]
        joint = " and " if tier.needs == "all" else " or "
        checks = joint.join(f"{columns[metric]} >= {int(n)}" for metric, n in tier.requirements)
        cases.append(f"when {checks} then {place}")
    return f"(case {' '.join(cases)} else 0 end)" if cases else "0"


def growth_of(rules: TierRules, prefix: str) -> str:
    """Growth by the metrics in columns with a prefix, floored: what a line of history says."""
    return f"floor({_growth(rules.growth, {metric: f'{prefix}{metric}' for metric in METRICS[:-1]})})::bigint"


def _growth(weights: Mapping[Metric, Decimal], columns: Mapping[str, str]) -> str:
    """The weighted sum; compared with whole numbers it needs no floor."""
    parts = [f"{columns[metric]} * {Decimal(weight):f}" for metric, weight in weights.items()]
    return f"({' + '.join(parts)})" if parts else "0"


def first_job_day(today: date, *, is_after_job: bool) -> date:
    """The day of the next recalculation."""
    return today + timedelta(days=1) if is_after_job else today
