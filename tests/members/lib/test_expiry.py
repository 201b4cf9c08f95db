"""When points end: rolling months, a fixed date each year, never; the switch from never; points that come back late."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from members.lib.expiry import Expiry, day_of_return, living_day
from members.lib.points import PointRules
from members.lib.refusals import Invalid
from tests.members.lib import naive_points

DAYS = st.dates(date(2019, 1, 1), date(2033, 1, 1))
RULES = st.one_of(
    st.just(Expiry()),
    st.integers(1, 120).map(lambda months: Expiry("rolling", months=months)),
    st.dates(date(2024, 1, 1), date(2024, 12, 31)).map(lambda d: Expiry("yearly", month=d.month, day=d.day)),
)


def day(text: str | None) -> date | None:
    return text and date.fromisoformat(text)


@pytest.mark.parametrize(
    ("rule", "available_on", "last"),
    [
        ({"kind": "never"}, "2024-01-31", None),
        ({"kind": "rolling", "months": 1}, "2024-01-31", "2024-02-29"),
        ({"kind": "rolling", "months": 1}, "2023-01-31", "2023-02-28"),
        ({"kind": "rolling", "months": 12}, "2024-02-29", "2025-02-28"),
        ({"kind": "rolling", "months": 1}, "2024-02-29", "2024-03-29"),
        ({"kind": "rolling", "months": 13}, "2023-12-31", "2025-01-31"),
        ({"kind": "yearly", "month": 12, "day": 31}, "2024-01-01", "2024-12-31"),
        ({"kind": "yearly", "month": 12, "day": 31}, "2024-12-31", "2024-12-31"),
        ({"kind": "yearly", "month": 3, "day": 31}, "2024-04-01", "2025-03-31"),
        ({"kind": "yearly", "month": 2, "day": 29}, "2024-01-01", "2024-02-29"),
        ({"kind": "yearly", "month": 2, "day": 29}, "2025-01-01", "2025-02-28"),
        ({"kind": "yearly", "month": 2, "day": 29}, "2024-03-01", "2025-02-28"),
        ({"kind": "yearly", "month": 2, "day": 28}, "2024-02-29", "2025-02-28"),
    ],
)
def test_the_last_usable_day_follows_the_rule(rule, available_on, last):
    assert Expiry.read(rule).last_day(date.fromisoformat(available_on)) == day(last)


@pytest.mark.parametrize(
    ("rule", "today", "last"),
    [
        ({"kind": "rolling", "months": 6}, "2024-08-31", "2025-02-28"),
        ({"kind": "yearly", "month": 12, "day": 31}, "2024-12-30", "2025-12-31"),
        ({"kind": "yearly", "month": 12, "day": 31}, "2024-12-31", "2025-12-31"),
        ({"kind": "yearly", "month": 6, "day": 30}, "2024-07-01", "2026-06-30"),
        ({"kind": "yearly", "month": 2, "day": 29}, "2024-02-29", "2025-02-28"),
    ],
)
def test_after_a_switch_from_never_nothing_lapses_for_a_full_period(rule, today, last):
    assert Expiry.read(rule).last_day_after_switch(date.fromisoformat(today)) == day(last)


@given(RULES, DAYS)
def test_the_rule_equals_a_search_day_by_day(rule, today):
    assert rule.last_day(today) == naive_points.last_day(rule, today)


@given(RULES, DAYS)
def test_points_are_usable_at_least_on_the_day_they_come(rule, today):
    last = rule.last_day(today)

    assert last is None or last >= today


@given(RULES)
def test_a_rule_is_stored_as_it_is_read(rule):
    assert Expiry.read(rule.stored()) == rule


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"kind": "sometimes"}, "kind"),
        ({"kind": None}, "kind"),
        ({"kind": ["never"]}, "kind"),
        ({"kind": "never", "months": 1}, "unknown"),
        ({"kind": "rolling"}, "months"),
        ({"kind": "rolling", "months": 0}, "months"),
        ({"kind": "rolling", "months": -1}, "months"),
        ({"kind": "rolling", "months": 121}, "months"),
        ({"kind": "rolling", "months": 1.5}, "months"),
        ({"kind": "rolling", "months": "12"}, "months"),
        ({"kind": "rolling", "months": True}, "months"),
        ({"kind": "rolling", "months": 12, "day": 1}, "unknown"),
        ({"kind": "yearly", "month": 12}, "day"),
        ({"kind": "yearly", "month": 13, "day": 1}, "day"),
        ({"kind": "yearly", "month": 4, "day": 31}, "day"),
        ({"kind": "yearly", "month": 2, "day": 30}, "day"),
        ({"kind": "yearly", "month": 0, "day": 1}, "day"),
    ],
)
def test_a_rule_that_no_calendar_knows_is_refused(rule, field):
    with pytest.raises(Invalid) as refused:
        Expiry.read(rule)

    assert refused.value.errors == {"expiry": field}


@pytest.mark.parametrize("days", [-1, 3651])
def test_points_wait_no_time_that_nobody_would_wait(days):
    with pytest.raises(Invalid):
        PointRules(pending_days=days)


@pytest.mark.parametrize(
    ("expires_on", "comes_back"),
    [(None, None), ("2024-05-15", "2024-05-15"), ("2024-05-14", "2024-06-14"), ("2020-01-01", "2024-06-14")],
)
def test_points_of_a_day_that_is_over_come_back_for_thirty_days(expires_on, comes_back):
    assert day_of_return(day(expires_on), date(2024, 5, 15)) == day(comes_back)


@given(DAYS, st.one_of(st.none(), DAYS))
def test_points_never_come_on_a_day_that_expired_already(today, through):
    living = living_day(today, through)

    assert living >= today and (through is None or living > through)
    assert living == today or living - timedelta(days=1) == through
