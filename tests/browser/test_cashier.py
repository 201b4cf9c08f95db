"""A benefit from publishing to the till in a browser: published, given to a member, redeemed on a phone, undone."""

from __future__ import annotations

import pytest
from django.db import transaction
from playwright.sync_api import expect

from benefits.models import Entitlement, EntitlementUse, QueuedCode
from benefits.services import benefits, claims, tills
from members.lib import tenant as tenancy
from members.models import Member
from members.services.audit import Actor
from tests.browser.conftest import Arrive, sign_in
from tests.browser.stories import Story, a_shop
from tests.browser.test_pages import violations
from tests.factories import shops

ON_THE_DEVICE = """() => new Promise((resolve) => {
    const opened = indexedDB.open("cashier", 1);
    opened.onsuccess = () => {
        const asked = opened.result.transaction("items").objectStore("items").getAll();
        asked.onsuccess = () => { opened.result.close(); resolve(asked.result); };
    };
})"""
# A code that is typed while the one before is still being written down.
TWO_AT_ONCE = """([first, second]) => {
    const form = document.querySelector("[data-scan-form]"), field = form.elements.code;
    field.value = first;
    form.requestSubmit();
    field.value = second;
}"""
SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])


@SCRIPTS
def test_a_coupon_is_published_given_and_redeemed_at_390_px_and_the_redemption_undone(
    arrive: Arrive, scripts: bool
):
    story = a_shop("open")
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        member = Member.objects.of(story.merchant).order_by("pk").first()
    assert member is not None
    owner = arrive(story.owner, scripts=scripts)
    owner.go("/benefits/new/coupon/")
    owner.page.locator("[name=name]").fill("Ten off")
    owner.page.locator("[name=off_minor]").fill("10")
    owner.page.locator("[name=stock]").fill("5")
    owner.button("Publish benefit").click()
    expect(owner.page.locator("#messages")).to_contain_text("is published and in force")
    owner.go(f"/members/{member.public_id}")
    owner.link("Give a benefit").click()
    owner.page.locator("[name=benefit]").select_option(label="Ten off")
    owner.page.locator("[name=reason]").fill("late parcel")
    owner.button("Give benefit").click()
    expect(owner.page.locator(".qr svg")).to_be_visible()
    wrong = violations(owner) if scripts else []  # the judge is a script itself
    (mine,) = story.rows(Entitlement)

    till = arrive(story.cashier, width=390, scripts=scripts)
    till.go("/benefits/cashier/")
    till.page.get_by_role("textbox", name="Code").fill(f" {mine.code[:5].lower()}-{mine.code[5:]}")
    till.button("Check code").click()
    expect(till.page.get_by_role("heading", name="What the member gets")).to_be_visible()
    expect(till.page.locator("#main")).to_contain_text("¥10.00 off")
    wrong += violations(till) if scripts else []
    assert not till.has_sideways_scroll()
    till.button("Redeem code").click()
    expect(till.page.get_by_role("heading", name="Redeemed")).to_be_visible()
    assert story.rows(Entitlement)[0].state == "redeemed"
    wrong += violations(till) if scripts else []
    till.button("Undo redemption").click()
    expect(till.page.locator("#messages")).to_contain_text("The redemption is taken back.")
    assert story.rows(Entitlement)[0].state == "issued"

    till.page.get_by_role("textbox", name="Code").fill("0000000001")
    till.button("Check code").click()
    expect(till.page.locator("#main")).to_contain_text("There is no such code here.")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(("width", "dark", "language"), [(320, False, "en"), (390, True, "zh-hant")])
def test_the_cashiers_page_fits_and_is_open_to_everybody(
    arrive: Arrive, width: int, dark: bool, language: str
):
    story = a_shop("open")
    till = arrive(story.owner, width=width, dark=dark, language=language)

    till.go("/benefits/cashier/?code=ABC")

    assert not till.has_sideways_scroll()
    found = violations(till) if width > 320 else []
    assert not found, "\n".join(found)


def codes_of(story: Story, number: int, scope: dict[str, list[str]] | None = None) -> list[Entitlement]:
    """So many codes of a coupon of a member."""
    about = {"merchant_id": story.merchant.pk, "at": shops.now(), "actor": Actor.job("test")}
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        member = Member.objects.of(story.merchant).order_by("pk").first()
        assert member is not None
        benefit = benefits.publish_benefit(
            kind="coupon",
            name="Ten off",
            settings={"off_minor": 1000, "per_member_life": 9},
            scope=scope,
            **about,
        )
        made = [
            claims.claim(member_id=member.pk, benefit_id=benefit.pk, key=f"k{n}", **about)
            for n in range(number)
        ]
    return [mine for mine, _is_new in made]


def take(till, code: str) -> None:
    """Type a code without a connection."""
    till.page.get_by_role("textbox", name="Code").fill(code)
    till.button("Take code").click()


def test_codes_taken_without_a_connection_are_sent_when_it_returns_and_none_is_used_twice(arrive: Arrive):
    story = a_shop("open")
    good, used, dropped = codes_of(story, 3)
    till = arrive(story.cashier, width=390)
    queue = till.page.locator("[data-till]")
    till.go("/benefits/cashier/")
    till.page.evaluate("navigator.serviceWorker.ready.then(() => caches.keys())")

    till.page.context.set_offline(True)
    take(till, f"{good.code[:-1]}{'0' if good.code[-1] != '0' else '1'}")
    expect(till.page.locator("[data-take-error]")).to_contain_text("This is no code")
    take(till, good.code.lower())
    expect(queue).to_contain_text("Not confirmed yet: 1 waiting")
    till.page.reload()
    expect(till.page.locator("[data-away]")).to_contain_text("No connection.")
    expect(queue).to_contain_text("Not confirmed yet: 1 waiting")
    wrong = violations(till)
    till.page.evaluate(TWO_AT_ONCE, [used.code, dropped.code])
    expect(queue).to_contain_text("Not confirmed yet: 2 waiting")
    till.button("Take code").click()
    expect(queue).to_contain_text("Not confirmed yet: 3 waiting")
    till.button("Do not redeem").first.click()
    expect(queue).to_contain_text("Not confirmed yet: 2 waiting")
    assert not till.has_sideways_scroll()
    with tenancy.tenant(story.merchant.pk):
        tills.redeem(
            merchant_id=story.merchant.pk, at=shops.now(), actor=Actor.key("Till 2"), code=used.code, key="k"
        )
    assert len(story.rows(EntitlementUse)) == 1

    till.page.context.set_offline(False)
    expect(queue).to_contain_text("This code was used already.")
    expect(queue).to_contain_text("¥10.00 off")
    wrong += violations(till)
    till.link("Open the cashier's page").click()
    expect(queue).to_contain_text("Redeemed")
    till.button("Undo redemption").first.click()

    expect(till.page.locator("#messages")).to_contain_text("The redemption is taken back.")
    assert len(till.page.evaluate(ON_THE_DEVICE)) == 2
    till.page.set_viewport_size({"width": 1366, "height": 800})
    till.page.locator("details.user summary").click()
    till.page.locator("details.user").get_by_role("button", name="Sign out").click()
    till.page.wait_for_url("**/accounts/login/**")
    assert till.page.evaluate(ON_THE_DEVICE) == [], "what came of codes names members"

    assert [row.outcome for row in story.rows(QueuedCode)] == ["redeemed", "used"]
    assert [(row.action, row.entitlement_id) for row in story.rows(EntitlementUse)] == [
        ("redeem", used.pk),
        ("redeem", good.pk),
        ("undo", good.pk),
    ]
    assert [row.state for row in story.rows(Entitlement)] == ["issued", "redeemed", "issued"]
    assert not wrong, "\n".join(wrong)


def test_a_redemption_that_got_no_answer_is_queued_under_the_forms_own_key(arrive: Arrive):
    story = a_shop("open")
    (mine,) = codes_of(story, 1)
    till = arrive(story.cashier, width=390)
    queue = till.page.locator("[data-till]")
    till.go("/benefits/cashier/")
    till.page.evaluate("navigator.serviceWorker.ready.then(() => caches.keys())")
    till.go(f"/benefits/cashier/?code={mine.code}")
    once = till.page.locator("[data-redeem-form] [name=once]").input_value()

    def lost(route) -> None:
        if route.request.method != "POST":
            route.continue_()
            return
        route.fetch()  # it arrives, and its answer is lost
        route.abort()

    till.page.context.route("**/benefits/cashier/**", lost)
    till.button("Redeem code").click()
    expect(queue).to_contain_text("Sent, and no answer came.")
    expect(till.button("Do not redeem")).to_have_count(0)
    till.page.context.unroute("**/benefits/cashier/**")
    expect(queue).to_contain_text("Redeemed")

    (use,), (row,) = story.rows(EntitlementUse), story.rows(QueuedCode)
    assert (use.key, row.key, row.use_id) == (f"key:page-{once}", once, use.pk)
    till.said.clear()  # the browser says that the answer was lost


def test_what_one_person_took_waits_for_that_person(arrive: Arrive):
    story = a_shop("open")
    (mine,) = codes_of(story, 1)
    till = arrive(story.cashier)
    queue = till.page.locator("[data-till]")
    till.go("/benefits/cashier/")
    till.page.evaluate("navigator.serviceWorker.ready.then(() => caches.keys())")
    till.page.context.set_offline(True)
    take(till, mine.code)
    expect(queue).to_contain_text("1 waiting")

    sign_in(till.page.context, till.site, story.owner, as_admin=False)
    till.page.context.set_offline(False)
    expect(queue).to_contain_text("sign in as cashier@shop.example at Swallow Valley")
    till.go("/benefits/cashier/")
    expect(queue).to_contain_text("Waiting for cashier@shop.example at Swallow Valley to sign in: 1")
    assert mine.code[:5] not in queue.inner_text() and not story.rows(EntitlementUse)
    till.page.locator("details.user summary").click()
    till.page.locator("details.user").get_by_role("button", name="Sign out").click()
    till.page.wait_for_url("**/accounts/login/**")
    assert till.page.evaluate("caches.keys()") == []

    sign_in(till.page.context, till.site, story.cashier, as_admin=False)
    till.go("/benefits/cashier/")
    expect(queue).to_contain_text("Redeemed")
    (use,) = story.rows(EntitlementUse)
    assert use.by_id == story.cashier.pk


def test_a_code_is_sent_with_the_place_at_which_it_was_taken_after_a_new_sign_in(arrive: Arrive):
    story = a_shop("open")
    (mine,) = codes_of(story, 1, {"scenes": ["dinner"]})
    till = arrive(story.cashier)
    queue = till.page.locator("[data-till]")
    till.go(f"/benefits/cashier/?code={mine.code}")
    till.page.get_by_role("textbox", name="Scene").fill("dinner")
    till.button("Keep").click()
    till.go("/benefits/cashier/")
    till.page.evaluate("navigator.serviceWorker.ready.then(() => caches.keys())")
    till.page.context.set_offline(True)
    take(till, mine.code)
    expect(queue).to_contain_text("1 waiting")

    sign_in(till.page.context, till.site, story.cashier, as_admin=False)  # a session that knows no place
    till.page.context.set_offline(False)

    expect(queue).to_contain_text("Redeemed")
    (use,) = story.rows(EntitlementUse)
    assert use.by_id == story.cashier.pk
