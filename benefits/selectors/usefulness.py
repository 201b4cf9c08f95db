"""What a benefit's usefulness is measured against: the shop's orders, and its own price list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from decimal import Decimal

from django.db import connection

from benefits.lib.usefulness import LEAST_ORDERS, MOST_ORDERS, ORDER_DAYS, OrderFigures
from members.lib.periods import merchant_day
from members.models import Merchant

# The days find the rows by their index, from the last one back; the instants make them exact.
ORDERS = """
select count(*), percentile_disc(array[0.5, 0.95]) within group (order by total_minor)
from (
    select total_minor from members_order
    where merchant_id = %(merchant)s and status = 'paid' and paid_on between %(first)s and %(last)s
        and paid_at > %(since)s and paid_at <= %(at)s
    order by paid_on desc limit %(most)s
) latest
"""
# What the shop sells, by its own word: the SKUs that its price table has a price of now or to come, and of which some
# are left (stock that nobody counted is not none). A benefit's own
# list is no proof of what is sold.
SELLABLE = """
select exists (
    select from benefits_skuprice p where p.merchant_id = %(merchant)s and (p.to_at is null or p.to_at > %(at)s)
), exists (
    select from benefits_skuprice p where p.merchant_id = %(merchant)s and (p.to_at is null or p.to_at > %(at)s)
        and p.sku = any(%(skus)s) and not exists (
            select from benefits_cataloguesku c where c.merchant_id = p.merchant_id and c.sku = p.sku and c.stock = 0
        )
)
"""
SKUS = """
select distinct c.sku from benefits_memberprice m join benefits_cataloguesku c
on c.merchant_id = m.merchant_id and c.id = m.item_id
where m.merchant_id = %s and m.benefit_id = %s and m.to_at is null
"""
LISTED = """
select max(1 - price_minor::numeric / list_minor) from benefits_memberprice
where merchant_id = %s and benefit_id = %s and to_at is null and list_minor > 0
"""


def orders_of(*, merchant_id: int, at: dt.datetime) -> OrderFigures:
    """The paid orders of the 90 times 24 hours up to an instant; of more than `MOST_ORDERS` those of the latest days.

    So publishing waits for so many rows at most. What was measured is kept with the revision, which alone decides
    later: a replay looks at no order. Two queries.
    """
    zone = Merchant.objects.get(pk=merchant_id).zone
    since = at - dt.timedelta(days=ORDER_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(
            ORDERS,
            {
                "merchant": merchant_id,
                "first": merchant_day(since, zone),
                "last": merchant_day(at, zone),
                "since": since,
                "at": at,
                "most": MOST_ORDERS,
            },
        )
        count, percentiles = cursor.fetchone()
    if count < LEAST_ORDERS:
        return OrderFigures(count=count)
    median, p95 = percentiles
    return OrderFigures(count=count, median_minor=median, p95_minor=p95)


def best_listed(*, merchant_id: int, benefit_id: int) -> Decimal | None:
    """The best share that the present list of a benefit saves; None without one. One query."""
    with connection.cursor() as cursor:
        cursor.execute(LISTED, [merchant_id, benefit_id])
        found: Decimal | None = cursor.fetchone()[0]
    return found


def is_sellable(*, merchant_id: int, skus: Collection[str], at: dt.datetime) -> bool | None:
    """Whether the shop sells one of some SKUs at an instant or later; None where its price table is empty: nobody can
    say. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SELLABLE, {"merchant": merchant_id, "skus": sorted(skus), "at": at})
        has_table, has_one = cursor.fetchone()
    return bool(has_one) if has_table else None


def skus_of(*, merchant_id: int, benefit_id: int) -> list[str]:
    """The SKUs of the present list of a benefit. One query."""
    with connection.cursor() as cursor:
        cursor.execute(SKUS, [merchant_id, benefit_id])
        return [row[0] for row in cursor.fetchall()]
