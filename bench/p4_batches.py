"""P4: batches of 1,000 orders posted by the service, client included, beside pgbench's TPC-B.

Each order is of another member among 100,000 and has two lines; it earns points and moves the member's day, balance and
tier, in the one transaction of its batch, committed as durably as TPC-B's. Both in turns; orders a second against
transactions a second.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
import statistics
from collections.abc import Iterator

from bench import ledger_world, pgbench
from bench.harness import Row, say, scratch, seconds
from members.lib import tenant as tenancy
from members.services import orders

MEMBERS = 100_000
BATCH = 1_000
BATCHES = {"small": 8, "full": 40}
ROUNDS = 5
SECONDS = {"small": 4, "full": 20}
AT = dt.datetime(2024, 6, 1, 12, tzinfo=dt.UTC)


def run(scale: str) -> Iterator[Row]:
    """One row."""
    with scratch() as database:
        shop = ledger_world.shop("P4")
        ledger_world.fill(shop, members=MEMBERS, lots=3, expires_on="date '2025-01-01' + n")
        pgbench.fill(database)
        numbers, dice = itertools.count(), random.Random(4)
        _post(shop, _batch(numbers, dice))
        limits, ours = [], []
        for _round in range(ROUNDS):
            limits.append(pgbench.tps("owner", database, SECONDS[scale], "-M", "simple", "-b", "tpcb-like"))
            batches = [_batch(numbers, dice) for _n in range(BATCHES[scale])]
            taken = sum(seconds(lambda batch=batch: _post(shop, batch)) for batch in batches)
            ours.append(BATCHES[scale] * BATCH / taken)
        limit = statistics.median(limits)
        say(f"P4: TPC-B {limit:.0f} a second, ours {statistics.median(ours):.0f} orders a second")
        yield Row(
            "P4 batches of 1,000 orders",
            statistics.median(mine / theirs for mine, theirs in zip(ours, limits, strict=True)),
            f"pgbench TPC-B, {pgbench.CLIENTS} clients, {limit:,.0f} a second",
            14.0,
            ROUNDS * BATCHES[scale] * BATCH,
            at_least=True,
        )


def _batch(numbers: Iterator[int], dice: random.Random) -> list[orders.Item]:
    return [
        (
            AT,
            orders.OrderIn(
                f"o{next(numbers)}",
                [orders.LineIn("a", 1, dice.randint(100, 50_000)), orders.LineIn("b", 2, 1_999)],
                member_id=member,
            ),
        )
        for member in dice.sample(range(1, MEMBERS + 1), BATCH)
    ]


def _post(shop: int, batch: list[orders.Item]) -> None:
    with tenancy.tenant(shop):
        done = orders.put_many(merchant_id=shop, actor=ledger_world.BENCH, items=batch)
    assert done.count("created") == BATCH
