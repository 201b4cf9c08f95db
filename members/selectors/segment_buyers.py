"""Which conditions of a segment only somebody who bought can fulfil: those are asked of the rows of facts alone."""

from __future__ import annotations

from typing import Any

from members.lib.segments import Rule
from members.selectors import member_facts


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
    longer = [days for days in member_facts.WINDOWS if days > condition["days"]]
    return found | ({"days": min(longer)} if longer else {})


def means_buyers(condition: Rule) -> bool:
    """Whether a condition holds for nobody without a row of facts."""
    fact, op = condition.get("fact"), condition.get("op")
    if fact == "recency":
        return op != "never"
    if fact not in ("orders", "spend", "active_days") or op == "at_most":
        return False
    return bool(condition["value"][0] if op == "between" else condition["value"])
