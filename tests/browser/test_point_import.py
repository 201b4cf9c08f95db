"""A file of balances: handed in, looked at, started, reported, and the whole import undone."""

from __future__ import annotations

import pytest
from django.conf import settings as configured
from playwright.sync_api import expect

from members.models import ImportJob, Member, PointsAccount
from members.tasks.imports import import_points
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import Story, a_shop

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture(autouse=True)
def uploads(tmp_path, monkeypatch) -> None:
    """Files of this test go where it ends."""
    monkeypatch.setattr(configured, "UPLOADS_DIR", tmp_path)


def work(story: Story) -> ImportJob:
    """What the worker does once it has heard of the import."""
    (job,) = story.rows(ImportJob)
    import_points(merchant_id=story.merchant.pk, import_id=job.pk)
    return story.rows(ImportJob)[0]


def available(story: Story) -> int:
    return sum(account.available for account in story.rows(PointsAccount))


def seen(visitor: Visitor, scripts: bool, heading: str) -> None:
    """The page shows what the worker did: by itself, or when it is asked to."""
    if not scripts:
        visitor.link("Refresh").click()
    expect(visitor.page.get_by_role("heading", name=heading, exact=True)).to_be_visible()


@SCRIPTS
def test_balances_are_checked_imported_and_undone_in_7_acts(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    before = available(story)
    members = story.rows(Member)
    rows = [f"{member.public_id},{n + 100},2099-12-31" for n, member in enumerate(members)]
    content = "\n".join(["member_key,points,expires_on", *rows, "nobody,5,", "nobody,0.5,"]) + "\n"
    expected = sum(n + 100 for n in range(len(members)))
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/settings/imports")

    visitor.press(visitor.link("Import points"))
    file = {"name": "balances.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.locator("[name=file]").set_input_files(file)
    visitor.press(visitor.button("Check file"))
    expect(page.get_by_role("heading", level=1, name="balances.csv")).to_be_visible()
    work(story)
    seen(visitor, scripts, "What the import would do")
    expect(page.locator("#import")).to_contain_text("2099-12")
    expect(page.locator("#import")).to_contain_text("no member of this shop")
    assert available(story) == before

    visitor.press(visitor.button("Start import"))
    expect(page.locator("#import")).to_contain_text("import goes on")
    work(story)
    seen(visitor, scripts, "Report")
    assert available(story) == before + expected
    assert not visitor.has_sideways_scroll()

    visitor.press(visitor.link("Undo import"))
    expect(page.locator("#undo")).to_contain_text("Points that would be taken back")
    visitor.press(page.locator("#undo").get_by_role("button", name="Undo import"))
    expect(page.locator("#import")).to_contain_text("undoing goes on")
    work(story)
    seen(visitor, scripts, "Undone")
    assert available(story) == before
    assert visitor.acts <= 5  # with the way to the page and the choice of the file: 7
    assert visitor.said == []
