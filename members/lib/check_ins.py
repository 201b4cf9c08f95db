"""Checking in: what a day in a row of days brings (domain.md 6).

A member checks in once a merchant day. `steps` say what full rows of days bring beside the day's points; after the
longest one the count of days begins anew. Several rules may hold at once, the program's own among them: the one that
gives most that day does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from members.lib.earning_events import MOST_EVENT_POINTS, CheckInRule
from members.lib.periods import instant_of
from members.lib.refusals import Invalid
from members.lib.words import sentence as _

MOST_STEPS, MOST_ROW = 10, 366
Step = tuple[int, int]
"""(days in a row, points)."""


@dataclass(frozen=True, slots=True)
class CheckIn:
    """What a check-in brings members of `tiers` (empty: all) within [from_at, to_at).

    `owner` names what keeps it, a benefit, "" for the program's own rule; `name` is told to people.
    """

    points: int
    steps: tuple[Step, ...] = ()
    owner: str = ""
    name: str = ""
    tiers: frozenset[int] = frozenset()
    from_at: datetime | None = None
    to_at: datetime | None = None

    def holds(self, *, tier_id: int | None, at: datetime) -> bool:
        """Whether it is for a member of a tier at an instant."""
        if (self.from_at is not None and at < self.from_at) or self.is_over(at):
            return False
        return not self.tiers or tier_id in self.tiers

    def is_over(self, at: datetime) -> bool:
        """Whether it will never hold again."""
        return self.to_at is not None and at >= self.to_at

    def bonus(self, days: int) -> int:
        """What the `days`-th day in a row brings beside its points."""
        return dict(self.steps).get(self._place(days), 0)

    def next_step(self, days: int) -> Step | None:
        """(days to go, points) of the next full row after the `days`-th day; None without any."""
        if not self.steps:
            return None
        longest, place = self.steps[-1][0], self._place(days) if days else 0
        place = 0 if place == longest else place
        return next((step - place, points) for step, points in self.steps if step > place)

    def _place(self, days: int) -> int:
        return (days - 1) % self.steps[-1][0] + 1 if self.steps else days


def own_rule(rule: CheckInRule) -> CheckIn:
    """The program's own rule."""
    return CheckIn(rule.points, ((rule.streak_days, rule.streak_points),) if rule.streak_days else ())


def best(rules: list[CheckIn], days: int) -> CheckIn | None:
    """The rule that gives most on the `days`-th day in a row, of equal ones the first; None of none."""
    return max(rules, key=lambda rule: rule.points + rule.bonus(days), default=None)


def steps_of(value: Any) -> tuple[Step, ...]:
    """Steps from their stored form, [[7, 20], [30, 100]], by days. Raises Invalid."""
    is_list = isinstance(value, list | tuple) and len(value) <= MOST_STEPS
    if not is_list or not all(_is_step(each) for each in value):
        raise Invalid.on("steps", _("A full row has 2 to %(most)s days, and points.", most=MOST_ROW))
    if len({days for days, _points in value}) < len(value):
        raise Invalid.on("steps", _("Two full rows have the same number of days."))
    return tuple(sorted((days, points) for days, points in value))


def _is_step(value: Any) -> bool:
    if not isinstance(value, list | tuple) or len(value) != 2:
        return False
    days, points = value
    is_whole = all(isinstance(each, int) and not isinstance(each, bool) for each in value)
    return is_whole and 2 <= days <= MOST_ROW and 1 <= points <= MOST_EVENT_POINTS


def read(spec: Any) -> CheckIn:
    """From the stored form. Raises Invalid."""
    if not isinstance(spec, Mapping):
        raise Invalid.on("check_ins", _("“%(name)s” is an object of names and values.", name="check_ins"))
    points, tiers = spec.get("points", 0), spec.get("tiers", [])
    if isinstance(points, bool) or not isinstance(points, int) or not 0 <= points <= MOST_EVENT_POINTS:
        raise Invalid.on("points", _("Give whole points, 0 to %(most)s.", most=MOST_EVENT_POINTS))
    if not isinstance(tiers, list) or not all(isinstance(each, int) for each in tiers):
        raise Invalid.on("tiers", _("This is not a list of %(name)s.", name="tiers"))
    start, end = (spec.get(name) and instant_of(spec[name]) for name in ("from_at", "to_at"))
    return CheckIn(
        points=points,
        steps=steps_of(spec.get("steps", [])),
        owner=str(spec.get("owner", "")),
        name=str(spec.get("name", "")),
        tiers=frozenset(tiers),
        from_at=start,
        to_at=end,
    )


def stored(rule: CheckIn) -> dict[str, Any]:
    """The form that is stored: only what is said."""
    found: dict[str, Any] = {"owner": rule.owner, "name": rule.name, "points": rule.points}
    if rule.steps:
        found["steps"] = [list(step) for step in rule.steps]
    if rule.tiers:
        found["tiers"] = sorted(rule.tiers)
    for name in ("from_at", "to_at"):
        if (instant := getattr(rule, name)) is not None:
            found[name] = instant.isoformat()
    return found
