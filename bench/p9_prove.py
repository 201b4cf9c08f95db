"""P9: proving the ledger, every entry replayed and every balance, beside a sequential scan of the entries."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from django.db import connections

from bench import ledger_world
from bench.harness import SCALES, Row, say, scratch, seconds
from members.services import ledger_proof

ENTRIES = 1_000_000
EACH = 10
ROUNDS = 5


def run(scale: str) -> Iterator[Row]:
    """One row."""
    entries = ENTRIES * SCALES[scale]
    with scratch():
        shop = ledger_world.shop("P9")
        say(f"P9: filling {entries:,} entries")
        ledger_world.fill(shop, members=entries // EACH, lots=EACH, expires_on="date '2025-01-01' + n")
        limits, ours = [], []
        for _round in range(ROUNDS):
            limits.append(seconds(_scan))
            ours.append(seconds(lambda: _prove(entries)))
        limit = statistics.median(limits)
        yield Row(
            "P9 proving the ledger",
            statistics.median(ours) / limit,
            f"sequential scan of {entries:,} entries: {limit:.2f} s",
            8,
            entries,
        )


def _scan() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("set enable_indexonlyscan = off; set max_parallel_workers_per_gather = 0")
        cursor.execute("select count(*) from members_pointsentry")
        cursor.execute("reset enable_indexonlyscan; reset max_parallel_workers_per_gather")


def _prove(wanted: int) -> None:
    proof = ledger_proof.prove(at=ledger_world.OPENED_AT)
    assert (proof.entries, proof.mismatches) == (wanted, 0), proof
