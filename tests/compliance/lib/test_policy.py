"""Policies: defaults, values that are refused, and the version in force."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from compliance.lib.policy import (
    PLATFORM_POLICY,
    AgeBoundary,
    CountingBasis,
    Policy,
    PolicyHistory,
    PolicyVersion,
)
from compliance.lib.policy_changes import changes_in_words
from tests.compliance.lib.story import shanghai

NOON = shanghai("2024-05-15", "12:00")
TICK = timedelta(microseconds=1)


def version(number: int, at, recorded_at=None) -> PolicyVersion:
    return PolicyVersion(number=number, effective_from=at, recorded_at=recorded_at, policy=Policy())


def test_the_defaults_are_those_of_a_scripted_history():
    assert Policy().as_json() == {
        "min_age_months": 6,
        "age_boundary": "over",
        "window_days": 90,
        "counting_basis": "in_force_or_configured",
        "uncounted_kinds": ["draw_purchase", "lucky_draw"],
        "min_notice_days": 14,
        "warn_days": [30, 14, 7, 3, 1],
        "first_run_on": "2024-06-27",
        "protection_days": 30,
        "max_clear_share": "1",
        "final_notice_days": 7,
        "at_risk_days": 60,
        "observing_days": 30,
        "reopen_wait_days": 30,
        "appeal_hold_days": 180,
        "appeal_decision_days": 5,
        "min_cover_days": 0,
        "max_lead_days": None,
        "paper_rules": [],
        "min_audience": 0,
        "uncounted_channels": [],
    }


def test_the_platform_begins_with_the_brake_and_without_cheap_escapes():
    assert PLATFORM_POLICY.max_clear_share == Decimal("0.05")
    assert (PLATFORM_POLICY.min_cover_days, PLATFORM_POLICY.max_lead_days) == (7, 30)
    assert (PLATFORM_POLICY.paper_rules, PLATFORM_POLICY.min_audience) == (
        {"threshold", "saving", "scope"},
        5,
    )


def test_settings_left_out_keep_their_value():
    changed = Policy().changed({"window_days": 30}).changed({"counting_basis": "in_force"})

    assert (changed.window_days, changed.counting_basis) == (30, CountingBasis.IN_FORCE)


def test_settings_survive_being_stored():
    policy = Policy().changed(
        {
            "age_boundary": "at_least",
            "first_run_on": "2024-02-29",
            "max_clear_share": "0.05",
            "uncounted_kinds": [],
            "warn_days": [3, 14, 3],
            "max_lead_days": 30,
        }
    )

    assert policy.age_boundary is AgeBoundary.AT_LEAST
    assert policy.first_run_on == date(2024, 2, 29)
    assert policy.warn_days == (14, 3)
    assert Policy().changed(policy.as_json()) == policy


@pytest.mark.parametrize(
    "values",
    [
        {"window": 90},
        {"window_days": 0},
        {"window_days": "90"},
        {"window_days": True},
        {"window_days": None},
        {"window_days": 10**9},
        {"min_notice_days": -1},
        {"warn_days": [30, -1]},
        {"warn_days": "30"},
        {"warn_days": [[30]]},
        {"warn_days": 30},
        {"paper_rules": "saving"},
        {"paper_rules": ["nothing"]},
        {"uncounted_channels": ["amazon"]},
        {"min_audience": 7},
        {"min_audience": -1},
        {"min_audience": "5"},
        {"min_audience": True},
        {"uncounted_kinds": "coupon"},
        {"uncounted_kinds": [1]},
        {"uncounted_kinds": None},
        {"counting_basis": "always"},
        {"age_boundary": "about"},
        {"first_run_on": "2024-02-30"},
        {"first_run_on": 20240227},
        {"first_run_on": "1899-12-31"},
        {"first_run_on": "3000-01-01"},
        {"max_clear_share": "1.01"},
        {"max_clear_share": "NaN"},
        {"max_clear_share": "much"},
        {"max_clear_share": 0.05},
        {"max_clear_share": True},
        {"max_clear_share": "0.000000001"},
        {"max_lead_days": -1},
    ],
)
def test_a_value_outside_its_range_is_refused_by_name(values):
    with pytest.raises(ValueError, match=next(iter(values))):
        Policy().changed(values)


def test_a_version_is_in_force_from_its_instant_until_the_next():
    history = PolicyHistory([version(2, NOON), version(1, NOON - timedelta(days=9))])

    assert history.at(NOON - TICK).number == 1
    assert history.at(NOON).number == 2
    assert history.installed_at == NOON - timedelta(days=9)


def test_of_two_versions_of_one_instant_the_last_recorded_is_in_force():
    history = PolicyHistory([version(1, NOON), version(2, NOON)])

    assert history.at(NOON).number == 2


def test_a_job_knows_only_versions_recorded_before_it():
    history = PolicyHistory([version(1, NOON - timedelta(days=9)), version(2, NOON)])

    assert history.for_job(NOON).number == 1
    assert history.for_job(NOON + TICK).number == 2
    assert history.for_job(NOON - timedelta(days=9)) is None
    assert [v.number for v in history.known_before(NOON).versions] == [1]


def test_what_is_scheduled_follows_what_is_in_force():
    coming = NOON + timedelta(days=3)
    history = PolicyHistory([version(1, NOON), version(2, coming, NOON)])

    first, second = history.ahead(NOON)
    assert (first.version.number, first.span) == (1, (None, coming))
    assert (second.version.number, second.span) == (2, (coming, None))


def test_a_history_without_a_version_is_refused():
    with pytest.raises(ValueError, match="at least"):
        PolicyHistory([])


OTHER = {
    "age_boundary": "at_least",
    "counting_basis": "in_force",
    "uncounted_kinds": ["lucky_draw"],
    "warn_days": [20],
    "first_run_on": "2024-07-27",
    "max_clear_share": "0.5",
    "max_lead_days": 10,
    "paper_rules": ["saving", "threshold"],
    "min_audience": 10,
    "uncounted_channels": ["other"],
}


@pytest.mark.parametrize("name", Policy.__dataclass_fields__)
def test_every_setting_that_changes_is_said_in_a_sentence_either_way(name):
    before = Policy()
    after = before.changed({name: OTHER.get(name, 33)})

    for told in (changes_in_words(before, after), changes_in_words(after, before)):
        assert told and all(sentence.endswith(".") for sentence in told)
    assert changes_in_words(after, after) == []


def test_a_smallest_audience_that_changes_names_both_sizes():
    (told,) = changes_in_words(Policy(min_audience=5), Policy(min_audience=20))

    assert "20" in told and "5" in told
