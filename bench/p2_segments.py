"""P2 segments: counting a segment of three conditions, beside a sequential scan of the members table.

A shop whose members bought on six days each within the last year: a tenth hold the higher tier, days lie in the order
in which they came. Two segments: one over what stands in the member's own row, and what a win-back campaign asks for:
of the higher tier, the last order a month to a quarter ago, and something spent in the last half year, which the
members' rows of facts say. How long making those rows took stands beside. The limit is `count(*)` over
the members without indexes.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections, transaction

from bench import ledger_world
from bench.harness import SCALES, Row, median, say, scratch
from members.lib import tenant as tenancy
from members.models import Merchant
from members.selectors import segments
from members.services import member_facts, tier_rules

MEMBERS = 1_000_000
DAYS_EACH = 6
AT = dt.datetime(2024, 12, 30, 12, tzinfo=ZoneInfo(ledger_world.ZONE))
OWN_ROW: dict[str, Any] = {
    "all": [
        {"fact": "channel", "op": "is_in", "value": ["taobao", "web"]},
        {"fact": "joined", "op": "at_most", "value": 400},
        {"fact": "joined_on", "op": "before", "value": "2024-06-01"},
    ]
}
PURCHASES: dict[str, Any] = {
    "all": [
        {"fact": "tier", "op": "is_in", "value": ["gold"]},
        {"fact": "recency", "op": "between", "value": [30, 90]},
        {"fact": "spend", "op": "at_least", "value": 10_000, "days": 180},
    ]
}
# Each member's days are a year apart in even steps, from a place of its own, so that every day has as many buyers.
DAILY = """
insert into members_dailytotal (merchant_id, member_id, day, spend_minor, orders, points)
select {merchant}, i, day, 1000 + i % 20000, 1, 10
from (
    select i, date '2024-12-30' - ((i % 60 * 7919) % 60 + 60 * n)::int as day
    from generate_series(1, {members}) i, generate_series(0, {each} - 1) n
) d order by day, i;
insert into members_tierstanding (merchant_id, member_id, tier_id, since)
select {merchant}, i, {tier}, '2024-01-02+08' from generate_series(10, {members}, 10) i;
"""


def run(scale: str) -> Iterator[Row]:
    """Two rows."""
    members = MEMBERS * SCALES[scale]
    with scratch():
        shop = ledger_world.shop("P2")
        say(f"P2 segments: filling {members:,} members with {DAYS_EACH} days each")
        ledger_world.fill(shop, members=members, lots=0, expires_on="null")
        _fill(shop, members)
        began = time.perf_counter()
        made = member_facts.refresh(merchant_id=shop, at=AT)
        say(f"P2 segments: {made:,} rows of facts made in {time.perf_counter() - began:.1f} s")
        with connections["owner"].cursor() as cursor:
            cursor.execute("vacuum analyze")
        limit = median(_scan, times=5)
        for about, rule in (("own row", OWN_ROW), ("purchases", PURCHASES)):
            found, ours = _count(shop, rule)
            say(f"P2 segments, {about}: {found:,} found in {ours:.3f} s, scan {limit:.3f} s")
            yield Row(
                f"P2 segment of three conditions, {about}",
                ours / limit,
                f"sequential scan of {members:,} members: {limit:.3f} s",
                3.0,
                members,
            )


def _count(shop: int, rule: dict[str, Any]) -> tuple[int, float]:
    """How many a rule means, and how long counting them takes."""
    with tenancy.tenant(shop), transaction.atomic():
        known = segments.shop(merchant=Merchant.objects.get(pk=shop), at=AT)
        found = segments.count(shop=known, rule=rule)
        assert found, rule
        return found, median(lambda: segments.count(shop=known, rule=rule), times=5)


def _fill(shop: int, members: int) -> None:
    with tenancy.tenant(shop), transaction.atomic():
        tier_rules.configure(
            merchant_id=shop,
            at=ledger_world.OPENED_AT,
            actor=ledger_world.BENCH,
            ladder=[{"code": "base"}, {"code": "gold", "all": {"spend_minor": 10_000_000}}],
        )
    with connections["owner"].cursor() as cursor:
        cursor.execute("select id from members_tier where merchant_id = %s and code = 'gold'", [shop])
        (tier,) = cursor.fetchone()
        cursor.execute(DAILY.format(merchant=shop, members=members, each=DAYS_EACH, tier=tier))


def _scan() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("begin")
        for plan in ("indexscan", "indexonlyscan", "bitmapscan"):
            cursor.execute(f"set local enable_{plan} = off")
        cursor.execute("select count(*) from members_member")
        cursor.execute("commit")
