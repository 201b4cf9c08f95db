"""Platform days: the calendar in which runs, warnings and ages are counted, whatever the merchant's zone."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from benefits.lib.spans import utc

PLATFORM_ZONE = ZoneInfo("Asia/Shanghai")
ASSESSMENT_HOUR = time(4)
RUN_HOUR = time(23)
HOUSEKEEPING_HOUR = time(5)
PROOF_HOUR = time(5, 30)
GRADES_HOUR = time(6)


def platform_date(at: datetime) -> date:
    """The platform day an instant falls on."""
    return utc(at).astimezone(PLATFORM_ZONE).date()


def run_instant(day: date) -> datetime:
    """The instant (UTC) at which a run of that platform day is due and judged."""
    return utc(datetime.combine(day, RUN_HOUR, PLATFORM_ZONE))


def assessment_instant(day: date) -> datetime:
    """The instant (UTC) at which that platform day's compliance job is due."""
    return utc(datetime.combine(day, ASSESSMENT_HOUR, PLATFORM_ZONE))


def housekeeping_instant(day: date) -> datetime:
    """The instant (UTC) at which that platform day's housekeeping is due."""
    return utc(datetime.combine(day, HOUSEKEEPING_HOUR, PLATFORM_ZONE))


def proof_instant(day: date) -> datetime:
    """The instant (UTC) at which that platform day's proof of the ledger is due."""
    return utc(datetime.combine(day, PROOF_HOUR, PLATFORM_ZONE))


def start_of(day: date) -> datetime:
    """The first instant (UTC) of a platform day."""
    return utc(datetime.combine(day, time(0), PLATFORM_ZONE))


def last_of_month(day: date) -> date:
    return day.replace(day=monthrange(day.year, day.month)[1])


def first_of_next_month(day: date) -> date:
    """Raises OverflowError after the calendar's last month."""
    return last_of_month(day) + timedelta(days=1)


def grades_instant(month: date) -> datetime:
    """The instant (UTC) at which the grades of a month, named by its first day, are due: the next month's first."""
    return utc(datetime.combine(first_of_next_month(month), GRADES_HOUR, PLATFORM_ZONE))


def month_graded_at(due_at: datetime) -> date:
    """The first day of the month whose grades are due at an instant."""
    first = platform_date(due_at).replace(day=1)
    return (first - timedelta(days=1)).replace(day=1)
