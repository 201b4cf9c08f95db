"""The rules of earning in the console: events, caps, campaigns, their worked example; who may change them."""

from __future__ import annotations

import re

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.models import RulesVersion, Staff
from tests.factories import ledger

EVENTS = {
    "joining_is_active": "on",
    "joining_points": "１00",
    "birthday_points": "0",
    "check_in_points": "0",
    "check_in_streak_days": "0",
    "check_in_streak_points": "0",
    "referral_points": "0",
    "referral_referred_points": "0",
    "referral_month_most": "",
    "referral_on": "first_order",
    "review_points": "20",
    "review_day_most": "50",
    "survey_points": "0",
    "events": "1",
}
CAMPAIGN = {"once": "abcdefghjk234567", "name": "Double Friday", "multiplier": "2", "extra": "0", "save": "1"}


@pytest.fixture
def owner(client, cast):
    ledger.open_shop(cast.shop, timezone.now())
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def rules(shop) -> Earning:
    with tenancy.tenant(shop.pk), transaction.atomic():
        version = RulesVersion.objects.of(shop).order_by("-number").first()
        return Earning.read(version.earning)


def test_events_are_switched_on_with_points_and_caps(owner, cast):
    response = owner.post("/program/earning", EVENTS, follow=True)

    assert "The rules are saved" in response.content.decode()
    assert rules(cast.shop).events.stored() == {
        "joining": {"points": 100},
        "review": {"points": 20, "day_most": 50, "active": False},
    }


def test_caps_are_saved_beside_events_and_campaigns(owner, cast):
    owner.post("/program/earning", EVENTS)
    owner.post("/program/earning/campaigns", CAMPAIGN)

    owner.post("/program/earning", {"order_most": "500", "day_most": "", "combine": "best", "caps": "1"})

    found = rules(cast.shop)
    assert (found.order_most, found.day_most, found.combine) == (500, None, "best")
    assert found.events.joining and len(found.campaigns) == 1


def test_a_campaign_is_added_changed_and_ended(owner, cast):
    more = {"weekdays": ["5"], "channels": ["jd"], "skus": "SH-*\nhat， coat", "from_on": "2024-01-01"}
    owner.post("/program/earning/campaigns", CAMPAIGN | more)
    (made,) = rules(cast.shop).campaigns
    assert (made.name, made.when.skus, made.when.weekdays) == ("Double Friday", ("SH-*", "hat", "coat"), {5})
    assert made.when.from_at.isoformat() == "2024-01-01T00:00:00+08:00"

    page = owner.get(f"/program/earning/campaigns/{made.code}").content.decode()
    assert 'value="2024-01-01"' in page and "SH-*" in page
    owner.post(f"/program/earning/campaigns/{made.code}", CAMPAIGN | {"once": "x" * 16, "multiplier": "3"})
    (changed,) = rules(cast.shop).campaigns
    assert (changed.code, changed.multiplier) == (made.code, 3)

    ended = owner.post(f"/program/earning/campaigns/{made.code}/end", follow=True).content.decode()
    assert rules(cast.shop).campaigns[0].when.to_at <= timezone.now()
    assert "Ended" in ended and "End campaign" not in ended


def test_a_double_click_adds_one_campaign(owner, cast):
    owner.post("/program/earning/campaigns", CAMPAIGN)
    again = owner.post("/program/earning/campaigns", CAMPAIGN)

    assert again.status_code == 422 and len(rules(cast.shop).campaigns) == 1


def test_the_worked_example_names_the_campaign_and_what_caps_trim(owner, cast):
    owner.post("/program/earning", {"order_most": "500", "day_most": "", "combine": "every", "caps": "1"})
    typed = CAMPAIGN | {"multiplier": "3", "example": "200", "recalculate": "1"}

    page = owner.post("/program/earning/campaigns", typed).content.decode()

    assert [re.sub("<[^>]+>", "", each) for each in re.findall("<li>(.*?)</li>", page) if "oint" in each][
        -5:
    ] == [
        "¥200.00 × 1 points per currency unit = 200 points.",
        "Campaign “Double Friday”: × 3 on lines 1: 400 points more.",
        "Together that is 600 points, rounded down once.",
        "The cap per order trimmed 100 of 600 points: an order earns at most 500.",
        "The order earns 500 points.",
    ]
    assert not rules(cast.shop).campaigns


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"multiplier": "1"}, "else the campaign gives nothing"),
        ({"multiplier": "0.5"}, "at least 1"),
        ({"name": ""}, "required"),
        ({"from_on": "2024-05-02", "to_on": "2024-05-01"}, "not before the first"),
        ({"order_most": "-1"}, "is not a whole number"),
        ({"channels": ["moon"]}, "moon"),
    ],
)
def test_what_is_wrong_in_a_campaign_stands_at_its_field_and_nothing_is_saved(owner, cast, typed, told):
    response = owner.post("/program/earning/campaigns", CAMPAIGN | typed)

    assert response.status_code == 422 and told in response.content.decode()
    assert not rules(cast.shop).campaigns


def test_a_cashier_neither_sees_nor_changes_campaigns(owner, client, cast):
    owner.post("/program/earning/campaigns", CAMPAIGN)
    code = rules(cast.shop).campaigns[0].code
    client.force_login(cast.clerk)
    with tenancy.platform(), transaction.atomic():
        assert Staff.objects.get(user=cast.clerk).role == "cashier"

    for method, path in (
        ("get", "/program/earning"),
        ("get", "/program/earning/campaigns"),
        ("post", f"/program/earning/campaigns/{code}/end"),
    ):
        assert getattr(client, method)(path).status_code == 403
    assert rules(cast.shop).campaigns[0].when.to_at is None


def test_the_point_rules_lead_to_campaigns_and_events(owner):
    assert 'href="/program/earning"' in owner.get("/program/points").content.decode()


def test_a_campaign_nobody_knows_is_not_found(owner):
    assert owner.get("/program/earning/campaigns/nothing").status_code == 404
    assert owner.post("/program/earning/campaigns/nothing/end").status_code == 404


def categories(*rows: tuple[str, str], was: tuple[str, ...] = ()) -> dict[str, str]:
    found = {"categories": "1"} | {f"was_{place}": name for place, name in enumerate(was)}
    for place, (name, skus) in enumerate([*rows, ("", "")]):
        found |= {f"name_{place}": name, f"skus_{place}": skus}
    return found


def test_product_categories_are_named_and_campaigns_are_for_them(owner, cast):
    owner.post("/program/earning", EVENTS)
    saved = owner.post("/program/earning", categories(("Shoes", "SH-*\nX1，X2")), follow=True)
    assert "The rules are saved" in saved.content.decode()
    owner.post("/program/earning", categories(("Shoes", "SH-*"), ("Bags", "B-*"), was=("Shoes",)))
    assert "Shoes" in owner.get("/program/earning/campaigns").content.decode()

    owner.post("/program/earning/campaigns", CAMPAIGN | {"categories": ["Shoes"], "skus": "Z9"})

    found = rules(cast.shop)
    assert found.categories == {"Bags": ("B-*",), "Shoes": ("SH-*",)}
    assert found.skus_of(found.campaigns[0]) == ("Z9", "SH-*")
    assert found.events.joining
    listed = owner.get("/program/earning").content.decode()
    assert "Product categories: Shoes" in listed
    owner.post(f"/program/earning/campaigns/{found.campaigns[0].code}", CAMPAIGN)
    assert rules(cast.shop).campaigns[0].when.categories == ()


def test_a_category_is_renamed_with_its_campaigns_and_not_taken_from_them(owner, cast):
    owner.post("/program/earning", categories(("Shoes", "SH-*")))
    owner.post("/program/earning/campaigns", CAMPAIGN | {"categories": ["Shoes"]})

    owner.post("/program/earning", categories(("Boots", "SH-*, BO-*"), was=("Shoes",)))
    assert rules(cast.shop).campaigns[0].when.categories == ("Boots",)

    before = rules(cast.shop)
    refused = owner.post("/program/earning", categories(("", ""), was=("Boots",)))
    assert refused.status_code == 422
    assert "is for the category “Boots”: take it out there first" in refused.content.decode()
    assert rules(cast.shop) == before


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("", "A")], "Give the category a name."),
        ([("A", "")], "Name at least one SKU"),
        ([("x" * 129, "A")], "128"),
        ([("A", "x" * 129)], "A name here has 1 to 128 characters."),
        ([("A", "\n".join(map(str, range(501))))], "at most 500 names"),
    ],
)
def test_a_category_that_is_none_is_refused_and_nothing_is_saved(owner, cast, rows, told):
    response = owner.post("/program/earning", categories(*rows))

    assert response.status_code == 422 and told in response.content.decode()
    assert not rules(cast.shop).categories


def test_two_categories_have_two_names(owner, cast):
    owner.post("/program/earning", categories(("A", "1")))

    response = owner.post("/program/earning", categories(("A", "1"), ("A", "2"), was=("A",)))

    assert response.status_code == 422 and "Another category has this name." in response.content.decode()
    assert rules(cast.shop).categories == {"A": ("1",)}


def test_a_page_that_is_old_takes_nothing_from_what_came_since(owner, cast):
    page = owner.get("/program/earning").content.decode()
    assert "was_0" not in page
    owner.post("/program/earning", categories(("Bags", "B-*")))
    assert 'name="was_0" value="Bags"' in owner.get("/program/earning").content.decode()

    owner.post("/program/earning", categories(("Shoes", "SH-*")))
    again = owner.post("/program/earning", categories(("Bags", "X")))

    assert again.status_code == 422 and "There is a category “Bags” already." in again.content.decode()
    assert rules(cast.shop).categories == {"Bags": ("B-*",), "Shoes": ("SH-*",)}
