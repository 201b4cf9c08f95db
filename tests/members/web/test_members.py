"""The members list and a member's page, over HTTP."""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from members.lib import tenant as tenancy
from members.models import AuditRow, Member, Program, Role, Staff
from members.services import members, orders, point_rules, programs, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn

JOB = Actor.job("test")
LADDER = [
    {"code": "base", "name": "Member"},
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000, "orders": 3}},
]


def set_up(shop, at):
    who = {"merchant_id": shop.pk, "actor": JOB}
    with tenancy.tenant(shop.pk), transaction.atomic():
        tier_rules.configure(at=at, ladder=LADDER, **who)
        point_rules.configure(at=at, per_major=Decimal(1), tier_multipliers={"silver": Decimal("1.2")}, **who)
        programs.open_program(at=at, **who)


def join(shop, external_id, at, **more):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return members.join(
            merchant_id=shop.pk, at=at, actor=JOB, **{"channel": "web", "external_id": external_id, **more}
        )


def buy(shop, member, external_id, at, *amounts):
    lines = [LineIn(f"sku {n}", 1, amount) for n, amount in enumerate(amounts)]
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.put_order(
            merchant_id=shop.pk, at=at, actor=JOB, order=OrderIn(external_id, lines, member_id=member.pk)
        )


@pytest.fixture
def at():
    """Ten days ago, since pages read the clock."""
    return timezone.now() - dt.timedelta(days=10)


@pytest.fixture
def shop(cast, at):
    set_up(cast.shop, at)
    return cast.shop


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    client.cookies["django_language"] = "en"
    return client


def found(client, **parameters):
    response = client.get("/members/", parameters)
    assert response.status_code == 200
    return {row.identity for row, _tier in response.context["rows"]}


def test_the_list_shows_people_masked(owner, shop, at):
    join(shop, "u1", at, phone="13800131402", name="王小明")

    page = owner.get("/members/").content.decode()

    assert "138****1402" in page
    assert "王*" in page
    assert "13800131402" not in page
    assert "小明" not in page


def test_the_list_says_once_how_many_there_are(owner, shop, at):
    join(shop, "u1", at)

    page = owner.get("/members/").content.decode()

    assert "in all" in page and not re.search(r"\d members?</span>", page)


def test_members_are_found_by_number_tail_name_and_id(owner, shop, at):
    join(shop, "u1", at, phone="13800131402", name="王小明")
    join(shop, "u2", at, phone="13900139000", name="Ann Lee")
    third = join(shop, "u3", at, name="王芳")

    assert found(owner, q="13800131402") == {"u1"}
    assert found(owner, q="+86 138 0013 1402") == {"u1"}
    assert found(owner, q="1402") == {"u1"}
    assert found(owner, q="王") == {"u1", "u3"}
    assert found(owner, q="小明") == {"u1"}
    assert found(owner, q="ann lee") == {"u2"}
    assert found(owner, q="u3") == {"u3"}
    assert found(owner, q=third.public_id) == {"u3"}
    assert found(owner, q="nobody' or 1=1 --") == set()


def test_a_search_says_what_it_looked_among(owner, shop, at):
    join(shop, "u1", at, phone="13800131402", name="王小明")

    def told(text):
        page = owner.get("/members/", {"q": text}).content.decode()
        return page.partition("Searched among: ")[2].partition("</p>")[0]

    assert told("1402") == "last four digits of the phone, customer id or card number"
    assert told("小明") == "name or part of it, customer id or card number"
    assert told("13800131402") == "name or part of it, whole phone number, customer id or card number"
    assert told("") == ""


def test_filters_narrow_and_sort(owner, shop, at):
    first = join(shop, "u1", at)
    join(shop, "u2", at + dt.timedelta(hours=1), channel="jd")
    third = join(shop, "u3", at + dt.timedelta(hours=2))
    buy(shop, first, "o1", at + dt.timedelta(hours=3), 100_000)
    buy(shop, third, "o2", at + dt.timedelta(hours=3), 5_000)

    assert found(owner, tier="silver") == {"u1"}
    assert found(owner, tier="base") == {"u2", "u3"}
    assert found(owner, channel="jd") == {"u2"}
    assert found(owner, tier="silver", channel="jd") == set()
    assert found(owner, tier="nonsense", channel="nonsense") == {"u1", "u2", "u3"}

    def in_order(sort):
        return [row.identity for row, _tier in owner.get("/members/", {"sort": sort}).context["rows"]]

    assert in_order("newest") == ["u3", "u2", "u1"]
    assert in_order("oldest") == ["u1", "u2", "u3"]
    assert in_order("points") == ["u1", "u3", "u2"]


def test_by_points_everybody_is_on_exactly_one_page(owner, shop, at):
    people = [("web", f"u{n}", at, "", "", "list") for n in range(70)]
    with tenancy.tenant(shop.pk), transaction.atomic():
        ids = members.join_many(merchant_id=shop.pk, at=at, actor=JOB, people=people).ids
        for n in range(60):
            line = LineIn("s", 1, 100 * (n % 7 + 1))
            order = OrderIn(f"o{n}", [line], member_id=ids[n])
            orders.put_order(merchant_id=shop.pk, at=at, actor=JOB, order=order)

    pages = [owner.get(f"/members/?sort=points&page={n}").context["rows"] for n in (1, 2)]
    rows = [row for page in pages for row, _tier in page]

    assert [len(page) for page in pages] == [50, 20]
    assert sorted(row.identity for row in rows) == sorted(f"u{n}" for n in range(70))
    assert [row.points for row in rows] == sorted([row.points for row in rows], reverse=True)


def test_fifty_a_page_and_the_filter_goes_along(owner, shop, at):
    people = [("web", f"u{n}", at, "", "", "list") for n in range(60)]
    with tenancy.tenant(shop.pk), transaction.atomic():
        members.join_many(merchant_id=shop.pk, at=at, actor=JOB, people=people)

    first, second = owner.get("/members/?channel=web"), owner.get("/members/?channel=web&page=2")

    assert (len(first.context["rows"]), len(second.context["rows"])) == (50, 10)
    assert "?channel=web&amp;page=2" in first.content.decode()


def test_the_list_runs_as_many_queries_for_fifty_as_for_two(owner, shop, at):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            owner.get("/members/")
        return len(captured)

    join(shop, "first", at)
    join(shop, "second", at)
    queries()
    few = queries()
    people = [("web", f"u{n}", at, f"138{n:08}", f"王{n}", "list") for n in range(80)]
    with tenancy.tenant(shop.pk), transaction.atomic():
        members.join_many(merchant_id=shop.pk, at=at, actor=JOB, people=people)

    assert queries() == few


def test_htmx_gets_the_list_alone_and_the_address_of_its_filters(owner, shop, at):
    join(shop, "u1", at)

    response = owner.get("/members/?q=u1&sort=newest&tier=", headers={"HX-Request": "true"})

    assert "<html" not in response.content.decode()
    assert response["HX-Push-Url"] == "/members/?q=u1"


def test_a_member_of_another_merchant_is_not_found(owner, cast, shop, at):
    set_up(cast.other, at)
    theirs = join(cast.other, "u1", at, phone="13800131402")

    assert owner.get(f"/members/{theirs.public_id}").status_code == 404
    response = owner.post(f"/members/{theirs.public_id}/phone", {"reason": "call"})
    assert response.status_code == 404
    assert found(owner, q="13800131402") == set()
    with tenancy.tenant(cast.other.pk), transaction.atomic():
        assert not AuditRow.objects.filter(action="member.phone_revealed").exists()


def test_a_member_page_shows_tier_points_orders_and_the_way_up(owner, shop, at):
    member = join(shop, "u1", at, phone="13800131402", name="王小明")
    buy(shop, member, "order-1", at + dt.timedelta(hours=1), 100_000, 24_000)

    response = owner.get(f"/members/{member.public_id}")
    page = response.content.decode()

    assert response.status_code == 200
    assert "¥3,760.00 more for Gold" in page
    assert "2 more orders for Gold" in page
    assert response.context["points"].available == 1240
    assert "¥1,240.00" in page
    assert "sku 0" in page
    assert "13800131402" not in page


def test_why_an_entry_is_what_it_is(owner, shop, at):
    member = join(shop, "u1", at)
    buy(shop, member, "order-1", at + dt.timedelta(hours=1), 100_000)
    buy(shop, member, "order-2", at + dt.timedelta(hours=2), 26_800)
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.refund_order(
            merchant_id=shop.pk,
            at=at + dt.timedelta(hours=3),
            actor=JOB,
            channel="web",
            external_id="order-2",
            refund_id="r1",
            lines=[(1, 6_800)],
        )

    def why(sequence):
        return owner.get(f"/members/{member.public_id}?why={sequence}").context["sentences"]

    assert why(1)[0] == "¥1,000.00 × 1 points per currency unit × 1 for tier Member = 1,000 points."
    assert why(2)[0] == (
        "¥268.00 × 1 points per currency unit × 1.2 for tier Silver = 321.6, rounded down to 321 points."
    )
    # 321 x 200.00 / 268.00 = 239.55…
    assert why(3)[1].endswith("it keeps 321 × ¥200.00 ÷ ¥268.00, rounded down to 239 of its 321 points.")
    assert why(3)[2] == "The order keeps 239 of 321 points: 82 were taken back."
    assert why(99) == []
    assert owner.get(f"/members/{member.public_id}?why=x%27").status_code == 200


def test_an_order_sent_again_explains_the_difference(owner, shop, at):
    member = join(shop, "u1", at)
    buy(shop, member, "order-1", at + dt.timedelta(hours=1), 10_000)
    buy(shop, member, "order-1", at + dt.timedelta(hours=2), 15_050)
    buy(shop, member, "order-1", at + dt.timedelta(hours=3), 5_000)

    def why(sequence):
        return owner.get(f"/members/{member.public_id}?why={sequence}").context["sentences"]

    assert why(1)[0].startswith("¥100.00 × 1 ")
    assert why(2)[0].startswith("¥150.50 × 1 ")
    assert why(2)[1:3] == [
        "The order was sent again with ¥150.50 instead of ¥100.00.",
        "It stood at 100 points and stands at 150 now: 50 more.",
    ]
    assert why(3)[1] == "The order keeps 50 of 150 points: 100 were taken back."


def test_htmx_gets_the_ledger_alone(owner, shop, at):
    member = join(shop, "u1", at)
    buy(shop, member, "order-1", at, 10_000)

    page = owner.get(f"/members/{member.public_id}?why=1", headers={"HX-Request": "true"}).content.decode()

    assert "<html" not in page
    assert 'class="calc"' in page


def test_a_member_page_runs_as_many_queries_for_many_entries_as_for_few(owner, shop, at):
    member = join(shop, "u1", at)
    buy(shop, member, "order-0", at, 10_000)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            owner.get(f"/members/{member.public_id}")
        return len(captured)

    for n in range(1, 24):
        buy(shop, member, f"order-{n}", at + dt.timedelta(hours=n), 10_000)
    queries()
    few = queries()
    for n in range(24, 48):
        buy(shop, member, f"order-{n}", at + dt.timedelta(hours=n), 10_000)

    assert queries() == few <= 45


def test_a_number_is_shown_for_a_reason_and_logged(owner, shop, at):
    member = join(shop, "u1", at, phone="13800131402")
    url = f"/members/{member.public_id}/phone"

    without = owner.post(url, {"reason": " "})
    shown = owner.post(url, {"reason": "delivery failed"})

    assert without.status_code == 422
    assert "13800131402" not in without.content.decode()
    assert "13800131402" in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    with tenancy.tenant(shop.pk), transaction.atomic():
        (row,) = AuditRow.objects.filter(action="member.phone_revealed")
    assert (row.subject_id, row.reason) == (member.public_id, "delivery failed")
    assert owner.get(url).status_code == 302


def test_too_many_looks_are_refused(owner, shop, at, monkeypatch):
    monkeypatch.setattr(members, "REVEALS_AN_HOUR", 1)
    member = join(shop, "u1", at, phone="13800131402")
    url = f"/members/{member.public_id}/phone"

    owner.post(url, {"reason": "one"})
    second = owner.post(url, {"reason": "two"})

    assert second.status_code == 429
    assert "13800131402" not in second.content.decode()


def test_an_analyst_looks_up_and_reveals_nothing_and_a_cashier_does_neither(client, cast, shop, at):
    member = join(shop, "u1", at, phone="13800131402")
    client.force_login(cast.clerk)

    assert client.get("/members/").status_code == 403
    assert client.get(f"/members/{member.public_id}").status_code == 403
    assert client.post(f"/members/{member.public_id}/phone", {"reason": "x"}).status_code == 403
    with tenancy.platform():
        Staff.objects.filter(user=cast.clerk).update(role=Role.ANALYST)
    assert client.get("/members/").status_code == 200
    assert client.get(f"/members/{member.public_id}").status_code == 200
    assert client.post(f"/members/{member.public_id}/phone", {"reason": "x"}).status_code == 403


def test_a_cleared_program_locks_member_data(owner, shop, at):
    member = join(shop, "u1", at)
    with tenancy.tenant(shop.pk), transaction.atomic():
        program = programs.lock_for_close(merchant_id=shop.pk)
        programs.begin_closure(program=program, at=timezone.now(), kind="cleared", actor=JOB)

    assert owner.get("/members/").status_code == 403
    assert owner.get(f"/members/{member.public_id}").status_code == 403
    with tenancy.tenant(shop.pk), transaction.atomic():
        assert Program.objects.get(pk=shop.pk).status == "cleared"
        assert Member.objects.count() == 1


def test_before_anything_is_set_up_the_pages_say_what_to_do(owner, cast, at):
    page = owner.get("/members/").content.decode()

    assert "No members yet" in page
