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
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from members.lib.earning_events import birthdays_on
from members.lib.segments import FACTS, GROUPS, Rule
from members.selectors import lifecycle, member_facts
from members.selectors.segment_buyers import decided, implied, means_buyers

DAY = dt.timedelta(days=1)
# Facts that only the member's own row says.
OWN_ROW = frozenset({"channel", "birthday", "birth_month"})
# An array, so that the rows of few are found by their key.
IN_WHO = " and member_id = any(array(select id from who))"
IN_WHO_OPEN = " and member_id = any(array(select id from who where fits is null))"
SUMMED = frozenset({"d", "x", "u"})  # sources that are sums of many rows: of days, lots, uses of benefits


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

    def __init__(self, scope: Scope, *, of_buyers: bool = False, among: Sequence[int] | None = None) -> None:
        """`of_buyers`: rows of facts are asked, of members who bought; `among`: of these members alone."""
        self.scope = scope
        self.of_buyers, self.is_sample = of_buyers, among is not None
        self.values: dict[str, Any] = {"merchant": scope.merchant_id, "today": scope.today}
        if among is not None:
            self.values["among"] = list(among)
        self.sums: dict[str, str] = {}  # column of the daily pass: its expression
        self.since: dt.date = scope.today + DAY  # the first day the pass needs
        self.kept: set[str] = set()  # columns of the row of facts
        self.expiring: dict[str, str] = {}
        self.uses: dict[str, str] = {}
        self.until: dt.date = scope.today
        self.joins: set[str] = set()
        self.needs_program = False
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
        if fact in ("joined", "joined_on"):
            if self.of_buyers:
                self.keep("joined_on")
            else:
                self.asks_member = (
                    True  # of buyers found by their facts, the rest of a rule knows the ids alone
                )
        if fact == "joined_on":
            sign = ">=" if rule["op"] == "from" else "<"
            return f"m.joined_on {sign} {self.put(dt.date.fromisoformat(rule['value']))}"
        if fact == "birthday":
            return self._birthday(rule["value"])
        if fact == "recency":
            return self._recency(rule)
        return self.compared(self._number(fact, rule), rule)

    def put(self, value: Any) -> str:
        """A parameter's place."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"

    def compared(self, number: str, rule: Rule) -> str:
        """A number beside what a condition asks of it."""
        op: str = rule["op"]
        value: Any = rule.get("value")
        if op == "between":
            return f"{number} between {self.put(value[0])} and {self.put(value[1])}"
        return f"{number} {'>=' if op == 'at_least' else '<='} {self.put(value)}"

    def _recency(self, rule: Rule) -> str:
        """Days since the last day of purchase, as days that an index knows."""
        day, op = self.keep("last_day"), rule["op"]
        value: Any = rule.get("value")
        if op == "never":
            return f"{day} is null"
        least, most = value if op == "between" else (value, value)
        earliest, latest = (self.put(self.scope.today - n * DAY) for n in (most, least))
        if op == "between":
            return f"{day} between {earliest} and {latest}"
        return f"{day} <= {latest}" if op == "at_least" else f"{day} >= {earliest}"

    def keep(self, column: str) -> str:
        """A column of the row of facts, which is asked from now on."""
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
                return self._none_is_zero(self.keep(fact if days is None else f"{fact}_{days}"), rule)
            return self._summed("orders" if fact == "orders" else "spend_minor", days)
        if fact == "active_days":
            return self._none_is_zero(self.keep("days"), rule)
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
        self.expiring[name] = f"sum(l.remaining) filter (where l.expires_on <= {self.put(until)})"
        return f"coalesce(x.{name}, 0)"

    def _summed(self, column: str, days: int) -> str:
        """A window that no row keeps, over the daily totals."""
        first = self.scope.today - (days - 1) * DAY
        self.joins.add("d")
        self.since = min(self.since, first)
        name = f"{column}_{days}"
        if name not in self.sums:
            self.sums[name] = f"sum({column}) filter (where day >= {self.put(first)})"
        return f"coalesce(d.{name}, 0)"

    def _uses(self, days: int | None) -> str:
        """How often benefits were used, over the daily totals of uses."""
        self.joins.add("u")
        name = f"uses_{days or 0}"
        since = self.scope.today - ((days or 0) - 1) * DAY
        self.uses[name] = "sum(uses)" + (f" filter (where day >= {self.put(since)})" if days else "")
        return f"coalesce(u.{name}, 0)"

    def _birthday(self, days: int) -> str:
        coming = {pair for n in range(days + 1) for pair in birthdays_on(self.scope.today + n * DAY)}
        numbers = sorted(month * 100 + day for month, day in coming)
        return f"m.birth_month * 100 + m.birth_day = any({self.put(numbers)}::int[])"

    def _choice(self, fact: str, rule: Rule, seen: frozenset[str]) -> str:
        values = rule["value"]
        if fact == "channel":
            return f"m.channel = any({self.put(values)}::text[])"
        if fact == "birth_month":
            return f"m.birth_month = any({self.put([int(each) for each in values])}::int[])"
        if fact == "tier":
            ids = [self.scope.tier_ids[each] for each in values if each in self.scope.tier_ids]
            tier = self.keep("tier_held") if self.of_buyers else "s.tier_id"
            self.joins |= set() if self.of_buyers else {"s"}
            held = f"{tier} = any({self.put(ids)}::bigint[])"
            # Who never moved has no standing, and holds the lowest tier.
            return f"({held} or {tier} is null)" if self.scope.base_tier_id in ids else held
        if fact == "lifecycle":
            self.joins |= {"f", "c"}
            self.kept |= set(lifecycle.COLUMNS) | {"joined_on"}
            return f"c.stage = any({self.put(values)}::text[])"
        if fact == "segment":
            return " or ".join(f"({self._segment(each, seen)})" for each in values)
        return self._exists(fact, rule)

    def _exists(self, fact: str, rule: Rule) -> str:
        """Rows beside the member: its tags, the benefits it used, its orders at a store."""
        if fact == "tag":
            return (
                "exists (select from members_membertag t where t.merchant_id = %(merchant)s "
                f"and t.member_id = m.id and t.name = any({self.put(rule['value'])}::text[]))"
            )
        if fact == "benefit":
            return self._used(rule)
        stores = [self.scope.store_ids[each] for each in rule["value"] if each in self.scope.store_ids]
        within = ""
        if days := rule.get("days"):
            within = f" and o.paid_on >= {self.put(self.scope.today - (days - 1) * DAY)}"
        return (
            "exists (select from members_order o where o.merchant_id = %(merchant)s and o.member_id = m.id "
            f"and o.store_id = any({self.put(stores)}::bigint[]) and o.status = 'paid' and o.counts "
            f"and o.paid_on <= %(today)s{within})"
        )

    def _used(self, rule: Rule) -> str:
        within = ""
        if days := rule.get("days"):
            within = f" and b.day >= {self.put(self.scope.today - (days - 1) * DAY)}"
        return (
            "exists (select from members_benefituse b where b.merchant_id = %(merchant)s and b.member_id = m.id "
            f"and b.benefit = any({self.put(rule['value'])}::text[]) and b.uses > 0 and b.day <= %(today)s{within})"
        )

    def _segment(self, public_id: str, seen: frozenset[str]) -> str:
        """Another segment: its rule, or for a snapshot its list. One that is gone, or a circle, means nobody."""
        if public_id not in self.scope.segment_ids or public_id in seen:
            return "false"
        rule = self.scope.segment_rules.get(public_id)
        if rule is not None:
            return self.predicate(rule, seen | {public_id})
        segment = self.put(self.scope.segment_ids[public_id])
        return (
            "exists (select from members_segmentmember g where g.merchant_id = %(merchant)s "
            f"and g.segment_id = {segment} and g.member_id = m.id)"
        )

    # ---- the statement ----

    def select(self, what: str) -> str:
        """`select what from the members …`, for columns made of predicates."""
        return (
            f"{self._with([])}select {what} from members_member m{self._sources('')} where {self._members()}"
        )

    def count_of(self, rule: Rule) -> str:
        """The statement that counts the members a rule means. Where only buyers fit and nothing is asked that only the
        member's own row says, rows of facts are counted, less those of the few members who are none any more."""
        cheap, rest = self._split(rule)
        if any(map(means_buyers, (cheap or {}).get("all", []))):
            buyers = Query(self.scope, of_buyers=True)
            found = buyers._count_buyers(cheap or {}, rest)
            if not buyers.asks_member:
                self.values = buyers.values
                return found
        return self.select_of("count(*)", rule)

    def _count_buyers(self, cheap: Rule, rest: Rule | None) -> str:
        where = self.predicate(cheap)
        if rest is None:
            return f"{self._with([])}select count(*) {self._buyers(where)}"
        # What is left is asked of those found, as of any member, where their rows do not decide it.
        known = decided(self, rest)
        sums = Query(self.scope)
        sums.values = self.values
        left = sums.predicate(rest)
        self.asks_member |= sums.asks_member or "joined_on" in sums.kept or "c" in sums.joins
        who = f"who as materialized (select m.id, {known} as fits {self._buyers(where)} and ({known}) is not false)"
        open_ones = "(select id from who where fits is null) m"
        return (
            f"{self._with([who])}select (select count(*) from who where fits) "
            f"+ (select count(*) from {open_ones}{sums._sources(IN_WHO_OPEN)} where {left})"
        )

    def _buyers(self, where: str) -> str:
        """The rows of facts of members that a predicate means, as a source."""
        return (
            f"from {member_facts.source(sorted(self.kept))} f "
            f"cross join lateral (select f.member_id as id{self._joined()}) m{self._beside()} "
            f"where ({where}) and {lifecycle.ACTIVE}"
        )

    def _joined(self) -> str:
        return ", f.joined_on" if "joined_on" in self.kept else ""

    def select_of(self, what: str, rule: Rule, tail: str = "") -> str:
        """`select what from the members that a rule means …`: what needs no sums is asked first."""
        cheap, rest = self._split(rule)
        if not cheap or not rest:
            where = self.predicate(rule)
            sources = self._sources("")
            return (
                f"{self._with([])}select {what} from members_member m{sources} "
                f"where {self._members()} and ({where}) {tail}"
            )
        where = self.predicate(rest)
        who = self._who(cheap)
        sources = self._sources(IN_WHO)
        return f"{self._with([who])}select {what} from who m{sources} where {where} {tail}"

    def _members(self) -> str:
        """Whose row `m` is asked."""
        found = "m.merchant_id = %(merchant)s and m.status = 'active'"
        return found + (" and m.id = any(%(among)s::bigint[])" if self.is_sample else "")

    def _who(self, cheap: Rule) -> str:
        """The members that fulfil the conditions without sums, with all of their own row that others may ask."""
        inner = Query(self.scope)
        inner.values, inner.is_sample = self.values, self.is_sample
        where = inner.predicate(cheap)
        self.needs_program |= "c" in inner.joins
        return (
            "who as materialized (select m.id, m.joined_at, m.joined_on, m.channel, m.birth_month, m.birth_day "
            f"from members_member m{inner._beside()} where {self._members()} and ({where}))"
        )

    def _split(self, rule: Rule) -> tuple[Rule | None, Rule | None]:
        """The conditions that all matches fulfil and that need no sum, and all the others."""
        parts: list[list[Rule]] = [[], []]
        for part in rule.get("all", []):
            probe = Query(self.scope)
            probe.predicate(part)
            parts[bool(probe.joins & SUMMED)].append(part)
        cheap, rest = parts
        cheap += [wider for part in rest if (wider := implied(part))]
        return ({"all": cheap} if cheap else None), ({"all": rest} if rest else None)

    def _with(self, parts: list[str]) -> str:
        if "c" in self.joins or self.needs_program:
            self.values |= lifecycle.PARAMETERS
            parts = [lifecycle.program_of(among=self._sampled()), *parts]
        return f"with {', '.join(parts)} " if parts else ""

    def _sources(self, who: str) -> str:
        return self._beside() + self._daily(who) + self._lots(who) + self._times(who)

    def _sampled(self, column: str = "") -> str:
        """The array of the members asked, or that a column is one of them; nothing where all are."""
        if not self.is_sample:
            return ""
        return f" and {column} = any(%(among)s::bigint[])" if column else "%(among)s::bigint[]"

    def _beside(self) -> str:
        """What has one row a member; of buyers `f` is there already."""
        found = ""
        for name, table in (("s", "members_tierstanding"), ("a", "members_pointsaccount")):
            if name in self.joins:
                found += (
                    f" left join {table} {name} on {name}.merchant_id = %(merchant)s and {name}.member_id = m.id"
                    f"{self._sampled(f'{name}.member_id')}"
                )
        if "f" in self.joins and not self.of_buyers:
            facts = member_facts.source(sorted(self.kept), among=self._sampled())
            found += f" left join {facts} f on f.member_id = m.id"
        if "c" in self.joins:
            found += f" {lifecycle.STAGE_OF}"
        return found

    def _daily(self, who: str) -> str:
        if "d" not in self.joins:
            return ""
        columns = ", ".join(f"{expression} as {name}" for name, expression in self.sums.items())
        since = f" and day >= {self.put(self.since)}"
        return (
            f" left join (select member_id, {columns} from members_dailytotal "
            f"where merchant_id = %(merchant)s and day <= %(today)s{since}{who}{self._sampled('member_id')} "
            "group by member_id) d on d.member_id = m.id"
        )

    def _times(self, who: str) -> str:
        if "u" not in self.joins:
            return ""
        columns = ", ".join(f"{expression} as {name}" for name, expression in self.uses.items())
        return (
            f" left join (select member_id, {columns} from members_benefituse where merchant_id = %(merchant)s "
            f"and day <= %(today)s{who}{self._sampled('member_id')} group by member_id) u on u.member_id = m.id"
        )

    def _lots(self, who: str) -> str:
        """Points whose last usable day is near; what the daily job has expired is none."""
        if "x" not in self.joins:
            return ""
        columns = ", ".join(f"{expression} as {name}" for name, expression in self.expiring.items())
        return (
            f" left join (select l.member_id, {columns} from members_pointslot l "
            "left join members_pointsaccount e on e.merchant_id = l.merchant_id and e.member_id = l.member_id "
            f"where l.merchant_id = %(merchant)s and l.remaining > 0 and l.expires_on <= {self.put(self.until)} "
            "and (e.expired_through is null or l.expires_on > e.expired_through)"
            f"{who.replace('member_id =', 'l.member_id =')}{self._sampled('l.member_id')} "
            "group by l.member_id) x on x.member_id = m.id"
        )
