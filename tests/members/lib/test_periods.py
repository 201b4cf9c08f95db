"""Calendar rules: months that end early, merchant days, the 03:00 job across summer time."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from members.lib.periods import (
    add_months,
    anniversary,
    daily_job_instant,
    local_instant,
    merchant_day,
    next_daily_job,
    whole_days_within,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
APIA = ZoneInfo("Pacific/Apia")


@pytest.mark.parametrize(
    ("day", "months", "then"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2023-08-31", 6, "2024-02-29"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-03-01", 12, "2025-03-01"),
        ("2024-11-30", 3, "2025-02-28"),
        ("2024-12-15", 1, "2025-01-15"),
        ("2024-03-31", -1, "2024-02-29"),
        ("2024-03-31", 0, "2024-03-31"),
    ],
)
def test_months_end_where_the_month_ends(day, months, then):
    assert add_months(date.fromisoformat(day), months) == date.fromisoformat(then)


def test_a_merchant_day_is_the_day_in_the_merchants_zone():
    instant = datetime(2024, 3, 1, 17, tzinfo=UTC)

    assert merchant_day(instant, SHANGHAI) == date(2024, 3, 2)
    assert merchant_day(instant, NEW_YORK) == date(2024, 3, 1)


def test_an_instant_without_a_zone_has_no_merchant_day():
    with pytest.raises(ValueError, match="time zone"):
        merchant_day(datetime(2024, 3, 1), SHANGHAI)


def test_the_daily_job_runs_at_three_local():
    assert daily_job_instant(date(2024, 3, 2), SHANGHAI) == datetime(2024, 3, 1, 19, tzinfo=UTC)


def test_a_local_hour_that_summer_time_skips_is_the_next_existing_instant():
    # New York jumps from 02:00 to 03:00 on 2024-03-10; Lord Howe jumps by half an hour.
    jump = datetime(2024, 3, 10, 7, tzinfo=UTC)

    assert local_instant(date(2024, 3, 10), time(2), NEW_YORK) == jump
    assert local_instant(date(2024, 3, 10), time(2, 59), NEW_YORK) == jump
    assert local_instant(date(2024, 3, 10), time(3), NEW_YORK) == jump
    assert local_instant(date(2024, 10, 6), time(2, 15), ZoneInfo("Australia/Lord_Howe")) == datetime(
        2024, 10, 5, 15, 30, tzinfo=UTC
    )


def test_a_local_hour_that_occurs_twice_is_its_first_occurrence():
    assert local_instant(date(2024, 11, 3), time(1, 30), NEW_YORK) == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


def test_the_job_of_a_day_that_a_zone_left_out_runs_as_the_next_day_begins():
    # Samoa had no 30 December 2011.
    assert daily_job_instant(date(2011, 12, 30), APIA) == datetime(2011, 12, 30, 10, tzinfo=UTC)


@pytest.mark.parametrize("zone", [SHANGHAI, NEW_YORK, ZoneInfo("America/Nuuk"), ZoneInfo("Europe/Berlin")])
def test_every_day_has_one_daily_job(zone):
    at = datetime(2024, 1, 1, tzinfo=UTC)
    days = []
    while at < datetime(2025, 1, 1, tzinfo=UTC):
        at = next_daily_job(at, zone)
        days.append(merchant_day(at, zone))

    assert len(days) == len(set(days))
    assert (days[-1] - days[0]).days == len(days) - 1


def test_the_next_daily_job_is_strictly_later():
    job = daily_job_instant(date(2024, 3, 2), SHANGHAI)

    assert next_daily_job(job, SHANGHAI) == daily_job_instant(date(2024, 3, 3), SHANGHAI)


@pytest.mark.parametrize(
    ("start", "end", "days"),
    [
        ("2024-03-01T10:00", "2024-03-01T18:00", 0),
        ("2024-03-01T10:00", "2024-03-02T11:00", 0),
        ("2024-03-01T10:00", "2024-03-03T09:00", 1),
        ("2024-03-01T00:00", "2024-03-02T00:00", 1),
        ("2024-03-01T00:00", "2024-03-31T00:00", 30),
        ("2024-03-02T10:00", "2024-03-01T10:00", 0),
    ],
)
def test_a_closure_counts_the_merchant_days_that_lie_wholly_in_it(start, end, days):
    begin, finish = (datetime.fromisoformat(text).replace(tzinfo=SHANGHAI) for text in (start, end))

    assert whole_days_within(begin, finish, SHANGHAI) == days


@pytest.mark.parametrize(
    ("joined", "today", "began"),
    [
        ("2024-05-15", "2024-05-15", "2024-05-15"),
        ("2024-05-15", "2025-05-14", "2024-05-15"),
        ("2024-05-15", "2025-05-15", "2025-05-15"),
        ("2024-02-29", "2025-02-27", "2024-02-29"),
        ("2024-02-29", "2025-02-28", "2025-02-28"),
        ("2024-02-29", "2028-02-28", "2027-02-28"),
        ("2024-02-29", "2028-02-29", "2028-02-29"),
        ("2024-05-15", "2023-01-01", "2024-05-15"),
    ],
)
def test_an_anniversary_returns_each_year_and_29_february_on_the_last_of_february(joined, today, began):
    assert anniversary(date.fromisoformat(joined), date.fromisoformat(today)) == date.fromisoformat(began)
