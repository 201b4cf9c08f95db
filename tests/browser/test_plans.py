"""Paid membership in a browser: a plan is made, priced in the price table, and its price is explained; pages fit."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from benefits.lib.quotes import PriceRules, SkuPrices
from benefits.models import Plan
from benefits.services import plans, pricing, subscriptions
from members.lib import tenant as tenancy
from members.models import Member
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import ledger


@pytest.fixture
def story(transactional_db) -> Story:
    """An open shop with a SKU."""
    story = a_shop("open")
    with tenancy.tenant(story.merchant.pk):
        pricing.configure(
            merchant_id=story.merchant.pk, at=timezone.now(), actor=ledger.JOB,
            rules=PriceRules(), catalogue=[SkuPrices("tea", 10_000)],
        )  # fmt: skip
    return story


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_plan_is_made_and_its_price_is_explained(arrive: Arrive, story: Story, scripts: bool):
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/benefits/plans/new/")
    page.get_by_label("Name", exact=True).fill("Gold card")
    page.get_by_label("Code", exact=True).fill("gold-card")
    page.get_by_label("Fee of a term").fill("99")
    visitor.leave_by(visitor.button("Create plan"))
    expect(page.get_by_text("The plan “Gold card” is on sale.")).to_be_visible()
    (plan,) = story.rows(Plan)
    assert (plan.fee_minor, plan.months) == (9_900, 12)

    visitor.go("/benefits/prices/table/")
    page.get_by_label("tea Gold card (plan)").fill("8 折")
    visitor.leave_by(visitor.button("Show differences"))
    visitor.leave_by(visitor.button("Apply prices"))

    visitor.go("/benefits/prices/explain/")
    page.get_by_label("SKU 1").fill("tea")
    page.locator("#id_buyer").select_option(label="A member with the plan Gold card")
    visitor.leave_by(visitor.button("Explain price"))
    expect(page.get_by_role("heading", name="To pay: ¥80.00")).to_be_visible()
    expect(page.get_by_role("cell", name="price of tea for the plan Gold card")).to_be_visible()


@pytest.mark.parametrize(("width", "dark", "language"), [(1366, False, "en"), (390, True, "zh-hant")])
def test_the_pages_of_paid_membership_fit_and_are_open_to_everybody(
    arrive: Arrive, story: Story, width: int, dark: bool, language: str
):
    at, merchant = timezone.now(), story.merchant
    member = story.rows(Member)[0]
    with tenancy.tenant(merchant.pk):
        who = {"merchant_id": merchant.pk, "at": at, "actor": ledger.JOB}
        offer = plans.Offer(name="Gold card", fee_minor=9_900, months=12)
        plan = plans.create(code="gold-card", offer=offer, **who)
        term, _new = subscriptions.sell(
            plan_id=plan.public_id, member_id=member.pk, reference="a sale of the shop", **who
        )
    visitor = arrive(story.owner, width=width, dark=dark, language=language)
    wrong = []

    for path in (
        "", "new/", f"{plan.public_id}/", f"{plan.public_id}/change/", "members/", "refunds/",
        f"sell/{member.public_id}/", f"terms/{term.public_id}/",
    ):  # fmt: skip
        visitor.go(f"/benefits/plans/{path}")
        wrong += violations(visitor)
        if visitor.has_sideways_scroll():
            wrong.append(f"{path} is wider than {width}")

    assert not wrong, "\n".join(wrong)
