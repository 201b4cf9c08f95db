"""A benefit that orders bring, published in the console and told to members."""

from __future__ import annotations

import pytest
from django.urls import reverse

from benefits.models import Benefit
from benefits.web.forms import FORMS
from tests.api import join, open_shop
from tests.benefits.web.test_own import own, reader, stored, text

TYPED = {"name": "Again", "sort": "amount", "off_minor": "10", "once": "once-again", "audience": "everyone"}
ORDER = {"order_from_minor": "100", "order_skus": " TEA  CUP ", "order_channel": "pos"}


def test_it_is_published_found_again_as_typed_and_told_to_members(owner, cast):
    open_shop(cast.shop)
    owner.post("/benefits/new/repurchase_coupon/", TYPED | ORDER)

    (made,) = stored(cast.shop, Benefit)
    assert made.settings["on_order"] == {"from_minor": 10_000, "skus": ["TEA", "CUP"], "channel": "pos"}
    form = owner.get(reverse("benefits:benefits_change", args=[made.public_id])).text
    assert 'value="100.00"' in form and 'value="TEA CUP"' in form and 'value="pos" selected' in form
    phrase = "¥10.00 off, for an order from ¥100.00 on Point of sale with one of: CUP, TEA"
    assert phrase in text(owner.get(reverse("benefits:benefits_detail", args=[made.public_id])))
    said = text(reader().get(own(cast.shop, join(cast.shop, "u1"))))
    assert phrase in said and "To claim" not in said


@pytest.mark.parametrize("more", [{"order_skus": "TEA"}, {"order_channel": "pos"}])
def test_skus_or_a_channel_without_an_amount_are_refused(owner, cast, more):
    page = owner.post("/benefits/new/repurchase_coupon/", TYPED | more)

    assert page.status_code == 422 and set(page.context["form"].errors) == {"order_from_minor"}
    assert stored(cast.shop, Benefit) == []


def test_only_what_neither_an_occasion_nor_points_bring_asks_for_an_order(owner):
    asking = {code for code in FORMS if "order_from_minor" in owner.get(f"/benefits/new/{code}/").text}

    assert {"coupon", "repurchase_coupon", "trial"} <= asking
    assert not asking & {"welcome_gift", "birthday_gift", "points_exchange", "lucky_draw", "member_price"}
