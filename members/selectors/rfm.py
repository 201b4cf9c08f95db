"""Scores of recency, frequency and money of all members who bought (domain.md 10): one statement.

The rule is `members.lib.rfm`; the statement says the same, set-based.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from members.lib import rfm as rule
from members.lib.periods import merchant_day
from members.lib.set_based import fetch_all
from members.models import Merchant

AXES = ("frequency", "spend")  # beside recency
SCORED = """
with bought as materialized (
    select d.member_id, max(d.day) as last_day, sum(d.orders) as orders, sum(d.spend_minor) as spend
    from members_dailytotal d
    join members_member m on m.merchant_id = d.merchant_id and m.id = d.member_id and m.status = 'active'
    where d.merchant_id = %(merchant)s and d.day >= %(since)s and d.day <= %(today)s and d.orders > 0
    group by d.member_id
),
scored as materialized (
    select member_id, last_day,
        1 + %(scores)s * (rank() over (order by last_day) - 1) / count(*) over () as recency,
        1 + %(scores)s * (rank() over (order by orders) - 1) / count(*) over () as frequency,
        1 + %(scores)s * (rank() over (order by spend) - 1) / count(*) over () as spend
    from bought
)
"""
GRID = f"{SCORED} select recency, {{axis}}, count(*) from scored group by 1, 2"
CELL = f"""{SCORED} select member_id from scored where recency = %(recency)s and {{axis}} = %(other)s
order by last_day desc, member_id desc limit %(limit)s offset %(offset)s"""
EVERY = f"{SCORED} select member_id, recency, frequency, spend from scored"


def _rows(statement: str, merchant: Merchant, at: dt.datetime, **more: Any) -> list[tuple[Any, ...]]:
    today = merchant_day(at, merchant.zone)
    values = {"merchant": merchant.pk, "today": today, "since": rule.since(today), "scores": rule.SCORES}
    return fetch_all(statement, {**values, **more})


def grid(*, merchant: Merchant, at: dt.datetime, axis: str = "frequency") -> dict[tuple[int, int], int]:
    """Members by (recency, the other score), of those who bought in the window. One query."""
    found = _rows(GRID.format(axis=AXES[AXES.index(axis)]), merchant, at)
    return {(recency, other): count for recency, other, count in found}


def members_in(
    *,
    merchant: Merchant,
    at: dt.datetime,
    recency: int,
    other: int,
    limit: int,
    axis: str = "frequency",
    offset: int = 0,
) -> list[int]:
    """The ids of the members of a cell, the last to have bought first. One query."""
    statement = CELL.format(axis=AXES[AXES.index(axis)])
    found = _rows(statement, merchant, at, recency=recency, other=other, limit=limit, offset=offset)
    return [row[0] for row in found]


def scores(*, merchant: Merchant, at: dt.datetime) -> dict[int, rule.Scores]:
    """Everybody's scores by member id. One query."""
    return {row[0]: rule.Scores(*row[1:]) for row in _rows(EVERY, merchant, at)}
