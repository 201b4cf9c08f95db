"""Warnings: which is due, which stand, and when notice is long enough."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from compliance.lib.calendar import assessment_instant, run_instant
from compliance.lib.policy import Policy
from compliance.lib.warnings import SentWarning, due_warning, episode, notice_given
from tests.compliance.lib.story import shanghai

RUN_ON = date(2024, 6, 27)
TICK = timedelta(microseconds=1)
DANGER = shanghai("2024-06-01")


def sent(
    days_before: int, for_run_on: date = RUN_ON, *, at: datetime | None = None, danger_at=DANGER
) -> SentWarning:
    at = at or assessment_instant(for_run_on - timedelta(days=days_before))
    return SentWarning(days_before=days_before, sent_at=at, for_run_on=for_run_on, danger_at=danger_at)


def due(days_left: int, *already: SentWarning, **more) -> int | None:
    return due_warning(
        Policy(), RUN_ON, assessment_instant(RUN_ON - timedelta(days=days_left)), already, **more
    )


@pytest.mark.parametrize(
    ("days_left", "expected"),
    [(31, None), (30, 30), (15, 30), (14, 14), (8, 14), (7, 7), (4, 7), (3, 3), (2, 3), (1, 1), (0, 1)],
)
def test_the_smallest_that_is_at_least_the_days_left_is_due(days_left, expected):
    assert due(days_left) == expected


def test_each_is_sent_once_for_a_run():
    assert due(29, sent(30)) is None
    assert due(14, sent(30)) == 14


def test_larger_missed_ones_are_never_sent_later():
    assert due(20, sent(14)) is None


def test_a_warning_for_another_run_does_not_stop_this_ones():
    assert due(30, sent(1, date(2024, 5, 31))) == 30


def test_without_a_threatening_run_nothing_is_due():
    assert due_warning(Policy(), None, assessment_instant(RUN_ON), ()) is None


def test_inside_a_protection_nothing_is_due():
    at = assessment_instant(RUN_ON - timedelta(days=30))

    assert due(30, protected_until=at + TICK) is None
    assert due(30, protected_until=at) == 30


def test_a_warning_whose_danger_date_was_earlier_does_not_stand():
    older, same, later = (sent(30, danger_at=DANGER + n * TICK) for n in (-1, 0, 1))

    assert episode([older, same, later], DANGER, shanghai("2023-10-01")) == [same, later]


def test_a_warning_before_this_life_began_does_not_stand():
    warning = sent(30)

    assert episode([warning], DANGER, warning.sent_at) == []
    assert episode([warning], DANGER, warning.sent_at - TICK) == [warning]


def test_fourteen_whole_days_are_notice():
    run_at = run_instant(RUN_ON)
    just, short = (sent(14, at=run_at - timedelta(days=14) + n * TICK) for n in (0, 1))

    assert notice_given([just], run_at, Policy()) == just
    assert notice_given([short], run_at, Policy()) is None


def test_the_warning_of_fourteen_days_gives_notice_and_that_of_seven_does_not():
    run_at = run_instant(RUN_ON)

    assert notice_given([sent(14), sent(7)], run_at, Policy()) == sent(14)
    assert notice_given([sent(7)], run_at, Policy()) is None


def test_the_first_that_is_early_enough_is_the_evidence():
    assert notice_given([sent(14), sent(30)], run_instant(RUN_ON), Policy()) == sent(30)
