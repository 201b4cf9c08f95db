"""The ladder in a browser: a live rule is changed knowing who moves, in six acts; the pages fit and are open."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from members.models import Member, RulesVersion
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import a_shop
from tests.browser.test_pages import violations

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@SCRIPTS
def test_a_live_tier_is_changed_knowing_who_moves_in_at_most_six_acts(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    before = len(story.rows(RulesVersion))
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/")

    visitor.press(page.get_by_role("link", name="Tiers and points", exact=True).first)
    visitor.press(page.get_by_role("link", name="Tiers", exact=True).first)
    visitor.press(page.locator("[name=t1-spend_minor]"))
    page.locator("[name=t1-spend_minor]").fill("150")
    visitor.press(visitor.button("Simulate change"))
    expect(page.get_by_role("heading", name="What this change would do")).to_be_visible()
    expect(page.locator("#flows svg").first).to_be_visible()
    assert len(story.rows(RulesVersion)) == before
    visitor.press(visitor.button("Save tiers"))

    expect(page.locator("#messages")).to_contain_text("The tiers are saved.")
    assert visitor.acts <= 6
    assert len(story.rows(RulesVersion)) == before + 1


@pytest.mark.parametrize("width", [1366, 390])
@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_of_tiers_fit_and_are_open_to_everybody(arrive: Arrive, width: int, language: str):
    story = a_shop("open")
    visitor = arrive(story.owner, width=width, language=language, dark=width == 390)
    page = visitor.page
    member = story.rows(Member)[0]
    visitor.go("/program/tiers")
    wrong = _look(visitor, "ladder", width, language)
    page.locator("[name=t1-spend_minor]").fill("150")
    visitor.leave_by(page.locator("button[name=simulate].btn-primary"))
    wrong += _look(visitor, "simulation", width, language)
    visitor.leave_by(page.locator("button[name=save].btn-primary"))
    visitor.leave_by(page.locator("a[href*='/program/tiers/changes/']"))
    wrong += _look(visitor, "lift", width, language)
    for name, address in (
        ("flow", "/members/tier-flow"),
        ("hand", f"/members/{member.public_id}/tier"),
        ("member", f"/members/{member.public_id}"),
    ):
        visitor.go(address)
        wrong += _look(visitor, name, width, language)

    assert not wrong, "\n".join(map(str, wrong))


def _look(visitor: Visitor, name: str, width: int, language: str) -> list[str]:
    found = [f"{name}: {each}" for each in violations(visitor)]
    if visitor.has_sideways_scroll():
        found.append(f"{name}: sideways scroll at {width}")
    return found
