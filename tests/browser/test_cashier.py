"""A benefit from publishing to the till in a browser: published, given to a member, redeemed on a phone, undone."""

from __future__ import annotations

import pytest
from django.db import transaction
from playwright.sync_api import expect

from benefits.models import Entitlement
from members.lib import tenant as tenancy
from members.models import Member
from tests.browser.conftest import Arrive
from tests.browser.stories import a_shop
from tests.browser.test_pages import violations

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@SCRIPTS
def test_a_coupon_is_published_given_and_redeemed_at_390_px_and_the_redemption_undone(
    arrive: Arrive, scripts: bool
):
    story = a_shop("open")
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        member = Member.objects.of(story.merchant).order_by("pk").first()
    assert member is not None
    owner = arrive(story.owner, scripts=scripts)
    owner.go("/benefits/new/coupon/")
    owner.page.locator("[name=name]").fill("Ten off")
    owner.page.locator("[name=off_minor]").fill("10")
    owner.page.locator("[name=stock]").fill("5")
    owner.button("Publish benefit").click()
    expect(owner.page.locator("#messages")).to_contain_text("is published and in force")
    owner.go(f"/members/{member.public_id}")
    owner.link("Give a benefit").click()
    owner.page.locator("[name=benefit]").select_option(label="Ten off")
    owner.page.locator("[name=reason]").fill("late parcel")
    owner.button("Give benefit").click()
    expect(owner.page.locator(".qr svg")).to_be_visible()
    wrong = violations(owner) if scripts else []  # the judge is a script itself
    (mine,) = story.rows(Entitlement)

    till = arrive(story.cashier, width=390, scripts=scripts)
    till.go("/benefits/cashier/")
    till.page.get_by_role("textbox", name="Code").fill(f" {mine.code[:5].lower()}-{mine.code[5:]}")
    till.button("Check code").click()
    expect(till.page.get_by_role("heading", name="What the member gets")).to_be_visible()
    expect(till.page.locator("#main")).to_contain_text("¥10.00 off")
    wrong += violations(till) if scripts else []
    assert not till.has_sideways_scroll()
    till.button("Redeem code").click()
    expect(till.page.get_by_role("heading", name="Redeemed")).to_be_visible()
    assert story.rows(Entitlement)[0].state == "redeemed"
    wrong += violations(till) if scripts else []
    till.button("Undo redemption").click()
    expect(till.page.locator("#messages")).to_contain_text("The redemption is taken back.")
    assert story.rows(Entitlement)[0].state == "issued"

    till.page.get_by_role("textbox", name="Code").fill("0000000001")
    till.button("Check code").click()
    expect(till.page.locator("#main")).to_contain_text("There is no such code here.")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("width", "dark", "language"), [(320, False, "en"), (390, True, "zh-hant")])
def test_the_cashiers_page_fits_and_is_open_to_everybody(
    arrive: Arrive, width: int, dark: bool, language: str
):
    story = a_shop("open")
    till = arrive(story.owner, width=width, dark=dark, language=language)

    till.go("/benefits/cashier/?code=ABC")

    assert not till.has_sideways_scroll()
    found = violations(till) if width > 320 else []
    assert not found, "\n".join(found)
