"""The grade page of a merchant, and support looking at it: read only, said on every page, kept in the shop's log."""

from __future__ import annotations

import datetime as dt

import pytest
from playwright.sync_api import expect

from compliance.lib.calendar import grades_instant, platform_date
from compliance.services import grades
from members.lib import tenant as tenancy
from tests.browser.conftest import Arrive
from tests.browser.stories import a_shop
from tests.browser.test_pages import violations
from tests.factories import shops


@pytest.mark.parametrize(("width", "dark", "scripts"), [(1366, False, True), (320, True, False)])
def test_a_merchant_reads_the_way_up_and_support_only_looks(
    arrive: Arrive, width: int, dark: bool, scripts: bool
):
    story = a_shop("at_risk")
    last = (platform_date(shops.now()).replace(day=1) - dt.timedelta(days=1)).replace(day=1)
    with tenancy.platform():
        grades.grade_month(due_at=grades_instant(last), at=grades_instant(last))
    admin = arrive(
        shops.person("admin@platform.example", is_admin=True),
        as_admin=True,
        width=width,
        dark=dark,
        scripts=scripts,
    )
    admin.go(f"/platform/members/merchant/{story.merchant.pk}/change/")
    admin.press(admin.link("Look at the console (read only)"))
    admin.page.locator("[name=reason]").fill("Ticket 4711")
    admin.press(admin.button("Begin visit"))
    admin.go("/compliance/grade")
    wrong = violations(admin) if scripts else []

    expect(admin.page.get_by_text("Support visit at Swallow Valley")).to_be_visible()
    expect(admin.page.get_by_role("heading", name="The cheapest way to")).to_be_visible()
    expect(admin.page.get_by_text("divided by the days of the month")).to_be_visible()
    assert not admin.has_sideways_scroll()
    admin.press(admin.button("End visit"))
    expect(admin.page.get_by_text("The support visit has ended.")).to_be_visible()

    owner = arrive(story.owner, width=width, dark=dark, scripts=scripts)
    owner.go("/settings/audit-log")
    expect(owner.page.get_by_text("Ticket 4711").first).to_be_visible()
    expect(owner.page.get_by_text("Page looked at by support").first).to_be_visible()
    assert not wrong, "\n".join(wrong)
