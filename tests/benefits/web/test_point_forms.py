"""The forms of points multipliers and check-ins, and what any form shows of itself on a member's phone."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from benefits.lib.kinds import KINDS
from benefits.models import Benefit
from benefits.web.forms import FORMS
from benefits.web.words import gives, phone_text
from members.lib import tenant as tenancy
from members.models import Store
from tests.factories.benefits import given

ONCE = {"name": "Something", "once": "once-points-12345"}
DOUBLE = {
    "multiplier": "×2.50",
    "weekdays": ["2", "5"],
    "month_days": "8、18日",
    "dates": "2099/11/11，2099-12-12",
}
CHECK = {"points": "5", "days_1": "7", "more_1": "20", "days_2": "", "more_2": ""}


def of(shop):
    with tenancy.tenant(shop.pk):
        return list(Benefit.objects.of(shop))


@pytest.mark.parametrize(
    ("kind", "typed", "stored"),
    [
        (
            "points_multiplier",
            DOUBLE,
            {"multiplier": "2.5", "weekdays": [2, 5], "month_days": [8, 18], "dates": ["2099-11-11", "2099-12-12"]},
        ),
        ("points_multiplier", {"multiplier": "2", "day_most": "100"}, {"multiplier": "2", "day_most": 100}),
        ("check_in", CHECK, {"points": 5, "streaks": [{"days": 7, "points": 20}]}),
        ("check_in", {"points": "1"}, {"points": 1}),
    ],
)  # fmt: skip
def test_a_form_is_published_and_found_again_as_it_was_typed(owner, cast, kind, typed, stored):
    owner.post(f"/benefits/new/{kind}/", {**ONCE, **typed})

    (made,) = of(cast.shop)
    assert (made.kind, made.settings) == (kind, stored)
    form = owner.get(reverse("benefits:benefits_change", args=[made.public_id])).context["form"]
    again = FORMS[kind]({**ONCE, **{name: form[name].value() for name in form.fields}}, merchant=cast.shop)
    assert again.is_valid(), again.errors
    assert again.settings() == stored


@pytest.mark.parametrize(
    ("kind", "typed", "wrong"),
    [
        ("points_multiplier", {"multiplier": "1"}, "multiplier"),
        ("points_multiplier", {"multiplier": "two"}, "multiplier"),
        ("points_multiplier", {"multiplier": "2", "month_days": "32"}, "month_days"),
        ("points_multiplier", {"multiplier": "2", "dates": "2099-02-30"}, "dates"),
        ("points_multiplier", {"multiplier": "2", "dates": "2020-11-11"}, "dates"),
        ("check_in", {"points": "0"}, "points"),
        ("check_in", {"points": "5", "days_1": "7"}, "more_1"),
        ("check_in", CHECK | {"days_2": "7", "more_2": "9"}, "days_2"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_published(owner, cast, kind, typed, wrong):
    page = owner.post(f"/benefits/new/{kind}/", {**ONCE, **typed})
    assert page.status_code == 422 and set(page.context["form"].errors) == {wrong}
    assert of(cast.shop) == []


@pytest.mark.parametrize(
    ("kind", "said", "english"),
    [
        ("points_multiplier", {"multiplier": "2"}, "Your orders earn 2 times the points."),
        (
            "points_multiplier",
            {"multiplier": "3", "weekdays": [2], "month_days": [8, 18], "dates": ["2026-11-11"]},
            "Your orders earn 3 times the points: every Tuesday, on the days 8, 18 of each month, 2026-11-11.",
        ),
        (
            "check_in",
            {"points": 5, "streaks": [{"days": 7, "points": 20}]},
            "Check in here each day: 5 points a day, 20 more for 7 days in a row.",
        ),
    ],
)
def test_what_they_give_is_said_in_words(kind, said, english):
    assert gives(kind, said, "CNY") == phone_text(kind, said, "CNY") == english


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_in_each_language_what_a_member_reads(kind):
    for code, _name in settings.LANGUAGES:
        with translation.override(code):
            assert phone_text(kind, {}, "CNY")
            assert phone_text(kind, given(kind), "CNY")


def test_the_preview_follows_what_is_typed_right_or_not_yet(owner, cast):
    begin = owner.get("/benefits/new/coupon/").text
    assert begin.count("phone-screen") == len(settings.LANGUAGES)

    whole = owner.post(
        "/benefits/preview/coupon/", {"name": "Tea week", "sort": "amount", "off_minor": "10"}
    ).text
    half = owner.post("/benefits/preview/coupon/", {"name": "<b>Tea</b>", "sort": "amount", "off_minor": "x"})

    assert whole.count("Tea week") == 3 and "¥10.00" in whole
    assert half.status_code == 200 and "&lt;b&gt;Tea" in half.text
    assert of(cast.shop) == []


def test_the_preview_says_where_it_is_to_be_had_as_the_members_page_does(owner, cast):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        Store.objects.create(merchant=cast.shop, channel="pos", code="001", name="Lake Street")
    said = {
        "name": "Tea week",
        "sort": "amount",
        "off_minor": "10",
        "channels": ["jd"],
        "stores": ["pos:001"],
    }
    shown = owner.post("/benefits/preview/coupon/", said | {"scenes": "takeaway"}).text
    assert shown.count("Lake Street") == shown.count("takeaway") == 3


def test_every_form_has_a_preview_from_its_first_moment(owner):
    for kind in FORMS:
        assert "phone-screen" in owner.post(f"/benefits/preview/{kind}/", {"name": "Something"}).text
