"""The members list as a desk, in a browser: ticked, acted on and undone; filtered, saved and exported."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from members.lib import tenant as tenancy
from members.models import BulkAct, Export, MemberTag, SavedView
from members.services.bulk_acts import work as acts
from members.services.exports import work as exports
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def worked(story: Story, model, service):
    job = story.rows(model)[-1]
    with tenancy.tenant(story.merchant.pk):
        service.work(merchant_id=story.merchant.pk, job_id=job.pk, now=timezone.now)
    return story.rows(model)[-1]


@SCRIPTS
def test_ticked_members_are_tagged_and_it_is_undone(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/members/")
    page.locator('[name="m"]').nth(0).check()
    page.locator('[name="m"]').nth(1).check()

    visitor.button("Act on the ticked").click()
    page.get_by_label("Put a tag on").check()
    page.locator("[name=tag]").fill("spring")
    visitor.button("Show the result").click()
    expect(page.locator("#consequences")).to_contain_text("2 members")
    visitor.button("Confirm for 2 members").click()
    expect(page.get_by_text("Members done")).to_be_visible()
    worked(story, BulkAct, acts)
    page.reload()
    assert len(story.rows(MemberTag, name="spring")) == 2

    visitor.button("Undo").click()
    expect(page.get_by_text("Members taken back")).to_be_visible()
    worked(story, BulkAct, acts)
    page.reload()
    expect(page.get_by_text("Taken back", exact=True)).to_be_visible()
    assert story.rows(MemberTag, name="spring") == []


@SCRIPTS
def test_a_filtered_list_is_saved_chosen_and_exported(
    arrive: Arrive, scripts: bool, settings, tmp_path: Path
):
    settings.UPLOADS_DIR = tmp_path
    story = a_shop("open")
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/members/?sort=points")

    visitor.link("Save this view").click()
    page.locator("[name=name]").fill("Most points")
    visitor.button("Save view").click()
    page.locator("#views summary").click()
    visitor.link("Most points").click()
    expect(page).to_have_url(re.compile(r"/members/\?sort=points$"))
    assert len(story.rows(SavedView)) == 1

    visitor.link("Export").click()
    page.get_by_label("Excel (XLSX)").check()
    visitor.button("Begin export").click()
    expect(page.get_by_text("Rows written")).to_be_visible()
    worked(story, Export, exports)
    page.reload()
    with page.expect_download() as download:
        visitor.link("Download file").click()
    assert download.value.suggested_filename.endswith(".xlsx")


@pytest.mark.parametrize(
    ("width", "dark", "language"),
    [(1366, False, "en"), (390, True, "en"), (390, False, "zh-hans"), (320, False, "en")],
)
def test_the_desks_pages_fit_and_are_open_to_everybody(arrive: Arrive, width: int, dark: bool, language: str):
    story = a_shop("open")
    visitor = arrive(story.owner, width=width, dark=dark, language=language)
    wrong = []

    for path in (
        "/members/",
        "/members/acts",
        "/members/acts/new?who=all",
        "/members/views?query=sort%3Dpoints",
        "/settings/exports",
        "/settings/exports/new",
    ):
        visitor.go(path)
        wrong += violations(visitor) if width > 320 else []
        if visitor.has_sideways_scroll():
            wrong.append(f"{path} is wider than {width}")

    assert not wrong, "\n".join(wrong)
