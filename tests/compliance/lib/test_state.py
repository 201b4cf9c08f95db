"""The state shown: the first that fits, days by platform date."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from compliance.lib.policy import Policy
from compliance.lib.state import Standing, State, Status, shown_state, uncovered_days
from tests.compliance.lib.story import shanghai

NOW = shanghai("2024-06-01", "12:00")
OLD = date(2023, 10, 1)
TICK = timedelta(microseconds=1)


def shown(at=NOW, **facts) -> State:
    standing = {"status": Status.OPEN, "first_opened_on": OLD, "in_force": True} | facts
    return shown_state(Standing(**standing), Policy(), at)


EVERYTHING = {
    "has_pending_appeal": True,
    "restored_until": NOW + TICK,
    "run_on": date(2024, 6, 8),
    "in_force": False,
    "uncovered_since": NOW - timedelta(days=30),
}


def test_the_first_that_fits_is_shown():
    assert shown(**EVERYTHING, status=Status.DRAFT) is State.DRAFT
    assert shown(**EVERYTHING, status=Status.CLOSED) is State.CLOSED
    assert shown(**EVERYTHING) is State.APPEALING
    assert shown(**EVERYTHING, status=Status.CLEARED) is State.APPEALING
    facts = EVERYTHING | {"has_pending_appeal": False}
    assert shown(**facts, status=Status.CLEARED) is State.CLEARED
    assert shown(**facts) is State.RESTORED
    facts |= {"restored_until": NOW}
    assert shown(**facts) is State.FINAL_NOTICE
    facts |= {"run_on": date(2024, 6, 9)}
    assert shown(**facts) is State.AT_RISK
    facts |= {"run_on": None}
    assert shown(**facts) is State.OBSERVING
    assert shown() is State.OPEN


@pytest.mark.parametrize(
    ("run_on", "state"),
    [
        (date(2024, 6, 1), State.FINAL_NOTICE),
        (date(2024, 6, 8), State.FINAL_NOTICE),
        (date(2024, 6, 9), State.AT_RISK),
        (date(2024, 7, 31), State.AT_RISK),
        (date(2024, 8, 1), State.OPEN),
    ],
)
def test_days_to_the_run_are_platform_days(run_on, state):
    assert shown(run_on=run_on) is state
    assert shown(shanghai("2024-06-01"), run_on=run_on) is state
    assert shown(shanghai("2024-06-01", "23:59"), run_on=run_on) is state


def test_thirty_platform_days_without_a_qualifying_benefit_are_observed():
    since = shanghai("2024-05-02", "23:00")

    assert uncovered_days(since, NOW) == 30
    assert shown(uncovered_since=since) is State.OBSERVING
    assert shown(shanghai("2024-05-31", "23:59"), uncovered_since=since) is State.OPEN
    assert uncovered_days(None, NOW) is None


def test_a_young_program_with_nothing_in_force_is_observed():
    young = date(2023, 12, 1)

    assert shown(first_opened_on=young, in_force=False) is State.OBSERVING
    assert shown(first_opened_on=young, in_force=True) is State.OPEN
    assert shown(shanghai("2024-06-02"), first_opened_on=young, in_force=False) is State.OPEN
