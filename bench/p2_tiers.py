"""P2: one day's recalculation of tiers, and the simulator, beside a sequential scan of the members' daily rows.

Half of the members hold a tier whose validity ends on one of 365 days; each has six days with an order. P2_MEMBERS says
how many there are where a million is too long a wait.
"""

from __future__ import annotations

import datetime as dt
import os
import statistics
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.db import connections, transaction

from bench import ledger_world
from bench.harness import SCALES, Row, median, say, scratch, seconds
from members.lib import tenant as tenancy
from members.models import Merchant, Tier
from members.selectors import tier_simulation
from members.services import daily, tier_rules

MEMBERS = int(os.environ.get("P2_MEMBERS", "1000000"))
TODAY = dt.date(2024, 6, 1)
DAYS = [TODAY + dt.timedelta(days=n) for n in range(1, 5)]
LADDER = [
    {"code": "base", "name": "Base"},
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 100_000}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 500_000}},
]
PROPOSED = [
    LADDER[0],
    {"code": "silver", "name": "Silver", "all": {"spend_minor": 120_000, "orders": 3}},
    {"code": "gold", "name": "Gold", "all": {"spend_minor": 600_000}},
]
# A multiplicative hash of the member stands for chance: the same data every time.
FILL = """
insert into members_dailytotal (merchant_id, member_id, day, spend_minor, orders, points)
select {merchant}, i, '{today}'::date - (n * 61 + i * 7919 %% 61)::int, (i * 2654435761 + n * 40503) %% 180000, 1, 500
from generate_series(6, 1, -1) n, generate_series(1::bigint, {members}) i;
insert into members_tierstanding (merchant_id, member_id, tier_id, since, valid_until)
select {merchant}, i, case when i %% 10 = 0 then {gold} else {silver} end, '2024-01-01',
    '{today}'::date + (i * 7919 %% 365)::int
from generate_series(1::bigint, {members}) i where i %% 2 = 0;
insert into members_tiervalidity (merchant_id, member_id, tier_id, valid_until)
select merchant_id, member_id, tier_id, valid_until from members_tierstanding where merchant_id = {merchant};
"""


def run(scale: str) -> Iterator[Row]:
    """Two rows."""
    members = MEMBERS * SCALES[scale]
    with scratch():
        shop = _filled(members)
        limit = median(_scan)
        say(f"P2: scan of {6 * members:,} daily rows {limit:.2f} s")
        ours, examined = [], 0
        for day in DAYS:
            at = dt.datetime.combine(day, dt.time(3), ZoneInfo(ledger_world.ZONE))
            done: list[daily.Recalculated] = []
            ours.append(seconds(lambda at=at, done=done: done.append(_recalculated(at))))
            examined = done[0].examined
            say(f"P2: {day} {examined:,} members {ours[-1]:.2f} s")
        beside = f"scan of the {6 * members:,} daily rows: {limit:.2f} s"
        yield Row("P2 a day of tiers", statistics.median(ours) / limit, beside, 3.5, members)
        simulated = median(lambda: _simulated(shop))
        say(f"P2: simulator {simulated:.2f} s")
        yield Row("P2 simulator of tiers", simulated / limit, beside, 6, members)


def _filled(members: int) -> int:
    """A shop whose members have tiers and daily rows. Its id."""
    shop = ledger_world.shop("P2")
    say(f"P2: filling {members:,} members")
    with tenancy.tenant(shop), transaction.atomic():
        tier_rules.configure(
            merchant_id=shop, at=ledger_world.OPENED_AT, actor=ledger_world.BENCH, ladder=LADDER
        )
        ids = dict(Tier.objects.of(shop).values_list("code", "id"))
    ledger_world.fill(shop, members=members, lots=0, expires_on="null::date")
    text = FILL.format(merchant=shop, members=members, today=TODAY, silver=ids["silver"], gold=ids["gold"])
    with connections["owner"].cursor() as cursor:
        cursor.execute(text.replace("%%", "%"))
        cursor.execute("vacuum analyze")
    return shop


def _scan() -> None:
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute("set local enable_indexonlyscan = off; set local enable_indexscan = off")
        cursor.execute("set local max_parallel_workers_per_gather = 0")
        cursor.execute("select count(*), sum(spend_minor), sum(orders) from members_dailytotal")


def _recalculated(at: dt.datetime) -> daily.Recalculated:
    return daily.recalculate_due(zone=ledger_world.ZONE, at=at)


def _simulated(shop: int) -> None:
    at = dt.datetime.combine(DAYS[-1], dt.time(12), ZoneInfo(ledger_world.ZONE))
    with tenancy.tenant(shop), transaction.atomic():
        merchant = Merchant.objects.get(pk=shop)
        draft = tier_rules.draft(merchant_id=shop, at=at, ladder=PROPOSED)
        found = tier_simulation.simulate(merchant=merchant, at=at, proposal=draft.proposal)
    assert found.total >= MEMBERS and found.count("fall"), found.flows
