"""Policies are versions: never edited, never in the past, keys left out keep their value."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction

from compliance.lib.policy import Policy as Rule
from compliance.models import Policy
from compliance.models.policies import columns_of
from compliance.selectors import policies as selector
from compliance.services import installation, policies
from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.models import Installation, PlatformAuditRow
from members.services.audit import Actor
from tests.compliance.services.conftest import at


def test_a_new_version_keeps_what_it_does_not_name(platform):
    platform.policy("2024-01-01", window_days=60)
    row = platform.policy("2024-02-01", min_notice_days=7, warn_days=[3, 10])

    assert (row.number, row.window_days, row.min_notice_days, row.warn_days) == (3, 60, 7, [10, 3])


def test_a_coming_version_is_in_force_from_its_instant(platform):
    platform.policy("2024-01-01", starts="2024-03-01", window_days=30)

    with tenancy.platform():
        history = selector.history()
    assert history.at(at("2024-02-29 23:59")).policy.window_days == 90
    assert history.at(at("2024-03-01")).policy.window_days == 30


def test_a_version_published_after_a_coming_one_starts_from_what_is_in_force_then(platform):
    platform.policy("2024-01-01", starts="2024-03-01", window_days=30)

    later = platform.policy("2024-01-02", starts="2024-04-01", min_notice_days=7)

    assert later.window_days == 30


def test_a_version_that_starts_before_an_existing_one_is_refused(platform):
    platform.policy("2024-01-01", starts="2024-03-01", window_days=30)

    with pytest.raises(Invalid, match="2024-03-01 00:00") as refused:
        platform.policy("2024-01-02", starts="2024-02-29 23:59", min_notice_days=7)

    assert set(refused.value.errors) == {"effective_at"} and numbers() == [1, 2]


def publish(when, starts, reason=""):
    """As an admin does it: a reason for an early start only where it is given."""
    with tenancy.platform():
        return policies.set_policy(
            at=at(when),
            effective_at=at(starts),
            actor=Actor.job("test"),
            values={"min_notice_days": 7},
            early_reason=reason,
        )


def numbers():
    with tenancy.platform():
        return sorted(Policy.objects.values_list("number", flat=True))


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_version_that_is_public_for_less_than_seven_days_needs_a_reason(platform, reason):
    with pytest.raises(Invalid, match="at least 7 days") as refused:
        publish("2024-01-01 00:01", "2024-01-08 00:00", reason)

    assert set(refused.value.errors) == {"early_reason"} and numbers() == [1]
    with tenancy.platform():
        assert not PlatformAuditRow.objects.filter(action="policy.published").exists()


def test_a_reason_lets_a_version_start_early_and_stays_with_it(platform):
    early = publish("2024-01-01 00:01", "2024-01-08 00:00", "a court orders it")
    in_time = publish("2024-01-01 00:01", "2024-01-08 00:01", "not needed")

    assert (early.early_reason, in_time.early_reason) == ("a court orders it", "")


def test_the_database_keeps_no_early_version_without_a_reason(platform):
    begun = at("2024-01-01")
    with (
        tenancy.platform(),
        pytest.raises(IntegrityError, match="policy_public_or_reasoned"),
        transaction.atomic(),
    ):
        Policy.objects.create(number=2, published_at=begun, effective_at=begun, **columns_of(Rule()))

    assert numbers() == [1]


def test_warnings_left_out_keep_their_days_where_the_window_becomes_shorter(platform):
    row = platform.policy("2024-01-01", window_days=7)

    assert (row.window_days, row.warn_days) == (7, [30, 14, 7, 3, 1])


def test_a_policy_that_starts_in_the_past_is_refused(platform):
    with pytest.raises(Invalid) as refused:
        platform.policy("2024-01-01", starts="2023-12-31", window_days=30)

    assert "effective_at" in refused.value.errors
    with tenancy.platform():
        assert Policy.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"window_days": 0}, "window_days"),
        ({"window_days": "90"}, "window_days"),
        ({"max_clear_share": "1.5"}, "max_clear_share"),
        ({"no_such_setting": 1}, "no_such_setting"),
        ({"first_run_on": "2024-13-01"}, "first_run_on"),
        ({"uncounted_kinds": ["coupon", "free_lunch"]}, "uncounted_kinds"),
        ({"warn_days": []}, "warn_days"),
        ({"window_days": -1}, "window_days"),
        ({"window_days": 20, "warn_days": [21, 7]}, "warn_days"),
        ({"warn_days": [91]}, "warn_days"),
        ({"appeal_decision_days": 0}, "appeal_decision_days"),
    ],
)
def test_a_bad_value_is_refused_by_its_name(platform, values, key):
    with pytest.raises(Invalid) as refused:
        platform.policy("2024-01-01", **values)

    assert key in refused.value.errors
    with tenancy.platform():
        assert Policy.objects.count() == 1


def test_every_setting_comes_back_as_it_was_published(platform):
    values = {
        "min_age_months": 3,
        "age_boundary": "at_least",
        "window_days": 45,
        "counting_basis": "configured",
        "uncounted_kinds": ["coupon"],
        "min_notice_days": 9,
        "warn_days": [20, 5],
        "first_run_on": "2024-05-05",
        "protection_days": 11,
        "max_clear_share": "0.125",
        "final_notice_days": 5,
        "at_risk_days": 50,
        "observing_days": 20,
        "reopen_wait_days": 15,
        "appeal_hold_days": 100,
        "appeal_decision_days": 7,
        "min_cover_days": 4,
        "max_lead_days": 12,
        "paper_rules": ["saving"],
        "min_audience": 20,
    }

    row = platform.policy("2024-01-01", **values)

    with tenancy.platform():
        stored = Policy.objects.get(pk=row.pk).rule.as_json()
    assert {key: stored[key] for key in values if key != "max_clear_share"} == {
        key: value for key, value in values.items() if key != "max_clear_share"
    }
    assert stored["max_clear_share"].startswith("0.125")


def test_a_publication_is_audited_with_what_changed(platform):
    platform.policy("2024-01-01", window_days=60)

    with tenancy.platform():
        row = PlatformAuditRow.objects.get(action="policy.published")
    assert row.before == {"window_days": 90}
    assert row.after["window_days"] == 60


def test_a_share_written_otherwise_is_no_change(platform):
    platform.policy("2024-01-01", max_clear_share="0.05")

    platform.policy("2024-01-02", max_clear_share="0.0500", min_notice_days=7)

    with tenancy.platform():
        row = PlatformAuditRow.objects.filter(action="policy.published").latest("id")
    assert row.before == {"min_notice_days": 14}
    assert set(row.after) == {"min_notice_days", "effective_at"}


def test_a_kind_that_no_longer_exists_may_stay_where_it_stands(platform):
    with tenancy.platform():
        begun = at("2024-01-01")
        values = columns_of(Rule(uncounted_kinds=frozenset({"gone"})))
        Policy.objects.create(
            number=2, published_at=begun, effective_at=begun, early_reason="told by a test", **values
        )

    row = platform.policy("2024-01-02", min_notice_days=7)

    assert row.uncounted_kinds == ["gone"]


def test_a_version_is_never_edited_not_even_by_the_platform(platform):
    with tenancy.platform(), pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        connection.cursor().execute("update compliance_policy set window_days = 1")

    with tenancy.platform():
        assert Policy.objects.get().window_days == 90


def test_installing_twice_keeps_the_first_installation(platform):
    with tenancy.platform():
        installation.install(at=at("2024-05-05"))

        assert Installation.objects.get().installed_at == at("2023-09-01")
        assert Policy.objects.get().max_clear_share == 1


def test_a_platform_begins_with_the_brake_on(db):
    with tenancy.platform():
        installation.install(at=at("2024-05-05"))

        row = Policy.objects.get()
    assert (str(row.rule.max_clear_share.normalize()), row.min_cover_days, row.max_lead_days) == (
        "0.05",
        7,
        30,
    )
