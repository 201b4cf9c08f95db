"""The banner on every page, in every state; the popup; the final notice."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from compliance.lib.state import State
from compliance.selectors.glance import Appeal, Glance
from compliance.web import banner
from members.lib import tenant as tenancy
from members.models import Program, Staff
from tests.compliance.web.conftest import old, staff, when

AT_RISK = "2026-06-08 10:20"
FINAL = "2026-06-24 10:00"


def shown(client, path="/settings/me"):
    """The text of the banner on a page, "" when there is none; a final notice is read first."""
    answer = client.get(path)
    if answer.status_code == 302:
        answer = client.post("/compliance/final-notice", {"next": path}, follow=True)
    html = answer.content.decode()
    found = re.search(r'<div id="compliance-banner">(.*?)</section>', html, re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split()) if found else ""


def warned(shop):
    """At risk of the run of 2026-06-30 and warned of it in time; nobody has read anything."""
    old(shop)
    shop.assess("2026-05-31")


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def test_a_draft_says_how_many_steps_are_left(owner, shop, clock):
    clock("2025-06-01 10:00")

    assert "Your program isn't open yet. 5 steps left." in shown(owner).replace("&#x27;", "'")


def test_a_new_program_is_protected_until_it_is_half_a_year_old(owner, shop, clock):
    shop.open("2025-08-01 10:00")

    clock("2025-08-20 10:00")

    text = shown(owner)
    assert "New programs are protected until 2026-02-02. Publish a first benefit before then." in text


def test_a_program_uncovered_for_a_month_is_observed(owner, shop, clock):
    old(shop)

    clock("2026-04-25 10:00")

    text = shown(owner)
    assert "No qualifying benefit for 33 days." in text
    assert "Nothing changes yet; after 90 days the program can be closed." in text


def test_at_risk_names_days_and_date_and_cannot_be_hidden(owner, shop, clock):
    old(shop)

    clock(AT_RISK)

    html = owner.get("/settings/me").content.decode()
    text = shown(owner).replace("&#x27;", "'")
    assert "Program at risk: 22 days left." in text
    assert "Publish one qualifying benefit before 2026-06-30 , or it closes in that day's run." in text
    assert "Draws don't count." in text
    assert "banner-warning" in html
    assert "/compliance/banner/hide" not in html


@pytest.mark.parametrize(
    ("time", "left"),
    [
        ("2026-06-24 10:00", "6 days from now"),
        ("2026-06-27 23:00", "3 days from now"),
        ("2026-06-27 23:01", "71 hours from now"),
        ("2026-06-30 21:59", "1 hour from now"),
        ("2026-06-30 22:30", "30 minutes from now"),
    ],
)
def test_the_final_notice_counts_days_then_hours_rounded_down(owner, shop, clock, time, left):
    warned(shop)

    clock(time)

    assert f"Final notice: the program closes at 2026-06-30 23:00, {left}." in shown(owner)


def test_the_time_of_the_run_is_the_platforms_also_for_a_shop_elsewhere(owner, shop, cast, clock):
    warned(shop)
    with tenancy.platform(), transaction.atomic():
        type(cast.shop).objects.filter(pk=cast.shop.pk).update(timezone="America/New_York")

    clock(FINAL)

    assert "closes at 2026-06-30 23:00 (Beijing time)" in shown(owner)


def test_a_cleared_program_says_why_under_which_rule_and_what_is_left(owner, shop, clock):
    old(shop)
    shop.assess("2026-05-31", "2026-06-16")
    shop.run("2026-06-30")

    clock("2026-07-02 10:00")

    text = shown(owner)
    assert "Program closed on 2026-06-30: 99 days without a qualifying benefit (rule v1)." in text
    assert "You can still export data, refund paid members and appeal until 2026-07-20." in text


def test_a_restored_program_is_protected(owner, shop, clock):
    old(shop)
    shop.protect("2026-06-05 12:00", "2026-07-05 12:00")

    clock(AT_RISK)

    text = shown(owner)
    assert "Program restored on 2026-06-05." in text
    assert "Members, tiers and points are back as they were. Protected until 2026-07-05." in text
    assert 'href="/program/closures"' in owner.get("/settings/me").content.decode()


def test_a_good_standing_has_no_banner(owner, shop, clock):
    shop.open("2025-08-01 10:00")
    shop.publish("2026-01-15 09:00")

    clock(AT_RISK)

    assert shown(owner) == ""


@pytest.mark.parametrize(
    ("status", "level", "words"),
    [
        ("open", "info", "Appeal A-7 accepted; decision by 2026-07-08. No clearance meanwhile."),
        ("cleared", "critical", "The program is still closed. Appeal A-7 accepted; decision by 2026-07-08."),
    ],
)
def test_a_pending_appeal_is_said(english, status, level, words):
    found = Glance(
        at=when(AT_RISK),
        program=Program(status=status, merchant_id=1),
        state=State.APPEALING,
        appeal=Appeal(reference="A-7", decision_by=dt.date(2026, 7, 8)),
    )

    made = banner.banner(found, role="owner")

    assert made["level"] == level
    assert f"{made['lead']} {made['text']}" == words


def test_an_informing_banner_can_be_hidden_for_the_day(owner, shop, clock):
    old(shop)
    clock("2026-04-25 10:00")

    answer = owner.post("/compliance/banner/hide", {"next": "/settings/me"})

    assert answer["Location"] == "/settings/me"
    assert shown(owner) == ""
    clock("2026-04-26 10:00")
    assert "No qualifying benefit for 34 days." in shown(owner)


def test_a_warning_cannot_be_hidden(owner, shop, clock):
    old(shop)
    clock(AT_RISK)

    owner.post("/compliance/banner/hide", {"next": "/settings/me"})

    assert "Program at risk" in shown(owner)


def test_hiding_leads_to_no_other_site(owner, shop, clock):
    clock(AT_RISK)

    answer = owner.post("/compliance/banner/hide", {"next": "https://example.com/"})

    assert answer["Location"] == "/"


def become_analyst(client, cast):
    with tenancy.platform(), transaction.atomic():
        Staff.objects.filter(user=cast.clerk).update(role="analyst")
    client.force_login(cast.clerk)


def test_an_analyst_is_not_offered_what_only_writers_may_do(client, shop, cast, clock):
    old(shop)
    clock(AT_RISK)
    become_analyst(client, cast)

    html = client.get("/settings/me").content.decode()

    assert "Program at risk" in html
    assert "#cure" not in html


def test_the_banner_costs_every_page_one_query(owner, shop, clock):
    old(shop)
    clock(AT_RISK)
    owner.get("/settings/me")  # receipts of the first look

    with CaptureQueriesContext(
        connection,
    ) as queries:
        owner.get("/settings/me")

    own = [q["sql"] for q in queries if "compliance_" in q["sql"] or "benefits_coverage" in q["sql"]]
    assert len(own) == 1


def test_a_piece_does_not_pay_for_the_banner(owner, shop, clock):
    old(shop)
    clock(AT_RISK)

    with CaptureQueriesContext(connection) as queries:
        owner.get("/members/", headers={"HX-Request": "true"})

    assert not [q for q in queries if "compliance_" in q["sql"]]


def test_other_shops_banner_is_their_own(client, shop, cast, clock):
    old(shop)
    clock(AT_RISK)
    client.force_login(cast.outsider)

    assert "isn" in shown(client) and "Program at risk" not in shown(client)


def test_a_warning_that_comes_too_late_is_not_called_final(owner, shop, clock):
    old(shop)

    clock(FINAL)  # nobody was warned

    text = shown(owner)
    assert "No qualifying benefit, and the next run is on 2026-06-30." in text
    assert "You were not warned 14 days before it, so that run leaves the decision to the one after." in text


class TestPopup:
    """Once a person and warning, never over unsaved work; receipts of who was shown it and who read it."""

    @pytest.fixture
    def warned(self, shop, clock):
        old(shop)
        shop.assess("2026-05-31")
        clock("2026-05-31 09:00")
        return shop

    def test_a_warning_pops_up_once_a_person(self, client, warned, cast, clock):
        clerk, owner = client, type(client)(headers={"accept-language": "en"})
        become_analyst(clerk, cast)
        owner.force_login(cast.owner)

        assert "data-popup" in owner.get("/settings/me").content.decode()
        assert "data-popup" not in owner.get("/settings/me").content.decode()
        assert "data-popup" in clerk.get("/settings/me").content.decode()

        assert warned.receipts() == [
            ("Clerk", "banner", "seen"),
            ("Clerk", "popup", "seen"),
            ("Owner", "banner", "seen"),
            ("Owner", "popup", "seen"),
        ]

    def test_the_next_warning_pops_up_again(self, owner, warned, clock):
        owner.get("/settings/me")
        warned.assess("2026-06-16")

        clock("2026-06-16 09:00")

        assert "data-popup" in owner.get("/settings/me").content.decode()

    def test_a_form_that_came_back_with_errors_is_not_covered(self, owner, warned):
        answer = owner.post("/settings/me", {"name": "", "language": "xx"})

        assert answer.status_code == 422
        assert "data-popup" not in answer.content.decode()
        assert ("Owner", "popup", "seen") not in warned.receipts()

    def test_reading_it_is_stored_and_leads_on(self, owner, warned):
        owner.get("/settings/me")
        notice = warned.notices()[0].public_id

        answer = owner.post("/compliance/receipts", {"notice": notice, "go": "", "next": "/settings/me"})

        assert answer.status_code == 302 and answer["Location"] == "/settings/me"
        assert ("Owner", "popup", "acknowledged") in warned.receipts()

    def test_its_button_leads_to_the_cure(self, owner, warned):
        notice = warned.notices()[0].public_id

        answer = owner.post("/compliance/receipts", {"notice": notice, "go": "/compliance/#cure"})

        assert answer["Location"] == "/compliance/#cure"

    def test_a_script_gets_no_page(self, owner, warned):
        notice = warned.notices()[0].public_id

        answer = owner.post("/compliance/receipts", {"notice": notice}, headers={"HX-Request": "true"})

        assert answer.status_code == 204

    def test_another_shops_notice_is_not_found(self, client, warned, cast):
        client.force_login(cast.outsider)
        before = warned.receipts()

        answer = client.post("/compliance/receipts", {"notice": warned.notices()[0].public_id})

        assert answer.status_code == 404
        assert warned.receipts() == before

    def test_it_leads_to_no_other_site(self, owner, warned):
        notice = warned.notices()[0].public_id

        answer = owner.post(
            "/compliance/receipts", {"notice": notice, "go": "//example.com", "next": "https://x.y"}
        )

        assert answer["Location"] == "/"


class TestFinalNotice:
    """A full page once a person, whose acknowledgement is the proof of notice; then on to the page asked for."""

    @pytest.fixture
    def noticed(self, shop, clock):
        old(shop)
        shop.assess("2026-05-31", "2026-06-16", "2026-06-23")
        clock(FINAL)
        return shop

    def test_it_stands_before_the_page_asked_for(self, owner, noticed):
        answer = owner.get("/settings/me?a=1")

        assert answer.status_code == 302
        assert answer["Location"] == "/compliance/final-notice?next=%2Fsettings%2Fme%3Fa%3D1"
        assert noticed.receipts() == []

    def test_the_page_says_when_and_what_stops(self, owner, noticed):
        html = owner.get("/compliance/final-notice?next=/settings/me").content.decode()

        assert "Final notice: the program closes at 2026-06-30 23:00, 6 days from now." in html
        assert "Member data, recruitment, benefits and outreach will stop." in html
        assert noticed.receipts() == [("Owner", "inbox", "seen")]

    def test_reading_it_is_proof_and_leads_on_and_it_never_comes_back(self, owner, noticed, clock):
        answer = owner.post("/compliance/final-notice", {"next": "/settings/me", "go": ""})

        assert answer["Location"] == "/settings/me"
        assert noticed.receipts() == [("Owner", "inbox", "acknowledged")]
        assert owner.get("/settings/me").status_code == 200
        noticed.assess("2026-06-27")
        clock("2026-06-27 09:00")
        assert owner.get("/settings/me").status_code == 200

    def test_every_person_reads_it_for_themselves(self, client, owner, noticed, cast):
        owner.post("/compliance/final-notice", {"next": "/"})
        clerk = type(client)()
        become_analyst(clerk, cast)

        assert clerk.get("/settings/me").status_code == 302

    def test_a_piece_and_a_form_are_not_interrupted(self, owner, noticed):
        assert owner.get("/members/", headers={"HX-Request": "true"}).status_code == 200
        assert owner.post("/settings/me", {"name": "", "language": "xx"}).status_code == 422

    def test_without_a_final_notice_the_page_leads_on(self, owner, shop, clock):
        clock(AT_RISK)

        assert owner.get("/compliance/final-notice?next=/settings/me")["Location"] == "/settings/me"

    def test_an_operator_may_publish_from_it_and_an_analyst_may_not(self, client, noticed):
        pages = {}
        for role in ("operator", "analyst"):
            client.force_login(staff(noticed, role, role))
            pages[role] = client.get("/compliance/final-notice").content.decode()

        assert "#cure" in pages["operator"]
        assert "#cure" not in pages["analyst"]
