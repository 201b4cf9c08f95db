"""What a benefit's usefulness is measured against: the shop's orders, and its own price list."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from django.db import connection

from benefits.lib.usefulness import LEAST_ORDERS, ORDER_DAYS, OrderFigures
from members.lib.periods import merchant_day
from members.models import Merchant

# The days find the rows by their index; the instants make them exact.
ORDERS = """
select count(*), percentile_disc(array[0.5, 0.95]) within group (order by total_minor)
from members_order
where merchant_id = %(merchant)s and status = 'paid' and paid_on between %(first)s and %(last)s
    and paid_at > %(since)s and paid_at <= %(at)s
"""
LISTED = """
select max(1 - price_minor::numeric / list_minor) from benefits_memberprice
where merchant_id = %s and benefit_id = %s and to_at is null and list_minor > 0
"""


def orders_of(*, merchant_id: int, at: dt.datetime) -> OrderFigures:
    """The paid orders of the 90 times 24 hours up to an instant. Two queries."""
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
