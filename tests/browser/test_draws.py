"""A draw in a browser: published by the form, entered by staff, verified by anyone, a changed proof refused."""

from __future__ import annotations

import datetime as dt
import json

from django.db import transaction
from playwright.sync_api import expect

from benefits.lib import draws as rule
from benefits.models import Draw
from benefits.services import drawing
from members.lib import tenant as tenancy
from members.models import Member
from tests.browser.conftest import Arrive
from tests.browser.stories import a_shop
from tests.browser.test_pages import violations

SEED = "cd" * 32
AFTER = dt.datetime(2100, 1, 2, tzinfo=dt.UTC)


def forgeries(raw: bytes) -> dict[str, bytes]:
    """Changed proofs by the step that is to find them; each but the first two ends in the digest that fits it."""
    proof = json.loads(raw)
    fields = {
        "formula": {"formula": "liushui-draw-2"},
        "commitment": {"seed": SEED},
        "rules_hash": {"rules": proof["rules"] | {"terms": "Others."}},
        "root": {"entrants": proof["entrants"][1:]},
        "winners": {"winners": proof["winners"][:1]},
    }
    other = {"seed": SEED, "commitment": rule.commitment_of(SEED)}
    won = rule.winners(
        seed=SEED, root=proof["root"], rules_hash=proof["rules_hash"], entrants=proof["entrants"],
        prizes=proof["rules"]["prizes"],
    )  # fmt: skip
    fields["published"] = other | {
        "winners": [list(each) for each in won]
    }  # whole, and not what was published
    found = {
        "canonical": raw.replace(b'"entrants":', b'"entrants": '),
        "digest": rule.proof_bytes(proof | {"digest": "0" * 64}),
    }
    for step, change in fields.items():
        forged = {name: value for name, value in (proof | change).items() if name != "digest"}
        found[step] = rule.proof_bytes(forged | {"digest": rule.sha(rule.canonical(forged))})
    return found


def test_a_draw_is_published_entered_and_checked_at_390_px_and_a_changed_proof_is_refused(
    arrive: Arrive, tmp_path
):
    story = a_shop("open")
    owner = arrive(story.owner)
    owner.go("/benefits/new/lucky_draw/")
    for name, text in {
        "name": "Spring draw", "to_at": "2099-12-31", "terms": "One entry each.", "prize_1": "Tea", "count_1": "3",
        "value_1": "88",
    }.items():  # fmt: skip
        owner.page.locator(f"[name={name}]").fill(text)
    owner.button("Publish benefit").click()
    expect(owner.page.get_by_role("heading", name="Draw", exact=True)).to_be_visible()
    expect(owner.page.get_by_text("Draws do not count").first).to_be_visible()
    wrong = violations(owner)
    with tenancy.tenant(story.merchant.pk), transaction.atomic():
        members = list(Member.objects.of(story.merchant).filter(status="active").order_by("pk")[:2])
    for member in members:
        owner.go(f"/members/{member.public_id}")
        owner.link("Enter in a draw").click()
        owner.page.locator("[name=benefit]").select_option(label="Spring draw")
        owner.button("Enter member").click()
        expect(owner.page.locator("#messages")).to_contain_text("The member is entered")
    with tenancy.platform():
        assert drawing.draw_due(at=AFTER) == 1
    (draw,) = story.rows(Draw)

    anyone = arrive(None, width=390)
    anyone.go(f"/draws/{story.merchant.slug}/{draw.public_id}/verify")
    anyone.button("Check the published proof").click()
    result = anyone.page.locator("[data-result]")
    expect(result).to_have_text("The proof is right: 2 winners among 2 entries follow from the seed.")
    anyone.page.locator("[name=member]").fill(members[0].public_id)
    anyone.button("Look me up").click()
    expect(anyone.page.locator("[data-found]")).to_contain_text("In the list, won Tea:")
    assert not anyone.has_sideways_scroll()
    wrong += violations(anyone)

    raw = anyone.page.request.get(
        f"{anyone.site}/draws/{story.merchant.slug}/{draw.public_id}/proof.json"
    ).body()
    refused = {}
    for what, forged in forgeries(raw).items():
        file = tmp_path / f"{what}.json"
        file.write_bytes(forged)
        anyone.page.locator("[type=file]").set_input_files(file)
        expect(result).to_contain_text("The proof is refused.")
        refused[what] = anyone.page.locator("tr:has(.chip-critical)").get_attribute("data-step")
        anyone.page.locator("[type=file]").set_input_files([])
    assert refused == {what: what for what in refused} and len(refused) == 8
    assert not wrong, wrong
