"""The ladder's simulator, the tier flow and tiers by hand, over HTTP and without a script."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.db import transaction
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import Role, RulesVersion, Staff, TierLift, TierMove, TierStanding
from members.services import point_rules, rules, tier_lifts, tier_rules
from members.services.audit import Actor
from members.web import tier_simulation
from tests.factories import ledger
from tests.members.web.test_program import BASE, ladder_form

DAY = dt.timedelta(days=1)
GOLD = {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000}}


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def people(cast):
    """Three members of silver and gold, of a ladder that began a year ago."""
    at = timezone.now() - 380 * DAY
    ledger.open_shop(cast.shop, at)
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        tier_rules.configure(merchant_id=cast.shop.pk, at=at, actor=ledger.JOB, ladder=[*ledger.LADDER, GOLD])
    found = [ledger.join(cast.shop, at, f"u{n}") for n in range(3)]
    for n, (member, amount) in enumerate(zip(found, (90_000, 150_000, 600_000), strict=True)):
        ledger.buy(cast.shop, member, f"o{n}", timezone.now() - 20 * DAY, amount)
    return found


LADDER = (("base", "Member", "", ""), ("silver", "Silver", "800", ""), ("gold", "Gold", "7000", ""))


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def versions(shop) -> int:
    with tenancy.tenant(shop.pk), transaction.atomic():
        return RulesVersion.objects.of(shop.pk).count()


def tiers_of(shop) -> list[str]:
    with tenancy.tenant(shop.pk), transaction.atomic():
        rows = TierStanding.objects.of(shop.pk).order_by("member_id")
        return [str(row.tier) for row in rows.select_related("tier")]


def test_a_change_is_simulated_first_and_saved_from_its_result(owner, cast, people):
    page = owner.get("/program/tiers").content.decode()
    assert 'name="simulate" value="1" class="btn btn-primary"' in page and 'name="save"' not in page
    before = versions(cast.shop)

    simulated = owner.post("/program/tiers", ladder_form(*LADDER) | {"simulate": "1"})

    assert simulated.status_code == 200 and versions(cast.shop) == before
    text = text_of(simulated)
    assert "1 member rises at once." in text
    assert "0 members fall because of this change" in text
    assert "2 members fall with or without this change." in text  # by then their orders have left the window
    assert "Member → Silver" in text and "Gold → Member" in text
    assert tiers_of(cast.shop) == ["Silver", "Gold"]
    hidden = dict(
        re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', simulated.content.decode())
    )
    assert {"t1-spend_minor": "800", "t2-spend_minor": "7000"}.items() <= hidden.items()

    editing = owner.post("/program/tiers", hidden | {"edit": "1"}).content.decode()
    assert 'value="800"' in editing and versions(cast.shop) == before
    assert owner.post("/program/tiers", hidden | {"save": "1"}).status_code == 302
    assert versions(cast.shop) == before + 1
    assert sorted(tiers_of(cast.shop)) == ["Gold", "Silver", "Silver"]


def test_what_is_in_force_is_told_to_change_nothing_and_saving_it_says_so(owner, cast, people):
    same = ladder_form(
        ("base", "Member", "", ""), ("silver", "Silver", "1000", ""), ("gold", "Gold", "5000", "")
    )
    before = versions(cast.shop)

    told = text_of(owner.post("/program/tiers", same | {"simulate": "1"}))
    saved = text_of(owner.post("/program/tiers", same | {"save": "1"}, follow=True))

    assert "Nothing changes: these tiers are in force already." in told and "Nobody moves." in told
    assert "These tiers were in force already: nobody moved." in saved
    assert versions(cast.shop) == before


def test_a_large_program_is_lifted_by_a_worker_and_the_page_tells_how_far_it_is(
    owner, cast, people, monkeypatch
):
    monkeypatch.setattr(tier_lifts, "SMALL", 0)

    saved = owner.post("/program/tiers", ladder_form(*LADDER) | {"save": "1"})
    address = saved["Location"]
    under_way = owner.get(address)
    piece = owner.get(address, HTTP_HX_REQUEST="true")
    warned = text_of(owner.post("/program/tiers", ladder_form(*LADDER) | {"simulate": "1"}))

    assert address.startswith("/program/tiers/changes/") and tiers_of(cast.shop) == ["Silver", "Gold"]
    assert "You may close this page; the work goes on." in text_of(under_way)
    assert "HX-Refresh" not in piece and "<html" not in piece.content.decode()
    assert "Members are still being lifted by the last change." in warned
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        lift = TierLift.objects.of(cast.shop.pk).get(public_id=address.rsplit("/", 1)[1])
    with tenancy.tenant(cast.shop.pk):
        tier_lifts.work(merchant_id=cast.shop.pk, job_id=lift.pk, now=timezone.now)

    report = text_of(owner.get(address))
    assert sorted(tiers_of(cast.shop)) == ["Gold", "Silver", "Silver"]
    assert "Member → Silver 1" in report and "Reached by the new rules" in report
    assert owner.get(address, HTTP_HX_REQUEST="true")["HX-Refresh"] == "true"
    assert "What the change did" in text_of(owner.get("/program/tiers"))
    with (
        tenancy.tenant(cast.shop.pk),
        transaction.atomic(),
    ):  # an edit of the points alone does nothing to members
        point_rules.configure(
            merchant_id=cast.shop.pk, at=timezone.now(), actor=Actor.job("test"), per_major=Decimal(3)
        )
    assert address in owner.get("/program/tiers").content.decode()
    assert owner.get("/program/tiers/changes/none").status_code == 404
    owner.post(address + "/go-on")  # of what is done: said, nothing happens
    assert tiers_of(cast.shop) and owner.post("/program/tiers/changes/none/go-on").status_code == 404


def test_members_who_wait_are_told_of_whichever_edit_came_after(owner, cast, people, monkeypatch):
    monkeypatch.setattr(tier_lifts, "SMALL", 0)
    address = owner.post("/program/tiers", ladder_form(*LADDER) | {"save": "1"})["Location"]

    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        values = {"pending_days": 3}  # of points: nobody moves by it
        rules.new_version(merchant_id=cast.shop.pk, at=timezone.now(), actor=ledger.JOB, values=values)

    page = owner.get("/program/tiers")
    assert address in page.content.decode() and "Members are being lifted" in text_of(page)


def test_a_change_is_simulated_while_members_wait_in_a_tier_that_is_gone(owner, cast, people, monkeypatch):
    monkeypatch.setattr(tier_lifts, "SMALL", 0)
    monkeypatch.setattr(tier_simulation, "BENEFITS", [lambda *_: [("Coupon", "/coupon", ["base"])]])
    without_gold = ladder_form(*LADDER[:2], target_gold="silver")
    assert owner.post("/program/tiers", without_gold | {"save": "1"}).status_code == 302
    assert "Gold" in tiers_of(cast.shop)

    lower = [LADDER[0], ("silver", "Silver", "700", "")]
    told = owner.post("/program/tiers", ladder_form(*lower) | {"simulate": "1"})

    assert told.status_code == 200 and "Members are still being lifted" in text_of(told)
    assert "Gold → Silver" in text_of(told)


def test_a_tier_that_members_may_still_be_lifted_to_asks_where_they_go(owner, cast, people, monkeypatch):
    monkeypatch.setattr(tier_lifts, "SMALL", 0)
    black = ladder_form(*LADDER, ("black", "Black", "9000000", ""))
    assert owner.post("/program/tiers", black | {"save": "1"}).status_code == 302

    asked = owner.post("/program/tiers", ladder_form(*LADDER) | {"save": "1"})
    saved = owner.post("/program/tiers", ladder_form(*LADDER, target_black="gold") | {"save": "1"})

    assert asked.status_code == 422 and 'name="target_black"' in asked.content.decode()
    assert saved.status_code == 302


def test_everyone_who_moves_comes_as_csv(owner, cast, people):
    response = owner.post("/program/tiers/simulation.csv", ladder_form(*LADDER))

    lines = b"".join(response.streaming_content).decode("utf-8-sig").splitlines()
    assert len(lines) == 1 + 3  # one rises, both others fall if they buy nothing more
    assert {people[0].public_id, people[2].public_id} <= {line.split(",")[0] for line in lines[1:]}
    assert (
        owner.post("/program/tiers/simulation.csv", ladder_form(BASE, validity_months="0")).status_code == 302
    )


def test_a_change_in_error_is_not_simulated(owner, cast, people):
    wrong = (("base", "Member", "", ""), ("silver", "Silver", "800", ""), ("gold", "Gold", "700", ""))

    response = owner.post("/program/tiers", ladder_form(*wrong) | {"simulate": "1"})

    assert response.status_code == 422 and "less than the lower tier" in response.content.decode()


def test_a_tier_taken_out_needs_a_target_before_it_is_simulated(owner, cast, people):
    shorter = ladder_form(BASE, ("gold", "Gold", "5000", "")) | {"simulate": "1"}

    refused = owner.post("/program/tiers", shorter)
    told = owner.post("/program/tiers", shorter | {"target_silver": "base"})

    assert refused.status_code == 422 and "Choose where the members of Silver go." in refused.content.decode()
    assert "1 member of a tier taken out is moved at once." in text_of(told)
    assert "Silver → Member" in text_of(told)


def test_a_welcome_is_typed_kept_and_counted_as_a_cost(owner, cast, people):
    form = ladder_form(*LADDER) | {"t1-welcome": "50"}

    assert re.search(
        r"Points of welcomes, once \+50", text_of(owner.post("/program/tiers", form | {"simulate": "1"}))
    )
    owner.post("/program/tiers", form)

    assert 'name="t1-welcome" value="50"' in owner.get("/program/tiers").content.decode()


def test_the_tier_flow_counts_moves_by_cause_and_lists_who_moved(owner, cast, people):
    page = text_of(owner.get("/members/tier-flow"))
    assert "By an order 2 0" in page and "Member → Gold" in page

    down = text_of(owner.get("/members/tier-flow?way=down"))
    past = text_of(owner.get("/members/tier-flow?date_from=2020-01-01&date_to=2020-02-01"))
    lines = b"".join(owner.get("/members/tier-flow.csv").streaming_content).decode().splitlines()

    assert "Nobody moved in these days." in down and "Nobody moved in these days." in past
    assert len(lines) == 3
    assert owner.get("/members/tier-flow?date_from=9999-99-99&cause=moon&page=x").status_code == 200
    for days in ("date_to=0001-01-10", "date_from=0001-01-01&date_to=9999-12-31", "date_from=9999-12-31"):
        assert owner.get(f"/members/tier-flow?{days}").status_code == 200
        assert b"".join(owner.get(f"/members/tier-flow.csv?{days}").streaming_content)


def test_a_manager_sets_a_tier_by_hand_with_a_reason_and_an_analyst_does_not(owner, cast, people):
    address = f"/members/{people[0].public_id}/tier"
    until = (timezone.now() + 30 * DAY).date().isoformat()
    assert "For Silver: ¥900.00 of ¥1,000.00 spent in the last 365 days." in text_of(owner.get(address))

    nameless = owner.post(address, {"tier": "gold", "until": until, "reason": ""})
    done = owner.post(address, {"tier": "gold", "until": until, "reason": "opened the new branch"})

    assert nameless.status_code == 422 and done.status_code == 302
    page = text_of(owner.get(f"/members/{people[0].public_id}"))
    assert "opened the new branch" in page and f"Stays Gold until {until}." in page
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        assert TierMove.objects.of(cast.shop.pk).filter(cause="staff").count() == 1
    with tenancy.platform():
        Staff.objects.filter(user=cast.owner).update(role=Role.ANALYST)
    assert owner.get(address).status_code == 403


def test_a_fall_is_foretold_with_what_would_prevent_it(owner, cast, people):
    page = text_of(owner.get(f"/members/{people[2].public_id}"))

    assert "Gold is the highest tier." in page
    assert re.search(
        r"Falls to Member on 20\d\d-\d\d-\d\d, unless before then ¥5,000.00 more is spent.", page
    )


def test_of_two_editors_the_second_is_told_what_the_first_saved_and_keeps_what_was_typed(owner, cast, people):
    seen = re.search(r'name="seen" value="(\d+)"', owner.get("/program/tiers").content.decode())[1]
    first = ladder_form(("base", "Member", "", ""), ("silver", "Silver", "700", ""), LADDER[2])
    assert owner.post("/program/tiers", first | {"save": "1", "seen": seen}).status_code == 302
    before, held = versions(cast.shop), tiers_of(cast.shop)

    refused = owner.post("/program/tiers", ladder_form(*LADDER) | {"save": "1", "seen": seen})

    text = text_of(refused)
    assert refused.status_code == 422 and (versions(cast.shop), tiers_of(cast.shop)) == (before, held)
    assert cast.owner.email in text and "the ladder (Silver, Gold)" in text
    assert 'value="800"' in refused.content.decode()
    again = re.search(r'name="seen" value="(\d+)"', refused.content.decode())[1]
    assert int(again) == int(seen) + 1
    saved = owner.post("/program/tiers", ladder_form(*LADDER) | {"save": "1", "seen": again})
    assert saved.status_code == 302 and versions(cast.shop) == before + 1


def test_a_change_of_the_points_alone_refuses_no_editor_of_the_tiers(owner, cast, people):
    seen = re.search(r'name="seen" value="(\d+)"', owner.get("/program/tiers").content.decode())[1]
    ledger.configure(cast.shop, timezone.now(), pending_days=7)

    saved = owner.post("/program/tiers", ladder_form(*LADDER) | {"save": "1", "seen": seen})

    assert saved.status_code == 302
