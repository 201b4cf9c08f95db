"""What every tier pays for every SKU, computed in the database by the rule of quotes (domain.md 7).

It is `benefits.lib.quotes` for one unit without a basket, in one statement; a test holds the two together.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence

from django.db import connection

from benefits.selectors import quotes

CHUNK = 5_000
# What everybody pays is between the floor and the list price, so a tier's price needs no other bounds than the floor
# and that; without a price of its own a tier pays that. Nothing keeps the server from sharing the rows among processes,
# as a fence (`offset 0`) would: what is computed twice for it costs less. Whole per cents of one or two digits, nearly
# all of them, need no decimals; `case x when` reads a price once less than `case when` would.
PAID = """
with priced as (
    select sku, list_minor, floor_minor, members,
        least(list_minor, greatest(coalesce(sale_minor, list_minor), floor_minor)) as public_minor
    from benefits_skuprice
    where merchant_id = %(merchant)s and from_at <= %(at)s and (to_at is null or to_at > %(at)s)
        and (%(begins)s = '' or left(sku, length(%(begins)s)) = %(begins)s)
), based as (
    select *, case when %(stack)s = 'best_of' then list_minor else public_minor end as base_minor,
        %(stack)s = 'not_on_sale' and public_minor < list_minor as rests
    from priced
)
select sku, list_minor, public_minor, array[{paid}]::bigint[] as paid from based
"""
WHOLE = "(base_minor * (members -> {tier} ->> 'percent')::bigint + 50) / 100"
ONE = f"""
case when rests then public_minor else least(public_minor, greatest(floor_minor,
    case octet_length(members -> {{tier}} ->> 'percent') when 2 then {WHOLE} when 1 then {WHOLE}
        else coalesce(
            base_minor - (members -> {{tier}} ->> 'off')::bigint,
            (members -> {{tier}} ->> 'fixed')::bigint,
            round(base_minor * (members -> {{tier}} ->> 'percent')::numeric, -2)::bigint / 100,
            list_minor) end)) end
"""


def statement(tiers: Sequence[str]) -> tuple[str, dict[str, str]]:
    """The statement for some tiers, and the parameters that name them."""
    names = {f"tier_{place}": code for place, code in enumerate(tiers)}
    columns = ", ".join(ONE.format(tier=f"%({name})s::text") for name in names)
    return PAID.format(paid=columns), names


def paid(
    *, merchant_id: int, at: dt.datetime, tiers: Sequence[str], begins: str = ""
) -> Iterator[tuple[str, int, int, list[int]]]:
    """(SKU, list price, what everybody pays, what a member of each tier pays), by SKU; SKUs that begin so. In minor
    units, one unit of each. One statement, streamed from the server's answer."""
    stack = quotes.stack_at(merchant_id=merchant_id, at=at)
    text, names = statement(tiers)
    with connection.cursor() as cursor:
        cursor.execute(
            f"{text} order by sku",
            {"merchant": merchant_id, "at": at, "stack": stack, "begins": begins, **names},
        )
        while rows := cursor.fetchmany(CHUNK):
            yield from rows
