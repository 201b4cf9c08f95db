"""Rules over the facts of a member: which there are, what may be said about them, whom they mean (domain.md 10).

A rule is a tree. A group is {"all": […]}, {"any": […]} or {"none": […]} of conditions and groups; a condition is
{"fact": "spend", "op": "at_least", "value": 100000, "days": 90}. The root is a group. Days are merchant days: "the last
N days" end today; "within N days" is today and the N days after it. A number nobody knows (the days since the last
order of a member without one) is neither small nor large; `not_in` is the exact opposite of `is_in`.

What is said here is what the one query of `members.selectors.segment_query` asks; `matches` is the slow, obvious way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from members.lib.earning_events import birthdays_on
from members.lib.lifecycle import STAGES
from members.lib.periods import YEARS
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

Rule = dict[str, Any]
GROUPS = ("all", "any", "none")
MOST_DEPTH, MOST_CONDITIONS, MOST_VALUES = 4, 30, 50
MOST_LEVELS, MOST_IN_ALL = (
    5,
    200,
)  # of segments made of segments: how deep, and the conditions of all together
MOST_DAYS = 3_650
MOST_NUMBER = 1_000_000_000_000
LONGEST_TAG = 40

Kind = Literal["number", "money", "choice", "date"]
NUMBERS = ("at_least", "at_most", "between")
SETS = ("is_in", "not_in")


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing known of each member. `window`: whether "in the last N days" may be ("optional") or must be said."""

    kind: Kind
    ops: tuple[str, ...]
    most: int = MOST_NUMBER
    window: Literal["", "optional", "required"] = ""


FACTS: dict[str, Fact] = {
    "recency": Fact("number", (*NUMBERS, "never"), most=36_500),
    "orders": Fact("number", NUMBERS, most=1_000_000, window="optional"),
    "spend": Fact("money", NUMBERS, window="optional"),
    "active_days": Fact("number", NUMBERS, most=100_000),
    "lifecycle": Fact("choice", SETS),
    "tier": Fact("choice", SETS),
    "tag": Fact("choice", SETS),
    "channel": Fact("choice", SETS),
    "store": Fact("choice", SETS, window="optional"),
    "joined": Fact("number", NUMBERS, most=36_500),
    "joined_on": Fact("date", ("from", "before")),
    "points": Fact("number", NUMBERS),
    "expiring": Fact("number", NUMBERS, window="required"),
    "benefit": Fact("choice", SETS, window="optional"),
    "benefit_uses": Fact("number", NUMBERS, most=1_000_000, window="optional"),
    "birthday": Fact("number", ("at_most",), most=365),
    "birth_month": Fact("choice", SETS),
    "segment": Fact("choice", SETS),
}


@dataclass(frozen=True, slots=True)
class Known:
    """What rules of one merchant may name: ids by fact; None of a fact: anything of its form. `rules` are those of the
    merchant's dynamic segments by public id, to follow who refers to whom."""

    choices: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)


FIXED = {
    "lifecycle": frozenset(STAGES),
    "birth_month": frozenset(str(month) for month in range(1, 13)),
}


def check(rule: Any, known: Known, *, own_id: str = "") -> Rule:
    """A rule in its one stored form. `own_id` is the segment it becomes. Raises Invalid; its errors are by path: "r"
    for the root, "r.0" for the first part of it."""
    if sum(1 for _each in walk(rule)) > MOST_CONDITIONS:
        raise _wrong("r", _("A rule has at most %(most)s conditions.", most=MOST_CONDITIONS))
    checked = _group(rule, "r", 1, known)
    _check_circle(checked, known, own_id)
    _check_size(checked, known, own_id)
    return checked


def walk(rule: Any, path: str = "r", depth: int = 1) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The conditions of a rule with their paths, however it is formed."""
    if depth > MOST_DEPTH + 1 or not isinstance(rule, Mapping):
        return
    parts = [part for name in GROUPS for part in _list(rule.get(name))]
    if not any(name in rule for name in GROUPS):
        yield path, rule
    for place, part in enumerate(parts):
        yield from walk(part, f"{path}.{place}", depth + 1)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()


def _wrong(path: str, text: object) -> Invalid:
    return Invalid(text, errors={path: text})


def _group(rule: Any, path: str, depth: int, known: Known) -> Rule:
    name = next(iter(rule)) if isinstance(rule, Mapping) and len(rule) == 1 else None
    parts = rule[name] if name in GROUPS else None
    if not isinstance(parts, list | tuple):
        raise _wrong(path, _("A group says all, any or none, and lists its conditions."))
    if depth > MOST_DEPTH:
        raise _wrong(path, _("Groups lie in one another at most %(most)s deep.", most=MOST_DEPTH))
    if not parts:
        raise _wrong(path, _("This group is empty. Add a condition or take the group out."))
    found = []
    for place, part in enumerate(parts):
        below = f"{path}.{place}"
        is_group = isinstance(part, Mapping) and any(each in part for each in GROUPS)
        found.append(_group(part, below, depth + 1, known) if is_group else _condition(part, below, known))
    return {str(name): found}


def _condition(said: Any, path: str, known: Known) -> Rule:
    if not isinstance(said, Mapping) or set(said) - {"fact", "op", "value", "days"}:
        raise _wrong(path, _("A condition says a fact, how it compares, and a value."))
    code, op = said.get("fact"), said.get("op")
    fact = FACTS.get(code) if isinstance(code, str) else None
    if fact is None:
        raise _wrong(path, _("There is no fact “%(fact)s”.", fact=str(code)[:40]))
    if op not in fact.ops:
        raise _wrong(path, _("“%(fact)s” is not compared with “%(op)s”.", fact=code, op=str(op)[:40]))
    found: Rule = {"fact": code, "op": op}
    if op != "never":
        found["value"] = _value(str(code), fact, str(op), said.get("value"), path, known)
    days = _days(fact, said.get("days"), path)
    return found if days is None else {**found, "days": days}


def _days(fact: Fact, days: Any, path: str) -> int | None:
    if days is None and fact.window != "required":
        return None
    if not fact.window:
        raise _wrong(path, _("This fact has no window of days."))
    if not _is_whole(days) or not 1 <= days <= MOST_DAYS:
        raise _wrong(path, _("Say a number of days from 1 to %(most)s.", most=MOST_DAYS))
    return int(days)


def _value(code: str, fact: Fact, op: str, value: Any, path: str, known: Known) -> Any:
    if fact.kind == "choice":
        return _choices(code, value, path, known)
    if fact.kind == "date":
        return _date(value, path)
    if op != "between":
        return _number(fact, value, path)
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _wrong(path, _("Say the least and the most."))
    low, high = (_number(fact, each, path) for each in value)
    if low > high:
        raise _wrong(path, _("The least (%(low)s) is more than the most (%(high)s).", low=low, high=high))
    return [low, high]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _number(fact: Fact, value: Any, path: str) -> int:
    if not _is_whole(value) or not 0 <= value <= fact.most:
        raise _wrong(path, _("Say a whole number from 0 to %(most)s.", most=f"{fact.most:,}"))
    return int(value)


def _date(value: Any, path: str) -> str:
    try:
        day = date.fromisoformat(value)
    except (TypeError, ValueError):
        raise _wrong(path, _("Write the day like 2026-06-30.")) from None
    if day.year not in YEARS:
        raise _wrong(path, _("Say a day of the years %(first)s to %(last)s.", first=YEARS[0], last=YEARS[-1]))
    return day.isoformat()


def _choices(code: str, value: Any, path: str, known: Known) -> list[str]:
    values = list(value) if isinstance(value, list | tuple) else []
    if not values or len(values) > MOST_VALUES or not all(isinstance(each, str) for each in values):
        raise _wrong(path, _("Choose at least one, and at most %(most)s.", most=MOST_VALUES))
    chosen = {each.strip() for each in values}
    allowed = FIXED.get(code) or known.choices.get(code)
    if code == "tag":
        if any(not each or len(each) > LONGEST_TAG or "\x00" in each for each in chosen):
            raise _wrong(path, _("A tag has 1 to %(most)s characters.", most=LONGEST_TAG))
    elif allowed is not None and (gone := sorted(chosen - allowed)):
        raise _wrong(path, _GONE.get(code, _GONE["other"])(gone[0][:40]))
    return sorted(chosen, key=int) if code == "birth_month" else sorted(chosen)


_GONE: dict[str, Any] = {
    "tier": lambda name: _("There is no tier “%(name)s” any more. Choose others.", name=name),
    "store": lambda name: _("There is no store “%(name)s”. Choose others.", name=name),
    "benefit": lambda name: _("There is no benefit “%(name)s”. Choose others.", name=name),
    "segment": lambda name: _("There is no segment “%(name)s” any more. Choose others.", name=name),
    "other": lambda name: _("“%(name)s” cannot be chosen here.", name=name),
}


def named(rule: Rule, fact: str) -> set[str]:
    """What a rule names of a fact: {"silver"} of "tier"."""
    return {
        value for _path, each in walk(rule) if each.get("fact") == fact for value in _list(each.get("value"))
    }


def _check_circle(rule: Rule, known: Known, own_id: str) -> None:
    """Raises Invalid for a rule that names the segment it becomes, however far round, or a chain without end."""
    for path, condition in walk(rule):
        if condition.get("fact") != "segment":
            continue
        seen: set[str] = set()
        coming = list(condition["value"])
        while coming:
            each = coming.pop()
            if each == own_id:
                raise _wrong(path, _("This would go round in a circle: that segment is made of this one."))
            if each not in seen:
                seen.add(each)
                coming += named(known.rules.get(each, {}), "segment")


def _check_size(rule: Rule, known: Known, own_id: str) -> None:
    """Raises Invalid for a rule that gets too large or too deep with the segments it names, as a query holds them all;
    likewise when a segment made of this one would. One that was too large before is no reason: this may be its cure."""
    was, becomes = _sizes(known.rules), _sizes({**known.rules, own_id: rule})
    users = [
        each for each in known.rules if each != own_id and becomes[each] != was[each] and _fits(was[each])
    ]
    for each in (own_id, *users):
        levels, conditions = becomes[each]
        if levels > MOST_LEVELS:
            raise _wrong(
                "r", _("Segments may be made of one another at most %(most)s deep.", most=MOST_LEVELS)
            )
        if conditions > MOST_IN_ALL:
            text = _(
                "With all segments it is made of, a segment has at most %(most)s conditions.",
                most=MOST_IN_ALL,
            )
            raise _wrong("r", text)


def too_large(rules: Mapping[str, Rule]) -> frozenset[str]:
    """Which of these rules, by id, are larger with all that they name than a query may become: stored before there was
    a limit, or before those they name grew."""
    return frozenset(key for key, size in _sizes(rules).items() if not _fits(size))


def _fits(size: tuple[int, int]) -> bool:
    return size[0] <= MOST_LEVELS and size[1] <= MOST_IN_ALL


def _sizes(rules: Mapping[str, Rule]) -> dict[str, tuple[int, int]]:
    """(levels, conditions) of rules with all that they name, by id; exact up to the limits, above them something above.

    Each round looks one level deeper, so that a few rounds over all are enough, however often a segment is named.
    """
    conditions = {key: [each for _path, each in walk(rule)] for key, rule in rules.items()}
    names = {
        key: [each for said in found if said.get("fact") == "segment" for each in _list(said.get("value"))]
        for key, found in conditions.items()
    }
    plain = {
        key: sum(1 for said in found if said.get("fact") != "segment") for key, found in conditions.items()
    }
    sizes = {key: (1, plain[key] + len(names[key])) for key in rules}
    for _round in range(MOST_LEVELS):
        sizes = {
            key: (
                1 + max((sizes[each][0] for each in names[key] if each in sizes), default=0),
                min(
                    MOST_IN_ALL + 1,
                    plain[key] + sum(sizes[each][1] if each in sizes else 1 for each in names[key]),
                ),
            )
            for key in rules
        }
    return sizes


# ---- whom a rule means ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """All that rules may ask of one member. `days` are its days of purchase: (orders, spend); `lots` (last usable day,
    points); `bought_at` (store, day); `used` (benefit, day, times)."""

    joined_on: date
    channel: str
    tier: str | None
    lifecycle: str
    days: Mapping[date, tuple[int, int]] = field(default_factory=dict)
    tags: frozenset[str] = frozenset()
    bought_at: Sequence[tuple[str, date]] = ()
    points: int = 0
    lots: Sequence[tuple[date | None, int]] = ()
    birthday: tuple[int, int] | None = None
    segments: frozenset[str] = frozenset()
    used: Sequence[tuple[str, date, int]] = ()


def matches(rule: Rule, person: Person, today: date) -> bool:
    """Whether a rule means somebody, today."""
    for name in GROUPS:
        if name in rule:
            held = [matches(part, person, today) for part in rule[name]]
            return {"all": all(held), "any": any(held), "none": not any(held)}[name]
    op: str = rule["op"]
    value: Any = rule.get("value")
    if FACTS[rule["fact"]].kind == "choice":
        return bool(set(value) & _words(rule, person, today)) is (op == "is_in")
    if rule["fact"] == "joined_on":
        day = date.fromisoformat(value)
        return person.joined_on >= day if op == "from" else person.joined_on < day
    number = _number_of(rule, person, today)
    if number is None or op == "never":
        return number is None and op == "never"
    low, high = {"at_least": (value, None), "at_most": (None, value), "between": value}[op]
    return (low is None or number >= low) and (high is None or number <= high)


def _words(rule: Rule, person: Person, today: date) -> set[str]:
    fact = rule["fact"]
    if fact == "tag":
        return set(person.tags)
    if fact == "segment":
        return set(person.segments)
    if fact == "store":
        return {store for store, day in person.bought_at if _is_within(day, rule, today)}
    if fact == "benefit":
        return {benefit for benefit, day, times in person.used if times and _is_within(day, rule, today)}
    if fact == "birth_month":
        return {str(person.birthday[0])} if person.birthday else set()
    return {str({"lifecycle": person.lifecycle, "tier": person.tier, "channel": person.channel}[fact])}


def _is_within(day: date, rule: Rule, today: date) -> bool:
    days = rule.get("days")
    return day <= today and (days is None or day > today - timedelta(days=days))


def _number_of(rule: Rule, person: Person, today: date) -> int | None:
    fact = rule["fact"]
    if fact == "recency":
        bought = [day for day, (orders, _spend) in person.days.items() if orders and day <= today]
        return (today - max(bought)).days if bought else None
    if fact in ("orders", "spend"):
        place = 0 if fact == "orders" else 1
        return sum(totals[place] for day, totals in person.days.items() if _is_within(day, rule, today))
    if fact == "active_days":
        return sum(1 for day, (orders, _spend) in person.days.items() if orders and day <= today)
    if fact == "joined":
        return (today - person.joined_on).days
    if fact == "points":
        return person.points
    if fact == "benefit_uses":
        return sum(times for _benefit, day, times in person.used if _is_within(day, rule, today))
    if fact == "expiring":
        last = today + timedelta(days=rule["days"])
        return sum(points for until, points in person.lots if until is not None and until <= last)
    if person.birthday is None:
        return None
    return next(n for n in range(1462) if person.birthday in birthdays_on(today + timedelta(days=n)))
