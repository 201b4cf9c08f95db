"""The last 30 days under another rate: the same points as the orders would have been given."""

from __future__ import annotations

import datetime as dt
import random
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from members.lib import tenant as tenancy
from members.lib.earning import Earning
from members.lib.points import earning_terms, points_for
from members.models import Order, Tier
from members.selectors import point_trial, point_trial_campaigns
from members.services import programs
from tests.conftest import NOON
from tests.factories import ledger

DAY = dt.timedelta(days=1)
LATE = NOON + 100 * DAY


@pytest.fixture
def shop(cast):
    ledger.open_shop(cast.shop, LATE - 100 * DAY, tier_multipliers={"silver": Decimal("1.1")})
    return cast.shop


def trial(shop, per_major, at=LATE, **multipliers):
    with tenancy.tenant(shop.pk), transaction.atomic():
        tiers = list(Tier.objects.of(shop).order_by("pk"))
        return point_trial.trial(
            merchant=shop, at=at, tiers=tiers, per_major=Decimal(per_major), multipliers=multipliers
        )


def rows(found):
    return {str(row.tier): (row.orders, row.would_earn, row.earned) for row in found.rows}


def test_it_is_the_sum_of_each_orders_own_floor(shop):
    dice = random.Random(7)
    member = ledger.join(shop, LATE - 90 * DAY)
    for n in range(25):
        amounts = [dice.randint(1, 30_000) for _line in range(dice.choice([1, 2, 3]))]
        ledger.buy(shop, member, f"o{n}", LATE - 20 * DAY + n * DAY / 2, *amounts)
    with tenancy.tenant(shop.pk), transaction.atomic():
        orders = list(Order.objects.of(shop).select_related("tier"))
    new = {"base": Decimal("0.333333"), "silver": Decimal("0.333333") * Decimal("1.777777")}

    def priced(order):
        terms = earning_terms(
            rules_version=0, tier_id=0, per_major=new[order.tier.code], multiplier=Decimal(1), minor_digits=2
        )
        return points_for(order.total_minor, terms)

    found = trial(shop, "0.333333", silver=Decimal("1.777777"))

    assert len({order.tier_id for order in orders}) == 2
    for row in found.rows:
        of_tier = [order for order in orders if order.tier_id == row.tier.pk]
        assert row.would_earn == sum(map(priced, of_tier))
        assert (row.orders, row.earned) == (len(of_tier), sum(order.posted for order in of_tier))


def test_thirty_days_end_today_and_refunds_do_not_count(shop):
    member = ledger.join(shop, LATE - 90 * DAY)
    for n, days in enumerate((30, 29, 0)):
        ledger.buy(shop, member, f"o{n}", LATE - days * DAY, 1_000 * (n + 1))
    ledger.refund(shop, "o1", LATE)

    found = trial(shop, "2")

    assert rows(found)["Member"] == (2, 100, 50)
    assert (found.first, found.last) == (dt.date(2024, 7, 25), dt.date(2024, 8, 23))


def test_orders_without_a_member_or_of_a_closed_program_are_left_out(cast, shop):
    member = ledger.join(shop, LATE - 90 * DAY)
    ledger.open_shop(cast.other, LATE - 50 * DAY)
    theirs = ledger.join(cast.other, LATE - 40 * DAY)
    ledger.buy(cast.other, theirs, "theirs", LATE - DAY, 10_000)
    with tenancy.tenant(shop.pk), transaction.atomic():
        programs.close_program(merchant_id=shop.pk, at=LATE - 5 * DAY, actor=ledger.JOB)
    ledger.buy(shop, member, "closed", LATE - 4 * DAY, 10_000)

    assert trial(shop, "1").total.orders == 0


def test_a_tier_that_is_no_more_has_a_row_of_its_own(shop):
    member = ledger.join(shop, LATE - 90 * DAY)
    ledger.buy(shop, member, "o1", LATE - DAY, 10_000)
    with tenancy.tenant(shop.pk), transaction.atomic():
        silver = list(Tier.objects.of(shop).filter(code="silver"))
        found = point_trial.trial(
            merchant=shop, at=LATE, tiers=silver, per_major=Decimal(3), multipliers={"silver": Decimal(9)}
        )

    assert rows(found) == {"Silver": (0, 0, 0), "None": (1, 300, 100)}
    assert found.total.difference == 200


def test_it_is_one_query(shop):
    with tenancy.tenant(shop.pk), transaction.atomic():
        tiers = list(Tier.objects.of(shop))
        with CaptureQueriesContext(connection) as captured:
            point_trial.trial(merchant=shop, at=LATE, tiers=tiers, per_major=Decimal(1), multipliers={})

    assert len(captured) == 1


CAMPAIGNS = {
    "order_most": 400,
    "day_most": 700,
    "categories": {"tea": ["sku 1"]},
    "campaigns": [
        {"code": "double", "multiplier": "2", "when": {"categories": ["tea"]}, "day_most": 120},
        {"code": "gift", "extra": 30, "member_most": 70, "when": {"weekdays": [1, 2, 6]}},
        {"code": "once", "multiplier": "1.5", "order_most": 50, "when": {"tiers": []}},
        {"code": "later", "multiplier": "3", "when": {"from_at": "2030-01-01T00:00+08:00"}},
    ],
}


def under(shop, per_major, earning, **multipliers):
    with tenancy.tenant(shop.pk), transaction.atomic():
        tiers = list(Tier.objects.of(shop).order_by("pk"))
        return point_trial.trial(
            merchant=shop,
            at=LATE,
            tiers=tiers,
            per_major=Decimal(per_major),
            multipliers=multipliers,
            earning=earning,
        )


@pytest.mark.parametrize("combine", ["every", "best"])
def test_a_trial_of_the_rules_that_were_in_force_gives_what_was_given(shop, combine):
    earning = Earning.read(CAMPAIGNS | {"combine": combine})
    dice = random.Random(11)
    people = [ledger.join(shop, LATE - 90 * DAY, f"u{n}") for n in range(3)]
    ledger.configure(shop, LATE - 60 * DAY, earning=earning)
    for n in range(60):  # the first ones before the 30 days: what they took of limits is gone
        amounts = [dice.randint(1, 25_000) for _line in range(dice.choice([1, 2, 3]))]
        ledger.buy(shop, dice.choice(people), f"o{n}", LATE - 40 * DAY + n * DAY * 0.65, *amounts)

    found = under(shop, "1", earning)  # `configure` set the multipliers to 1

    assert found.total.orders > 40 and found.total.difference == 0
    assert [row.difference for row in found.rows] == [0] * len(found.rows)
    given = {row.code: row.points for row in found.campaigns}
    assert given["double"] > 0 and given["gift"] <= 70 * 3 and given["once"] > 0 and given["later"] == 0
    assert found.capped > 0 and found.left_out == 0


def test_campaigns_in_force_price_orders_of_before_them_and_those_that_ended_price_none(shop):
    member = ledger.join(shop, LATE - 90 * DAY)
    ledger.buy(shop, member, "plain", LATE - 20 * DAY, 100_00)
    double = Earning.read({"campaigns": [{"code": "double", "name": "Double", "multiplier": "2"}]})
    ledger.configure(shop, LATE - 10 * DAY, earning=double)
    ledger.buy(shop, member, "doubled", LATE - 5 * DAY, 100_00)

    found, ended = under(shop, "1", double), under(shop, "1", Earning())

    assert (found.total.would_earn, found.total.earned, found.left_out) == (400, 300, 0)
    assert [(row.name, row.orders, row.points) for row in found.campaigns] == [("Double", 2, 200)]
    assert (ended.total.would_earn, ended.total.earned, ended.campaigns) == (200, 300, [])


def test_orders_that_no_campaign_can_concern_are_priced_at_once(shop):
    member = ledger.join(shop, LATE - 90 * DAY)
    for n in range(4):
        ledger.buy(shop, member, f"o{n}", LATE - (n + 1) * DAY, 100_00)
    spec = {"code": "two", "multiplier": "2", "when": {"from_at": (LATE - 2 * DAY).isoformat()}}

    found = under(shop, "1", Earning.read({"campaigns": [spec]}))

    assert (found.total.would_earn, found.campaigns[0].orders) == (600, 2)


def test_too_many_to_price_one_by_one_are_left_out_and_counted(shop, monkeypatch):
    monkeypatch.setattr(point_trial_campaigns, "MOST", 2)
    member = ledger.join(shop, LATE - 90 * DAY)
    for n in range(5):
        ledger.buy(shop, member, f"o{n}", LATE - 5 * DAY + n * DAY / 2, 100_00)

    found = under(shop, "1", Earning.read({"campaigns": [{"code": "two", "multiplier": "2"}]}))

    assert (found.total.orders, found.total.would_earn, found.left_out) == (2, 400, 3)
