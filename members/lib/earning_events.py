"""What joining, a birthday, checking in, referring, reviewing and answering a survey bring (domain.md 6).

Each kind has a rule of its own shape; one that is left out, or not active, brings nothing. Points of events are
available at once and expire by the program's rule.

Days are merchant days. A birthday is once a year on its day; who was born on 29 February has it on the 28th in years
without one. A check-in counts once a day; every `streak_days` days in a row bring `streak_points` more, and the count
of days begins anew then. Reviews have a cap a day; a survey counts once by its id. A referral brings something to both,
when the referred has a first order that counts or, if the rule says so, at once.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from members.lib.refusals import Invalid
from members.lib.words import sentence as _

KINDS = ("joining", "birthday", "check_in", "referral", "review", "survey")
ACTIVITIES = ("check_in", "referral", "review", "survey")  # what a shop's systems report
MOST_EVENT_POINTS = 1_000_000
MOST_TIMES = 1000
REFERRAL_ONS = ("first_order", "joining")


@dataclass(frozen=True, slots=True)
class EventRule:
    """What an event brings."""

    points: int = 0
    is_active: bool = True

    @property
    def gives(self) -> int:
        """What it brings now."""
        return self.points if self.is_active else 0


@dataclass(frozen=True, slots=True)
class CheckInRule(EventRule):
    """Once a merchant day; `streak_days` 0: days in a row bring nothing more."""

    streak_days: int = 0
    streak_points: int = 0

    def bonus(self, days_in_a_row: int) -> int:
        """What the `days_in_a_row`-th day brings beside its points."""
        is_full = bool(self.streak_days) and days_in_a_row % self.streak_days == 0
        return self.streak_points if is_full else 0


@dataclass(frozen=True, slots=True)
class ReferralRule(EventRule):
    """`points` are the referrer's, `referred_points` the other's; so many referrals a month are rewarded."""

    referred_points: int = 0
    on: str = "first_order"
    month_most: int | None = None


@dataclass(frozen=True, slots=True)
class ReviewRule(EventRule):
    """`day_most` points a merchant day at most; the last review is trimmed to what is left."""

    day_most: int | None = None


@dataclass(frozen=True, slots=True)
class Events:
    """The rules of all kinds; None: there is none of that kind."""

    joining: EventRule | None = None
    birthday: EventRule | None = None
    check_in: CheckInRule | None = None
    referral: ReferralRule | None = None
    review: ReviewRule | None = None
    survey: EventRule | None = None

    def active(self, kind: str) -> Any:
        """The rule of a kind when it is on; else None."""
        rule: EventRule | None = getattr(self, kind)
        return rule if rule is not None and rule.is_active else None

    @classmethod
    def read(cls, spec: Any) -> Events:
        """From the stored form, {"joining": {"points": 100}}. Raises `Invalid`."""
        if not isinstance(spec, Mapping):
            raise Invalid.on("events", _("“%(name)s” is an object of names and values.", name="events"))
        if unknown := sorted(set(map(str, spec)) - set(KINDS)):
            raise Invalid.on("events", _("Nothing is earned by “%(kind)s”.", kind=unknown[0]))
        rules: dict[str, Any] = {kind: _rule(kind, each) for kind, each in spec.items()}
        return cls(**rules)

    def stored(self) -> dict[str, Any]:
        """The form that is stored."""
        rules = {kind: getattr(self, kind) for kind in KINDS}
        return {kind: _stored(rule) for kind, rule in rules.items() if rule is not None}


RULES: dict[str, type[EventRule]] = {
    "joining": EventRule,
    "birthday": EventRule,
    "check_in": CheckInRule,
    "referral": ReferralRule,
    "review": ReviewRule,
    "survey": EventRule,
}
_MOST = {
    "points": MOST_EVENT_POINTS,
    "streak_points": MOST_EVENT_POINTS,
    "referred_points": MOST_EVENT_POINTS,
    "day_most": MOST_EVENT_POINTS,
    "streak_days": 366,
    "month_most": MOST_TIMES,
}


def _rule(kind: str, spec: Any) -> EventRule:
    shape = RULES[kind]
    names = {each.name: each.default for each in fields(shape)}
    if not isinstance(spec, Mapping):
        raise Invalid.on(kind, _("“%(name)s” is an object of names and values.", name=kind))
    said = {"is_active" if name == "active" else str(name): value for name, value in spec.items()}
    if unknown := sorted(set(said) - set(names)):
        raise Invalid.on(kind, _("“%(name)s” has no “%(key)s”.", name=kind, key=unknown[0]))
    for name, value in said.items():
        if name == "is_active":
            is_right = isinstance(value, bool)
        elif name == "on":
            is_right = value in REFERRAL_ONS
        else:
            is_whole = isinstance(value, int) and not isinstance(value, bool)
            is_right = (value is None and names[name] is None) or (is_whole and 0 <= value <= _MOST[name])
        if not is_right:
            raise Invalid.on(
                f"{kind}_{name}", _("%(value)s is not possible for “%(key)s”.", value=value, key=name)
            )
    return shape(**said)


def _stored(rule: EventRule) -> dict[str, Any]:
    said = {
        each.name: value
        for each in fields(rule)
        if each.name not in ("points", "is_active") and (value := getattr(rule, each.name)) != each.default
    }
    return {"points": rule.points, **said} | ({} if rule.is_active else {"active": False})


def birthdays_on(day: date) -> list[tuple[int, int]]:
    """The (month, day) pairs whose birthday a day is: 28 February is also that of the 29th in a common year."""
    found = [(day.month, day.day)]
    if found == [(2, 28)] and not isleap(day.year):
        found.append((2, 29))
    return found


Birthday = tuple[int | None, int | None]
"""(month, day), or (None, None)."""


def birthday_of(text: str) -> Birthday:
    """The month and day of 05-17; neither for "". A year before them is left out: nobody needs it. Raises `Invalid`."""
    if not text:
        return None, None
    try:
        day = date.fromisoformat(text if len(text) == 10 else f"2024-{text}")
    except ValueError:
        raise Invalid.on(
            "birthday", _("“%(text)s” is not a birthday; write it like 05-17.", text=text)
        ) from None
    return day.month, day.day


@dataclass(slots=True)
class Given:
    """What an event brought: `wanted` before its caps, `points` after; `why` names the cap that trimmed it."""

    wanted: int
    points: int
    why: str = ""
    details: dict[str, Any] = field(default_factory=dict)


def capped(wanted: int, *, had: int, most: int | None, cap: str) -> Given:
    """What is left of `most` after what was `had`, at most what is wanted."""
    if most is None or had + wanted <= most:
        return Given(wanted, wanted)
    return Given(wanted, max(most - had, 0), cap)
