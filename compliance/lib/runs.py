"""Run dates: on which platform days clearance runs, one run per period (calendar month)."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from itertools import takewhile
from typing import NamedTuple

from benefits.lib.spans import utc
from compliance.lib.calendar import first_of_next_month, last_of_month, platform_date, run_instant, start_of
from compliance.lib.policy import PolicyHistory, PolicyVersion

UNDO_WITHIN = timedelta(hours=72)  # of a run's end; later a program is restored by its appeal


class Run(NamedTuple):
    """A run: its period ("2024-06"), its platform day, its instant (UTC), the version that judges it."""

    period: str
    on: date
    at: datetime
    version: PolicyVersion


def period_of(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def run_day(first_run_on: date, month: date) -> date | None:
    """The run day that one policy gives a month (any day of it): `first_run_on` in its own month, the last calendar
    day of every month after, none before."""
    if month.replace(day=1) == first_run_on.replace(day=1):
        return first_run_on
    return last_of_month(month) if month > first_run_on else None


def run_of_month(history: PolicyHistory, month: date) -> Run | None:
    """The run of the month that holds the day, past or coming.

    A day is a run day when the policy in force at its 23:00, as known before, says so. That is why a
    `first_run_on` set later makes no run of a day already past, why nothing runs at or before the installation,
    and, the first such day being taken, why a period that has had its run has no other.
    """
    days = {
        v.policy.first_run_on
        for v in history.versions
        if period_of(v.policy.first_run_on) == period_of(month)
    }
    for day in sorted(days | {last_of_month(month)}):
        at = run_instant(day)
        version = history.for_job(at)
        if version is not None and run_day(version.policy.first_run_on, day) == day:
            return Run(period_of(day), day, at, version)
    return None


def coming_runs(history: PolicyHistory, after: datetime, done: Collection[str] = ()) -> Iterator[Run]:
    """The runs later than an instant, in order, without end (but the calendar's).

    done: periods that have had a run which the history does not show, such as one started by hand.
    """
    after = utc(after)
    month = platform_date(after).replace(day=1)
    while True:
        month = max(month, _earliest_month(history, month))
        run = run_of_month(history, month)
        if run is not None and run.at > after and run.period not in done:
            yield run
        try:
            month = first_of_next_month(month)
        except OverflowError:
            return


def _earliest_month(history: PolicyHistory, month: date) -> date:
    """The first month that a version in force from this month on can have a run in (a far `first_run_on` is not
    reached by walking there)."""
    return min(reign.version.policy.first_run_on.replace(day=1) for reign in history.ahead(start_of(month)))


def due_runs(
    history: PolicyHistory, after: datetime, upto: datetime, done: Collection[str] = ()
) -> list[Run]:
    """The runs that fall due in `(after, upto]`, in order: those that a tick has to start."""
    upto = utc(upto)
    return list(takewhile(lambda run: run.at <= upto, coming_runs(history, after, done)))
