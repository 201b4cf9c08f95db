"""A benefit's form shows the member's phone while it is written; the member checks in by the button it brings."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from benefits.models import Benefit
from members.lib import tenant as tenancy
from members.models import Member
from members.services import member_links
from tests.browser.conftest import Arrive
from tests.browser.stories import a_shop
from tests.browser.test_pages import violations


def test_a_check_in_is_seen_while_it_is_written_published_and_used_by_a_member(arrive: Arrive):
    story = a_shop("open")
    owner = arrive(story.owner)
    owner.go("/benefits/new/check_in/")
    preview = owner.page.locator("#preview")
    expect(preview).to_contain_text("5 points a day, 20 more for 7 days in a row")
    owner.page.locator("[name=points]").fill("8")
    owner.page.locator("[name=name]").fill("Say hello")
    expect(preview).to_contain_text("8 points a day")
    expect(preview.get_by_text("Say hello")).to_have_count(3)
    wrong = violations(owner)
    owner.button("Publish benefit").click()
    expect(owner.page.get_by_role("heading", name="Say hello")).to_be_visible()
    assert [each.settings["points"] for each in story.rows(Benefit, kind="check_in")] == [8]

    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        member = Member.objects.of(story.merchant).order_by("pk")[0]
        link = member_links.make(merchant=story.merchant, member=member, at=timezone.now()).url
    phone = arrive(width=390)
    phone.go("/m/" + link.partition("/m/")[2])
    phone.button("Check in for 8 points").click()
    expect(phone.page.get_by_text("Checked in: 8 points.")).to_be_visible()
    expect(phone.page.get_by_text("6 more days bring 20 points extra.")).to_be_visible()
    assert not phone.has_sideways_scroll()
    wrong += violations(phone)
    narrow = arrive(story.owner, width=390)
    narrow.go("/benefits/new/points_multiplier/")
    assert not narrow.has_sideways_scroll()
    wrong += violations(narrow)
    assert not wrong, "\n".join(wrong)
