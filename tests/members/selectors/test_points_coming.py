"""What comes next of a balance is read once, for the API and for pages."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from members.lib import tenant as tenancy
from members.selectors import points, points_coming
from tests.conftest import NOON
from tests.factories import ledger

DAY = dt.timedelta(days=1)
AT = NOON + 3 * DAY


def read(shop, member):
    """The balance as the API tells it, and what a page makes of it."""
    with tenancy.tenant(shop.pk), transaction.atomic():
        has = points.balance(merchant_id=shop.pk, public_id=member.public_id, at=AT)
        coming = points_coming.coming(merchant=shop, member=member, at=AT)
    return has, coming


def test_orders_that_fall_due_together_are_one_sum_to_a_till_and_told_apart_on_a_page(cast):
    shop = cast.shop
    ledger.open_shop(shop, NOON, pending_days=7)
    member = ledger.join(shop, NOON)
    for number, order in enumerate(("a", "b", "c", "d", "e"), start=1):
        ledger.buy(shop, member, order, NOON + DAY, number * 1_000)
    ledger.buy(shop, member, "f", NOON + DAY, 9_000, completed_at=None)

    has, coming = read(shop, member)

    assert has.confirming == [(NOON + 8 * DAY, 150), (None, 90)]
    on = (NOON + 9 * DAY).date()  # the 03:00 after
    assert [(one.points, one.on, one.order) for one in coming.confirming] == [
        (10, on, "a"),
        (20, on, "b"),
        (30, on, "c"),
        (40, on, "d"),
    ]
    assert coming.confirming_later == 50 + 90
    assert sum(points for _due, points in has.confirming) == has.pending


def test_lots_and_holds_are_the_same_to_both(cast):
    shop = cast.shop
    ledger.open_shop(shop, NOON, expiry={"kind": "rolling", "months": 12})
    member = ledger.join(shop, NOON)
    for months in (1, 2):
        ledger.configure(shop, NOON + months * DAY, expiry={"kind": "rolling", "months": months})
        for order in ("x", "y"):
            ledger.buy(shop, member, f"{order} {months}", NOON + months * DAY, 1_000)
    ledger.configure(shop, AT, expiry={"kind": "never"})
    ledger.buy(shop, member, "lasting", AT, 5_000)
    ledger.act("hold", shop, AT, member_id=member.pk, points=7, key="till", minutes=30, reason="a cup")

    has, coming = read(shop, member)

    assert coming.expiring == has.expiring and [points for _day, points in has.expiring] == [13, 20]
    assert (coming.lasting, has.lasting) == (50, 50)
    assert coming.holds == has.holds
    assert [(one.points, one.reason, one.key) for one in has.holds] == [(7, "a cup", "till")]
