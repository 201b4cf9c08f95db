"""Giving a benefit to many members in the console: what would come of it, confirming, the report, undoing."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from benefits.models import Entitlement, GiftCampaign
from benefits.services import campaign_work
from members.lib import tenant as tenancy
from tests.api import join, open_shop
from tests.benefits.web.test_own import ONCE, publish, stored, text

SAID = {"audience": "everyone", "reason": "Ten years", "once": ONCE}


@pytest.fixture
def shop(cast):
    open_shop(cast.shop)
    for name in ("u1", "u2", "u3"):
        join(cast.shop, name)
    return cast.shop


def work(shop) -> None:
    (campaign,) = stored(shop, GiftCampaign)
    with tenancy.tenant(shop.pk):
        campaign_work.work(merchant_id=shop.pk, job_id=campaign.pk, now=timezone.now)


def page_of(campaign) -> str:
    return reverse("benefits:campaigns_page", args=[campaign.public_id])


def test_it_is_shown_then_confirmed_watched_reported_and_undone(owner, shop):
    benefit = publish(shop, stock=2)
    path = reverse("benefits:campaigns_new", args=[benefit.public_id])
    assert path in owner.get(reverse("benefits:benefits_detail", args=[benefit.public_id])).text

    shown = owner.post(path, SAID)
    for words in ("3 members are meant.", "2 pieces are left.", "at most ¥20.00"):
        assert words in text(shown)
    assert stored(shop, GiftCampaign) == []

    for _n in range(2):
        begun = owner.post(path, SAID | {"confirm": "1"}, follow=True)
    (campaign,) = stored(shop, GiftCampaign)
    assert "Members looked at" in text(begun) and "Stop" in text(begun)
    work(shop)
    report = text(owner.get(page_of(campaign)))
    for words in ("Given 2", "Not given: Nothing was left 1", "All members", "Ten years", "Undo"):
        assert words in report
    detail = text(owner.get(reverse("benefits:benefits_detail", args=[benefit.public_id])))
    assert "Given to many members" in detail and "Ten years" in detail

    owner.post(reverse("benefits:campaigns_undo", args=[campaign.public_id]))
    work(shop)
    assert "Taken back 2" in text(owner.get(page_of(campaign)))
    assert {row.state for row in stored(shop, Entitlement)} == {"revoked"}


@pytest.mark.parametrize(("more", "error"), [({"reason": ""}, "reason"), ({"audience": "tiers"}, "tiers")])
def test_what_is_missing_is_said_and_nothing_begins(owner, shop, more, error):
    path = reverse("benefits:campaigns_new", args=[publish(shop).public_id])
    page = owner.post(path, SAID | {"confirm": "1"} | more)
    assert page.status_code == 422 and set(page.context["form"].errors) == {error}
    assert stored(shop, GiftCampaign) == []


def test_what_cannot_be_handed_out_offers_nothing_and_is_refused(owner, shop):
    benefit = publish(shop, "priority_shipping", settings={})
    assert "Give to many members" not in owner.get(f"/benefits/{benefit.public_id}/").text
    page = owner.post(f"/benefits/{benefit.public_id}/campaign/", SAID | {"confirm": "1"})
    assert page.status_code == 422 and "not handed out" in text(page)
    assert stored(shop, GiftCampaign) == []


def test_others_see_and_move_nothing(outsider, clerk, owner, shop):
    benefit = publish(shop)
    path = reverse("benefits:campaigns_new", args=[benefit.public_id])
    owner.post(path, SAID | {"confirm": "1"})
    (campaign,) = stored(shop, GiftCampaign)

    assert outsider.get(path).status_code == outsider.get(page_of(campaign)).status_code == 404
    assert outsider.post(f"{page_of(campaign)}cancel").status_code == 404
    assert clerk.post(path, SAID | {"confirm": "1"}).status_code == 403
    assert [row.state for row in stored(shop, GiftCampaign)] == ["queued"]
