"""A shop that was cleared: from the banner to the appeal in few acts; the platform decides; the program is back."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from compliance.models import Appeal, AppealState
from tests.browser.conftest import Arrive
from tests.browser.stories import a_shop
from tests.factories import shops

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
WORDS = "The member price was live all along."


@SCRIPTS
def test_a_cleared_shop_sees_why_and_appeals_in_six_acts_and_is_restored(arrive: Arrive, scripts: bool):
    story = a_shop("cleared")
    visitor = arrive(story.owner, scripts=scripts, width=390)
    page = visitor.page
    visitor.go("/")
    expect(visitor.banner()).to_contain_text("Program closed on")

    visitor.press(visitor.banner().get_by_role("link", name="See why"))
    expect(page.get_by_text("Why each benefit counts or not")).to_be_visible()
    visitor.press(visitor.banner().get_by_role("link", name="Appeal", exact=True))
    page.locator("[name=text]").fill(WORDS)
    visitor.press(visitor.button("File appeal"))

    expect(page.locator("#messages")).to_contain_text("accepted; decision by")
    expect(visitor.banner()).to_contain_text("The program is still closed.")
    assert visitor.acts <= 6
    assert not visitor.has_sideways_scroll()
    (made,) = story.rows(Appeal)
    assert (made.text, made.state) == (WORDS, AppealState.OPEN)

    admin = arrive(shops.person("admin@platform.example", is_admin=True), as_admin=True, scripts=scripts)
    admin.go("/platform/")
    admin.press(admin.page.get_by_role("link", name="Appeals to decide"))
    admin.press(admin.link(made.public_id))
    expect(admin.page.get_by_text(WORDS)).to_be_visible()
    admin.press(admin.button("Refuse with these reasons"))
    expect(admin.page.get_by_text("Say why the appeal is refused").first).to_be_visible()
    admin.press(admin.button("Uphold and restore the program"))
    expect(admin.page.get_by_text("The appeal is upheld.")).to_be_visible()

    visitor.go("/compliance/appeals/")
    expect(visitor.banner()).to_contain_text("Program restored on")
    expect(page.get_by_text("Upheld", exact=True)).to_be_visible()
