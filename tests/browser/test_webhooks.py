"""A webhook in a browser: added, its secret shown once, its log looked at, a message sent again, deleted."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import expect

from members.lib import tenant as tenancy
from members.models import Member, WebhookEndpoint
from members.services import points
from members.tasks.webhooks import send_webhooks
from tests.browser.conftest import Arrive, Visitor
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import shops
from tests.receiver import receiving

SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@pytest.fixture
def receiver(settings):
    """The shop's own server."""
    settings.WEBHOOKS_TO_LOOPBACK = True
    with receiving() as found:
        yield found


def add(visitor: Visitor, url: str) -> None:
    visitor.go("/settings/webhooks")
    visitor.link("Add a webhook").first.click()
    visitor.page.get_by_label("Address").fill(url)
    visitor.page.get_by_label("A member's points changed").check()
    visitor.button("Add webhook").click()
    expect(visitor.page.get_by_role("heading", level=1, name="Webhooks")).to_be_visible()


def move_points(story: Story, key: str) -> None:
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        member = Member.objects.of(story.merchant).order_by("pk").first()
        assert member is not None
        points.redeem(
            merchant_id=story.merchant.pk,
            at=timezone.now(),
            actor=shops.JOB,
            member_id=member.pk,
            points=1,
            key=key,
        )
    send_webhooks()


@SCRIPTS
@pytest.mark.parametrize("width", [1366, 390])
def test_a_webhook_from_adding_to_deleting(arrive: Arrive, receiver, scripts: bool, width: int):
    story = a_shop("open")
    owner = arrive(story.owner, scripts=scripts, width=width)
    page, wrong = owner.page, []

    def look() -> None:
        assert not owner.has_sideways_scroll(), page.url
        if scripts:
            wrong.extend(violations(owner))

    add(owner, receiver.url("/" + "long-path/" * 12))
    secret = page.get_by_label("Signing secret").input_value()
    look()
    receiver.answers = [500]
    move_points(story, "one")
    owner.go("/settings/webhooks")
    assert page.get_by_label("Signing secret").count() == 0
    page.get_by_role("link", name="long-path").first.click()
    expect(page.get_by_text("Will be tried again")).to_be_visible()
    page.locator("summary", has_text="points.changed").click()
    expect(page.get_by_text("HTTP 500 after")).to_be_visible()
    look()

    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("The message is sent again.")).to_be_visible()
    send_webhooks()
    page.reload()
    expect(page.get_by_text("Delivered")).to_be_visible()
    page.get_by_role("link", name="Delete", exact=True).click()
    look()
    page.get_by_role("alertdialog").get_by_role("button", name="Delete webhook").click()
    expect(page.get_by_text("Nothing is sent there any more.")).to_be_visible()

    assert not wrong, "\n".join(wrong)
    assert len({taken.headers["webhook-id"] for taken in receiver.requests}) == 1 < len(receiver.requests)
    (endpoint,) = story.rows(WebhookEndpoint)
    assert secret.startswith("whsec_") and endpoint.deleted_at is not None and endpoint.secret == ""
