"""A list of members: handed in with its source, looked at, started, reported, and taken back."""

from __future__ import annotations

import pytest
from django.conf import settings as configured
from playwright.sync_api import expect

from members.models import ImportJob, Member, MemberStatus
from members.tasks.imports import import_members
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_point_import import SCRIPTS, seen


@pytest.fixture(autouse=True)
def uploads(tmp_path, monkeypatch) -> None:
    """Files of this test go where it ends."""
    monkeypatch.setattr(configured, "UPLOADS_DIR", tmp_path)


def work(story: Story) -> None:
    """What the worker does once it has heard of the import."""
    (job,) = story.rows(ImportJob)
    import_members(merchant_id=story.merchant.pk, import_id=job.pk)


def active(story: Story) -> int:
    return sum(member.status == MemberStatus.ACTIVE for member in story.rows(Member))


@SCRIPTS
def test_a_list_is_checked_imported_and_taken_back_in_8_acts(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    before = active(story)
    known = story.rows(Member)[0]
    rows = [
        "card-1,13800138000,李四,,05-17",
        "card-2,,,,",
        f"{known.public_id},,Somebody Else,,",
        "card-3,,,platinum,",
    ]
    content = "\n".join(["member_key,phone,name,tier,birthday", *rows]) + "\n"
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/settings/imports")

    visitor.press(visitor.link("Import members"))
    file = {"name": "cards.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.locator("[name=file]").set_input_files(file)
    page.locator("[name=declared_source]").fill("paper forms of the store")
    visitor.press(visitor.button("Check file"))
    expect(page.get_by_role("heading", level=1, name="cards.csv")).to_be_visible()
    work(story)
    seen(visitor, scripts, "What the import would do")
    expect(page.locator("#import")).to_contain_text("no tier “platinum”")
    assert active(story) == before

    visitor.press(visitor.button("Start import"))
    expect(page.locator("#import")).to_contain_text("import goes on")
    work(story)
    seen(visitor, scripts, "Report")
    assert active(story) == before + 2
    assert not visitor.has_sideways_scroll()

    visitor.press(visitor.link("Undo import"))
    expect(page.locator("#undo")).to_contain_text("Members that would be taken back")
    visitor.press(page.locator("#undo").get_by_role("button", name="Undo import"))
    expect(page.locator("#import")).to_contain_text("undoing goes on")
    work(story)
    seen(visitor, scripts, "Undone")
    assert active(story) == before
    assert visitor.acts <= 5  # with the way to the page, the choice of the file and its source: 8
    assert visitor.said == []
