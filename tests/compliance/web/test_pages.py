"""Home, status, evidence and notices in every state; what a clearance locks and leaves."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.models import Program
from tests.compliance.web.conftest import Shop, old, staff

PAGES = ("/", "/compliance/", "/compliance/evidence/", "/compliance/notices/", "/compliance/evidence.csv")
AT_RISK = "2026-06-08 10:20"


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


def text(client, path):
    """A page's HTML, with typographic marks as they are written in the source."""
    return client.get(path).content.decode().replace("&#x27;", "'")


def in_state(shop, clock, state):
    """Bring a shop into a state and the clock to it."""
    moments = {
        "open": AT_RISK,
        "observing": "2026-04-25 10:00",
        "at_risk": AT_RISK,
        "final_notice": "2026-06-24 10:00",
    }
    if state == "draft":
        clock("2025-06-01 10:00")
        return
    old(shop)
    if state == "open":
        shop.publish("2026-04-01 09:00")
    if state == "closed":
        shop.close("2026-05-02 09:00")
    if state == "restored":
        shop.protect("2026-06-05 12:00", "2026-07-05 12:00")
    if state == "cleared":
        shop.assess("2026-05-31", "2026-06-16")
        shop.run("2026-06-30")
    clock(moments.get(state, "2026-07-02 10:00" if state == "cleared" else AT_RISK))


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("draft", "Not open yet"),
        ("open", "In good standing"),
        ("observing", "Observed"),
        ("at_risk", "At risk"),
        ("final_notice", "Final notice"),
        ("closed", "Closed by the shop"),
        ("restored", "Restored"),
        ("cleared", "Closed by a clearance"),
    ],
)
def test_every_page_is_reachable_in_every_state_and_names_it(owner, shop, clock, state, word):
    in_state(shop, clock, state)

    for path in PAGES:
        assert owner.get(path).status_code == 200, path
    assert word in text(owner, "/")
    assert word in text(owner, "/compliance/")


@pytest.mark.parametrize("role", ["manager", "operator", "analyst"])
def test_every_role_but_the_cashiers_reads_home_and_status(client, shop, clock, role):
    in_state(shop, clock, "at_risk")
    client.force_login(staff(shop, role, role))

    for path in ("/", "/compliance/", "/compliance/notices/"):
        assert client.get(path).status_code == 200
    assert "Member GMV share" in text(client, "/")


def test_a_cashier_is_told_nothing_of_compliance(client, shop, clock):
    in_state(shop, clock, "at_risk")
    client.force_login(staff(shop, "cashier", "cashier"))

    assert client.get("/")["Location"] == "/benefits/cashier/"
    for path in ("/compliance/", "/compliance/rules/", "/compliance/notices/", "/compliance/final-notice"):
        assert client.get(path).status_code == 403
    page = client.get("/benefits/cashier/").content.decode()
    assert "Program at risk" not in page and "/compliance/" not in page


def test_an_open_program_has_pages_before_the_platform_is_installed(owner, cast, clock):
    Shop(cast.shop).open("2025-08-01 10:00")
    clock(AT_RISK)

    for path in PAGES:
        assert owner.get(path).status_code == 200, path


def test_a_visitor_is_asked_to_sign_in(client, shop):
    for path in PAGES:
        assert client.get(path)["Location"].startswith("/accounts/login/"), path


class TestStatus:
    """Both dates, the rule with its version, the strip, one line a benefit."""

    def test_both_dates_and_the_days_left(self, owner, shop, clock):
        in_state(shop, clock, "at_risk")

        html = text(owner, "/compliance/")

        assert "22<small>days</small>" in html
        assert "<b>06-21</b>" in html and "<b>06-30 23:00</b>" in html
        assert "77 days without" in html

    def test_the_rule_in_plain_words_with_its_version(self, owner, shop, clock):
        in_state(shop, clock, "at_risk")

        html = text(owner, "/compliance/")

        assert "is closed at a monthly run when, in the" in html
        assert "Draws don't count." in html
        assert "version 1" in html

    def test_each_benefit_counts_or_says_why_not(self, owner, shop, clock):
        old(shop)
        shop.publish("2026-05-01 09:00", kind="lucky_draw", name="May draw", settings=draw())
        shop.publish("2026-05-02 09:00", name="Sold out", stock=0)
        clock(AT_RISK)

        html = text(owner, "/compliance/")

        assert "Counts for 12 days" in html  # 03-11 to 03-22
        assert "Kind not counted" in html
        assert "Nobody can use it" in html

    def test_a_stretch_too_short_says_so(self, owner, shop, clock):
        old(shop)
        shop.publish("2026-05-03 09:00", until="2026-05-05", name="Two days")
        clock(AT_RISK)

        html = text(owner, "/compliance/")

        assert "Too short" in html  # publishing it counts no more than it does
        assert "Counts for 1 day" not in html

    def test_the_cleared_programs_evidence_is_that_of_its_run(self, owner, shop, clock):
        in_state(shop, clock, "cleared")

        html = text(owner, "/compliance/")

        assert "2026-04-02" in html and "0 with, 90 without" in html  # the 90 days up to 06-30
        assert "It can be opened again from" in html
        assert "2026-07-30 23:00" in html

    def test_receipts_name_who_saw_it(self, owner, shop, clock):
        old(shop)
        shop.assess("2026-05-31")
        clock("2026-05-31 09:12")
        owner.get("/")

        html = text(owner, "/compliance/")

        assert "In-app inbox" in html and "30 days before the run of" in html
        assert "Owner seen <time" in html
        assert 'Next: <time datetime="2026-06-16">2026-06-16</time> (14 days before)' in html

    def test_opening_the_notices_is_seeing_the_inbox(self, owner, shop, clock):
        old(shop)
        shop.assess("2026-05-31")
        clock("2026-05-31 09:12")

        for _ in range(2):
            html = text(owner, "/compliance/notices/")

        assert "Warning 30 days before the run of 2026-06-30" in html
        assert ("Owner", "inbox", "seen") in shop.receipts()

    def test_evidence_as_a_file(self, owner, shop, clock):
        old(shop)
        shop.publish("2026-05-02 09:00", until="2026-08-01", name="=cmd|x")
        clock(AT_RISK)

        answer = owner.get("/compliance/evidence.csv")

        assert answer["Content-Type"].startswith("text/csv")
        rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert len(rows) == 3
        by_name = {row[0]: row for row in rows[1:]}
        assert by_name["99 less 10"][3] == "12"
        assert by_name["'=cmd|x"][5:] == ["2026-05-02T09:00:00+08:00", "2026-08-01T00:00:00+08:00"]

    def test_every_run_leaves_its_decision(self, owner, shop, clock):
        in_state(shop, clock, "cleared")

        html = text(owner, "/compliance/evidence/")

        assert "2026-06" in html and "Cleared" in html and "No qualifying benefit" in html
        assert "2026-05-31 04:00" in html  # warned in time


class TestCleared:
    """The four functions show a lock and an explaining page; the rest stays reachable."""

    def test_a_locked_page_explains_and_leads_on(self, owner, shop, clock):
        in_state(shop, clock, "cleared")

        answer = owner.get("/members/")

        html = answer.content.decode()
        assert answer.status_code == 403
        assert "the program was closed by a clearance" in html
        assert "appeal until" in html and "2026-07-20" in html
        assert 'href="/compliance/"' in html
        assert "Open program again" not in html

    def test_after_the_wait_a_manager_can_open_it_again(self, owner, shop, clock):
        in_state(shop, clock, "cleared")
        clock("2026-07-30 23:30")

        html, home = text(owner, "/members/"), text(owner, "/")
        answer = owner.post("/program/open")

        assert "Open program again" in html
        assert "Open the program again" in home
        assert answer.status_code == 302
        assert owner.get("/members/").status_code == 200
        assert "Program closed on" not in text(owner, "/compliance/")

    def test_before_the_wait_is_over_it_stays_closed(self, owner, shop, clock):
        in_state(shop, clock, "cleared")

        answer = owner.post("/program/open")

        assert answer.status_code == 422
        assert "can be reopened after a wait" in answer.content.decode()
        assert owner.get("/members/").status_code == 403

    def test_an_operator_is_not_offered_to_open_it(self, client, shop, clock):
        in_state(shop, clock, "cleared")
        clock("2026-07-30 23:30")
        client.force_login(staff(shop, "operator", "operator"))

        assert "Open program again" not in text(client, "/members/")


class TestHome:
    """State, figures, steps; a draft opens from here."""

    def test_a_draft_opens_in_two_acts_with_defaults(self, owner, shop, clock):
        clock("2025-06-01 10:00")
        assert '/program/#open"' in text(owner, "/")

        owner.post("/program/open", {"next": "/"})

        html = text(owner, "/")
        assert "Set up your program" not in html
        assert "New programs are protected until" in html

    def test_the_guide_has_five_tasks_until_it_is_open(self, owner, shop, clock):
        clock("2025-06-01 10:00")

        html = text(owner, "/")

        assert html.count("<li") >= 5 and "Five tasks, in any order" in html

    def test_a_good_standing_is_said_with_its_date(self, owner, shop, clock):
        shop.open("2025-08-01 10:00")
        shop.publish("2026-01-15 09:00", until="2026-09-01")
        clock(AT_RISK)

        html = text(owner, "/")

        assert (
            "In good standing. 1 qualifying benefit live; with what is set up now, no clearance before"
            in html
        )
        assert "2026-11-30" in html

    def test_what_to_do_is_the_cure_when_at_risk(self, owner, shop, clock):
        in_state(shop, clock, "at_risk")

        html = text(owner, "/")

        assert "Publish one qualifying benefit" in html
        assert 'href="#cure"' in html

    def test_an_ending_benefit_asks_for_a_successor(self, owner, shop, clock):
        shop.open("2025-08-01 10:00")
        shop.publish("2026-01-15 09:00", until="2026-06-20")
        clock(AT_RISK)

        assert "The last qualifying benefit ends on 06-20" in text(owner, "/")

    def test_the_share_as_a_file(self, owner, shop, clock):
        in_state(shop, clock, "at_risk")

        rows = owner.get("/share.csv").content.decode("utf-8-sig").splitlines()

        assert rows[0] == 'Day,"Member GMV share, %"'
        assert len(rows) == 91

    def test_the_number_of_queries_does_not_grow(self, owner, shop, clock):
        in_state(shop, clock, "at_risk")
        owner.get("/")
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                owner.get("/")
            counts.append(len(queries))
            for n in range(5):
                shop.publish("2026-05-02 09:00", kind="lucky_draw", name=f"Draw {n}", settings=draw())

        assert counts[0] == counts[1]


def draw():
    """A lawful draw."""
    return {"prizes": [{"name": "Mug", "count": 3, "value_minor": 2000}], "terms": "One ticket each."}


def test_another_shop_sees_nothing_of_it(client, shop, cast, clock):
    old(shop)
    shop.assess("2026-05-31")
    clock(AT_RISK)
    client.force_login(cast.outsider)

    for path in PAGES:
        html = text(client, path)
        assert "99 less 10" not in html and "2026-06-30" not in html, path


def test_home_says_what_expires_soon_until_the_figure_is_old(owner, shop, clock):
    old(shop)
    clock(AT_RISK)
    found = {"on": "2026-06-08", "until": "2026-07-08", "members": 2, "points": 4500, "days": [], "more": 0}
    assert "expire by" not in text(owner, "/")
    with tenancy.tenant(shop.pk), transaction.atomic():
        Program.objects.filter(pk=shop.pk).update(points_expiring=found)

    html = text(owner, "/")
    assert "4,500 points of 2 members expire by 07-08" in html and "As of 06-08." in html

    clock("2026-06-11 10:00")
    assert "expire by" not in text(owner, "/")
