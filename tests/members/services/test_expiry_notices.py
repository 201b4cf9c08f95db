"""Members are told before points expire: once for each last usable day and rule, by the days in the point rules."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import transaction

from members.lib import tenant as tenancy
from members.lib.refusals import Invalid
from members.lib.webhooks import WebhookEvent
from members.models import ExpiryNotice, WebhookDelivery
from members.services import expiry_notices, webhooks
from tests.members.services.till import JOB, OPENED, Till

ROLLING = {"expiry": {"kind": "rolling", "months": 2}}


def told(till: Till) -> list[tuple[str, int, int]]:
    """(last usable day, days before, points), in the order in which they were told."""
    with tenancy.tenant(till.id), transaction.atomic():
        rows = ExpiryNotice.objects.of(till.id).order_by("id")
        return [(f"{row.expires_on}", row.days, row.points) for row in rows]


def heard(till: Till) -> list[dict[str, Any]]:
    with tenancy.tenant(till.id), transaction.atomic():
        rows = WebhookDelivery.objects.of(till.id).filter(event=WebhookEvent.POINTS_EXPIRING)
        return [row.data for row in rows.order_by("id")]


def listen(till: Till, settings: Any) -> None:
    settings.WEBHOOKS_TO_LOOPBACK = True
    with tenancy.tenant(till.id), transaction.atomic():
        webhooks.add_endpoint(
            merchant_id=till.id,
            at=OPENED,
            actor=JOB,
            url="http://127.0.0.1:9/hook",
            events=[WebhookEvent.POINTS_EXPIRING],
        )


@pytest.mark.django_db
def test_a_member_is_told_thirty_and_seven_days_before_and_never_twice():
    till = Till(rules=ROLLING)
    till.adjust("2024-01-10", 50, "a")  # usable until 10 March

    assert till.night("2024-02-08")["expiry_notices"] == 0
    assert till.night("2024-02-09")["expiry_notices"] == 1
    assert till.night("2024-02-09")["expiry_notices"] == 0
    for day in range(10, 29):
        till.night(f"2024-02-{day}")
    assert told(till) == [("2024-03-10", 30, 50)]
    till.redeem("2024-03-01", 20, "k")
    for day in range(1, 12):
        till.night(f"2024-03-{day:02}")

    assert told(till) == [("2024-03-10", 30, 50), ("2024-03-10", 7, 30)]


@pytest.mark.django_db
def test_points_of_one_day_are_told_together_and_those_that_are_used_not_at_all():
    till = Till(rules=ROLLING)
    till.join("n")
    till.adjust("2024-01-10", 50, "a")
    till.adjust("2024-01-10", 25, "b")
    till.adjust("2024-01-10", 10, "c", "n")
    till.redeem("2024-01-11", 10, "all of it", "n")

    till.night("2024-02-09")

    assert told(till) == [("2024-03-10", 30, 75)]


@pytest.mark.django_db
def test_days_that_were_missed_are_made_up_with_the_nearest_rule_only():
    till = Till(rules=ROLLING)
    till.adjust("2024-01-10", 50, "a")
    till.night("2024-01-20")

    assert till.night("2024-03-06")["expiry_notices"] == 1

    assert told(till) == [("2024-03-10", 7, 50)]
    assert till.night("2024-03-07")["expiry_notices"] == 0


@pytest.mark.django_db
@pytest.mark.parametrize(("days", "found"), [([], []), ([1], [1]), ([60, 3], [60, 3])])
def test_when_members_are_told_is_the_merchants_choice(days, found):
    till = Till(rules={**ROLLING, "notice_days": days})
    till.adjust("2024-01-10", 50, "a")

    for day in range(61):
        till.night(f"{dt.date(2024, 1, 11) + dt.timedelta(days=day)}")

    assert [row[1] for row in told(till)] == found


@pytest.mark.django_db
@pytest.mark.parametrize("days", [[0], [-1], [367], ["7"], [1.5], "7", [True]])
def test_days_that_are_none_are_refused(days):
    till = Till(rules=ROLLING)

    with pytest.raises(Invalid):
        till.configure("2024-01-02", **ROLLING, notice_days=days)


@pytest.mark.django_db
def test_nobody_is_told_while_the_program_is_closed_and_moved_days_are_told_anew():
    till = Till(rules=ROLLING)
    till.adjust("2024-01-10", 50, "a")
    till.night("2024-02-09")
    till.close("2024-02-10")

    assert till.night("2024-03-04")["expiry_notices"] == 0
    till.open("2024-03-11")  # 29 whole days: usable until 8 April
    assert till.night("2024-03-12")["expiry_notices"] == 1

    assert told(till) == [("2024-03-10", 30, 50), ("2024-04-08", 30, 50)]


@pytest.mark.django_db
def test_the_shops_systems_hear_of_it_once(settings):
    till = Till(rules=ROLLING)
    listen(till, settings)
    till.adjust("2024-01-10", 50, "a")

    for _again in range(2):
        till.night("2024-02-10")

    (one,) = heard(till)
    assert {name: one[name] for name in ("points", "expires_on", "days", "days_left")} == {
        "points": 50,
        "expires_on": "2024-03-10",
        "days": 30,
        "days_left": 29,
    }


@pytest.mark.django_db
def test_a_job_that_was_killed_between_two_days_tells_nobody_twice(settings, monkeypatch):
    till = Till(rules=ROLLING)
    listen(till, settings)
    till.adjust("2024-01-10", 50, "a")
    till.adjust("2024-01-11", 20, "b")
    whole, days = expiry_notices._tell_day, []

    def killed(*arguments: Any) -> int | None:
        days.append(arguments[1])
        if len(days) == 2:
            raise SystemExit
        return whole(*arguments)

    monkeypatch.setattr(expiry_notices, "_tell_day", killed)
    with pytest.raises(SystemExit):
        till.night("2024-02-10")
    till.night("2024-02-10")

    assert [row[2] for row in told(till)] == [50, 20]
    assert [one["points"] for one in heard(till)] == [50, 20]


def test_of_several_rules_for_a_day_the_nearest_is_due():
    today, day = dt.date(2024, 2, 10), dt.timedelta(days=1)

    assert expiry_notices.days_due([3, 1], today - day, today) == [(today + day, 1), (today + 3 * day, 3)]
    assert expiry_notices.days_due([3, 1], today, today) == []
    assert expiry_notices.days_due([3, 1], None, today) == [
        (today, 1),
        (today + day, 1),
        (today + 2 * day, 3),
        (today + 3 * day, 3),
    ]
