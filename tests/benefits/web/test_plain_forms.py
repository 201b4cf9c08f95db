"""Kinds whose settings each stand for themselves are published and changed by a form made from their names."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import translation

from benefits.lib.kinds import KINDS, LIMITS
from benefits.models import Benefit
from benefits.web.forms import FORMS
from benefits.web.plain_forms import PLAIN_FORMS
from benefits.web.setting_words import LABELS
from benefits.web.words import gives
from members.lib import tenant as tenancy

# What a person would type into each field, and what is stored.
TYPED = dict.fromkeys(LABELS, ("3", 3)) | {
    name: ("12.50", 1250) for name in LABELS if name.endswith("_minor")
}
TYPED |= dict.fromkeys(
    ("item", "contents", "partner", "event", "contact", "group"), ("Tea at five", "Tea at five")
)


def of(shop):
    with tenancy.tenant(shop.pk):
        return list(Benefit.objects.of(shop))


@pytest.mark.parametrize("kind", PLAIN_FORMS)
def test_a_kind_is_published_and_found_again_as_it_was_typed(owner, cast, kind):
    names = PLAIN_FORMS[kind].names
    entries = {"name": "Something", "once": f"once-{kind}"[:24], **{name: TYPED[name][0] for name in names}}

    owner.post(f"/benefits/new/{kind}/", entries)

    (made,) = of(cast.shop)
    assert (made.kind, made.settings) == (kind, {name: TYPED[name][1] for name in names})
    form = owner.get(reverse("benefits:benefits_change", args=[made.public_id])).text
    for name in names:
        assert f'value="{TYPED[name][0]}"' in form


@pytest.mark.parametrize(
    ("kind", "missing"), [(kind, name) for kind in PLAIN_FORMS for name in KINDS[kind].asked]
)
def test_without_what_a_kind_is_about_it_is_not_published(owner, cast, kind, missing):
    entries = {"name": "Something", "once": "once-missing"}
    entries |= {name: TYPED[name][0] for name in PLAIN_FORMS[kind].names if name != missing}

    page = owner.post(f"/benefits/new/{kind}/", entries)

    assert page.status_code == 422
    assert set(page.context["form"].errors) == {missing}
    assert of(cast.shop) == []


@pytest.mark.parametrize(
    ("typed", "error"), [("0", "The least is 1."), ("2161", "The most is 2,160."), ("soon", "whole")]
)
def test_hours_are_whole_and_within_bounds(owner, cast, typed, error):
    page = owner.post(
        "/benefits/new/fast_refund/", {"name": "Fast", "once": "once-hours", "within_hours": typed}
    )

    assert page.status_code == 422
    assert error in str(page.context["form"].errors["within_hours"])
    assert of(cast.shop) == []


def test_free_returns_begin_with_the_usual_cap_and_a_quota_of_the_api_stays_when_changed(owner, cast):
    assert 'value="25.00"' in owner.get("/benefits/new/free_returns/").text
    owner.post(
        "/benefits/new/free_returns/",
        {"name": "Returns", "once": "once-returns", "cap_minor": "25", "per_member_month": "2"},
    )

    (made,) = of(cast.shop)

    assert made.settings == {"cap_minor": 2500, "per_member_month": 2}
    form = PLAIN_FORMS["free_returns"].initial_settings({"per_month": 4, "cap_minor": 9})
    assert (form["per_member_month"], form["cap_minor"]) == (4, 9)


def test_a_kind_with_codes_has_limits_and_one_without_has_none():
    for kind, form in PLAIN_FORMS.items():
        has_limits = set(LIMITS) <= set(form.base_fields)
        assert has_limits is KINDS[kind].is_redeemed
        assert ("stock" in form.base_fields) is KINDS[kind].is_redeemed


def test_every_kind_that_is_offered_says_what_it_is(owner):
    page = owner.get("/benefits/new/").text

    for kind in FORMS:
        assert f"/benefits/new/{kind}/" in page
    for kind in PLAIN_FORMS:
        assert str(KINDS[kind].text)


@pytest.mark.parametrize(
    ("kind", "settings", "english", "chinese"),
    [
        ("free_returns", {"cap_minor": 2500, "per_month": 2}, "at most ¥25.00 a time, 2 times a month",
         "每次最多 ¥25.00，每月 2 次"),
        ("fast_refund", {"within_hours": 1}, "within 1 hour", "1 小时内"),
        ("early_access", {"item": "Tea", "hours": 24}, "Tea, 24 hours before others", "Tea，早 24 小时购买"),
        ("exclusive_product", {"item": "Tea", "price_minor": 9900}, "Tea, for ¥99.00", "Tea，售 ¥99.00"),
        ("free_shipping", {"at_least_minor": 9900}, "orders from ¥99.00", "满 ¥99.00"),
        ("free_shipping", {}, "--", "--"),
    ],
)  # fmt: skip
def test_what_a_plain_kind_gives_is_said_in_words(kind, settings, english, chinese):
    assert gives(kind, settings, "CNY") == english
    with translation.override("zh-hans"):
        assert gives(kind, settings, "CNY") == chinese
