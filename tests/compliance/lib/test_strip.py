"""The strip's days, told by the same spans as the rule."""

from __future__ import annotations

import datetime as dt

import pytest

from benefits.lib.coverage import Configured, Coverage
from benefits.lib.spans import Span
from compliance.lib.policy import CountingBasis, Policy
from compliance.lib.strip import counted_days, strip, window_of
from tests.conftest import SHANGHAI

POLICY = Policy(counting_basis=CountingBasis.IN_FORCE, min_cover_days=7)


def at(day: int, hour: int = 0) -> dt.datetime:
    """An instant of June 2026 in Shanghai."""
    return dt.datetime(2026, 6, 1, hour, tzinfo=SHANGHAI) + dt.timedelta(days=day - 1)


def cover(kind: str, *spans: tuple[dt.datetime, dt.datetime | None], configured=()) -> Coverage:
    return Coverage(kind, tuple(Span(*span) for span in spans), tuple(configured))


def states(coverages, policy=POLICY, now=None):
    """The states of 1 to 20 June, a letter each: c, u, x (not counted), f."""
    days = strip(coverages, policy, now or at(15, 10), dt.date(2026, 6, 1), dt.date(2026, 6, 20))
    letters = {"covered": "c", "uncovered": "u", "uncounted": "x", "future": "f"}
    return "".join(letters[day.state] for day in days)


@pytest.mark.parametrize(
    ("coverages", "expected"),
    [
        ([], "u" * 15 + "fffff"),
        ([cover("coupon", (at(1), None))], "c" * 15 + "fffff"),
        ([cover("coupon", (at(2), at(10)))], "u" + "c" * 8 + "u" * 6 + "fffff"),
        ([cover("lucky_draw", (at(2), at(10)))], "u" + "x" * 8 + "u" * 6 + "fffff"),
        ([cover("coupon", (at(2), at(5)))], "u" + "xxx" + "u" * 11 + "fffff"),  # three days: too short
        ([cover("coupon", (at(13), at(18)))], "u" * 12 + "ccc" + "fffff"),  # short, but it still runs
        ([cover("coupon", (at(15, 12), None))], "u" * 15 + "fffff"),  # later today
        ([cover("coupon", (at(2, 22), at(9, 23)))], "u" + "c" * 8 + "u" * 6 + "fffff"),
    ],
)
def test_a_day_is_what_some_benefit_was_worth_on_it(coverages, expected):
    assert states(coverages) == expected


def test_a_day_of_configuring_counts_under_a_basis_that_counts_it():
    published = cover("coupon", configured=[Configured(at(4, 9), at(4, 9))])

    assert states([published], Policy()) == "uuucuuuuuuuuuuu" + "fffff"
    assert states([published], POLICY) == "u" * 15 + "fffff"


def test_configuring_with_too_long_a_lead_does_not_count():
    late = cover("coupon", configured=[Configured(at(4, 9), at(4, 9) + dt.timedelta(days=31))])

    assert "c" not in states([late], Policy(max_lead_days=30))


def test_the_days_of_one_benefit_are_its_own_but_judged_with_the_others():
    early, late = cover("coupon", (at(2), at(6))), cover("member_price", (at(6), at(10)))

    days = counted_days([early, late], POLICY, at(15), dt.date(2026, 6, 1), dt.date(2026, 6, 20), of=[early])

    assert sorted(day.day for day in days) == [2, 3, 4, 5]  # together they are long enough


def test_the_window_ends_today_and_has_as_many_days_as_the_rule():
    assert window_of(Policy(), at(8, 10)) == dt.date(2026, 3, 11)
