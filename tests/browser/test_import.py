"""A file of orders with rows that cannot be: handed in, looked at, started, reported, its rejects fetched."""

from __future__ import annotations

import pytest
from django.conf import settings as configured
from playwright.sync_api import expect

from members.models import ImportJob, Order
from members.tasks.imports import import_orders
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import Story, a_shop

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
FILE = """\
order_id,ordered_at,member_key,sku,quantity,amount
A-1,2026-01-05 10:00,u1,tea,1,25.00
A-1,2026-01-05 10:00,u1,cup,2,18.80
A-2,2026-02-30 10:00,u2,tea,1,25.00
A-3,2026-01-06 11:00,u3,tea,1,abc
A-4,2026-01-07 12:00,u4,tea,1,9.90
"""


@pytest.fixture(autouse=True)
def uploads(tmp_path, monkeypatch) -> None:
    """Files of this test go where it ends."""
    monkeypatch.setattr(configured, "UPLOADS_DIR", tmp_path)


def hand_in(visitor: Visitor, content: str, name: str = "orders.csv") -> None:
    visitor.go("/settings/imports")
    page = visitor.page
    file = {"name": name, "mimeType": "text/csv", "buffer": content.encode()}
    page.locator("[name=file]").set_input_files(file)
    page.locator("[name=channel]").select_option("web")
    visitor.button("Check file").click()
    expect(page.get_by_role("heading", level=1, name=name)).to_be_visible()


def work(story: Story) -> ImportJob:
    """What the worker does once it has heard of the import."""
    (job,) = story.rows(ImportJob)
    import_orders(merchant_id=story.merchant.pk, import_id=job.pk)
    return story.rows(ImportJob)[0]


@SCRIPTS
def test_a_file_with_rejects_is_checked_started_and_reported(arrive: Arrive, scripts: bool):
    story = a_shop("open")
    before = len(story.rows(Order))
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page

    hand_in(visitor, FILE)
    work(story)
    if not scripts:
        visitor.link("Refresh").click()
    expect(page.get_by_text("What the import would do")).to_be_visible()
    expect(page.get_by_text("Rows left out").first).to_be_visible()
    assert len(story.rows(Order)) == before

    visitor.button("Start import").click()
    expect(page.locator("#import")).to_contain_text("import goes on")
    work(story)
    if not scripts:
        visitor.link("Refresh").click()
    expect(page.get_by_role("heading", name="Report")).to_be_visible()
    expect(page.locator("#import")).to_contain_text("abc")
    with page.expect_download() as download:
        visitor.link("Download all as CSV").click()

    rejects = download.value.path().read_text(encoding="utf-8-sig")
    assert "A-2" in rejects and "A-3" in rejects and "A-4" not in rejects
    assert {row.external_id for row in story.rows(Order)} >= {"A-1", "A-4"}
    assert len(story.rows(Order)) == before + 2


def test_the_same_file_again_changes_nothing_and_says_so(arrive: Arrive):
    story = a_shop("open")
    visitor = arrive(story.owner)

    for _time in range(2):
        hand_in(visitor, FILE)
        job = story.rows(ImportJob)[-1]
        import_orders(merchant_id=story.merchant.pk, import_id=job.pk)
        expect(visitor.page.get_by_text("What the import would do")).to_be_visible()
        visitor.button("Start import").click()
        expect(visitor.page.locator("#import")).to_contain_text("import goes on")
        import_orders(merchant_id=story.merchant.pk, import_id=job.pk)
        expect(visitor.page.get_by_role("heading", name="Report")).to_be_visible()

    first, second = story.rows(ImportJob)
    assert (first.created, second.created, second.unchanged) == (2, 0, 2)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "empty"),
        ("order_id,amount\nA-1,25.00\n", "column"),
    ],
)
def test_a_file_that_cannot_be_read_is_said(arrive: Arrive, content: str, said: str):
    story = a_shop("open")
    visitor = arrive(story.owner)
    page = visitor.page
    visitor.go("/settings/imports")

    file = {"name": "bad.csv", "mimeType": "text/csv", "buffer": content.encode()}
    page.locator("[name=file]").set_input_files(file)
    visitor.leave_by(visitor.button("Check file"))
    if story.rows(ImportJob):
        work(story)

    expect(page.locator("main")).to_contain_text(said, ignore_case=True)
    assert not [row for row in story.rows(Order) if row.external_id.startswith("A-")]
