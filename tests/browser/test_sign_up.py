"""From signing up to an open program."""

from __future__ import annotations

import re

import pytest
from django.core import mail
from django.db import transaction
from playwright.sync_api import expect

from members.lib import tenant as tenancy
from members.models import Program, ProgramStatus
from tests.browser.conftest import Arrive, Visitor
from tests.factories import shops

ACTS = 8  # of the pointer, from Home to an open program


def code() -> str:
    """The code in the newest e-mail."""
    found = re.search(r"^([A-Z0-9]{3,4}-?[A-Z0-9]{3,5})\s*$", mail.outbox[-1].body, re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


def sign_up(visitor: Visitor) -> None:
    """An account with a confirmed address, standing on Home."""
    page = visitor.page
    visitor.go("/accounts/signup/")
    page.locator("[name=shop_name]").fill("Swallow Valley")
    page.locator("[name=email]").fill("new@shop.example")
    page.locator("[name=password1]").fill(shops.PASSWORD)
    visitor.button("Open account").click()
    expect(page.locator("[name=code]")).to_be_visible()  # the e-mail is sent by then
    page.locator("[name=code]").fill(code())
    page.locator("[name=code]").press("Enter")
    at_home(visitor)


def at_home(visitor: Visitor) -> None:
    expect(visitor.page.get_by_role("heading", level=1, name="Home")).to_be_visible()


def status() -> str:
    with tenancy.platform(), transaction.atomic():
        return Program.objects.get().status


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_from_signing_up_to_an_open_program(arrive: Arrive, scripts: bool):
    shops.told([])
    visitor = arrive(scripts=scripts)
    page = visitor.page
    sign_up(visitor)
    expect(visitor.banner()).to_contain_text("isn't open yet")

    for task, save in (
        ("Name it", "Save name"),
        ("Set up tiers", "Save tiers"),
        ("Set up points", "Save rule"),
    ):
        visitor.press(visitor.link(task))
        visitor.press(visitor.button(save))
        at_home(visitor)
    expect(page.locator("#guide li.done")).to_have_count(3)
    visitor.press(page.locator("#state-card").get_by_role("link", name="Open program"))
    visitor.press(visitor.button("Open now"))

    expect(page.locator("main")).to_contain_text("Open")
    expect(page.locator(".chip-success").first).to_be_visible()
    assert status() == ProgramStatus.OPEN
    assert visitor.acts <= ACTS


def test_a_program_opens_with_the_defaults_in_two_acts(arrive: Arrive):
    shops.told([])
    visitor = arrive()
    sign_up(visitor)

    visitor.press(visitor.page.locator("#state-card").get_by_role("link", name="Open program"))
    visitor.press(visitor.button("Open now"))

    expect(visitor.page.locator(".chip-success").first).to_be_visible()
    assert status() == ProgramStatus.OPEN
    assert visitor.acts == 2


def test_signing_out_and_in_again_with_the_keyboard_alone(arrive: Arrive):
    owner = shops.person("owner@shop.example")
    merchants = shops.told([{"at": shops.now().isoformat(), "do": "merchant.create", "merchant": "Valley"}])
    shops.staff(merchants["Valley"], owner)
    visitor = arrive()
    page = visitor.page

    visitor.go("/program/")
    page.locator("[name=login]").focus()
    page.keyboard.type("owner@shop.example")
    page.keyboard.press("Tab")
    page.keyboard.type(shops.PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1, name="Program")).to_be_visible()
    expect(page).to_have_url(re.compile("/program/$"))
