"""`manage.py replay_decision`: a decision recomputed from history is the one that was written down, or it says so."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from compliance.services import decision_nights, exemptions
from members.lib import tenant as tenancy
from tests.compliance.services.conftest import JOB, at, make_user, platform  # noqa: F401 - fixtures

RUN = "2024-06-27 23:00"


def replayed(shop: Any, period: str = "2024-06") -> dict[str, Any]:
    out = StringIO()
    call_command("replay_decision", period, shop.slug, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


def fact(found: dict[str, Any], name: str) -> Any:
    return next(each["replayed"] for each in found["facts"] if each["name"] == name)


@pytest.fixture
def bare(platform):  # noqa: F811 - the fixture
    """A shop cleared on 2024-06-27."""
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")
    platform.run(RUN)
    return shop


def test_a_decision_is_equal_and_every_fact_is_named(bare):
    found = replayed(bare)

    assert found["equal"] and (found["period"], found["merchant"]) == ("2024-06", bare.slug)
    assert (fact(found, "outcome"), fact(found, "reason"), fact(found, "policy")) == (
        "cleared",
        "uncovered",
        1,
    )
    assert fact(found, "notice_at") == "2024-06-10T04:00:00+08:00"
    assert {each["name"] for each in found["facts"]} >= {"danger_at", "opened_at", "was_closed"}


def test_what_happened_after_the_run_changes_no_replay(platform, bare):  # noqa: F811
    covered = platform.shop("2024-07-01")
    platform.policy("2024-07-02", window_days=10, min_notice_days=1)
    platform.open(bare, "2024-07-28")
    platform.coupon(bare, "2024-07-29")
    platform.coupon(covered, "2024-07-29")
    platform.close(bare, "2024-07-30")

    found = replayed(bare)

    assert found["equal"] and fact(found, "opened_at") == "2023-10-01T00:00:00+08:00"


def test_a_new_life_is_judged_as_a_new_life(platform, bare):  # noqa: F811
    platform.open(bare, "2024-07-28")
    platform.assess_daily("2024-07-28", "2024-08-31")
    platform.run("2024-07-31 23:00")
    platform.run("2024-08-31 23:00")

    july, august = replayed(bare, "2024-07"), replayed(bare, "2024-08")

    assert july["equal"] and fact(july, "reason") == "notice_too_short"
    assert august["equal"] and fact(august, "outcome") == "cleared"
    assert fact(august, "opened_at") == "2024-07-28T00:00:00+08:00"


def test_a_program_closed_for_the_night_is_replayed_as_closed(platform):  # noqa: F811
    shop = platform.shop("2023-10-01")
    platform.assess("2024-06-10 04:00")
    platform.close(shop, "2024-06-27 22:59")
    platform.run(RUN)

    found = replayed(shop)

    assert found["equal"] and fact(found, "was_closed") is True and fact(found, "outcome") == "cleared"


def test_an_exemption_lifted_later_still_held_then(platform, make_user):  # noqa: F811
    shop = platform.shop("2023-10-01")
    with tenancy.platform():
        exemptions.exempt(
            merchant_id=shop.pk,
            at=at("2024-06-01"),
            until_at=at("2024-12-01"),
            actor=JOB,
            reason="moves house",
        )
    platform.run(RUN)
    with tenancy.platform():
        exemptions.lift(merchant_id=shop.pk, at=at("2024-07-05"), actor=JOB)

    found = replayed(shop)

    assert found["equal"] and fact(found, "reason") == "exempt"
    assert fact(found, "exempt_until") == "2024-12-01T00:00:00+08:00"


def falsify(shop: Any) -> None:
    """Somebody with the owner's rights changes a row behind the platform's back."""
    with tenancy.platform(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "insert into compliance_notice (id, public_id, merchant_id, sent_at, danger_at, for_run_on, days_before,"
            " policy_id) select id + 1000, 'forged', merchant_id, sent_at - interval '3 days', danger_at,"
            " for_run_on, 29, policy_id from compliance_notice where merchant_id = %s",
            [shop.pk],
        )


def test_history_that_was_tampered_with_is_named_and_ends_in_exit_code_1(bare):
    falsify(bare)
    out = StringIO()

    with pytest.raises(CommandError, match="notice_at"):
        call_command("replay_decision", "2024-06", bare.slug, stdout=out, stderr=StringIO())

    assert "NOT EQUAL" in out.getvalue()
    assert "notice_at: 2024-06-10T04:00:00+08:00 <> replayed 2024-06-07T04:00:00+08:00" in out.getvalue()


@pytest.mark.parametrize(("period", "wanted"), [("2024-05", "no run"), ("2024-06", "decided nothing")])
def test_a_decision_that_does_not_exist_is_refused(platform, bare, period, wanted):  # noqa: F811
    young = platform.shop("2024-07-20")

    with pytest.raises(CommandError, match=wanted):
        replayed(young, period)


def test_the_night_replays_a_sample_and_writes_nothing(platform, bare):  # noqa: F811
    for _ in range(3):
        platform.shop("2024-07-01")
    platform.run("2024-07-31 23:00")

    with tenancy.platform():
        report = decision_nights.replay_night(night=at("2024-08-01").date())

    assert report == {"decisions": 4, "mismatches": 0, "listed": []}


def test_the_night_tells_of_a_decision_that_differs(bare):
    falsify(bare)

    with tenancy.platform():
        report = decision_nights.replay_night(night=at("2024-07-01").date())

    assert (report["decisions"], report["mismatches"]) == (1, 1)
    assert report["listed"] == [{"period": "2024-06", "merchant_id": bare.pk, "facts": ["notice_at"]}]
