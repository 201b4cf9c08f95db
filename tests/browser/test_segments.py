"""Segments in a browser: a rule is built with its live count, with and without scripts; the pages fit and are open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from members.lib import tenant as tenancy
from members.models import Segment
from members.selectors import segments as found
from members.services import segments
from members.services.audit import Actor
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import people

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
SPENT = {"fact": "spend", "op": "at_least", "value": 10_000}
MATURE = {"fact": "lifecycle", "op": "is_in", "value": ["mature"]}
MIXED = {
    "all": [
        {"fact": "recency", "op": "between", "value": [0, 400]},
        {
            "any": [
                {"fact": "spend", "op": "at_least", "value": 10_000, "days": 90},
                {"fact": "tag", "op": "is_in", "value": ["vip"]},
            ]
        },
    ]
}


def filled() -> tuple[Story, Segment]:
    """A shop of sixty members with random lives, and a segment."""
    story = a_shop("open")
    now = timezone.now()
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        people.populate(story.merchant, now.astimezone(story.merchant.zone).date(), members=60, seed=3)
        who = {"merchant_id": story.merchant.pk, "at": now, "actor": Actor.job("test")}
        segment = segments.create(**who, name="Good customers", rule=MIXED)
        segments.create(**who, name="Late", rule={"all": [MIXED["all"][0]]})
    return story, segment


def fit(story: Story, rule: dict[str, Any]) -> str:
    """How many members a rule means, as the page shows it."""
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        return str(found.count(shop=found.shop(merchant=story.merchant, at=timezone.now()), rule=rule))


@SCRIPTS
def test_a_segment_is_built_counted_and_its_file_taken(arrive: Arrive, scripts: bool):
    story, _segment = filled()
    visitor = arrive(story.owner, scripts=scripts)
    page = visitor.page
    visitor.go("/members/segments")

    visitor.link("Create segment").click()
    page.locator("[name=name]").fill("Regulars")
    page.locator('[name="r.0-value"]').fill("100")
    page.locator('[name="r.0-days"]').fill("")
    if not scripts:
        visitor.button("Count again").click()
    expect(page.locator("#count .big")).to_have_text(fit(story, {"all": [SPENT]}))

    visitor.button("Add condition").click()
    page.locator('[name="r.1-fact"]').select_option("lifecycle")
    if not scripts:
        visitor.button("Show the boxes of this choice").last.click()
    page.get_by_label("Mature").check()
    if not scripts:
        visitor.button("Count again").click()
    counted = fit(story, {"all": [SPENT, MATURE]})
    assert 0 < int(counted) < int(fit(story, {"all": [SPENT]}))
    expect(page.locator("#count .big")).to_have_text(counted)
    visitor.button("Save segment").click()

    expect(page.locator("#messages")).to_contain_text("“Regulars” is saved.")
    expect(page.locator(".big")).to_have_text(counted)
    assert story.rows(Segment, name="Regulars")[0].rule == {"all": [SPENT, MATURE]}
    with page.expect_download() as download:
        visitor.link("CSV").click()
    assert len(Path(download.value.path()).read_text("utf-8-sig").splitlines()) == int(counted) + 1


def test_what_arrives_in_a_page_answers_at_once(arrive: Arrive):
    """A person quicker than a twentieth of a second, or a slow machine: the new row's choice is not lost."""
    story, _segment = filled()
    visitor = arrive(story.owner)
    page = visitor.page
    visitor.go("/members/segments/new")
    page.evaluate(
        """() => document.body.addEventListener("htmx:afterSwap", () => setTimeout(() => {
            const fact = document.querySelector('[name="r.1-fact"]');
            fact.value = "lifecycle";
            fact.dispatchEvent(new Event("change", {bubbles: true}));
        }, 0), {once: true})"""
    )

    visitor.button("Add condition").click()

    page.get_by_label("Mature").check()


@pytest.mark.parametrize(
    ("width", "dark", "language"),
    [
        (1366, False, "en"),
        (390, False, "zh-hans"),
        (390, True, "en"),
        (1366, True, "zh-hant"),
        (320, False, "en"),
    ],
)
def test_the_pages_of_segments_fit_and_are_open_to_everybody(
    arrive: Arrive, width: int, dark: bool, language: str
):
    story, segment = filled()
    visitor = arrive(story.owner, width=width, dark=dark, language=language)
    wrong = []

    for path in (
        "/members/segments",
        "/members/segments/new?template=at-risk",
        f"/members/segments/{segment.public_id}/edit",
        f"/members/segments/{segment.public_id}",
        "/members/lifecycle",
        "/members/lifecycle?stage=lost",
        "/members/rfm?recency=5&score=1",
    ):
        visitor.go(path)
        wrong += violations(visitor) if width > 320 else []  # the frame is judged where all pages are
        if visitor.has_sideways_scroll():
            wrong.append(f"{path} is wider than {width}")

    assert not wrong, "\n".join(wrong)
