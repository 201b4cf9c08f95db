"""Calendar helpers: merchant days, months, and the daily job's hour. No clock is read here.

Instants are aware datetimes, days are `date`s in a merchant's zone. Intervals are half-open.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

DAILY_JOB_HOUR = time(3)
YEARS = range(1900, 3000)  # what people may name: no zone and no rule leads from there out of the calendar
_ONE_DAY, _ONE_MINUTE = timedelta(days=1), timedelta(minutes=1)
_FAR = timedelta(hours=16)  # an offset that the database does not take either


# Names in the database of zones that are no place: what a machine is set to, and that it was never set.
NO_PLACES = frozenset({"localtime", "Factory"})


def is_zone(name: str) -> bool:
    """Whether a merchant's days can be counted in a zone of this name: it names a place, or UTC."""
    return name in zones() and name not in NO_PLACES


def instant_of(text: str) -> datetime:
    """An aware instant, of the YEARS, from text such as 2024-06-27T23:00+08:00. Raises ValueError, which says why."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"“{text}” is not a time; write it like 2024-06-27T23:00+08:00") from None
    offset = at.utcoffset()
    if offset is None:
        raise ValueError(f"“{text}” has no offset; write it like {text}+08:00")
    if abs(offset) >= _FAR or offset % _ONE_MINUTE:
        raise ValueError(f"“{text}” has an offset that no place has; write one like +08:00")
    if at.year not in YEARS:
        raise ValueError(f"“{text}” is not of the years {YEARS[0]} to {YEARS[-1]}")
    return at


@lru_cache(maxsize=4096)
def add_months(day: date, months: int) -> date:
    """The same day of the month `months` later; the month's last day where that day does not exist.

    31 January + 1 month is the last of February, 29 February + 12 months is 28 February.
    """
    year, month0 = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month0 + 1, min(day.day, monthrange(year, month0 + 1)[1]))


def anniversary(day: date, today: date) -> date:
    """The latest yearly return of `day` that is not later than `today`; `day` itself before the first.

    29 February returns on the last of February.
    """
    years = max(today.year - day.year, 0)
    returned = add_months(day, 12 * years)
    return returned if returned <= today or not years else add_months(day, 12 * (years - 1))


def merchant_day(at: datetime, zone: ZoneInfo) -> date:
    """The day that it is at the merchant's when `at` happens."""
    if at.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return at.astimezone(zone).date()


def local_instant(day: date, hour: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the wall clock shows `hour` on `day`.

    An hour that occurs twice (clocks go back) is its first occurrence; an hour that summer time skips is the
    next existing instant, that is, the one at which the clocks jump.
    """
    wall = datetime.combine(day, hour)
    before = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    return before if before <= after else _jump(after, before, zone)


def _jump(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The first whole second in `(low, high]` at which `zone` has the offset that it has at `high`."""
    offset = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high


def daily_job_instant(day: date, zone: ZoneInfo) -> datetime:
    """When the daily job of a merchant's day runs: 03:00 local, or where that is skipped the next instant."""
    return local_instant(day, DAILY_JOB_HOUR, zone)


def next_daily_job(after: datetime, zone: ZoneInfo) -> datetime:
    """The first daily job strictly later than `after` (UTC)."""
    day = merchant_day(after, zone) - _ONE_DAY
    while (instant := daily_job_instant(day, zone)) <= after:
        day += _ONE_DAY
    return instant


def whole_days_within(start: datetime, end: datetime, zone: ZoneInfo) -> int:
    """How many merchant days lie wholly inside `[start, end)`: what a closure gives back to expiries."""
    if end <= start:
        return 0
    first = merchant_day(start, zone)
    if local_instant(first, time.min, zone) < start:
        first += _ONE_DAY
    return max(0, (merchant_day(end, zone) - first).days)


@cache
def zones() -> frozenset[str]:
    """The names of the time zones there are. Looked for once: the search opens hundreds of files."""
    return frozenset(available_timezones())
