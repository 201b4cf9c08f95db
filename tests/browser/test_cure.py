"""A program at risk: the popup and its receipt, the banner, the cure in two acts, the final notice."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from benefits.models import Benefit, BenefitStatus
from compliance.models import Receipt
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def receipts(story: Story) -> set[tuple[str, str]]:
    """(channel, event) of what the owner was shown and acknowledged."""
    found = story.rows(Receipt, user=story.owner)
    return {(row.channel, row.event) for row in found}


@SCRIPTS
def test_the_popup_is_shown_once_and_leaves_its_receipt(arrive: Arrive, scripts: bool):
    story = a_shop("at_risk")
    visitor = arrive(story.owner, scripts=scripts)

    visitor.go("/")

    expect(visitor.popup()).to_be_visible()
    expect(visitor.popup()).to_contain_text("at risk", ignore_case=True)
    assert receipts(story) == {("banner", "seen"), ("popup", "seen")}
    visitor.read_popup()
    expect(visitor.page.get_by_role("heading", level=1, name="Home")).to_be_visible()
    visitor.go("/members/")
    expect(visitor.banner()).to_contain_text("Program at risk")
    expect(visitor.popup()).to_have_count(0)
    assert receipts(story) == {("banner", "seen"), ("popup", "seen"), ("popup", "acknowledged")}


@SCRIPTS
def test_the_cure_takes_two_acts_and_the_banner_goes(arrive: Arrive, scripts: bool):
    story = a_shop("at_risk")
    visitor = arrive(story.owner, scripts=scripts)
    visitor.go("/")
    visitor.read_popup()

    visitor.press(visitor.banner().get_by_role("link", name="Publish now"))
    expect(visitor.page.get_by_text("Publish one benefit, lift the risk")).to_be_visible()
    visitor.press(visitor.button("Confirm and publish"))

    expect(visitor.page.locator("#messages").get_by_text("Risk lifted")).to_be_visible()
    expect(visitor.banner()).to_have_count(0)
    assert visitor.acts == 2
    live = [row for row in story.rows(Benefit, status=BenefitStatus.PUBLISHED) if row.kind != "lucky_draw"]
    assert len(live) == 2  # the coupon that ended long ago is still there
    visitor.go("/compliance/")
    expect(visitor.banner()).to_have_count(0)


def test_the_popup_leads_to_the_cure_and_keeps_the_receipt(arrive: Arrive):
    story = a_shop("at_risk")
    visitor = arrive(story.owner)
    visitor.go("/benefits/")

    visitor.press(visitor.popup().get_by_role("button", name="Publish now"))

    expect(visitor.button("Confirm and publish")).to_be_visible()
    assert ("popup", "acknowledged") in receipts(story)


def test_pressing_twice_publishes_once(arrive: Arrive):
    story = a_shop("at_risk")
    visitor = arrive(story.owner)
    visitor.go("/")
    visitor.read_popup()
    before = len(story.rows(Benefit))

    visitor.banner().get_by_role("link", name="Publish now").click()
    visitor.button("Confirm and publish").dblclick()

    expect(visitor.page.locator("#messages").get_by_text("Risk lifted")).to_be_visible()
    assert len(story.rows(Benefit)) == before + 1


@SCRIPTS
def test_the_final_notice_stands_before_every_page_until_it_is_read(arrive: Arrive, scripts: bool):
    story = a_shop("final_notice")
    visitor = arrive(story.owner, scripts=scripts)

    visitor.go("/members/")

    expect(visitor.page.get_by_text("Final notice").first).to_be_visible()
    assert "/compliance/final-notice" in visitor.page.url
    assert ("inbox", "acknowledged") not in receipts(story)
    visitor.button("I have read this").click()
    expect(visitor.page.get_by_role("heading", level=1, name="Members")).to_be_visible()
    expect(visitor.banner()).to_contain_text("Final notice")
    assert {("inbox", "seen"), ("inbox", "acknowledged")} <= receipts(story)
    visitor.go("/")
    expect(visitor.page.get_by_role("heading", level=1, name="Home")).to_be_visible()


@SCRIPTS
def test_publishing_a_benefit_by_its_form_makes_the_banner_go(arrive: Arrive, scripts: bool):
    story = a_shop("at_risk")
    visitor = arrive(story.owner, scripts=scripts)
    visitor.go("/benefits/")
    visitor.read_popup()
    expect(visitor.banner()).to_contain_text("Program at risk")

    visitor.link("Publish benefit").click()
    visitor.page.locator("a[href='/benefits/new/coupon/']").first.click()
    page = visitor.page
    page.locator("[name=name]").fill("Ten off")
    page.locator("[name=off_minor]").fill("ten")
    visitor.button("Publish benefit").click()
    expect(page.locator("[data-error-summary]")).to_be_visible()
    assert page.locator("[name=off_minor]").input_value() == "ten"
    page.locator("[name=off_minor]").fill("10")
    visitor.button("Publish benefit").click()

    expect(page.get_by_role("heading", level=1, name="Ten off")).to_be_visible()
    expect(visitor.banner()).to_have_count(0)
    assert [row.settings for row in story.rows(Benefit, name="Ten off")] == [{"off_minor": 1000}]


def test_a_draw_does_not_make_the_banner_go(arrive: Arrive):
    story = a_shop("at_risk")
    visitor = arrive(story.owner)
    visitor.go("/benefits/new/lucky_draw/")
    visitor.read_popup()
    page = visitor.page

    page.locator("[name=name]").fill("Spring draw")
    page.locator("[name=to_at]").fill("2099-12-31")
    page.locator("[name=terms]").fill("Drawn on the last day.")
    page.locator("[name=prize_1]").fill("Tea")
    page.locator("[name=count_1]").fill("3")
    page.locator("[name=value_1]").fill("88")
    visitor.button("Publish benefit").click()

    expect(page.get_by_role("heading", level=1, name="Spring draw")).to_be_visible()
    expect(page.get_by_text("Draws do not count").first).to_be_visible()
    expect(visitor.banner()).to_contain_text("Program at risk")
    assert story.rows(Benefit, name="Spring draw")
