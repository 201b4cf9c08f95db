"""Fan prices, discounts and points offsets are published by a form, and found again as they were typed."""

from __future__ import annotations

import pytest
from django.urls import reverse

from benefits.models import Benefit
from benefits.web.words import gives
from members.lib import tenant as tenancy

NEW = "/benefits/new/"


def of(shop):
    with tenancy.tenant(shop.pk):
        return list(Benefit.objects.of(shop))


@pytest.mark.parametrize(
    ("kind", "typed", "settings", "phrase"),
    [
        ("fan_price", {"way": "share", "share": "8.5 折"}, {"percent": 85}, "15% off for followers"),
        (
            "fan_price", {"way": "amount", "off_minor": "2", "skus": "A\nB A"}, {"off_minor": 200, "skus": ["A", "B"]},
            "¥2.00 off for followers on 2 SKUs",
        ),
        (
            "fan_price", {"way": "price", "fixed_minor": "9.90", "skus": "A"}, {"fixed_minor": 990, "skus": ["A"]},
            "¥9.90 for followers on 1 SKU",
        ),
        ("discount", {"sort": "share", "off_percent": "5"}, {"off_percent": 5}, "5% off"),
        (
            "discount", {"sort": "amount", "off_minor": "5", "at_least_minor": "50"},
            {"off_minor": 500, "at_least_minor": 5_000}, "¥5.00 off orders from ¥50.00",
        ),
        (
            "points_offset", {"points": "100", "off_minor": "1", "max_percent": "30"},
            {"points": 100, "off_minor": 100, "max_percent": 30},
            "100 points take ¥1.00 off, at most 30 % of the goods",
        ),
    ],
)  # fmt: skip
def test_what_was_typed_is_published_told_and_stays_when_nothing_is_changed(
    owner, cast, kind, typed, settings, phrase
):
    assert NEW + kind in owner.get(NEW).text
    owner.post(f"{NEW}{kind}/", {"name": "Something", "once": "once-1", **typed})

    (made,) = of(cast.shop)
    assert (made.kind, made.status, made.settings) == (kind, "published", settings)
    assert gives(kind, made.settings, "CNY") == phrase
    url = reverse("benefits:benefits_change", args=[made.public_id])
    form = owner.get(url).context["form"]
    again = {name: value for name in form.fields if (value := form[name].value()) is not None}
    owner.post(url, {**again, "revision": "1"})
    (same,) = of(cast.shop)
    assert same.settings == settings


@pytest.mark.parametrize(
    ("kind", "typed", "field"),
    [
        ("fan_price", {"way": "share"}, "share"),
        ("fan_price", {"way": "price", "fixed_minor": "9"}, "skus"),
        ("discount", {"sort": "amount"}, "off_minor"),
        ("points_offset", {"points": "100"}, "off_minor"),
        ("points_offset", {"points": "0", "off_minor": "1"}, "points"),
    ],
)
def test_what_says_not_what_members_get_is_not_published(owner, cast, kind, typed, field):
    page = owner.post(f"{NEW}{kind}/", {"name": "Something", "once": "once-2", **typed})

    assert page.status_code == 422
    assert set(page.context["form"].errors) == {field}
    assert of(cast.shop) == []
