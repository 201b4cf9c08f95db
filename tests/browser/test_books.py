"""The books of points in a browser: everybody can read them, on a phone, in the dark, on paper."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from django.db import transaction
from playwright.sync_api import expect

from members.lib import tenant as tenancy
from members.models import PointsStatement
from members.services import merchants, statements
from tests.browser.conftest import Arrive
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import ledger, shops

DAY = dt.timedelta(days=1)


def a_shop_with_closed_months() -> Story:
    """Points came and went in each of the last five months."""
    a_shop("open")  # so that the platform has begun
    owner, now = shops.person("books@shop.example", name="Olive"), shops.now()
    began = now - 170 * DAY
    with tenancy.platform(), transaction.atomic():
        shop = merchants.create_merchant(name="Swallow Valley", owner=owner, at=began, actor=ledger.JOB)
    ledger.open_shop(shop, began, point_cost=Decimal("1.2"), expiry={"kind": "rolling", "months": 12})
    member = ledger.join(shop, began)
    for month in range(5, 0, -1):
        at = now - 31 * month * DAY
        ledger.adjust(shop, member, 1000 + 170 * month, at)
        ledger.act("redeem", shop, at + DAY, member_id=member.pk, points=90 * month, key=f"k{month}")
    assert statements.close_months(merchant_id=shop.pk, at=now) >= 4
    return Story(shop, owner, owner)


@pytest.mark.parametrize(("width", "dark"), [(1366, False), (390, True)])
def test_the_books_and_a_statement_are_open_to_everybody(arrive: Arrive, width: int, dark: bool):
    story = a_shop_with_closed_months()
    owner = arrive(story.owner, width=width, dark=dark)
    wrong = []

    owner.go("/program/books")
    owner.page.locator("#moved-chart summary").click()
    wrong += violations(owner)
    is_wide = owner.has_sideways_scroll()
    owner.page.get_by_role("link", name="Statement", exact=False).first.click()
    expect(owner.page.get_by_role("heading", level=1)).to_contain_text("Statement of points")
    wrong += violations(owner)

    assert not wrong, "\n".join(wrong)
    assert not is_wide and not owner.has_sideways_scroll()
    assert story.rows(PointsStatement)


def test_a_statement_is_printed_without_the_menu_and_with_its_tie(arrive: Arrive):
    story = a_shop_with_closed_months()
    owner = arrive(story.owner)
    month = story.rows(PointsStatement)[-1].month
    owner.go(f"/program/books/{month:%Y-%m}")

    expect(owner.button("Print statement")).to_be_visible()
    owner.page.emulate_media(media="print")

    expect(owner.page.locator("#menu")).to_be_hidden()
    expect(owner.button("Print statement")).to_be_hidden()
    expect(owner.page.get_by_text("Opening + movements = closing")).to_be_visible()
    expect(owner.page.locator(".mono")).to_have_text(story.rows(PointsStatement)[-1].seal)
