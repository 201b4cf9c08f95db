"""What a console asks of all members of a shop, beside a sequential scan of the members table.

A segment of three conditions, in four ways: over what stands in the member's own row; what a win-back campaign asks for
(of the higher tier, the last order a month to a quarter ago, something spent in the last half year); windows of
purchases alone; and a window that no row of facts keeps. Then the stages of the lifecycle, the warnings of churn, and
the flow between tiers of a month. The limit is `count(*)` over the members without indexes, by one process as the limit
of the daily rows, and timed in turns with what stands beside it.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connections, transaction

from bench import ledger_world
from bench.harness import Row, say, seconds
from bench.member_world import TODAY
from members.lib import tenant as tenancy
from members.models import Merchant
from members.selectors import lifecycle, segments, tier_flow

AT = dt.datetime.combine(TODAY, dt.time(12), ZoneInfo(ledger_world.ZONE))
TIMES = 5


def _all(*conditions: dict[str, Any]) -> dict[str, Any]:
    return {"all": list(conditions)}


SEGMENTS: dict[str, tuple[float, dict[str, Any]]] = {
    "own row": (
        3.0,
        _all(
            {"fact": "channel", "op": "is_in", "value": ["taobao", "web"]},
            {"fact": "joined", "op": "at_most", "value": 400},
            {"fact": "joined_on", "op": "before", "value": "2024-06-01"},
        ),
    ),
    "purchases": (
        3.0,
        _all(
            {"fact": "tier", "op": "is_in", "value": ["gold"]},
            {"fact": "recency", "op": "between", "value": [30, 90]},
            {"fact": "spend", "op": "at_least", "value": 10_000, "days": 180},
        ),
    ),
    "purchase windows": (
        3.0,
        _all(
            {"fact": "orders", "op": "at_least", "value": 2, "days": 180},
            {"fact": "spend", "op": "at_least", "value": 150_000, "days": 365},
            {"fact": "spend", "op": "at_most", "value": 90_000, "days": 90},
        ),
    ),
    "a window of its own": (
        3.0,
        _all(
            {"fact": "tier", "op": "is_in", "value": ["gold"]},
            {"fact": "recency", "op": "between", "value": [30, 90]},
            {"fact": "spend", "op": "at_least", "value": 10_000, "days": 75},
        ),
    ),
}


def rows(shop: int, members: int) -> Iterator[Row]:
    """A row a question."""
    for name, goal, ask in _questions(shop):
        with tenancy.tenant(shop), transaction.atomic():
            assert ask(), name
            turns = [(seconds(scan_members), seconds(ask)) for _turn in range(TIMES)]
        limit, ours = (statistics.median(times) for times in zip(*turns, strict=True))
        beside = f"sequential scan of {members:,} members: {limit:.3f} s"
        say(f"P2 {name}: {ours:.3f} s, scan {limit:.3f} s")
        yield Row(f"P2 {name}", ours / limit, beside, goal, members)


def _questions(shop: int) -> Iterator[tuple[str, float, Callable[[], Any]]]:
    with tenancy.tenant(shop), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop)
        known = segments.shop(merchant=merchant, at=AT)
    for about, (goal, rule) in SEGMENTS.items():
        yield (
            f"segment of three conditions, {about}",
            goal,
            lambda rule=rule: segments.count(shop=known, rule=rule),
        )
    about_shop: dict[str, Any] = {"merchant": merchant, "at": AT}
    yield "stages of all members", 15.0, lambda: lifecycle.counts(**about_shop)
    yield "warnings of churn", 3.0, lambda: [lifecycle.warnings(**about_shop, limit=20)]
    span = tier_flow.Span(AT - dt.timedelta(days=30), AT)
    base = next(iter(known.tiers.values())).pk
    yield (
        "flow of tiers in a month",
        3.0,
        lambda: tier_flow.tiers_at(merchant=merchant, span=span, base_tier_id=base),
    )


def scan_members() -> None:
    """The limit."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("begin")
        for plan in ("indexscan", "indexonlyscan", "bitmapscan"):
            cursor.execute(f"set local enable_{plan} = off")
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        cursor.execute("select count(*) from members_member")
        cursor.execute("commit")
