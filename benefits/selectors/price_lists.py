"""What every tier pays for every SKU, computed in the database by the rule of quotes (domain.md 7).

It is `benefits.lib.quotes` for one unit without a basket, in one statement; a test holds the two together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from django.db import connection

from benefits.selectors import quotes

CHUNK = 5_000
# A price's members are read once per SKU; a tier without a price of its own pays what everybody pays.
PAID = """
with priced as materialized (
    select sku, list_minor, least(floor_minor, list_minor) as least_minor, members,
        case when sale_minor is null or sale_minor >= list_minor then list_minor
            else greatest(sale_minor, least(floor_minor, list_minor)) end as public_minor
    from benefits_skuprice
    where merchant_id = %(merchant)s and from_at <= %(at)s and (to_at is null or to_at > %(at)s)
        and left(sku, length(%(begins)s)) = %(begins)s
), based as (
    select *, case when %(stack)s = 'best_of' then list_minor else public_minor end as base_minor,
        %(stack)s = 'not_on_sale' and public_minor < list_minor as rests
    from priced
)
select sku, list_minor, public_minor, array(
    select case when rests or not members ? code then public_minor else least(public_minor, greatest(least_minor,
        case when members -> code ? 'percent'
            then round(base_minor * (members -> code ->> 'percent')::numeric / 100)::bigint
        when members -> code ? 'fixed' then (members -> code ->> 'fixed')::bigint
        else greatest(0, base_minor - (members -> code ->> 'off')::bigint) end)) end
    from unnest(%(tiers)s::text[]) with ordinality as t (code, place) order by place
) as paid
from based
"""


def paid(
    *, merchant_id: int, at: dt.datetime, tiers: Sequence[str], begins: str = ""
) -> Iterator[tuple[str, int, int, list[int]]]:
    """(SKU, list price, what everybody pays, what a member of each tier pays), by SKU; SKUs that begin so. In minor
    units, one unit of each. One statement, streamed from the server's answer."""
    stack = quotes.stack_at(merchant_id=merchant_id, at=at)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{PAID} order by sku",
            {"merchant": merchant_id, "at": at, "stack": stack, "tiers": list(tiers), "begins": begins},
        )
        while rows := cursor.fetchmany(CHUNK):
            yield from rows
