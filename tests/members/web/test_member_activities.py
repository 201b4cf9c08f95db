"""What staff note of a member: activities that bring points, and the birthday."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import AuditRow, Member, PointsEntry
from tests.factories import ledger

EVENTS = {
    "check_in": {"points": 2},
    "review": {"points": 20, "day_most": 30},
    "survey": {"points": 5, "active": False},
}


@pytest.fixture
def owner(client, cast):
    ledger.open_shop(cast.shop, timezone.now(), earning=Earning.read({"events": EVENTS}))
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def page(owner, cast) -> str:
    member = ledger.join(cast.shop, timezone.now())
    return f"/members/{member.public_id}/activity"


def rows(shop, model):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop).order_by("pk"))


def test_a_check_in_at_the_counter_gives_its_points_once_a_day(owner, page, cast):
    first = owner.post(page, {"kind": "check_in"}, follow=True).content.decode()
    again = owner.post(page, {"kind": "check_in"}, follow=True).content.decode()

    assert "2 points are given." in first and "noted before" in again
    assert [entry.points for entry in rows(cast.shop, PointsEntry)] == [2]
    assert rows(cast.shop, AuditRow)[-1].action == "points.awarded"


def test_a_cap_that_is_reached_is_told(owner, page):
    owner.post(page, {"kind": "review", "reference": "a"})

    told = owner.post(page, {"kind": "review", "reference": "b"}, follow=True).content.decode()

    assert "10 of 20 points are given" in told


@pytest.mark.parametrize("typed", [{"kind": "survey", "reference": "x"}, {"kind": "review"}, {}])
def test_what_is_not_rewarded_or_not_named_moves_nothing(owner, page, cast, typed):
    response = owner.post(page, {"reference": "", **typed})

    assert response.status_code in (200, 422) and not rows(cast.shop, PointsEntry)


def test_a_birthday_is_typed_and_wrong_ones_are_told(owner, page, cast):
    assert owner.post(page, {"birthday": "05-17", "set_birthday": "1"}).status_code == 302
    wrong = owner.post(page, {"birthday": "02-30", "set_birthday": "1"})

    (member,) = rows(cast.shop, Member)
    assert (member.birth_month, member.birth_day) == (5, 17)
    assert wrong.status_code == 422 and "is not a birthday" in wrong.content.decode()


def test_a_cashier_notes_nothing(owner, page, client, cast):
    client.force_login(cast.clerk)

    assert client.get(page).status_code == 403
    assert client.post(page, {"kind": "check_in"}).status_code == 403
    assert not rows(cast.shop, PointsEntry)


def test_the_members_page_leads_to_it(owner, page):
    assert f'href="{page}"' in owner.get(page.removesuffix("/activity")).content.decode()
