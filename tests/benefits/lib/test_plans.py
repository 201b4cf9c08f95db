"""How long a term lasts, how it stands, and what is paid back of it (domain.md 9)."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benefits.lib.plans import State, Term, days_left, owed_minor, period, refund_minor, state_at
from members.lib.refusals import Invalid

ZONE = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text if " " in text else f"{text} 12:00").replace(tzinfo=ZONE)


def term(**more) -> Term:
    bought = period(at=at("2024-01-10"), after=None, months=12, zone=ZONE)
    return Term(*bought, **{"paid_minor": 36_600, **more})


@pytest.mark.parametrize(
    ("bought", "months", "end", "days"),
    [
        ("2024-01-10", 12, "2025-01-10 00:00", 366),
        ("2024-01-10 00:00", 1, "2024-02-10 00:00", 31),
        ("2024-01-31", 1, "2024-02-29 00:00", 29),
        ("2024-02-29", 12, "2025-02-28 00:00", 365),
        ("2024-01-10 23:59", 36, "2027-01-10 00:00", 1096),
    ],
)
def test_a_term_has_its_first_day_whole_and_ends_at_midnight_so_many_months_later(bought, months, end, days):
    found = period(at=at(bought), after=None, months=months, zone=ZONE)

    assert found == (at(bought), at(end), days)
    assert found.last_day(ZONE) == at(end).date() - DAY


def test_the_next_term_follows_the_one_that_runs_and_one_that_is_over_leaves_a_gap():
    first = period(at=at("2024-01-10"), after=None, months=1, zone=ZONE)

    second = period(at=at("2024-01-20"), after=first.to_at, months=1, zone=ZONE)
    late = period(at=at("2024-03-05"), after=first.to_at, months=1, zone=ZONE)

    assert second == (first.to_at, at("2024-03-10 00:00"), 29)
    assert late.from_at == at("2024-03-05")


def test_terms_reach_no_further_than_ten_years_ahead():
    after = at("2033-12-10 00:00")
    with pytest.raises(Invalid):
        period(at=at("2024-01-10"), after=after, months=2, zone=ZONE)
    assert period(at=at("2024-01-10"), after=after, months=1, zone=ZONE).to_at == at("2034-01-10 00:00")


@pytest.mark.parametrize(
    ("when", "more", "state"),
    [
        ("2024-01-09", {}, State.UPCOMING),
        ("2024-01-10", {}, State.ACTIVE),
        ("2025-01-09 23:59", {}, State.ACTIVE),
        ("2025-01-10 00:00", {}, State.EXPIRED),
        ("2024-06-01", {"cancelled_at": at("2024-05-01")}, State.CANCELLED),
        ("2024-04-01", {"cancelled_at": at("2024-05-01")}, State.ACTIVE),
        ("2025-02-01", {"cancelled_at": at("2024-05-01")}, State.EXPIRED),
        ("2024-06-01", {"refunded_at": at("2024-06-01")}, State.REFUNDED),
        ("2024-05-31", {"refunded_at": at("2024-06-01")}, State.ACTIVE),
        ("2025-06-01", {"closed_since": at("2024-12-01")}, State.ACTIVE),
        ("2025-06-01", {"closed_since": at("2025-02-01")}, State.EXPIRED),
    ],
)
def test_how_a_term_stands_follows_from_its_times_and_nothing_runs_out_while_closed(when, more, state):
    assert state_at(term(**more), at(when)) is state


@pytest.mark.parametrize(
    ("when", "left"),
    [
        ("2024-01-01", 366),
        ("2024-01-10", 366),
        ("2024-01-11 00:00", 365),
        ("2025-01-09", 1),
        ("2025-01-10", 0),
    ],
)
def test_the_present_day_is_among_the_days_left_and_one_to_come_is_left_whole(when, left):
    assert days_left(term(), at(when), ZONE) == left


def test_while_the_program_is_closed_what_is_owed_is_what_was_left_when_it_closed():
    closed = term(closed_since=at("2024-12-31"))

    assert days_left(closed, at("2026-01-01"), ZONE) == 10
    assert owed_minor(closed, at("2026-01-01"), ZONE) == 1_000


@pytest.mark.parametrize(
    ("sold", "more", "when", "back"),
    [
        ("2024-01-10", {}, "2024-01-10", 36_600),
        ("2024-01-10", {}, "2024-01-17 23:59", 36_600),  # the seventh day after the sale's, to its end
        ("2024-01-10", {}, "2024-01-18 00:00", 35_800),
        ("2023-11-10", {}, "2024-01-11", 36_500),  # sold long before it begins
        ("2024-01-10", {"closed_since": at("2024-01-12")}, "2024-03-01", 36_600),
        ("2024-01-10", {"closed_since": at("2024-01-20")}, "2024-03-01", 35_600),
    ],
)
def test_to_the_seventh_day_after_its_sale_a_term_is_paid_back_whole(sold, more, when, back):
    assert owed_minor(term(sold_at=at(sold), **more), at(when), ZONE) == back


@pytest.mark.parametrize(
    ("paid", "days", "left", "back"),
    [
        (9_900, 365, 365, 9_900),
        (9_900, 365, 1, 27),  # 27.12
        (100, 3, 1, 33),
        (100, 3, 2, 67),
        (1, 2, 1, 1),  # half up
        (3, 6, 1, 1),  # 0.5
        (1, 3, 1, 0),
        (0, 30, 30, 0),
        (9_900, 365, 0, 0),
        (9_900, 30, 45, 9_900),  # never more than what was paid
    ],
)
def test_what_is_paid_back_is_the_share_of_days_half_up(paid, days, left, back):
    assert refund_minor(paid_minor=paid, days=days, left=left) == back


@given(st.integers(0, 10**12), st.integers(1, 1_100), st.data())
def test_a_refund_is_within_half_a_minor_unit_of_the_exact_share_and_more_days_bring_no_less(
    paid, days, data
):
    left = data.draw(st.integers(0, days))
    back = refund_minor(paid_minor=paid, days=days, left=left)

    assert 0 <= back <= paid
    assert -Fraction(1, 2) < back - Fraction(paid * left, days) <= Fraction(1, 2)
    assert left == days or refund_minor(paid_minor=paid, days=days, left=left + 1) >= back


def test_days_that_cannot_be_are_a_mistake():
    for days, left in ((0, 0), (30, -1)):
        with pytest.raises(ValueError, match="no share"):
            refund_minor(paid_minor=1, days=days, left=left)
