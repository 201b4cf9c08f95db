"""The coverage strip: what each platform day was worth, read from the same spans as the rule (domain.md 3)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span, Spans, clip, normalise, utc
from compliance.lib import danger
from compliance.lib.calendar import platform_date, start_of
from compliance.lib.danger import is_long_enough, stretches_in_force
from compliance.lib.policy import CountingBasis, Policy

ONE_DAY = timedelta(days=1)
_INSTANT = timedelta(microseconds=1)

COVERED, UNCOVERED, UNCOUNTED, FUTURE = "covered", "uncovered", "uncounted", "future"


class StripDay(NamedTuple):
    """One platform day and its state: covered, uncovered, uncounted (in force, not counted) or future."""

    date: date
    state: str


def configuration_counts(configured: Configured, stretches: Spans, policy: Policy) -> bool:
    """Whether a publication or change counts under the policy's counting basis. stretches: `stretches_in_force`."""
    if policy.counting_basis is CountingBasis.IN_FORCE:
        return False
    return danger.configuration_counts(configured, stretches, policy)


def counted_force(coverages: Collection[Coverage], policy: Policy, at: datetime) -> Spans:
    """The stretches in force that count at an instant: of a counted kind, long enough or still running."""
    if policy.counting_basis is CountingBasis.CONFIGURED:
        return ()
    at = utc(at)
    return tuple(
        stretch
        for stretch in stretches_in_force(coverages, policy)
        if is_long_enough(stretch, policy) or stretch.holds(at)
    )


def days_of(spans: Iterable[Span], first: date, last: date) -> set[date]:
    """The platform days of `first..last` that spans touch."""
    window = Span(start_of(first), start_of(last + ONE_DAY))
    found: set[date] = set()
    for span in clip(normalise(spans), window):
        assert span.start is not None and span.end is not None  # clipped to a bounded window
        day, end = platform_date(span.start), platform_date(span.end - _INSTANT)
        while day <= end:
            found.add(day)
            day += ONE_DAY
    return found


def counted_days(
    coverages: Collection[Coverage],
    policy: Policy,
    at: datetime,
    first: date,
    last: date,
    of: Collection[Coverage] | None = None,
) -> set[date]:
    """The platform days of `first..last`, up to `at`, that count. `of`: only what these rows of the program give."""
    counted = counted_force(coverages, policy, at)
    past = Span(None, utc(at) + _INSTANT)
    own = coverages if of is None else of
    force = [
        part
        for row in own
        if policy.counts(row.kind, row.doubts)
        for stretch in clip(row.in_force, past)
        for part in clip(counted, stretch)
    ]
    stretches = stretches_in_force(coverages, policy)
    configured = {
        platform_date(each.at)
        for row in own
        if policy.counts(row.kind, row.doubts)
        for each in row.configured
        if each.at <= utc(at) and configuration_counts(each, stretches, policy)
    }
    return days_of(force, first, last) | {day for day in configured if first <= day <= last}


def strip(
    coverages: Collection[Coverage], policy: Policy, at: datetime, first: date, last: date
) -> list[StripDay]:
    """Every platform day from `first` to `last`; those after the day of `at` are still to come."""
    today = platform_date(at)
    past = Span(None, utc(at) + _INSTANT)
    covered = counted_days(coverages, policy, at, first, last)
    force = days_of((part for row in coverages for part in clip(row.in_force, past)), first, last)
    days = []
    day = first
    while day <= last:
        state = UNCOVERED
        if day > today:
            state = FUTURE
        elif day in covered:
            state = COVERED
        elif day in force:
            state = UNCOUNTED
        days.append(StripDay(day, state))
        day += ONE_DAY
    return days


def window_of(policy: Policy, at: datetime) -> date:
    """The first of the platform days that a strip shows: as many as the window has, today included."""
    return platform_date(at) - (policy.window_days - 1) * ONE_DAY
