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
from members.selectors import member_facts

AXES = ("frequency", "spend")  # beside recency
_BOUGHT = """
from {source} f join members_member m on m.merchant_id = %(merchant)s and m.id = f.member_id and m.status = 'active'
where f.last_day >= %(since)s
"""
_VALUES = {"frequency": "orders_365", "spend": "spend_365"}


def _scored(axis: str) -> str:
    """Each pair of last day and other value with how many have it and its scores: what is ranked are values, which are
    far fewer than members."""
    value = _VALUES[axis]
    score = "1 + %(scores)s * (sum(sum(n)) over (order by {by}) - sum(n)) / (select sum(n) from pairs)"
    bought = _BOUGHT.format(source=member_facts.source(("last_day", value)))
    return f"""
with pairs as materialized (select f.last_day, f.{value} as value, count(*)::bigint as n {bought} group by 1, 2),
days as (select last_day, floor({score.format(by="last_day")})::int as score from pairs group by 1),
others as (select value, floor({score.format(by="value")})::int as score from pairs group by 1)
"""


def _grid(axis: str) -> str:
    return f"""{_scored(axis)} select d.score, o.score, sum(p.n)::bigint from pairs p
join days d on d.last_day = p.last_day join others o on o.value = p.value group by 1, 2"""


def _cell(axis: str) -> str:
    value = _VALUES[axis]
    bought = _BOUGHT.format(source=member_facts.source(("last_day", value)))
    return f"""{_scored(axis)} select m.id {bought}
and f.last_day in (select last_day from days where score = %(recency)s)
and f.{value} in (select value from others where score = %(other)s)
order by f.last_day desc, m.id desc limit %(limit)s offset %(offset)s"""


EVERY = f"""
select m.id, 1 + %(scores)s * (rank() over (order by f.last_day) - 1) / count(*) over (),
    1 + %(scores)s * (rank() over (order by f.orders_365) - 1) / count(*) over (),
    1 + %(scores)s * (rank() over (order by f.spend_365) - 1) / count(*) over ()
{_BOUGHT.format(source=member_facts.source(("last_day", *_VALUES.values())))}
"""


def _rows(statement: str, merchant: Merchant, at: dt.datetime, **more: Any) -> list[tuple[Any, ...]]:
    today = merchant_day(at, merchant.zone)
    values = {"merchant": merchant.pk, "today": today, "since": rule.since(today), "scores": rule.SCORES}
    return fetch_all(statement, {**values, **more})


def grid(*, merchant: Merchant, at: dt.datetime, axis: str = "frequency") -> dict[tuple[int, int], int]:
    """Members by (recency, the other score), of those who bought in the window. One query."""
    found = _rows(_grid(axis), merchant, at)
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
    found = _rows(_cell(axis), merchant, at, recency=recency, other=other, limit=limit, offset=offset)
    return [row[0] for row in found]


def scores(*, merchant: Merchant, at: dt.datetime) -> dict[int, rule.Scores]:
    """Everybody's scores by member id. One query."""
    return {row[0]: rule.Scores(*row[1:]) for row in _rows(EVERY, merchant, at)}
