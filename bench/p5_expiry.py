"""P5: expiring a day's lots among many, entries and balances included, beside a bare UPDATE of those lots.

A tenth of all lots end on each of four days. Before each day's job the owner of the tables updates the very lots that
the job will expire, in one statement, committed: that is the limit. The two alternate, and lots that expired before lie
among the others, as they do in life.
"""

from __future__ import annotations

import datetime as dt
import statistics
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from django.db import connections

from bench import ledger_world
from bench.harness import SCALES, Row, say, scratch, seconds
from members.services import points_daily

LOTS = 1_000_000
EACH = 10
DAYS = [dt.date(2024, 6, 27) + dt.timedelta(days=n) for n in range(4)]
EXPIRES_ON = f"case when n <= {len(DAYS)} then date '2024-06-26' + n else date '2025-01-01' + n end"


def run(scale: str) -> Iterator[Row]:
    """One row."""
    lots = LOTS * SCALES[scale]
    members = lots // EACH
    with scratch():
        shop = ledger_world.shop("P5")
        say(f"P5: filling {lots:,} lots of {members:,} members")
        ledger_world.fill(shop, members=members, lots=EACH, expires_on=EXPIRES_ON)
        limits, ours = [], []
        for day in DAYS:
            limits.append(seconds(lambda day=day: _bare(day)))
            _vacuum()
            at = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(3), ZoneInfo(ledger_world.ZONE))
            ours.append(seconds(lambda at=at: _expire(at, members)))
            say(f"P5: UPDATE {limits[-1]:.2f} s, expiry {ours[-1]:.2f} s")
            _vacuum()
        limit = statistics.median(limits)
        yield Row(
            "P5 expiring lots",
            statistics.median(ours) / limit,
            f"bare UPDATE of the same {members:,} lots of {lots:,}: {limit:.2f} s",
            0.9,
            members,
        )


def _bare(day: dt.date) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("update members_pointslot set remaining = remaining - 1 where expires_on = %s", [day])


def _expire(at: dt.datetime, wanted: int) -> None:
    moved = points_daily.expire_due(zone=ledger_world.ZONE, at=at)
    assert moved.lots == wanted, moved


def _vacuum() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("vacuum analyze members_pointslot")
        cursor.execute("vacuum analyze members_pointsaccount")
