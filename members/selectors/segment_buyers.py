"""Which conditions of a segment only somebody who bought can fulfil: those are asked of the rows of facts alone."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from members.lib.segments import Rule
from members.selectors import member_facts

if TYPE_CHECKING:
    from members.selectors.segment_query import Query


def implied(condition: Rule) -> Rule | None:
    """What holds for everybody who bought so much within days that no row keeps: as much within the next longer ones
    that are kept. No day comes to less than nothing."""
    if condition.get("fact") not in ("orders", "spend") or not means_buyers(condition):
        return None
    value: Any = condition["value"]
    found = {
        "fact": condition["fact"],
        "op": "at_least",
        "value": value[0] if condition["op"] == "between" else value,
    }
    longer = _longer(condition["days"])
    return found | ({"days": longer} if longer else {})


def decided(query: Query, rule: Rule) -> str:
    """What the rows of facts alone say of conditions that all must hold, of windows that no row keeps: true, false, or
    null where the days must be asked. Who bought last before the window bought nothing in it; of one order the day is
    the last one; and no day comes to less than nothing."""
    parts = [_decided(query, each) for each in rule["all"]]
    return f"({' and '.join(parts)})"


def _decided(query: Query, condition: Rule) -> str:
    fact, days = condition.get("fact"), condition.get("days")
    if fact not in ("orders", "spend") or not days:
        return "null::boolean"
    longer = f"_{_longer(days)}" if _longer(days) else ""
    first = query.put(query.scope.today - dt.timedelta(days=days - 1))
    ways = (
        f"when {query.keep('last_day')} < {first} then {query.compared('0', condition)} "
        f"when {query.keep(f'orders{longer}')} = 1 then {query.compared(query.keep(f'{fact}{longer}'), condition)}"
    )
    shorter = [kept for kept in member_facts.WINDOWS if kept < days]
    if condition["op"] == "at_least" and shorter:
        least = query.compared(query.keep(f"{fact}_{max(shorter)}"), condition)
        ways += f" when {least} then true"
    return f"case {ways} end"


def _longer(days: int) -> int | None:
    """The shortest of the longer windows that rows keep."""
    return min((kept for kept in member_facts.WINDOWS if kept > days), default=None)


def means_buyers(condition: Rule) -> bool:
    """Whether a condition holds for nobody without a row of facts."""
    fact, op = condition.get("fact"), condition.get("op")
    if fact == "recency":
        return op != "never"
    if fact not in ("orders", "spend", "active_days") or op == "at_most":
        return False
    return bool(condition["value"][0] if op == "between" else condition["value"])
