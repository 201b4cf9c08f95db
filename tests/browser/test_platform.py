"""The platform: an admin previews a run, starts it by typing how many it clears, watches it, fetches the report."""

from __future__ import annotations

import pytest
from django.db import transaction
from playwright.sync_api import expect

from compliance.models import Decision, Policy, Run
from compliance.tasks.clearance import drain
from compliance.tasks.previews import foresee
from members.lib import tenant as tenancy
from members.models import Program, ProgramStatus
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import Story, a_shop
from tests.factories import shops

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


def newest_run() -> Run:
    with tenancy.platform(), transaction.atomic():
        return Run.objects.order_by("-id")[0]


def versions() -> int:
    with tenancy.platform(), transaction.atomic():
        return Policy.objects.count()


def status(story: Story) -> str:
    with tenancy.platform(), transaction.atomic():
        return Program.objects.get(pk=story.merchant.pk).status


def worked(visitor: Visitor, *, scripts: bool) -> None:
    """A worker works the open previews; the page finds out by itself, or when somebody looks again."""
    foresee()
    if not scripts:
        visitor.press(visitor.page.locator("#progress noscript .ls-button"))


@SCRIPTS
def test_an_admin_previews_starts_and_reports_a_run(arrive: Arrive, scripts: bool):
    story = a_shop("due", beside="Harbour Tea")
    before = newest_run().pk
    visitor = arrive(shops.person("admin@platform.example", is_admin=True), as_admin=True, scripts=scripts)
    page = visitor.page
    visitor.go("/platform/compliance/run/")

    visitor.press(visitor.button("Preview a run now"))
    expect(page.locator("#progress")).to_contain_text("Waits for a worker")
    worked(visitor, scripts=scripts)
    expect(page.get_by_role("heading", name="Preview of", exact=False).first).to_be_visible()
    expect(page.get_by_role("link", name="Swallow Valley")).to_be_visible()
    expect(page.get_by_role("link", name="Harbour Tea")).to_have_count(0)
    expect(page.get_by_text("another admin starts the run")).to_be_visible()
    assert newest_run().pk == before
    assert status(story) == ProgramStatus.OPEN

    # Who made the preview does not start the run: another admin opens the same page.
    address = page.url
    visitor = arrive(shops.person("second@platform.example", is_admin=True), as_admin=True, scripts=scripts)
    page = visitor.page
    visitor.go(address.removeprefix(visitor.site))

    page.locator("[name=confirm]").fill("clear 7")
    visitor.press(visitor.button("Run now"))
    expect(page.get_by_text("Nothing was started")).to_be_visible()
    assert newest_run().pk == before

    page.locator("[name=confirm]").fill("clear 1")
    visitor.press(visitor.button("Run now"))
    expect(page.get_by_text("looked at once more")).to_be_visible()
    assert newest_run().pk == before
    worked(visitor, scripts=scripts)
    expect(page.get_by_role("heading", name="Clearance run", exact=False).first).to_be_visible()
    expect(page.locator("#progress")).to_be_visible()
    run = newest_run()
    assert run.pk != before
    drain(run_id=run.pk)
    if not scripts:
        page.reload()
    expect(page.get_by_role("heading", name="Cleared programs")).to_be_visible()
    expect(page.get_by_role("link", name="Swallow Valley").first).to_be_visible()
    with page.expect_download() as download:
        visitor.press(visitor.link("Decisions as CSV"))

    report = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(report) == 3
    assert sum("Swallow Valley" in line and "cleared" in line for line in report) == 1
    assert sum("Harbour Tea" in line and "kept" in line for line in report) == 1
    assert visitor.acts <= 8
    with tenancy.platform(), transaction.atomic():
        outcomes = dict(Decision.objects.filter(run_id=run.pk).values_list("merchant__name", "outcome"))
    assert outcomes == {"Swallow Valley": "cleared", "Harbour Tea": "kept"}
    assert status(story) == ProgramStatus.CLEARED


@SCRIPTS
def test_an_admin_sees_what_a_policy_would_do_before_it_is_published(arrive: Arrive, scripts: bool):
    a_shop("due", beside="Harbour Tea")
    visitor = arrive(shops.person("admin@platform.example", is_admin=True), as_admin=True, scripts=scripts)
    page = visitor.page
    visitor.go("/platform/compliance/policy/add/")
    before = versions()

    page.get_by_label("Window (days)").fill("30")
    page.get_by_label("Reason").fill("tried")
    visitor.press(visitor.button("Check what it would do"))
    expect(page.locator("#progress")).to_contain_text("Nothing is published by it")
    worked(visitor, scripts=scripts)

    expect(page.get_by_role("heading", name="The next run, foreseen")).to_be_visible()
    expect(page.locator("#progress")).to_have_count(0)
    expect(page.get_by_label("Window (days)")).to_have_value("30")
    assert versions() == before


def test_the_owner_of_a_cleared_program_is_told_and_finds_locked_pages(arrive: Arrive):
    story = a_shop("cleared")
    visitor = arrive(story.owner)

    visitor.go("/")

    expect(visitor.banner()).to_contain_text("Program closed on")
    visitor.go("/members/")
    expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
    expect(visitor.page.locator("main")).to_contain_text("clearance", ignore_case=True)
    assert "139****" not in visitor.page.content()


def test_an_admin_without_a_second_factor_is_sent_to_set_it_up(arrive: Arrive):
    shops.told([])
    visitor = arrive(shops.person("admin@platform.example", is_admin=True))

    visitor.go("/platform/")

    expect(visitor.page.get_by_text("needs two-step sign-in")).to_be_visible()
    visitor.page.locator("[name=password]").fill(shops.PASSWORD)
    visitor.button("Confirm").click()
    expect(visitor.page.locator("[name=code]")).to_be_visible()
    expect(visitor.page.locator("main img, main svg").first).to_be_visible()  # the code to scan
    visitor.go("/platform/compliance/run/")
    expect(visitor.page.locator("[name=code]")).to_be_visible()
