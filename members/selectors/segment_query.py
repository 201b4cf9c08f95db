"""A segment's rule as one query with parameters: the set-based twin of `members.lib.segments.matches`.

Each kind of fact has one source that is joined once, however many conditions ask it. What was bought stands in each
member's row of facts (`member_facts`). Only windows that are not kept there are one pass over the daily totals, bounded
by the longest that is asked. Conditions that every match must fulfil and that need no sum go first: sums are then made
for those members alone.

A condition on a value that is missing is NULL, which `and` and `or` carry and a WHERE takes for false; where the
opposite is asked ("none", "not_in") `is not true` makes it definite.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from members.lib.earning_events import birthdays_on
from members.lib.segments import FACTS, GROUPS, Rule
from members.selectors import lifecycle, member_facts

DAY = dt.timedelta(days=1)
# Facts that stand in the member's own row, its standing or its account: cheap to ask of everybody.
OWN_ROW = frozenset({"channel", "joined", "joined_on", "birthday", "birth_month", "lifecycle"})
CHEAP = frozenset({"tier", "channel", "joined", "joined_on", "points", "birthday", "birth_month"})
SUMMED = frozenset(
    {"d", "x", "u"}
)  # sources that are made by summing: of daily totals, lots, uses of benefits


@dataclass(frozen=True, slots=True)
class Scope:
    """What a query needs to know beside the rule: whose members, the day, the tiers' ids, and the segments that rules
    may name (of a snapshot None stands for its rule)."""

    merchant_id: int
    today: dt.date
    base_tier_id: int | None = None
    tier_ids: Mapping[str, int] = field(default_factory=dict)
    store_ids: Mapping[str, int] = field(default_factory=dict)
    segment_ids: Mapping[str, int] = field(default_factory=dict)
    segment_rules: Mapping[str, Rule | None] = field(default_factory=dict)


class Query:
    """Predicates of one or more rules over shared sources; then the statement that counts or lists by them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.values: dict[str, Any] = {"merchant": scope.merchant_id, "today": scope.today}
        self.sums: dict[str, str] = {}  # column of the daily pass: its expression
        self.since: dt.date = scope.today + DAY  # the first day the pass needs
        self.kept: set[str] = set()  # columns of the row of facts
        self.expiring: dict[str, str] = {}
        self.uses: dict[str, str] = {}
        self.until: dt.date = scope.today
        self.joins: set[str] = set()
        self.asks_member = False  # for columns of the member's own row

    # ---- predicates ----

    def predicate(self, rule: Rule, seen: frozenset[str] = frozenset()) -> str:
        """The rule as SQL over the sources; may be NULL for false."""
        for name in GROUPS:
            if name in rule:
                parts = [f"({self.predicate(part, seen)})" for part in rule[name]]
                if name == "none":
                    return f"({' or '.join(parts)}) is not true"
                return (" and " if name == "all" else " or ").join(parts)
        return self._condition(rule, seen)

    def _condition(self, rule: Rule, seen: frozenset[str]) -> str:
        fact = rule["fact"]
        self.asks_member |= fact in OWN_ROW
        if FACTS[fact].kind == "choice":
            held = self._choice(fact, rule, seen)
            return held if rule["op"] == "is_in" else f"({held}) is not true"
        if fact == "joined_on":
            sign = ">=" if rule["op"] == "from" else "<"
            return f"m.joined_on {sign} {self._put(dt.date.fromisoformat(rule['value']))}"
        if fact == "birthday":
            return self._birthday(rule["value"])
        number = self._recency() if fact == "recency" else self._number(fact, rule)
        return self._compared(number, rule)

    def _put(self, value: Any) -> str:
        """A parameter's place."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"

    def _compared(self, number: str, rule: Rule) -> str:
        op: str = rule["op"]
        value: Any = rule.get("value")
        if op == "never":
            return f"{number} is null"
        if op == "between":
            return f"{number} between {self._put(value[0])} and {self._put(value[1])}"
        return f"{number} {'>=' if op == 'at_least' else '<='} {self._put(value)}"

    def _recency(self) -> str:
        """Days since the last day of purchase."""
        return f"(%(today)s - {self._kept('last_day')})"

    def _kept(self, column: str) -> str:
        self.joins.add("f")
        self.kept.add(column)
        return f"f.{column}"

    def _none_is_zero(self, number: str, rule: Rule) -> str:
        """A figure that is missing is 0. Where 0 fits nobody it may stay missing: the join then starts with the few
        who fit."""
        value: Any = rule["value"]
        least = value[0] if rule["op"] == "between" else value if rule["op"] == "at_least" else 0
        return number if least > 0 else f"coalesce({number}, 0)"

    def _number(self, fact: str, rule: Rule) -> str:
        days = rule.get("days")
        if fact in ("orders", "spend"):
            if days is None or days in member_facts.WINDOWS:
                return self._none_is_zero(self._kept(fact if days is None else f"{fact}_{days}"), rule)
            return self._summed("orders" if fact == "orders" else "spend_minor", days)
        if fact == "active_days":
            return self._none_is_zero(self._kept("days"), rule)
        if fact == "joined":
            return "(%(today)s - m.joined_on)"
        if fact == "points":
            self.joins.add("a")
            return "coalesce(a.available, 0)"
        if fact == "benefit_uses":
            return self._uses(days)
        until = self.scope.today + int(days or 0) * DAY
        self.joins.add("x")
        self.until = max(self.until, until)
        name = f"within_{days}"
        self.expiring[name] = f"sum(l.remaining) filter (where l.expires_on <= {self._put(until)})"
        return f"coalesce(x.{name}, 0)"

    def _summed(self, column: str, days: int) -> str:
        """A window that no row keeps, over the daily totals."""
        first = self.scope.today - (days - 1) * DAY
        self.joins.add("d")
        self.since = min(self.since, first)
        name = f"{column}_{days}"
        if name not in self.sums:
            self.sums[name] = f"sum({column}) filter (where day >= {self._put(first)})"
        return f"coalesce(d.{name}, 0)"

    def _uses(self, days: int | None) -> str:
        """How often benefits were used, over the daily totals of uses."""
        self.joins.add("u")
        name = f"uses_{days or 0}"
        since = (
            "" if days is None else f" filter (where day >= {self._put(self.scope.today - (days - 1) * DAY)})"
        )
        self.uses[name] = f"sum(uses){since}"
        return f"coalesce(u.{name}, 0)"

    def _birthday(self, days: int) -> str:
        coming = {pair for n in range(days + 1) for pair in birthdays_on(self.scope.today + n * DAY)}
        numbers = sorted(month * 100 + day for month, day in coming)
        return f"m.birth_month * 100 + m.birth_day = any({self._put(numbers)}::int[])"

    def _choice(self, fact: str, rule: Rule, seen: frozenset[str]) -> str:
        values = rule["value"]
        if fact == "channel":
            return f"m.channel = any({self._put(values)}::text[])"
        if fact == "birth_month":
            return f"m.birth_month = any({self._put([int(each) for each in values])}::int[])"
        if fact == "tier":
            self.joins.add("s")
            ids = [self.scope.tier_ids[each] for each in values if each in self.scope.tier_ids]
            held = f"s.tier_id = any({self._put(ids)}::bigint[])"
            # Who never moved has no standing, and holds the lowest tier.
            return f"({held} or s.tier_id is null)" if self.scope.base_tier_id in ids else held
        if fact == "lifecycle":
            self.joins |= {"f", "c"}
            self.kept |= set(lifecycle.COLUMNS)
            return f"c.stage = any({self._put(values)}::text[])"
        if fact == "segment":
            return " or ".join(f"({self._segment(each, seen)})" for each in values)
        return self._exists(fact, rule)

    def _exists(self, fact: str, rule: Rule) -> str:
        """Rows beside the member: its tags, its orders at a store."""
        if fact == "tag":
            return (
                "exists (select from members_membertag t where t.merchant_id = %(merchant)s "
                f"and t.member_id = m.id and t.name = any({self._put(rule['value'])}::text[]))"
            )
        if fact == "benefit":
            return self._used(rule)
        stores = [self.scope.store_ids[each] for each in rule["value"] if each in self.scope.store_ids]
        within = ""
        if days := rule.get("days"):
            within = f" and o.paid_on >= {self._put(self.scope.today - (days - 1) * DAY)}"
        return (
            "exists (select from members_order o where o.merchant_id = %(merchant)s and o.member_id = m.id "
            f"and o.store_id = any({self._put(stores)}::bigint[]) and o.status = 'paid' and o.counts "
            f"and o.paid_on <= %(today)s{within})"
        )

    def _used(self, rule: Rule) -> str:
        within = ""
        if days := rule.get("days"):
            within = f" and b.day >= {self._put(self.scope.today - (days - 1) * DAY)}"
        return (
            "exists (select from members_benefituse b where b.merchant_id = %(merchant)s and b.member_id = m.id "
            f"and b.benefit = any({self._put(rule['value'])}::text[]) and b.uses > 0 and b.day <= %(today)s{within})"
        )

    def _segment(self, public_id: str, seen: frozenset[str]) -> str:
        """Another segment: its rule, or for a snapshot its list. One that is gone, or a circle, means nobody."""
        if public_id not in self.scope.segment_ids or public_id in seen:
            return "false"
        rule = self.scope.segment_rules.get(public_id)
        if rule is not None:
            return self.predicate(rule, seen | {public_id})
        segment = self._put(self.scope.segment_ids[public_id])
        return (
            "exists (select from members_segmentmember g where g.merchant_id = %(merchant)s "
            f"and g.segment_id = {segment} and g.member_id = m.id)"
        )

    # ---- the statement ----

    def select(self, what: str) -> str:
        """`select what from the members …`, for columns made of predicates."""
        return (
            f"{self._with([])}select {what} from members_member m{self._sources('')} "
            "where m.merchant_id = %(merchant)s and m.status = 'active'"
        )

    def count_of(self, rule: Rule) -> str:
        """The statement that counts the members a rule means. Where only buyers fit and nothing of the member's own row
        is asked, rows of facts are counted, less those of the few members who are none any more."""
        where = self.predicate(rule)
        if self.asks_member or self.joins & SUMMED or not any(map(_means_buyers, rule.get("all", []))):
            other = Query(self.scope)
            statement = other.select_of("count(*)", rule)
            self.values = other.values
            return statement
        beside = self._beside(buyers=True)
        return (
            f"select count(*) from {member_facts.source(sorted(self.kept))} f "
            f"cross join lateral (select f.member_id as id) m{beside} where ({where}) and not exists ("
            "select from members_member e where e.merchant_id = %(merchant)s and e.status <> 'active' "
            "and e.id = f.member_id)"
        )

    def select_of(self, what: str, rule: Rule, tail: str = "") -> str:
        """`select what from the members that a rule means …`: what is cheap to ask of everybody is asked first."""
        cheap, rest = _split(rule)
        where = self.predicate(rest) if rest else ""
        if not cheap or not where or not self.joins & SUMMED:
            where = self.predicate(rule)
            sources = self._sources("")
            return (
                f"{self._with([])}select {what} from members_member m{sources} "
                f"where m.merchant_id = %(merchant)s and m.status = 'active' and ({where}) {tail}"
            )
        who = self._who(cheap)
        sources = self._sources(" and member_id in (select id from who)")
        return f"{self._with([who])}select {what} from who m{sources} where {where} {tail}"

    def _who(self, cheap: Rule) -> str:
        """The members that fulfil the cheap conditions, with all of their own row that other conditions may ask."""
        inner = Query(self.scope)
        inner.values = self.values
        where = inner.predicate(cheap)
        return (
            "who as materialized (select m.id, m.joined_at, m.joined_on, m.channel, m.birth_month, m.birth_day "
            f"from members_member m{inner._beside()} "
            f"where m.merchant_id = %(merchant)s and m.status = 'active' and ({where}))"
        )

    def _with(self, parts: list[str]) -> str:
        if "c" in self.joins:
            self.values |= lifecycle.PARAMETERS
            parts = [lifecycle.PROGRAM_RHYTHM, *parts]
        return f"with {', '.join(parts)} " if parts else ""

    def _sources(self, who: str) -> str:
        return self._beside() + self._daily(who) + self._lots(who) + self._times(who)

    def _beside(self, *, buyers: bool = False) -> str:
        """What has one row a member; `buyers`: beside the rows of facts."""
        found = ""
        for name, table in (("s", "members_tierstanding"), ("a", "members_pointsaccount")):
            if name in self.joins:
                found += f" left join {table} {name} on {name}.merchant_id = %(merchant)s and {name}.member_id = m.id"
        if "f" in self.joins and not buyers:
            found += f" left join {member_facts.source(sorted(self.kept))} f on f.member_id = m.id"
        if "c" in self.joins:
            found += f" {lifecycle.STAGE_OF}"
        return found

    def _daily(self, who: str) -> str:
        if "d" not in self.joins:
            return ""
        columns = ", ".join(f"{expression} as {name}" for name, expression in self.sums.items())
        since = f" and day >= {self._put(self.since)}"
        return (
            f" left join (select member_id, {columns} from members_dailytotal "
            f"where merchant_id = %(merchant)s and day <= %(today)s{since}{who} group by member_id) d "
            "on d.member_id = m.id"
        )

    def _times(self, who: str) -> str:
        """Uses of benefits until today."""
        if "u" not in self.joins:
            return ""
        columns = ", ".join(f"{expression} as {name}" for name, expression in self.uses.items())
        return (
            f" left join (select member_id, {columns} from members_benefituse where merchant_id = %(merchant)s "
            f"and day <= %(today)s{who} group by member_id) u on u.member_id = m.id"
        )

    def _lots(self, who: str) -> str:
        """Points whose last usable day is near; what the daily job has expired is none."""
        if "x" not in self.joins:
            return ""
        columns = ", ".join(f"{expression} as {name}" for name, expression in self.expiring.items())
        return (
            f" left join (select l.member_id, {columns} from members_pointslot l "
            "left join members_pointsaccount e on e.merchant_id = l.merchant_id and e.member_id = l.member_id "
            f"where l.merchant_id = %(merchant)s and l.remaining > 0 and l.expires_on <= {self._put(self.until)} "
            "and (e.expired_through is null or l.expires_on > e.expired_through)"
            f"{who.replace('member_id in', 'l.member_id in')} group by l.member_id) x on x.member_id = m.id"
        )


def _split(rule: Rule) -> tuple[Rule | None, Rule | None]:
    """The conditions that all matches fulfil and that need no sum, and all the others."""
    parts = rule.get("all", [])
    cheap = [part for part in parts if part.get("fact") in CHEAP]
    rest = [part for part in parts if part.get("fact") not in CHEAP]
    return ({"all": cheap} if cheap else None), ({"all": rest} if rest else None)


def _means_buyers(condition: Rule) -> bool:
    """Whether a condition holds for nobody without a row of facts."""
    fact, op = condition.get("fact"), condition.get("op")
    if fact == "recency":
        return op != "never"
    if fact not in ("orders", "spend", "active_days") or op == "at_most":
        return False
    return bool(condition["value"][0] if op == "between" else condition["value"])
