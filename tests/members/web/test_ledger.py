"""The points ledger of the shop, over HTTP: filters, why, the file, proposals."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import PointsRequest, Role, Staff
from members.services import programs
from members.services.audit import Actor
from members.web import ledger as pages
from tests.factories import ledger

URL = "/program/ledger"
DAY = dt.timedelta(days=1)


@pytest.fixture
def at():
    """Ten days ago, since pages read the clock."""
    return timezone.now().replace(microsecond=0) - 10 * DAY


@pytest.fixture
def shop(cast, at):
    ledger.open_shop(cast.shop, at, tier_multipliers={"silver": Decimal("1.2")})
    return cast.shop


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


@pytest.fixture
def people(shop, at):
    """Two members with a story of a few entries each."""
    wang = ledger.join(shop, at, "u1", phone="13800131402", name="王小明")
    lee = ledger.join(shop, at, "u2", name="Ann Lee")
    ledger.buy(shop, wang, "order-1", at, 10_000)
    ledger.buy(shop, lee, "order-2", at + DAY, 5_000)
    ledger.act("redeem", shop, at + 2 * DAY, member_id=wang.pk, points=30, key="till-7", reason="A cup")
    ledger.adjust(shop, lee, 8, at + 3 * DAY, key="a")
    return wang, lee


def shown(client, **filters):
    """(kind, points, balance) of the rows, newest first."""
    response = client.get(URL, filters)
    assert response.status_code == 200
    entries = [row["entry"] for row in response.context["rows"]]
    return [(entry.kind, entry.points, entry.balance_after) for entry in entries]


def role(cast, name):
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=name)


def test_every_entry_of_the_shop_is_shown_with_its_members_balance(owner, people):
    assert shown(owner) == [("adjust", 8, 58), ("redeem", -30, 70), ("earn", 50, 50), ("earn", 100, 100)]


def test_people_are_shown_masked(owner, people):
    page = owner.get(URL).content.decode()

    assert "138****1402" in page
    assert "A*" in page
    assert "13800131402" not in page
    assert "小明" not in page


def test_filters_narrow_by_kind_cause_person_and_day(owner, people, at):
    wang, _lee = people
    local = at.astimezone(timezone.get_default_timezone())

    def day(n):
        return (local + n * DAY).date().isoformat()

    assert shown(owner, kind="redeem") == [("redeem", -30, 70)]
    assert shown(owner, cause="staff") == [("adjust", 8, 58)]
    assert shown(owner, cause="order") == [("earn", 50, 50), ("earn", 100, 100)]
    for text in ("1402", "13800131402", "王", wang.public_id, "u1"):
        assert shown(owner, q=text) == [("redeem", -30, 70), ("earn", 100, 100)]
    assert shown(owner, date_from=day(1), date_to=day(2)) == [("redeem", -30, 70), ("earn", 50, 50)]
    assert shown(owner, q="nobody") == []
    assert len(shown(owner, kind="nonsense", date_from="soon")) == 4


def test_a_date_that_is_none_is_said_and_left_out(owner, people):
    page = owner.get(URL, {"date_from": "soon"}).content.decode()

    assert "A date was not understood" in page


def test_an_entry_explains_itself(owner, people):
    wang, lee = people

    def why(member, number):
        return owner.get(URL, {"why": f"{member.public_id}.{number}"}).context["sentences"]

    assert why(wang, 1)[0] == "¥100.00 × 1 points per currency unit × 1 for tier Member = 100 points."
    assert why(wang, 2)[0] == "test redeemed 30 points."
    assert why(lee, 2)[:2] == ["test adjusted the points by hand.", "The reason given is “a reason”."]
    assert why(lee, 99) == []
    for nonsense in ("x", f"{lee.public_id}.x", f"{lee.public_id}.{'9' * 40}", "nobody.1", "."):
        assert owner.get(URL, {"why": nonsense}).context["sentences"] == []


def test_fifty_entries_a_page(owner, shop, people, at):
    _wang, lee = people
    for n in range(60):
        ledger.adjust(shop, lee, 1, at + 4 * DAY + n * dt.timedelta(minutes=1))

    pages_of = [shown(owner, page=page) for page in (1, 2)]

    assert [len(page) for page in pages_of] == [50, 14]
    assert pages_of[0][0] == ("adjust", 1, 118)
    assert pages_of[1][-1] == ("earn", 100, 100)


def test_the_newest_entries_come_first_however_old_they_are(owner, shop, people, at):
    _wang, lee = people
    for n in range(50):
        ledger.adjust(shop, lee, 1, timezone.now() - dt.timedelta(minutes=60 - n))

    assert shown(owner)[0] == ("adjust", 1, 108)
    assert shown(owner)[-1] == ("adjust", 1, 59)
    assert shown(owner, page=2)[0] == ("adjust", 8, 58)


def test_the_page_runs_as_many_queries_for_long_ledgers_as_for_short_ones(owner, shop, people, at):
    _wang, lee = people

    def grow(batch):
        for n in range(55):
            minute = at + (4 + batch) * DAY + n * dt.timedelta(minutes=1)
            member = ledger.join(shop, minute, f"x{batch}-{n}") if n % 5 == 0 else lee
            ledger.adjust(shop, member, 1, minute, key=f"{batch}-{n}")

    def queries():
        with CaptureQueriesContext(connection) as captured:
            owner.get(URL)
        return len(captured)

    few = queries()
    grow(0)
    long = queries()
    grow(1)

    assert queries() == long <= few + 2  # the latest days are looked through first


def test_the_file_and_the_proposals_run_as_many_queries_for_many_as_for_few(owner, cast, shop, people, at):
    _wang, lee = people
    role(cast, Role.OPERATOR)
    ledger.configure(shop, at + 4 * DAY, adjust_limit=100)
    clerk = Actor.person(cast.clerk)

    def queries(path):
        with CaptureQueriesContext(connection) as captured:
            lines(owner.get(path)) if path.endswith(".csv") else owner.get(path)
        return len(captured)

    ledger.adjust(shop, lee, 101, at + 4 * DAY, actor=clerk)
    paths = (f"{URL}.csv", f"{URL}/proposals")
    few = [queries(path) for path in paths]
    for n in range(20):
        member = ledger.join(shop, at + 4 * DAY, f"x{n}")
        ledger.adjust(shop, member, 1, at + 5 * DAY, key=f"a{n}")
        ledger.adjust(shop, member, 101, at + 5 * DAY, key=f"p{n}", actor=clerk)

    assert [queries(path) for path in paths] == few


def test_htmx_gets_the_list_alone_and_the_address_of_its_filters(owner, people):
    response = owner.get(f"{URL}?q=u1&kind=&cause=order", headers={"HX-Request": "true"})

    assert "<html" not in response.content.decode()
    assert response["HX-Push-Url"] == "/program/ledger?q=u1&cause=order"


# --- the file


def lines(response):
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:])))


def test_the_file_holds_what_is_filtered_the_oldest_first(owner, people):
    wang, _lee = people

    response = owner.get(f"{URL}.csv", {"q": "u1"})
    rows = lines(response)

    assert 'filename="points-ledger.csv"' in response["Content-Disposition"]
    assert [(row["Kind"], row["Points"], row["Balance"]) for row in rows] == [
        ("Earned", "100", "100"),
        ("Redeemed", "-30", "70"),
    ]
    assert {row["Member"] for row in rows} == {wang.public_id}
    assert {row["Phone"] for row in rows} == {"138****1402"}
    assert [row["Order"] for row in rows] == ["order-1", ""]
    assert [row["Key"] for row in rows] == ["", "till-7"]


def test_a_cell_of_the_file_is_no_formula(owner, shop, people, at):
    wang, _lee = people
    ledger.act("redeem", shop, at + 4 * DAY, member_id=wang.pk, points=1, key="=1+1")

    assert lines(owner.get(f"{URL}.csv", {"q": "u1"}))[-1]["Key"] == "'=1+1"


def test_a_file_that_would_be_too_long_is_written_in_the_background(owner, people, monkeypatch):
    monkeypatch.setattr(pages, "MOST_LINES", 3)

    response = owner.get(f"{URL}.csv", {"cause": ""}, follow=True)

    assert response.redirect_chain == [("/settings/exports/new/ledger?", 302)]
    assert "These are 4 entries; more than 3 are written in the background." in response.content.decode()
    assert "4 entries are exported" in response.content.decode()
    assert len(lines(owner.get(f"{URL}.csv", {"kind": "earn"}))) == 2


# --- who may


def test_readers_see_the_ledger_and_cashiers_do_not(client, cast, people):
    client.force_login(cast.clerk)
    for name, status in ((Role.CASHIER, 403), (Role.ANALYST, 200), (Role.OPERATOR, 200), (Role.MANAGER, 200)):
        role(cast, name)
        for path in (URL, f"{URL}.csv", f"{URL}/proposals"):
            assert client.get(path).status_code == status, (name, path)


def test_another_shops_entries_are_not_there(owner, cast, shop, at):
    ledger.open_shop(cast.other, at)
    theirs = ledger.join(cast.other, at, "u1")
    ledger.buy(cast.other, theirs, "o1", at, 10_000)

    assert shown(owner) == []
    assert owner.get(URL, {"why": f"{theirs.public_id}.1"}).context["sentences"] == []
    assert lines(owner.get(f"{URL}.csv")) == []


def test_the_books_stay_readable_when_a_clearance_closed_the_program(owner, shop, people):
    with tenancy.tenant(shop.pk), transaction.atomic():
        program = programs.lock_for_close(merchant_id=shop.pk)
        programs.begin_closure(program=program, at=timezone.now(), kind="cleared", actor=ledger.JOB)

    assert len(shown(owner)) == 4
    assert len(lines(owner.get(f"{URL}.csv"))) == 4


# --- proposals


@pytest.fixture
def proposal(cast, shop, people, at):
    """The clerk, an operator now, proposed 500 points for Ann."""
    role(cast, Role.OPERATOR)
    ledger.configure(shop, at + 4 * DAY, adjust_limit=100)
    return ledger.adjust(shop, people[1], 500, at + 5 * DAY, key="big", actor=Actor.person(cast.clerk))


def decide(client, proposal, decision, **more):
    return client.post(f"{URL}/proposals/{proposal.public_id}", {"decision": decision, **more}, follow=True)


def state(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return PointsRequest.objects.get(key="big").status


def test_another_person_approves_and_the_points_move(owner, shop, people, proposal):
    page = owner.get(f"{URL}/proposals").content.decode()
    assert "+500" in page
    assert "a reason" in page

    response = decide(owner, proposal, "approve", note="Seen the parcel")

    assert "Approved: +500 points are posted." in response.content.decode()
    assert shown(owner)[0] == ("adjust", 500, 558)
    why = owner.get(URL, {"why": f"{people[1].public_id}.3"}).context["sentences"]
    assert any("over the limit for one person" in sentence for sentence in why)


def test_a_rejected_proposal_moves_nothing(owner, shop, people, proposal):
    decide(owner, proposal, "reject")

    assert state(shop) == "rejected"
    assert len(shown(owner)) == 4


def test_a_decision_stands(owner, shop, people, proposal):
    decide(owner, proposal, "reject")

    response = decide(owner, proposal, "approve")

    assert "decided already" in response.content.decode()
    assert state(shop) == "rejected"
    assert len(shown(owner)) == 4


def test_nobody_decides_on_their_own_proposal(client, cast, shop, people, proposal):
    role(cast, Role.MANAGER)
    client.force_login(cast.clerk)
    client.cookies["django_language"] = "en"

    page = client.get(f"{URL}/proposals").content.decode()
    response = decide(client, proposal, "approve")

    assert "another person decides" in page
    assert "Another person approves" in response.content.decode()
    assert state(shop) == "proposed"


def test_an_operator_does_not_decide(client, cast, owner, shop, proposal):
    with tenancy.platform():
        Staff.objects.filter(user=cast.owner).update(role=Role.OPERATOR)

    assert decide(owner, proposal, "approve").status_code == 403
    assert state(shop) == "proposed"


def test_what_cannot_be_taken_is_not_approved(owner, cast, shop, people, at):
    role(cast, Role.OPERATOR)
    ledger.configure(shop, at + 4 * DAY, adjust_limit=10)
    big = ledger.adjust(shop, people[1], -58, at + 5 * DAY, key="big", actor=Actor.person(cast.clerk))
    ledger.act("redeem", shop, at + 6 * DAY, member_id=people[1].pk, points=1, key="r")

    response = decide(owner, big, "approve")

    assert "58 points are wanted and 57 are available." in response.content.decode()
    assert state(shop) == "proposed"


def test_a_request_that_is_no_proposal_or_no_decision_is_not_found(owner, cast, shop, people, proposal, at):
    with tenancy.tenant(shop.pk), transaction.atomic():
        redemption = PointsRequest.objects.get(key="till-7")
    ledger.open_shop(cast.other, at)
    theirs = ledger.join(cast.other, at, "u1")
    foreign = ledger.adjust(cast.other, theirs, 5, at, key="theirs")

    assert decide(owner, redemption, "approve").status_code == 404
    assert decide(owner, foreign, "approve").status_code == 404
    assert decide(owner, proposal, "perhaps").status_code == 404
    assert state(shop) == "proposed"


def test_home_reminds_of_what_others_proposed(client, cast, owner, shop, people, proposal):
    home = owner.get("/").content.decode()
    assert "Review 1 adjustment of points" in home
    assert "500 points in all" in home

    role(cast, Role.MANAGER)
    client.force_login(cast.clerk)
    assert "adjustment of points" not in client.get("/").content.decode()
    role(cast, Role.OPERATOR)
    assert "adjustment of points" not in client.get("/").content.decode()
