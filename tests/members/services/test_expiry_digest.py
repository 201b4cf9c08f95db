"""The shop is told of points that expire soon: a sum each morning, an e-mail to owners and managers once a week."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.db import transaction
from django.utils import translation

from members.lib import tenant as tenancy
from members.models import OutboxRow, Program, Role, Staff, User
from members.services import outbox
from tests.members.services.till import OPENED, Till, at

ROLLING = {"expiry": {"kind": "rolling", "months": 2}}
PEOPLE = {"owner": Role.OWNER, "manager": Role.MANAGER, "operator": Role.OPERATOR}


@pytest.fixture
def till(db) -> Till:
    made = Till(rules=ROLLING)
    with tenancy.platform(), transaction.atomic():
        for name, role in PEOPLE.items():
            user = User.objects.create_user(email=f"{name}@example.com", password="x" * 12, language="en")
            Staff.objects.create(merchant_id=made.id, user=user, role=role, joined_at=OPENED)
    return made


def soon(till: Till) -> dict:
    with tenancy.tenant(till.id), transaction.atomic():
        return Program.objects.get(pk=till.id).points_expiring


def digests(till: Till) -> int:
    with tenancy.tenant(till.id), transaction.atomic():
        rows = OutboxRow.objects.of(till.id).filter(topic="email", key__startswith="points-expiring")
        return rows.count()


def test_every_morning_what_expires_soon_is_counted_by_day(till):
    till.join("n")
    till.adjust("2024-01-10", 50, "a")
    till.adjust("2024-01-10", 25, "b", "n")
    till.adjust("2024-01-12", 10, "c")

    till.night("2024-02-08")
    assert soon(till) == {}
    till.night("2024-02-11")

    assert soon(till) == {
        "on": "2024-02-11",
        "until": "2024-03-12",
        "members": 2,
        "points": 85,
        "days": [["2024-03-10", 2, 75], ["2024-03-12", 1, 10]],
        "more": 0,
    }
    till.redeem("2024-02-12", 60, "used")
    till.night("2024-02-13")
    assert (soon(till)["points"], soon(till)["members"]) == (25, 1)


def test_owners_and_managers_get_one_e_mail_a_week(till):
    till.adjust("2024-01-10", 50, "a")

    for day in range(9, 24):
        till.night(f"2024-02-{day:02}")
        till.night(f"2024-02-{day:02}")

    assert digests(till) == 2 * 3  # on the 9th, the 16th and the 23rd
    with tenancy.platform(), translation.override("zh-hans"):
        outbox.drain(at=at("2024-02-24"))
    last = [each for each in mail.outbox if "points" in each.subject]
    assert {to for each in last for to in each.to} == {"owner@example.com", "manager@example.com"}
    assert "50 points expire by 2024-03-10" in last[0].subject
    assert "2024-03-10: 50 points of 1 member" in last[0].body
    assert "/program/books" in last[0].body


def test_who_tells_nobody_gets_no_sum_and_no_e_mail(till):
    till.configure("2024-01-01", **ROLLING, notice_days=[])
    till.adjust("2024-01-10", 50, "a")

    till.night("2024-03-01")

    assert (soon(till), digests(till)) == ({}, 0)


def test_a_closed_program_is_told_nothing(till):
    till.adjust("2024-01-10", 50, "a")
    till.close("2024-02-01")

    till.night("2024-02-20")

    assert (soon(till), digests(till)) == ({}, 0)


def test_a_digest_that_came_late_is_not_sent(till):
    till.adjust("2024-01-10", 50, "a")
    till.night("2024-02-09")

    with tenancy.platform():
        outbox.drain(at=at("2024-02-09") + dt.timedelta(days=4))

    assert not [each for each in mail.outbox if "points" in each.subject]
