"""Orders placed before joining become the member's (domain.md 1): what they count for, and what not."""

from __future__ import annotations

import datetime as dt
import threading
from decimal import Decimal

import pytest
from django.db import connection, transaction

from members.lib import tenant as tenancy
from members.models import DailyTotal, Member, Order, OrderRevision, PointsEntry
from members.selectors import member_page, points, tiers
from members.selectors.kpis import kpis
from members.services import members, merchants, orders, point_rules, programs, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn
from tests.conftest import NOON
from tests.members.services.test_order_import import HEAD, take, text
from tests.members.services.test_posting_bulk import facts

JOB = Actor.job("test")
OPENED = NOON - dt.timedelta(days=400)
LADDER = [
    {"code": "base"},
    {"code": "silver", "all": {"spend_minor": 1_000_00}},
    {"code": "gold", "all": {"spend_minor": 5_000_00}},
]
DAY = dt.timedelta(days=1)


def open_shop(name="Swallow Valley"):
    with tenancy.platform(), transaction.atomic():
        shop = merchants.create_merchant(name=name, owner=None, at=OPENED, actor=JOB)
    with tenancy.tenant(shop.pk), transaction.atomic():
        who = {"merchant_id": shop.pk, "at": OPENED, "actor": JOB}
        tier_rules.configure(ladder=LADDER, **who)
        point_rules.configure(per_major=Decimal(1), pending_days=0, **who)
        programs.open_program(**who)
    return shop


@pytest.fixture
def shop(db):
    return open_shop()


def put(shop, order, at, *amounts, buyer="u1", **more):
    with tenancy.tenant(shop.pk):
        return orders.put_order(
            merchant_id=shop.pk,
            at=at,
            actor=JOB,
            order=OrderIn(order, [LineIn("s", 1, each) for each in amounts], member_key=buyer, **more),
        )


def refund(shop, order, at, key="r", lines=None):
    with tenancy.tenant(shop.pk):
        return orders.refund_order(
            merchant_id=shop.pk,
            at=at,
            actor=JOB,
            channel="web",
            external_id=order,
            refund_id=key,
            lines=lines,
        )


def join(shop, buyer="u1", at=NOON, **more):
    with tenancy.tenant(shop.pk):
        who = {"channel": "web", "external_id": buyer, **more}
        return members.join(merchant_id=shop.pk, at=at, actor=JOB, **who)


def shown(shop, member, at=NOON):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return (
            tiers.standing(merchant_id=shop.pk, member_id=member.pk, at=at),
            points.standing(merchant_id=shop.pk, member_id=member.pk, at=at),
        )


def rows(shop, model):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return list(model.objects.of(shop.pk).order_by("id"))


def days(shop):
    return [(row.day, row.spend_minor, row.orders, row.points) for row in rows(shop, DailyTotal)]


def test_past_orders_are_on_the_members_page_and_in_what_is_shown(shop):
    put(shop, "o1", NOON - 20 * DAY, 300_00)
    put(shop, "o2", NOON - 10 * DAY, 200_00, 50_00)
    put(shop, "o3", NOON - 10 * DAY, 70_00, buyer="somebody else")

    member = join(shop)

    with tenancy.tenant(shop.pk), transaction.atomic():
        page = member_page.orders_of(merchant=shop, member_id=member.pk, at=NOON)
    assert [row.order.external_id for row in page.rows] == ["o2", "o1"]
    assert (page.count, page.net_minor) == (2, 550_00)
    standing, _account = shown(shop, member)
    assert (standing["metrics"]["spend_minor"], standing["metrics"]["orders"]) == (550_00, 2)
    assert days(shop) == [(dt.date(2024, 4, 25), 300_00, 1, 0), (dt.date(2024, 5, 5), 250_00, 1, 0)]


def test_past_orders_earn_nothing_then_or_later(shop):
    put(shop, "o1", NOON - 2 * DAY, 300_00, completed_at=None)
    member = join(shop)

    put(shop, "o1", NOON + DAY, 300_00)  # completed
    put(shop, "o1", NOON + 2 * DAY, 900_00)  # and grown

    _standing, account = shown(shop, member, NOON + 2 * DAY)
    assert (account["available"], account["pending"], account["earned"]) == (0, 0, 0)
    assert rows(shop, PointsEntry) == []
    assert days(shop) == [(dt.date(2024, 5, 13), 900_00, 1, 0)]
    put(shop, "o2", NOON + 3 * DAY, 10_00)
    assert [entry.points for entry in rows(shop, PointsEntry)] == [10]


def test_an_order_not_paid_yet_earns_when_the_member_pays_it(shop):
    put(shop, "o1", NOON - 2 * DAY, 300_00, status="unpaid")

    member = join(shop)
    assert days(shop) == []
    put(shop, "o1", NOON + DAY, 300_00, status="paid")

    assert shown(shop, member)[1]["available"] == 300
    assert days(shop) == [(dt.date(2024, 5, 16), 300_00, 1, 300)]


def test_who_qualifies_by_past_orders_rises_at_once_by_one_move(shop):
    put(shop, "o1", NOON - 20 * DAY, 1_500_00)
    put(shop, "o2", NOON - 10 * DAY, 4_000_00)

    member = join(shop)

    standing, _account = shown(shop, member)
    assert (standing["tier"], standing["since"]) == ("gold", NOON)
    assert standing["valid_until"] == dt.date(2025, 5, 15)
    assert [(m["from"], m["to"], m["cause"]) for m in standing["history"]] == [("base", "gold", "order")]


def test_orders_older_than_the_window_lift_nobody(shop):
    put(shop, "o1", NOON - 380 * DAY, 6_000_00)

    member = join(shop)

    standing, _account = shown(shop, member)
    assert (standing["tier"], standing["metrics"]["spend_minor"]) == ("base", 0)
    assert days(shop) == [(dt.date(2023, 5, 1), 6_000_00, 1, 0)]


def test_a_linked_order_is_refunded_as_every_other(shop):
    put(shop, "o1", NOON - 2 * DAY, 1_000_00, 200_00)
    refund(shop, "o1", NOON - DAY, "before", [(2, 50_00)])
    member = join(shop)
    assert days(shop) == [(dt.date(2024, 5, 13), 1_150_00, 1, 0)]

    refund(shop, "o1", NOON + DAY, "part", [(1, 400_00)])
    assert days(shop) == [(dt.date(2024, 5, 13), 750_00, 1, 0)]
    refund(shop, "o1", NOON + 2 * DAY, "rest")

    assert days(shop) == [(dt.date(2024, 5, 13), 0, 0, 0)]
    standing, account = shown(shop, member, NOON + 2 * DAY)
    assert (standing["tier"], standing["metrics"]["orders"]) == ("silver", 0)  # its validity runs
    assert (account["available"], account["deficit"], account["clawed_back"]) == (0, 0, 0)
    (order,) = rows(shop, Order)
    assert (order.member_id, order.refunded_minor, order.counts) == (member.pk, 1_200_00, False)


def test_what_was_paid_before_joining_is_no_sale_to_a_member(shop):
    put(shop, "o1", NOON - 2 * DAY, 40_00)
    join(shop)
    put(shop, "o2", NOON + dt.timedelta(hours=1), 60_00)

    with tenancy.tenant(shop.pk), transaction.atomic():
        share = kpis(merchant=shop, at=NOON + dt.timedelta(hours=2)).share

    assert (share.member_minor, share.all_minor) == (60_00, 100_00)


def test_the_change_of_an_order_that_is_linked_leaves_a_trace(shop):
    put(shop, "o1", NOON - 2 * DAY, 40_00)

    member = join(shop)

    (order,), (was,) = rows(shop, Order), rows(shop, OrderRevision)
    assert (order.member_id, order.revision) == (member.pk, 2)
    assert (was.member_id, was.revision, was.replaced_at, was.posted) == (None, 1, NOON, 0)


def test_an_order_of_another_member_stays_theirs(shop):
    other = join(shop, "other")
    with tenancy.tenant(shop.pk):
        order = OrderIn("o1", [LineIn("s", 1, 40_00)], member_id=other.pk, member_key="u1")
        orders.put_order(merchant_id=shop.pk, at=NOON, actor=JOB, order=order)

    join(shop)

    assert [order.member_id for order in rows(shop, Order)] == [other.pk]


def test_an_identity_that_comes_to_a_member_brings_its_orders(shop):
    first = join(shop, "u1", phone="13800138000", phone_verified=True)
    put(shop, "o1", NOON, 700_00)
    put(shop, "j1", NOON, 400_00, buyer="jd-1", channel="jd")

    same = join(shop, "jd-1", at=NOON + DAY, channel="jd", phone="13800138000", phone_verified=True)

    assert same.pk == first.pk
    assert {order.member_id for order in rows(shop, Order)} == {first.pk}
    standing, account = shown(shop, first, NOON + DAY)
    assert (standing["tier"], standing["since"]) == ("silver", NOON + DAY)
    assert account["available"] == 700


def history(shop):
    """Buyers with orders, some refunded, cancelled, unpaid, or theirs after all."""
    for n in range(12):
        for k in range(n % 5):
            order = f"o{n}-{k}"
            at = NOON - dt.timedelta(days=10 * k + n, hours=5)
            status = {3: "unpaid", 2: "cancelled"}.get((n + k) % 4, "paid")
            put(shop, order, at, 333_33 + n, 900_00 * k, buyer=f"u{n}", status=status)
            if status == "paid" and n % 3 == 0:
                refund(shop, order, at + dt.timedelta(hours=1), lines=[(1, 11_11)])


def test_a_list_links_as_one_by_one(db, monkeypatch):
    from members.services import past_orders

    monkeypatch.setattr(past_orders, "ORDERS_AT_ONCE", 5)
    single, many = open_shop("single"), open_shop("many")
    history(single)
    history(many)

    for n in range(12):
        join(single, f"u{n}", source="list")
    with tenancy.tenant(many.pk):
        people = [("web", f"u{n}", NOON, "", "", "list") for n in range(12)]
        members.join_many(merchant_id=many.pk, at=NOON, actor=JOB, people=people)

    assert facts(many.pk) == facts(single.pk)
    assert facts(many.pk)["moves"]
    assert all(order.member_id for order in rows(many, Order))
    metrics_equal_orders(many)


def metrics_equal_orders(shop):
    """Daily totals, counted again from the orders (domain.md 4)."""
    expected: dict = {}
    for order in rows(shop, Order):
        if order.member_id and order.status == "paid":
            was = expected.get((order.member_id, order.paid_on), (0, 0, 0))
            now = (order.net_minor, int(order.counts), order.posted)
            expected[order.member_id, order.paid_on] = tuple(map(sum, zip(was, now, strict=True)))
    kept = {(r.member_id, r.day): (r.spend_minor, r.orders, r.points) for r in rows(shop, DailyTotal)}
    assert {key: value for key, value in kept.items() if any(value)} == expected


def test_evidence_of_joining_in_a_later_import_links_what_came_before(shop, settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path
    head = HEAD + ",joined_at,consent_source"

    with tenancy.tenant(shop.pk):
        take(shop, text("A1,2024-05-01 10:00:00,li,s1,1,600"))
        take(shop, text("A2,2024-05-02 10:00:00,li,s1,1,600,2024-05-02,store form", head=head))

    (member,) = rows(shop, Member)
    assert {order.member_id for order in rows(shop, Order)} == {member.pk}
    standing, account = shown(shop, member)
    assert (standing["tier"], account["earned"]) == ("silver", 600)
    metrics_equal_orders(shop)


@pytest.mark.django_db(transaction=True)
def test_orders_that_arrive_while_their_buyer_joins_are_the_members(transactional_db):
    shop = open_shop()
    put(shop, "o0", NOON, 10_00)
    barrier, failures = threading.Barrier(5), []

    def at_once(work):
        try:
            barrier.wait(5)
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    works = [
        lambda: join(shop),
        lambda: [put(shop, f"a{n}", NOON, 10_00) for n in range(8)],
        lambda: [put(shop, f"b{n}", NOON, 10_00) for n in range(8)],
        lambda: refund(shop, "o0", NOON, lines=[(1, 4_00)]),
        lambda: put(shop, "c", NOON, 10_00, buyer="u2"),
    ]
    threads = [threading.Thread(target=at_once, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    (member,) = rows(shop, Member)
    assert {o.external_id for o in rows(shop, Order) if o.member_id is None} == {"c"}
    assert sum(o.net_minor for o in rows(shop, Order) if o.member_id == member.pk) == 166_00
    metrics_equal_orders(shop)
