"""The price table in a browser: changed in place, explained and taken back; its pages fit and are accessible."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from benefits.lib.quotes import Cut, PriceRules, Reward, SkuPrices
from benefits.services import pricing
from members.lib import tenant as tenancy
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import ledger


@pytest.fixture
def story(transactional_db) -> Story:
    """An open shop with two SKUs and spend-and-save."""
    story = a_shop("open")
    catalogue = [SkuPrices("cup", 5_000), SkuPrices("tea", 10_000, 8_000, fans=Cut("off", Decimal(500)))]
    with tenancy.tenant(story.merchant.pk):
        pricing.configure(
            merchant_id=story.merchant.pk, at=timezone.now(), actor=ledger.JOB,
            rules=PriceRules(rewards=(Reward(10_000, 2_000),)), catalogue=catalogue,
        )  # fmt: skip
    return story


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_price_is_changed_in_place_explained_and_taken_back(arrive: Arrive, story: Story, scripts: bool):
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/benefits/prices/table/")
    page.get_by_label("cup Sale price").fill("40")
    visitor.leave_by(visitor.button("Show differences"))
    expect(page.get_by_text("Nothing is saved yet")).to_be_visible()
    visitor.leave_by(visitor.button("Apply prices"))
    expect(page.get_by_text("The prices are changed.")).to_be_visible()
    change = page.url

    visitor.go("/benefits/prices/explain/")
    page.get_by_label("SKU 1").fill("cup")
    page.get_by_label("Quantity 1").fill("3")
    visitor.leave_by(visitor.button("Explain price"))
    expect(page.get_by_role("heading", name="To pay: ¥100.00")).to_be_visible()
    expect(page.locator(".waterfall")).to_contain_text("−¥30.00")
    page.locator("#fall-table summary").click()
    expect(page.locator("#fall-table")).to_contain_text("¥120.00")

    page.goto(change)
    visitor.leave_by(visitor.button("Take back"))
    expect(page.get_by_text("The change is taken back")).to_be_visible()
    assert visitor.acts == 4


@pytest.mark.parametrize(
    ("width", "dark", "language"), [(1366, False, "en"), (390, True, "zh-hant"), (320, False, "en")]
)
def test_the_pages_of_prices_fit_and_are_open_to_everybody(
    arrive: Arrive, story: Story, width: int, dark: bool, language: str
):
    visitor = arrive(story.owner, width=width, dark=dark, language=language)
    wrong = []

    for path in (
        "table/",
        "table/history/?sku=tea",
        "bulk/",
        "import/",
        "changes/",
        "explain/?sku=tea&quantity=2&sku=cup&quantity=1&follows=on",
        "catalogue/",
        "findings/",
        "../calendar/",
    ):
        visitor.go(f"/benefits/prices/{path}")
        wrong += violations(visitor) if width > 320 else []
        if visitor.has_sideways_scroll():
            wrong.append(f"{path} is wider than {width}")

    assert not wrong, "\n".join(wrong)
