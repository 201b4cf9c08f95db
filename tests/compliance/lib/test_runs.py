"""Run dates: one a period, on the day that the policy then in force says."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance.lib.calendar import platform_date, run_instant
from compliance.lib.policy import Policy, PolicyHistory, PolicyVersion
from compliance.lib.runs import coming_runs, due_runs, run_day, run_of_month
from tests.compliance.lib import literal
from tests.compliance.lib.story import shanghai
from tests.environment import sized

INSTALLED = shanghai("2023-10-01")


def history(*first_runs: tuple[datetime, str]) -> PolicyHistory:
    return PolicyHistory(
        PolicyVersion(number=n, effective_from=at, policy=Policy(first_run_on=date.fromisoformat(day)))
        for n, (at, day) in enumerate(first_runs, start=1)
    )


def days(policies: PolicyHistory, upto: datetime, after: datetime = INSTALLED) -> list[str]:
    return [run.on.isoformat() for run in due_runs(policies, after, upto)]


def test_runs_come_on_the_first_day_set_and_then_at_the_end_of_each_month():
    runs = list(islice(coming_runs(history((INSTALLED, "2024-06-27")), INSTALLED), 3))

    assert [r.on.isoformat() for r in runs] == ["2024-06-27", "2024-07-31", "2024-08-31"]
    assert [r.period for r in runs] == ["2024-06", "2024-07", "2024-08"]
    assert runs[0].at == shanghai("2024-06-27", "23:00")


def test_a_run_is_due_at_its_instant_and_not_after_it_again():
    policies = history((INSTALLED, "2024-06-27"))
    at = shanghai("2024-06-27", "23:00")

    assert days(policies, at - timedelta(microseconds=1)) == []
    assert days(policies, at) == ["2024-06-27"]
    assert days(policies, at + timedelta(days=1), after=at) == []


def test_runs_before_the_installation_do_not_exist():
    policies = history((shanghai("2024-06-28"), "2024-06-27"))

    assert days(policies, shanghai("2024-08-01")) == ["2024-07-31"]


def test_a_day_of_this_month_can_still_be_set_where_the_old_one_never_ran():
    policies = history(
        (shanghai("2024-06-28"), "2024-06-27"), (shanghai("2024-06-28", "01:00"), "2024-06-29")
    )

    assert days(policies, shanghai("2024-08-01")) == ["2024-06-29", "2024-07-31"]


def test_runs_before_a_first_day_set_later_do_not_exist():
    policies = history((INSTALLED, "2024-06-27"), (shanghai("2024-05-10"), "2024-02-29"))

    assert days(policies, shanghai("2024-08-01")) == ["2024-05-31", "2024-06-30", "2024-07-31"]


def test_a_period_that_has_had_its_run_has_no_other():
    policies = history((INSTALLED, "2024-06-27"), (shanghai("2024-06-28"), "2024-06-29"))

    assert days(policies, shanghai("2024-08-01")) == ["2024-06-27", "2024-07-31"]


def test_a_run_started_by_hand_is_its_periods_run():
    runs = coming_runs(history((INSTALLED, "2024-06-27")), INSTALLED, done={"2024-06"})

    assert next(runs).on == date(2024, 7, 31)


def test_a_policy_set_at_the_runs_instant_comes_after_it():
    at = shanghai("2024-06-27", "23:00")

    assert days(history((INSTALLED, "2024-06-27"), (at, "2099-12-31")), at) == ["2024-06-27"]


def test_a_run_that_a_later_policy_would_not_have_is_still_made_up():
    policies = history((INSTALLED, "2024-06-27"), (shanghai("2024-06-28"), "2099-12-31"))

    assert days(policies, shanghai("2024-06-29"), after=shanghai("2024-06-20")) == ["2024-06-27"]


def test_a_policy_scheduled_for_the_runs_instant_judges_it():
    at = shanghai("2024-06-27", "23:00")
    policies = PolicyHistory(
        [
            PolicyVersion(number=1, effective_from=INSTALLED, policy=Policy()),
            PolicyVersion(number=2, effective_from=at, recorded_at=INSTALLED, policy=Policy(window_days=30)),
        ]
    )

    assert run_of_month(policies, date(2024, 6, 1)).version.number == 2


def test_the_last_month_of_the_calendar_ends_the_runs():
    runs = list(coming_runs(history((INSTALLED, "9999-11-30")), INSTALLED))

    assert [r.on for r in runs] == [date(9999, 11, 30), date(9999, 12, 31)]


def test_one_policy_gives_a_month_one_day_or_none():
    first = date(2024, 6, 27)

    assert run_day(first, date(2024, 5, 31)) is None
    assert run_day(first, date(2024, 6, 30)) == first
    assert run_day(first, date(2025, 2, 1)) == date(2025, 2, 28)


@pytest.mark.soak
@settings(max_examples=sized(300, least=75), deadline=None)
@given(literal.policy_histories(days=120), st.integers(-40, 150).map(lambda n: timedelta(days=n)))
def test_runs_are_those_found_by_asking_each_day(policies, ago):
    after = literal.START + ago
    until = date(2024, 12, 31)

    found = [run.on for run in due_runs(policies, after, run_instant(until))]

    expected = [day for day in literal.run_days(policies.versions, until) if run_instant(day) > after]
    assert found == expected
    assert len({(day.year, day.month) for day in found}) == len(found)
    assert all(platform_date(run_instant(day)) == day for day in found)
