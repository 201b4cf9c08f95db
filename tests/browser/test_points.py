"""Points by hand in a browser: adjusting in four acts, reversing, the ledger, a second person, the rules."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from members.models import Member, PointsAccount, PointsEntry, PointsRequest, Role
from members.services.audit import Actor
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import ledger, shops

ACTS = 4  # of the pointer, from Home to points that moved
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def available(story: Story) -> int:
    """What the first member can spend."""
    (member, *_others) = story.rows(Member)
    (account,) = story.rows(PointsAccount, member_id=member.pk)
    return account.available


def to_the_first_member(visitor: Visitor) -> None:
    """Two acts from Home."""
    visitor.press(visitor.page.get_by_role("navigation").get_by_role("link", name="Member data"))
    visitor.press(visitor.page.locator("#list tbody a").last)


@SCRIPTS
def test_points_are_adjusted_in_four_acts(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)
    page, before = visitor.page, available(story)
    visitor.go("/")

    to_the_first_member(visitor)
    visitor.press(visitor.link("Adjust points"))
    page.locator("#adjust [name=points]").fill("50")
    if scripts:
        expect(page.locator("#adjust-outcome")).to_contain_text(f"{before:,} → {before + 50:,}")
    visitor.press(visitor.button("Confirm adjustment"))

    expect(page.locator("#messages")).to_contain_text("+50 points.")
    expect(page.locator("#ledger tbody tr").first).to_contain_text("Goodwill after a complaint")
    assert available(story) == before + 50
    assert visitor.acts == ACTS


def test_the_number_is_typed_at_once_and_a_minus_takes_away(arrive: Arrive):
    story = a_shop("open")
    visitor = arrive(story.owner, width=390)
    page, before = visitor.page, available(story)
    visitor.go("/")
    page.locator("a.burger").click()
    to_the_first_member(visitor)

    visitor.press(visitor.link("Adjust points"))
    expect(page.locator("#adjust [name=points]")).to_be_focused()
    page.keyboard.type("-20")
    expect(page.locator("#adjust-outcome")).to_contain_text(f"{before:,} → {before - 20:,}")
    assert not visitor.has_sideways_scroll()
    visitor.press(visitor.button("Confirm adjustment"))

    expect(page.locator("#messages")).to_contain_text("−20 points.")
    assert available(story) == before - 20
    assert visitor.acts == ACTS


def test_what_is_refused_stands_in_the_drawer_with_what_was_typed(arrive: Arrive):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=False)
    page, before = visitor.page, available(story)
    visitor.go("/")
    to_the_first_member(visitor)
    visitor.link("Adjust points").click()

    page.locator("#adjust [name=points]").fill("-999999")
    visitor.button("Show the result").click()
    expect(page.locator("#adjust")).to_contain_text("cannot be taken away")
    visitor.button("Confirm adjustment").click()

    expect(page.locator("#adjust [data-error-summary]")).to_be_visible()
    assert page.locator("#adjust [name=points]").input_value() == "-999999"
    assert available(story) == before


def test_pressing_twice_adjusts_once(arrive: Arrive):
    story = a_shop("open")
    visitor = arrive(story.owner)
    before = len(story.rows(PointsEntry))
    visitor.go("/")
    to_the_first_member(visitor)
    visitor.link("Adjust points").click()
    visitor.page.locator("#adjust [name=points]").fill("7")

    visitor.button("Confirm adjustment").dblclick()

    expect(visitor.page.locator("#messages")).to_contain_text("+7 points.")
    assert len(story.rows(PointsEntry)) == before + 1


@SCRIPTS
def test_an_adjustment_is_reversed_from_its_entry(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    at, (member, *_others) = shops.now(), story.rows(Member)
    ledger.adjust(story.merchant, member, 30, at)
    visitor = arrive(story.owner, scripts=scripts)
    page, before = visitor.page, available(story)
    visitor.go(f"/members/{member.public_id}")

    page.locator("#ledger tbody tr").first.get_by_role("link", name="Why").click()
    page.locator("#ledger [name=reason]").fill("Wrong member")
    visitor.button("Reverse this entry").click()

    expect(page.locator("#messages")).to_contain_text("30 points are reversed.")
    expect(page.locator("#ledger tbody tr").first).to_contain_text("Reversed: Wrong member")
    assert available(story) == before - 30


def test_over_the_limit_another_person_approves(arrive: Arrive):
    story = a_shop("open")
    ledger.configure(story.merchant, shops.now(), adjust_limit=100)
    clerk = shops.person("clerk@shop.example", name="Carl")
    shops.staff(story.merchant.pk, clerk, Role.OPERATOR)
    before = available(story)
    proposer = arrive(clerk)
    proposer.go("/")
    to_the_first_member(proposer)
    proposer.link("Adjust points").click()
    proposer.page.locator("#adjust [name=points]").fill("5000")
    expect(proposer.page.locator("#adjust-outcome")).to_contain_text("another person has approved it")
    proposer.button("Confirm adjustment").click()
    expect(proposer.page.locator("#messages")).to_contain_text("are proposed")
    assert available(story) == before

    owner = arrive(story.owner)
    owner.go("/")
    owner.page.locator("#todos").get_by_role("link", name="Review").click()
    expect(owner.page.locator("#list")).to_contain_text("+5,000")
    owner.page.get_by_role("button", name="Approve").click()

    expect(owner.page.locator("#messages")).to_contain_text("Approved: +5,000 points are posted.")
    assert available(story) == before + 5000
    (request,) = story.rows(PointsRequest)
    assert request.details["decided_by"] == str(story.owner)


@SCRIPTS
def test_the_ledger_is_filtered_explained_and_taken_along(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/program/ledger")

    page.locator("[name=kind]").select_option("clawback")
    if not scripts:
        visitor.button("Apply filters").click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.locator("#list tbody tr").first.get_by_role("link", name="Why").click()
    expect(page.locator("#list .calc")).to_contain_text("were taken back")
    with page.expect_download() as download:
        page.locator("#list").get_by_role("link", name="CSV").click()

    assert "kind=clawback" in page.url
    text = download.value.path().read_text(encoding="utf-8-sig")
    assert text.count("\n") == 2
    assert "Clawed back" in text


@SCRIPTS
def test_what_a_script_spares_is_there_without_one(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)

    visitor.go("/program/ledger")

    assert (visitor.page.locator("html.js").count() == 1) is scripts
    width = visitor.button("Apply filters").bounding_box()
    assert width is not None
    assert (width["x"] < 0) is scripts
    visitor.go("/program/points")
    expect(visitor.button("Recalculate")).to_have_count(0 if scripts else 1)


@SCRIPTS
def test_the_last_thirty_days_are_previewed(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/program/points")

    page.locator("[name=per_major]").fill("2")
    visitor.button("Preview").click()

    expect(page.locator("#trial")).to_contain_text("In all")
    assert page.locator("[name=per_major]").input_value() == "2"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1366, 390])
def test_the_pages_of_points_are_open_to_everybody(arrive: Arrive, width: int, dark: bool):
    story = a_shop("open")
    at, (member, *_others) = shops.now(), story.rows(Member)
    ledger.configure(story.merchant, at, adjust_limit=100)
    ledger.adjust(story.merchant, member, 30, at)
    clerk = shops.person("clerk@shop.example", name="Carl")
    shops.staff(story.merchant.pk, clerk, Role.OPERATOR)
    ledger.adjust(story.merchant, member, 3000, at, actor=Actor.person(clerk))
    visitor = arrive(story.owner, width=width, dark=dark)
    wrong = []

    (entry, *_more) = sorted(story.rows(PointsEntry, member_id=member.pk), key=lambda row: -row.sequence)
    for path in (
        "/program/ledger",
        f"/program/ledger?why={member.public_id}.1",
        "/program/ledger/proposals",
        "/program/points",
        f"/members/{member.public_id}?why={entry.sequence}",
        f"/members/{member.public_id}#adjust",
    ):
        visitor.go(path)
        wrong += violations(visitor)
        assert not visitor.has_sideways_scroll(), path

    assert not wrong, "\n".join(wrong)
