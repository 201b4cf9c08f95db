"""Campaigns and points of events in a browser: adding one with its example, ending it; the pages fit and are open."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from members.lib.earning import Earning
from members.models import RulesVersion
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import ledger

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def rules(story: Story) -> Earning:
    """The rules in force."""
    return Earning.read(story.rows(RulesVersion)[-1].earning)


@SCRIPTS
def test_a_campaign_is_added_with_its_example_and_ended(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/program/points")

    page.get_by_role("link", name="Campaigns, caps, and points").click()
    visitor.link("Add campaign").click()
    page.locator("[name=name]").fill("Double Friday")
    page.get_by_label("Friday").check()
    page.locator("[name=order_most]").fill("100")
    page.locator("[name=example]").fill("268")
    if not scripts:
        visitor.button("Recalculate").click()

    expect(page.locator("#example")).to_contain_text("its limit per order left 100")
    expect(page.locator("#example")).to_contain_text("The order earns 368 points.")
    visitor.button("Save campaign").click()
    expect(page.locator("#messages")).to_contain_text("The campaign is saved.")
    (campaign,) = rules(story).campaigns
    assert (campaign.name, campaign.when.weekdays, campaign.order_most) == ("Double Friday", {5}, 100)

    page.get_by_role("button", name="End campaign").click()
    expect(page.locator("#messages")).to_contain_text("The campaign has ended.")
    assert rules(story).campaigns[0].when.to_at is not None


@pytest.mark.parametrize("width", [1366, 390, 320])
def test_the_pages_of_earning_fit_and_are_open_to_everybody(arrive: Arrive, width: int):
    story = a_shop("open")
    campaign = {"code": "double", "name": "Double Friday", "multiplier": "2", "when": {"weekdays": [5]}}
    spec = {"campaigns": [campaign], "events": {"joining": {"points": 100}}}
    ledger.configure(story.merchant, timezone.now(), earning=Earning.read(spec))
    visitor = arrive(story.owner, width=width)
    wrong = []

    for path in ("/program/earning", "/program/earning/campaigns", "/program/earning/campaigns/double"):
        visitor.go(path)
        wrong += violations(visitor) if width > 320 else []  # the frame is judged where all pages are
        if visitor.has_sideways_scroll():
            wrong.append(f"{path} is wider than {width}")

    assert not wrong, "\n".join(wrong)
