"""A member's own page on a phone: from the till's QR code to a claimed benefit and an ordered reward."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from benefits.models import Entitlement, RewardOrder
from benefits.services import benefits
from members.lib import tenant as tenancy
from members.models import Member
from members.services import member_links, points
from members.services.audit import Actor
from tests.browser.conftest import Arrive
from tests.browser.stories import a_shop
from tests.browser.test_pages import violations

JOB = Actor.job("test")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_member_claims_a_benefit_and_orders_a_reward_at_390_px(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    at = timezone.now() - dt.timedelta(minutes=5)
    who = {"merchant_id": story.merchant.pk, "actor": JOB}
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        member = Member.objects.of(story.merchant).order_by("pk").first()
        assert member is not None
        points.adjust(at=at, member_id=member.pk, points=5000, key="start", reason="a test", **who)
        benefits.publish_benefit(
            at=at, kind="coupon", name="Ten off", settings={"off_minor": 1000}, stock=5, **who
        )
        cup = {"item": "Cup", "points": 200, "delivery": "order", "money_minor": 990}
        benefits.publish_benefit(at=at, kind="points_exchange", name="A cup", settings=cup, stock=5, **who)
    owner = arrive(story.owner, scripts=scripts)
    owner.go(f"/members/{member.public_id}")
    owner.link("The member's own page").click()
    owner.button("Show QR code").click()
    expect(owner.page.locator(".qr svg")).to_be_visible()
    wrong = violations(owner) if scripts else []

    link = member_links.make(merchant=story.merchant, member=member, at=timezone.now()).url
    phone = arrive(width=390, scripts=scripts)
    phone.go("/m/" + link.partition("/m/")[2])
    expect(phone.page.get_by_role("heading", name="Your points")).to_be_visible()
    assert not phone.has_sideways_scroll()
    wrong += violations(phone) if scripts else []
    phone.button("Claim Ten off").click()
    expect(phone.page.get_by_text("Claimed. Show the code below at the till.")).to_be_visible()
    phone.page.get_by_text("QR code", exact=True).first.click()
    expect(phone.page.locator(".qr svg").first).to_be_visible()
    assert not phone.has_sideways_scroll()
    (mine,) = story.rows(Entitlement, member_id=member.pk, source="claim")
    assert mine.state == "issued"

    phone.link("A cup").click()
    phone.page.locator("[name=send_to]").fill(" ")  # the browser itself stops what is empty
    phone.button("Spend 200 points").click()
    expect(phone.page.locator("#main")).to_contain_text("name, phone and address")
    phone.page.locator("[name=send_to]").fill("Ann, 13800138000, Road 1")
    assert not phone.has_sideways_scroll()
    wrong += violations(phone) if scripts else []
    phone.button("Spend 200 points").click()
    expect(phone.page.get_by_text("Ordered. You see here when it is sent.")).to_be_visible()
    assert [row.state for row in story.rows(RewardOrder)] == ["placed"]
    wrong += violations(phone) if scripts else []
    assert not wrong, "\n".join(wrong)
