"""The figures of the home page, against a count by hand."""

from __future__ import annotations

import datetime as dt
import random

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.models import Member, Order
from members.selectors.kpis import kpis
from members.services import members, orders, programs, tier_rules
from members.services.audit import Actor
from members.services.orders import LineIn, OrderIn
from tests.conftest import NOON as CREATED

JOB = Actor.job("test")
NOON = CREATED + dt.timedelta(days=200)
START = NOON - dt.timedelta(days=150)
TODAY = NOON.date()


@pytest.fixture
def shop(cast):
    with tenancy.tenant(cast.shop.pk), transaction.atomic():
        who = {"merchant_id": cast.shop.pk, "at": START, "actor": JOB}
        tier_rules.configure(ladder=[{"code": "base"}], **who)
        programs.open_program(**who)
    return cast.shop


def shown(shop, at=NOON):
    with tenancy.tenant(shop.pk), transaction.atomic():
        return kpis(merchant=shop, at=at)


def buy(shop, key, order, at, amount):
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.put_order(
            merchant_id=shop.pk,
            at=at,
            actor=JOB,
            order=OrderIn(order, [LineIn("s", 1, amount)], member_key=key, paid_at=at),
        )


def join(shop, key, at):
    with tenancy.tenant(shop.pk), transaction.atomic():
        members.join(merchant_id=shop.pk, at=at, actor=JOB, channel="web", external_id=key)


def test_a_shop_without_anything_has_no_rates(cast):
    answer = shown(cast.shop)

    assert (answer.members.total, answer.recruits.tenths) == (0, 0)
    assert (answer.share.permille, answer.repurchase.permille) == (None, None)
    assert (len(answer.members.series), len(answer.share.series)) == (30, 90)


def test_recruits_are_a_mean_of_seven_days_in_tenths(shop):
    for n, days in enumerate([0, 0, 3, 6, 7, 29, 30, 100]):
        join(shop, f"u{n}", NOON - dt.timedelta(days=days))

    answer = shown(shop)

    assert answer.recruits.tenths == 6  # 4 in 7 days: 0.57
    assert answer.recruits.missing == 94
    assert (answer.members.total, answer.members.joined) == (8, 6)
    assert answer.members.series[0] == 3
    assert answer.members.series[-2:] == [6, 8]


def test_a_refund_and_a_cancelled_order_leave_the_share(shop):
    join(shop, "u1", START)
    buy(shop, "u1", "o1", NOON, 30_00)
    buy(shop, "stranger", "o2", NOON, 70_00)
    buy(shop, "stranger", "o3", NOON, 50_00)
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders.refund_order(
            merchant_id=shop.pk, at=NOON, actor=JOB, channel="web", external_id="o3", refund_id="r"
        )

    answer = shown(shop)

    assert (answer.share.member_minor, answer.share.all_minor) == (30_00, 100_00)
    assert answer.share.permille == 300
    assert answer.share.series[-2] is None


def test_what_somebody_paid_before_joining_is_not_a_members(shop):
    join(shop, "u1", NOON - dt.timedelta(days=2))
    with tenancy.tenant(shop.pk), transaction.atomic():
        for n, days in enumerate([3, 1]):
            order = OrderIn(
                f"o{n}",
                [LineIn("s", 1, 10_00)],
                member_key="u1",
                paid_at=NOON - dt.timedelta(days=days),
            )
            orders.put_order(merchant_id=shop.pk, at=NOON, actor=JOB, order=order)

    answer = shown(shop)

    assert (answer.share.member_minor, answer.share.all_minor) == (10_00, 20_00)


def test_every_day_of_every_series_equals_a_count_by_hand(shop):
    dice = random.Random(5)
    for n in range(0, 12, 2):
        join(shop, f"u{n}", START + dt.timedelta(days=dice.randrange(20)))
    for n in range(150):
        at = START + dt.timedelta(days=20 + dice.randrange(131), hours=-dice.randrange(6))
        buy(shop, f"u{dice.randrange(12)}", f"o{n}", at, dice.randrange(1, 90_00))

    answer = shown(shop)

    with tenancy.tenant(shop.pk), transaction.atomic():
        stored = [
            (o.paid_on, o.member_id, o.identity_id, o.net_minor)
            for o in Order.objects.of(shop).filter(counts=True)
        ]
        assert Member.objects.of(shop).count() == 6

    def rate(end, of_members):
        counts: dict[int, int] = {}
        for day, member, identity, _net in stored:
            if end - dt.timedelta(days=90) < day <= end and (member is not None) is of_members:
                counts[member or identity] = counts.get(member or identity, 0) + 1
        again = sum(n > 1 for n in counts.values())
        return (again * 2000 + len(counts)) // (2 * len(counts)) if counts else None

    def share(end):
        rows = [row for row in stored if end - dt.timedelta(days=30) < row[0] <= end]
        whole, part = sum(row[3] for row in rows), sum(row[3] for row in rows if row[1] is not None)
        return (part * 2000 + whole) // (2 * whole) if whole else None

    days = [TODAY - dt.timedelta(days=n) for n in reversed(range(90))]
    assert answer.share.days == days
    assert answer.share.series == [share(day) for day in days]
    assert answer.repurchase.series == [rate(day, True) for day in days[-30:]]
    assert answer.repurchase.others_permille == rate(TODAY, False)


def test_three_queries_whatever_there_is(shop):
    def queries():
        with tenancy.tenant(shop.pk), transaction.atomic(), CaptureQueriesContext(connection) as captured:
            kpis(merchant=shop, at=NOON)
        return len(captured)

    assert queries() == 3
    join(shop, "u1", NOON)
    buy(shop, "u1", "o1", NOON, 1)
    assert queries() == 3
