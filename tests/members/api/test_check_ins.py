"""Checking in by API and on the member's own page: once a day, with the row of days told."""

from __future__ import annotations

import pytest
from django.utils import timezone

from benefits.models import Benefit
from benefits.services import benefits
from members.lib import tenant as tenancy
from members.services.audit import Actor
from tests.api import System, close, join
from tests.benefits.web.test_own import own, reader, text
from tests.members.api.test_door import problem

SETTINGS = {"points": 5, "streaks": [{"days": 7, "points": 20}]}


@pytest.fixture
def shop(system) -> System:
    return system


def publish(shop: System, **more) -> None:
    with tenancy.tenant(shop.shop.pk):
        benefits.publish_benefit(
            merchant_id=shop.shop.pk, at=timezone.now(), actor=Actor.job("test"), kind="check_in",
            **{"name": "Come by", "settings": SETTINGS, **more},
        )  # fmt: skip


def test_a_member_checks_in_once_a_day_and_sees_the_row(shop):
    ann = join(shop.shop, "ann")
    path = f"/members/{ann.public_id}/check-ins"
    assert shop.get(path).json()["is_rewarded"] is False
    problem(shop.post(path, {}), 422, "activity-not-rewarded")
    publish(shop)

    before, first, again = shop.get(path).json(), shop.post(path, {}), shop.post(path, {})

    assert (before["is_done"], before["days"], before["points"]) == (False, 0, 5)
    assert (first.status_code, again.status_code) == (201, 200)
    told = {"is_done": True, "days": 1, "points": 5, "next_in_days": 6, "next_points": 20, "available": 5}
    for body in (first.json(), again.json(), shop.get(path).json()):
        assert told.items() <= body.items()


def test_a_check_in_that_was_done_is_told_when_its_benefit_has_ended_since(shop):
    path = f"/members/{join(shop.shop, 'ann').public_id}/check-ins"
    publish(shop)
    shop.post(path, {})
    with tenancy.tenant(shop.shop.pk):
        for each in Benefit.objects.of(shop.shop.pk):
            benefits.end_benefit(
                merchant_id=shop.shop.pk, benefit_id=each.pk, at=timezone.now(), actor=Actor.job("test")
            )

    again, told = shop.post(path, {}), {"is_rewarded": False, "is_done": True, "days": 1, "points": 5}

    assert again.status_code == 200
    for body in (again.json(), shop.get(path).json()):
        assert told.items() <= body.items() and body["next_in_days"] is None


def test_a_closed_program_checks_nobody_in(shop):
    ann = join(shop.shop, "ann")
    publish(shop)
    close(shop.shop, "closed")
    assert shop.post(f"/members/{ann.public_id}/check-ins", {}).status_code in (403, 409)


def test_the_members_own_page_has_the_button_where_a_benefit_invites_to_it(shop):
    ann = join(shop.shop, "ann")
    home = own(shop.shop, ann)
    assert "Check-in" not in text(reader().get(home))
    assert reader().post(f"{home}check-in").status_code == 302  # and brings nothing
    publish(shop)

    page = text(reader().get(home))
    done = reader().post(f"{home}check-in", follow=True)
    reader().post(f"{home}check-in")

    assert "Check in for 5 points" in page and "7 more days bring 20 points extra." in page
    assert "Checked in: 5 points." in text(done) and "1 day in a row." in text(done)
    assert shop.get(f"/members/{ann.public_id}/check-ins").json()["available"] == 5
