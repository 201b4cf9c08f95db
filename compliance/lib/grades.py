"""The rule of grades: from what a month came to, to a level and the cheapest way to the next (domain.md 3, Grade)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from compliance.lib.grade_policy import OTHERS, WHOLE, Band, GradePolicy, Level, Lines, Metric

Measures = Mapping[Metric, int | None]
"""Values in the units of the policy, rounded down; None where there is nothing to measure."""
LEVELS = tuple(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """What a month came to. benefit_use: basis points, None where no member is effective.

    days: of the month. orders: paid ones that count. member_minor: the part of all_minor that members paid. findings:
    of the price guard, and what they weigh by the policy; None for a month graded before they were looked at.
    """

    days: int
    orders: int
    benefit_days: int
    effective_members: int
    member_minor: int
    all_minor: int
    joins: int
    benefit_use: int | None = None
    findings: int | None = None
    findings_weighed: int | None = None

    @property
    def measures(self) -> dict[Metric, int | None]:
        """The metrics; a share of no sales is nothing. Rounded down, so a line is reached exactly when it is."""
        share = None if self.all_minor <= 0 else self.member_minor * WHOLE // self.all_minor
        return {
            Metric.BENEFIT_DAYS: self.benefit_days,
            Metric.MEMBERS: self.effective_members,
            Metric.SHARE: share,
            Metric.RECRUITS: self.joins * 10 // self.days,
            Metric.USE: self.benefit_use,
        }


def band_of(orders: int, policy: GradePolicy) -> Band:
    """The size band of a shop by its paid orders of the month."""
    if orders >= policy["large_from"]:
        return Band.LARGE
    return Band.MEDIUM if orders >= policy["medium_from"] else Band.SMALL


def counted(measures: Measures, policy: GradePolicy) -> tuple[Metric, ...]:
    """The metrics that count: those the policy counts, benefit use only where it is measured."""
    return tuple(
        metric
        for metric in Metric
        if policy.counts(metric) and not (metric is Metric.USE and measures[metric] is None)
    )


def _reaches(value: int | None, line: int) -> bool:
    return (value or 0) >= line


def level_of(measures: Measures, lines: Mapping[Metric, Lines], counting: tuple[Metric, ...]) -> Level:
    """Quality when every metric that counts reaches its high line; potential when benefit days reach their pass line
    and at least one other metric its own; improving otherwise."""
    if all(_reaches(measures[metric], lines[metric].high) for metric in counting):
        return Level.QUALITY
    has_days = _reaches(measures[Metric.BENEFIT_DAYS], lines[Metric.BENEFIT_DAYS].passing)
    others = [metric for metric in OTHERS if metric in counting]
    if has_days and any(_reaches(measures[metric], lines[metric].passing) for metric in others):
        return Level.POTENTIAL
    return Level.IMPROVING


def is_kept_from(level: Level, month: Month, policy: GradePolicy) -> bool:
    """Whether a month has more findings of the price guard than a level lets pass."""
    most = policy.most_findings(level)
    return most is not None and (month.findings_weighed or 0) > most


def graded(month: Month, lines: Mapping[Metric, Lines], policy: GradePolicy) -> Level:
    """The level of a month: by its metrics, and no higher than its findings let it."""
    reached = level_of(month.measures, lines, counted(month.measures, policy))
    place = LEVELS.index(reached)
    while is_kept_from(LEVELS[place], month, policy):
        place -= 1
    return LEVELS[place]


def is_protected(first_opened_at: dt.datetime, at: dt.datetime, policy: GradePolicy) -> bool:
    """Whether a program is new at an instant."""
    return at < first_opened_at + dt.timedelta(days=policy["protection_days"])


def granted(level: Level, *, protected: bool, policy: GradePolicy) -> Level:
    """The level whose privileges a merchant has: a new one has at least those of the protected level."""
    if not protected:
        return level
    return max(level, Level(policy["protected_level"]), key=LEVELS.index)


@dataclass(frozen=True, slots=True)
class Step:
    """One metric that lacks something: its value (None counts as 0), the line wanted."""

    metric: Metric
    value: int | None
    line: int

    @property
    def missing(self) -> int:
        """What is to be added, in the metric's unit."""
        return self.line - (self.value or 0)

    @property
    def effort(self) -> Fraction:
        """The part of its line that a metric lacks: what is compared to find the cheapest way."""
        return Fraction(self.missing, self.line)


def next_level(level: Level) -> Level | None:
    """The level above; None above the highest."""
    place = LEVELS.index(level) + 1
    return LEVELS[place] if place < len(LEVELS) else None


def steps_to(
    level: Level, measures: Measures, lines: Mapping[Metric, Lines], counting: tuple[Metric, ...]
) -> tuple[Step, ...]:
    """The cheapest way to a level, the smallest effort first; empty when it is reached.

    Quality needs every metric at its high line. Potential needs the benefit days and one other metric: the one that
    lacks the smallest part of its line (of equals the one named first).
    """

    def step(metric: Metric, line: int) -> list[Step]:
        value = measures[metric]
        return [] if _reaches(value, line) else [Step(metric, value, line)]

    if level is Level.IMPROVING:
        return ()
    if level is Level.QUALITY:
        found = [each for metric in counting for each in step(metric, lines[metric].high)]
        return tuple(sorted(found, key=lambda each: each.effort))
    found = step(Metric.BENEFIT_DAYS, lines[Metric.BENEFIT_DAYS].passing)
    others = [step(metric, lines[metric].passing) for metric in OTHERS if metric in counting]
    if all(others):
        found.append(min((each for (each,) in others), key=lambda each: each.effort))
    return tuple(sorted(found, key=lambda each: each.effort))


@dataclass(frozen=True, slots=True)
class Excess:
    """Findings of the price guard that are too many for a level: what they weigh, and the most that passes."""

    weighed: int
    most: int

    @property
    def missing(self) -> int:
        """What is to be avoided."""
        return self.weighed - self.most

    @property
    def effort(self) -> Fraction:
        """The part of them that is to be avoided."""
        return Fraction(self.missing, self.weighed)


def way_to(
    level: Level, month: Month, lines: Mapping[Metric, Lines], policy: GradePolicy
) -> tuple[Step | Excess, ...]:
    """The cheapest way to a level for a month that is like this one, the smallest effort first; empty when it is
    reached."""
    steps: list[Step | Excess] = [*steps_to(level, month.measures, lines, counted(month.measures, policy))]
    most = policy.most_findings(level)
    if most is not None and is_kept_from(level, month, policy):
        steps.append(Excess(month.findings_weighed or 0, most))
    return tuple(sorted(steps, key=lambda each: each.effort))
